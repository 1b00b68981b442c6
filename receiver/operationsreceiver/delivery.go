package operationsreceiver

import (
	"context"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/throughline/throughline/extension/operationsextension"
)

// delivery runs one loop between Start and Shutdown that brings something from the extension into a pipeline. All three
// signals are built from it.
type delivery struct {
	// Immutable after construction.
	config  *Config
	logger  *zap.Logger
	version string
	obs     *receiverhelper.ObsReport
	// Either deliver is called for every output of the extension, or poll is the loop, which returns when ctx ends.
	deliver func(ctx context.Context, output operationsextension.Output)
	poll    func(ctx context.Context, o operationsextension.Operations)

	mu     sync.Mutex
	cancel context.CancelFunc // guarded by mu; nil unless started
	loop   sync.WaitGroup
}

func newDelivery(set receiver.Settings, cfg *Config) (*delivery, error) {
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: set.ID, Transport: "internal", ReceiverCreateSettings: set,
	})
	if err != nil {
		return nil, err
	}
	return &delivery{config: cfg, logger: set.Logger, version: set.BuildInfo.Version, obs: obs}, nil
}

// Start implements component.Component.
func (d *delivery) Start(_ context.Context, host component.Host) error {
	o, err := operationsextension.Find(host, d.config.Operations)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	if d.poll != nil {
		d.loop.Go(func() { d.poll(ctx, o) })
		return nil
	}
	// Subscribed before Start returns, so that the first sweep, which comes after, misses nobody.
	sub := o.Subscribe()
	d.loop.Go(func() { d.outputs(ctx, sub) })
	return nil
}

// Shutdown implements component.Component. What the extension published was delivered before, when it flushed.
func (d *delivery) Shutdown(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		d.cancel()
		d.loop.Wait()
		d.cancel = nil
	}
	return nil
}

func (d *delivery) outputs(ctx context.Context, sub *operationsextension.Subscription) {
	defer sub.Close()
	for {
		output, err := sub.Next(ctx)
		if err != nil {
			return
		}
		d.deliver(ctx, output)
	}
}

// maxPause bounds the pause between two tries.
const maxPause = 30 * time.Second

// insist calls consume until it succeeds, says that trying again is useless, or ctx ends.
func (d *delivery) insist(ctx context.Context, what string, consume func() error) error {
	policy := backoff.NewExponentialBackOff()
	policy.MaxInterval = maxPause
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := consume()
		if err != nil && consumererror.IsPermanent(err) {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(policy), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, pause time.Duration) {
		d.logger.Warn("The pipeline refused "+what+"; trying again", zap.Duration("pause", pause), zap.Error(err))
	}))
	if err != nil {
		d.logger.Error("Could not deliver "+what, zap.Error(err))
	}
	return err
}
