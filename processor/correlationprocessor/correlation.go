package correlationprocessor

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/evidence"
	"github.com/throughline/throughline/internal/gap"
	"github.com/throughline/throughline/processor/correlationprocessor/internal/metadata"
)

// correlation reads one signal. Traces and logs meet in the operations extension.
type correlation struct {
	// Immutable after construction, but for operations and waits, which Start sets before it closes started.
	config     *Config
	logger     *zap.Logger
	telemetry  *metadata.TelemetryBuilder
	extractor  *evidence.Extractor
	operations operationsextension.Operations
	// waits says that a batch is acknowledged when what was drawn from it is committed.
	waits bool
	// started is closed when Start has returned well.
	started chan struct{}
	// signal and reasons are the attributes of counts; as lists, so that counting allocates none.
	signal  []metric.AddOption
	reasons [][]metric.AddOption

	batches sync.Pool
}

func newCorrelation(set processor.Settings, cfg *Config, signal string) (*correlation, error) {
	expressions, err := cfg.expressions(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	extractor, err := evidence.NewExtractor(evidence.Config{
		CorrelationKeys: cfg.CorrelationKeys, NamespaceKey: cfg.NamespaceKey, JunkIDs: cfg.IgnoredIDs,
		Libraries: cfg.libraries(), Logs: cfg.Logs.logs(), Expressions: expressions,
	})
	if err != nil {
		return nil, err
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	c := &correlation{config: cfg, logger: set.Logger, telemetry: telemetry, extractor: extractor, started: make(chan struct{})}
	c.signal = counted(attribute.String("signal", signal))
	for _, reason := range evidence.DropReasons() {
		c.reasons = append(c.reasons, counted(attribute.String("signal", signal), attribute.String("reason", reason.String())))
	}
	c.batches.New = func() any { return newBatch() }
	return c, nil
}

func counted(by ...attribute.KeyValue) []metric.AddOption {
	return []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(by...))}
}

func (c *correlation) options() []processorhelper.Option {
	return []processorhelper.Option{
		processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: c.config.stamps()}),
		processorhelper.WithStart(c.start),
		processorhelper.WithShutdown(c.shutdown),
	}
}

func (c *correlation) start(_ context.Context, host component.Host) error {
	var err error
	if c.operations, err = operationsextension.Find(host, c.config.Operations); err != nil {
		return err
	}
	c.waits = c.operations.Waits() && !c.config.DryRun
	close(c.started)
	return nil
}

func (c *correlation) shutdown(context.Context) error {
	c.telemetry.Shutdown()
	return nil
}

func (c *correlation) traces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	c.guarded(ctx, func(b *batch) { c.readTraces(ctx, b, td) })
	return td, nil
}

func (c *correlation) readTraces(ctx context.Context, b *batch, td ptrace.Traces) {
	c.arrivedTraces(td)
	c.extractor.Traces(&b.Batch, td)
	c.sawTraces(td)
	c.apply(ctx, b, gap.SignalTraces)
	c.keepTraces(b, td)
	if c.config.stamps() {
		c.stamped(ctx, b.stampTraces(c.operations, td))
	}
}

func (c *correlation) logs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	c.guarded(ctx, func(b *batch) { c.readLogs(ctx, b, ld) })
	return ld, nil
}

func (c *correlation) readLogs(ctx context.Context, b *batch, ld plog.Logs) {
	c.arrivedLogs(ld)
	c.extractor.Logs(&b.Batch, ld)
	c.keepLogs(ld)
	c.apply(ctx, b, gap.SignalLogs)
	if c.config.stamps() {
		c.stamped(ctx, b.stampLogs(c.operations, ld))
	}
}

// guarded lends a batch, and keeps a defect in reading it from the pipeline.
func (c *correlation) guarded(ctx context.Context, read func(*batch)) {
	b := c.batches.Get().(*batch)
	defer func() {
		if r := recover(); r != nil {
			// The batch is left to the garbage collector: nobody knows what state it is in.
			c.telemetry.CorrelationFailures.Add(ctx, 1, c.signal...)
			c.logger.Error("Reading a batch failed; it passes as it is", zap.Any("panic", r), zap.ByteString("stack", debug.Stack()))
			return
		}
		if b.clear() {
			c.batches.Put(b)
		}
	}()
	read(b)
}

// apply brings the facts to the engine and counts.
func (c *correlation) apply(ctx context.Context, b *batch, signal gap.Signal) {
	for reason, n := range b.Dropped {
		if n > 0 {
			c.telemetry.CorrelationIgnored.Add(ctx, int64(n), c.reasons[reason]...)
		}
	}
	if !c.config.DryRun {
		c.operations.Read(signal, &b.Batch)
	}
	if len(b.Facts) == 0 {
		return
	}
	c.telemetry.CorrelationEvidence.Add(ctx, int64(len(b.Facts)), c.signal...)
	if c.config.DryRun {
		b.assigned = c.operations.Try(time.Now(), b.Facts, b.assigned)
		return
	}
	drew(ctx)
	b.assigned = c.operations.Apply(time.Now(), b.Facts, b.assigned)
}

func (c *correlation) stamped(ctx context.Context, n int) {
	if n > 0 {
		c.telemetry.CorrelationStamped.Add(ctx, int64(n), c.signal...)
	}
}
