package operationsreceiver

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/originals"
	"github.com/throughline/throughline/receiver/operationsreceiver/internal/metadata"
)

// delivery runs one loop between Start and Shutdown that brings something from the extension into a pipeline. All three
// signals are built from it.
type delivery struct {
	// Immutable after construction.
	config    *Config
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	signal    metric.MeasurementOption
	// name is that of the receiver and its signal.
	name     string
	version  string
	instance string
	obs      *receiverhelper.ObsReport
	// Either deliver is called for every output of the extension, or poll begins to measure and returns the loop, which returns
	// when its ctx ends.
	deliver func(ctx context.Context, output operationsextension.Output)
	poll    func(o operationsextension.Operations) (loop func(ctx context.Context), err error)
	// ask says what else is wanted of the extension, until release is called; nil if that is nothing.
	ask func(o operationsextension.Operations) (release func())
	// originals is what keeps originals, nil until ask sets it.
	originals *originals.Store

	mu     sync.Mutex
	cancel context.CancelFunc // guarded by mu; nil unless started
	loop   sync.WaitGroup
}

func newDelivery(set receiver.Settings, cfg *Config, signal string) (*delivery, error) {
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: set.ID, Transport: "internal", ReceiverCreateSettings: set,
	})
	if err != nil {
		return nil, err
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	d := &delivery{
		config: cfg, logger: set.Logger, telemetry: telemetry, name: set.ID.String() + " " + signal, version: set.BuildInfo.Version, obs: obs,
		signal: metric.WithAttributeSet(attribute.NewSet(attribute.String("signal", signal))),
	}
	if id, ok := set.Resource.Attributes().Get(keyServiceInstance); ok {
		d.instance = id.AsString()
	}
	return d, nil
}

// The attributes by which a resource says who speaks.
const (
	keyServiceName     = "service.name"
	keyServiceVersion  = "service.version"
	keyServiceInstance = "service.instance.id"
	serviceName        = "throughline"
)

// sign says on a resource that what is below is derived by this collector. The instance tells the series of several
// collectors apart.
func (d *delivery) sign(resource pcommon.Resource) {
	a := resource.Attributes()
	a.PutStr(keyServiceName, serviceName)
	if d.version != "" {
		a.PutStr(keyServiceVersion, d.version)
	}
	if d.instance != "" {
		a.PutStr(keyServiceInstance, d.instance)
	}
}

// Start implements component.Component.
func (d *delivery) Start(_ context.Context, host component.Host) error {
	o, err := operationsextension.Find(host, d.config.Operations)
	if err != nil {
		return err
	}
	// Begun before Start returns, so that the first sweep, which comes after, misses nobody.
	loop, err := d.begin(o)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.loop.Go(func() { loop(ctx) })
	return nil
}

func (d *delivery) begin(o operationsextension.Operations) (loop func(ctx context.Context), err error) {
	if d.poll != nil {
		return d.poll(o)
	}
	release := func() {}
	if d.ask != nil {
		release = d.ask(o)
	}
	sub := o.Subscribe()
	sub.Name(d.name)
	return func(ctx context.Context) {
		defer release()
		d.outputs(ctx, sub)
	}, nil
}

// Shutdown implements component.Component. What the extension published was delivered before, when it flushed. It fails
// if ctx ends before the pipeline lets go.
func (d *delivery) Shutdown(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel == nil {
		return nil
	}
	d.cancel()
	d.cancel = nil
	ended := make(chan struct{})
	go func() {
		d.loop.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the pipeline still holds on to what it was given: %w", ctx.Err())
	}
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

// guard keeps a defect in deriving from taking the collector down, and with it the pipelines of the originals.
func (d *delivery) guard(ctx context.Context, derive func()) {
	defer func() {
		if r := recover(); r != nil {
			d.telemetry.OperationsReceiverFailures.Add(ctx, 1, d.signal)
			d.logger.Error("Deriving met a defect and goes on with the next", zap.Any("panic", r), zap.ByteString("stack", debug.Stack()))
		}
	}()
	derive()
}

// maxPause bounds the pause between two tries. It is less than the time that the extension gives to a flush, so that a
// backend that is back is found in time.
const maxPause = 5 * time.Second

// insist calls consume until it succeeds, says that trying again is useless, or ctx ends.
func (d *delivery) insist(ctx context.Context, what string, consume func() error) error {
	policy := backoff.NewExponentialBackOff()
	policy.MaxInterval = maxPause
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := ctx.Err()
		if err == nil {
			err = consume()
		}
		if err != nil && consumererror.IsPermanent(err) {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(policy), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, pause time.Duration) {
		d.telemetry.OperationsReceiverRetries.Add(ctx, 1, d.signal)
		d.logger.Warn("The pipeline refused "+what+"; trying again", zap.Duration("pause", pause), zap.Error(err))
	}))
	if err != nil {
		d.logger.Error("Could not deliver "+what, zap.Error(err))
	}
	return err
}
