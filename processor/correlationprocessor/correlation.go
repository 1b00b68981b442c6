package correlationprocessor

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/evidence"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/processor/correlationprocessor/internal/metadata"
)

// correlation reads one signal. Traces and logs meet in the operations extension.
type correlation struct {
	// Immutable after construction, but for operations, which Start sets before anything is consumed.
	config     *Config
	logger     *zap.Logger
	telemetry  *metadata.TelemetryBuilder
	extractor  *evidence.Extractor
	operations operationsextension.Operations
	signal     metric.MeasurementOption
	reasons    []metric.MeasurementOption

	batches sync.Pool
}

// batch is the reusable space for what is drawn from one batch of telemetry.
type batch struct {
	evidence.Batch
	assigned []engine.Assignment
	traces   map[operation.TraceID]engine.Assignment
	stamps   stamps
}

func newCorrelation(set processor.Settings, cfg *Config, signal string) (*correlation, error) {
	extractor, err := evidence.NewExtractor(evidence.Config{
		CorrelationKeys: cfg.CorrelationKeys, NamespaceKey: cfg.NamespaceKey, JunkIDs: cfg.IgnoredIDs,
	})
	if err != nil {
		return nil, err
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	c := &correlation{config: cfg, logger: set.Logger, telemetry: telemetry, extractor: extractor}
	c.signal = metric.WithAttributeSet(attribute.NewSet(attribute.String("signal", signal)))
	for _, reason := range evidence.DropReasons() {
		set := attribute.NewSet(attribute.String("signal", signal), attribute.String("reason", reason.String()))
		c.reasons = append(c.reasons, metric.WithAttributeSet(set))
	}
	c.batches.New = func() any {
		return &batch{traces: make(map[operation.TraceID]engine.Assignment), stamps: make(stamps)}
	}
	return c, nil
}

func (c *correlation) options() []processorhelper.Option {
	return []processorhelper.Option{
		processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: c.config.Stamp}),
		processorhelper.WithStart(c.start),
		processorhelper.WithShutdown(c.shutdown),
	}
}

func (c *correlation) start(_ context.Context, host component.Host) error {
	var err error
	c.operations, err = operationsextension.Find(host, c.config.Operations)
	return err
}

func (c *correlation) shutdown(context.Context) error {
	c.telemetry.Shutdown()
	return nil
}

func (c *correlation) traces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	c.guarded(ctx, func(b *batch) {
		c.extractor.Traces(&b.Batch, td)
		c.apply(ctx, b)
		if c.config.Stamp {
			c.stampTraces(ctx, b, td)
		}
	})
	return td, nil
}

func (c *correlation) logs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	c.guarded(ctx, func(b *batch) {
		c.extractor.Logs(&b.Batch, ld)
		c.apply(ctx, b)
		if c.config.Stamp {
			c.stampLogs(ctx, b, ld)
		}
	})
	return ld, nil
}

// guarded lends a batch, and keeps a defect in reading it from the pipeline.
func (c *correlation) guarded(ctx context.Context, read func(*batch)) {
	b := c.batches.Get().(*batch)
	defer func() {
		if r := recover(); r != nil {
			// The batch is left to the garbage collector: nobody knows what state it is in.
			c.telemetry.CorrelationFailures.Add(ctx, 1, c.signal)
			c.logger.Error("Reading a batch failed; it passes as it is", zap.Any("panic", r), zap.ByteString("stack", debug.Stack()))
			return
		}
		b.clear()
		c.batches.Put(b)
	}()
	read(b)
}

func (b *batch) clear() {
	b.Reset()
	clear(b.assigned)
	b.assigned = b.assigned[:0]
	clear(b.traces)
	clear(b.stamps)
}

// apply brings the facts to the engine and counts.
func (c *correlation) apply(ctx context.Context, b *batch) {
	b.assigned = c.operations.Apply(time.Now(), b.Facts, b.assigned)
	if n := len(b.Facts); n > 0 {
		c.telemetry.CorrelationEvidence.Add(ctx, int64(n), c.signal)
	}
	for reason, n := range b.Dropped {
		if n > 0 {
			c.telemetry.CorrelationIgnored.Add(ctx, int64(n), c.reasons[reason])
		}
	}
}

// resolve finds the operations of all traces in the batch that belong to one as a whole.
func (c *correlation) resolve(b *batch) {
	c.operations.Traces(b.traces)
	for id, a := range b.traces {
		if a.ID != "" {
			b.stamps[id] = newStamp(a)
		}
	}
}

func (c *correlation) stampTraces(ctx context.Context, b *batch, td ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				b.traces[operation.TraceID(span.TraceID())] = engine.Assignment{}
			}
		}
	}
	c.resolve(b)
	stamped := 0
	for i, ref := range b.Refs {
		if s, ok := b.ownStamp(i); ok {
			s.put(td.ResourceSpans().At(ref.Resource).ScopeSpans().At(ref.Scope).Spans().At(ref.Index).Attributes())
		}
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				stamped += b.stampByTrace(span.TraceID(), span.Attributes())
			}
		}
	}
	c.telemetry.CorrelationStamped.Add(ctx, int64(stamped), c.signal)
}

func (c *correlation) stampLogs(ctx context.Context, b *batch, ld plog.Logs) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				b.traces[operation.TraceID(record.TraceID())] = engine.Assignment{}
			}
		}
	}
	delete(b.traces, operation.TraceID{})
	c.resolve(b)
	stamped := 0
	for i, ref := range b.Refs {
		if s, ok := b.ownStamp(i); ok {
			s.put(ld.ResourceLogs().At(ref.Resource).ScopeLogs().At(ref.Scope).LogRecords().At(ref.Index).Attributes())
		}
	}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				stamped += b.stampByTrace(record.TraceID(), record.Attributes())
			}
		}
	}
	c.telemetry.CorrelationStamped.Add(ctx, int64(stamped), c.signal)
}

// stampByTrace stamps a record that belongs to the operation of its trace, unless it has a stamp already. It returns 1 if
// the record has one now.
func (b *batch) stampByTrace(trace pcommon.TraceID, attributes pcommon.Map) int {
	s, ok := b.stamps[operation.TraceID(trace)]
	if ok {
		s.put(attributes)
		return 1
	}
	if _, ok := attributes.Get(keyTraceID); ok {
		return 1
	}
	return 0
}

// ownStamp returns the stamp of a record that cannot get it by its trace: several operations share that, or there is none.
func (b *batch) ownStamp(fact int) (stamp, bool) {
	a := b.assigned[fact]
	if _, byTrace := b.stamps[b.Facts[fact].Trace]; byTrace || a.ID == "" {
		return stamp{}, false
	}
	return newStamp(a), true
}
