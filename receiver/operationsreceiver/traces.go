package operationsreceiver

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/originals"
	"github.com/throughline/throughline/internal/stitch"
)

// format is the name under which deliveries are counted.
const format = "operations"

// maxBatch bounds what is handed on at once, in bytes: thousands of operations may get stuck in one sweep, and OTLP
// receivers commonly refuse messages above 4 MiB, for good.
const maxBatch = 1 << 20

func createTraces(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Traces) (receiver.Traces, error) {
	d, err := newDelivery(set, cfg.(*Config), "traces")
	if err != nil {
		return nil, err
	}
	d.deliver = func(ctx context.Context, output operationsextension.Output) { d.traces(ctx, output, next) }
	d.ask = d.askOriginals
	return d, nil
}

// askOriginals asks for what is shown of the originals.
func (d *delivery) askOriginals(o operationsextension.Operations) (release func()) {
	d.originals = o.Originals()
	return d.originals.Ask(originals.Demand{Spans: d.config.Traces.Detail == DetailSpans, MaxBytes: d.config.Traces.MaxKeptBytes})
}

// traces emits the operations that became final, and those that got stuck, each trace in one piece.
func (d *delivery) traces(ctx context.Context, output operationsextension.Output, next consumer.Traces) {
	td, size := ptrace.NewTraces(), 0
	for i := range output.Changes {
		one := d.trace(ctx, &output.Changes[i])
		d.releaseOriginals(&output.Changes[i])
		n := (&ptrace.ProtoMarshaler{}).TracesSize(one)
		if size > 0 && size+n > maxBatch {
			d.sendTraces(ctx, td, next)
			td, size = ptrace.NewTraces(), 0
		}
		one.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
		size += n
	}
	if size > 0 {
		d.sendTraces(ctx, td, next)
	}
}

// trace returns the derived trace of a change, empty if it gives none.
func (d *delivery) trace(ctx context.Context, c *operation.Change) ptrace.Traces {
	td := ptrace.NewTraces()
	if c.View.Missed > 0 || (c.Verdict.State == operation.StateStuck && !d.config.Traces.Snapshots) {
		return td
	}
	if !d.sampled(c) {
		d.telemetry.OperationsReceiverNotSampled.Add(ctx, 1)
		return td
	}
	settings := stitch.DefaultSettings()
	settings.MaxSpans, settings.MaxEvents = d.config.Traces.MaxSpans, d.config.Traces.MaxEvents
	settings.Snapshots, settings.Originals = d.config.Traces.Snapshots, d.originals
	if d.config.Traces.Detail == DetailSpans {
		settings.MaxInner = d.config.Traces.MaxInnerSpans
	}
	d.guard(ctx, func() {
		one, report := stitch.Trace(c, settings)
		d.countCut(ctx, "spans", report.CutSpans)
		d.countCut(ctx, "events", report.CutEvents)
		d.countCut(ctx, "links", report.CutLinks)
		d.countCut(ctx, "originals", report.Missing)
		td = one
	})
	return td
}

// sampled reports whether the operation is among those that are drawn.
func (d *delivery) sampled(c *operation.Change) bool {
	percentage := d.config.Traces.Completed.SamplingPercentage
	return percentage >= 100 || !stitch.Simple(c) || stitch.Sampled(stitch.TraceID(c.View.ID, c.View.Namespace, c.FinalRevision), percentage)
}

// releaseOriginals lets go of the spans of an operation that needs them no more.
func (d *delivery) releaseOriginals(c *operation.Change) {
	if d.originals == nil || !d.originals.WantsSpans() || (!c.Gone && !c.Verdict.State.Final()) {
		return
	}
	for _, trace := range c.View.Traces {
		d.originals.Release(pcommon.TraceID(trace), c.At)
	}
}

func (d *delivery) countCut(ctx context.Context, part string, n int) {
	if n > 0 {
		d.telemetry.OperationsReceiverCut.Add(ctx, int64(n), metric.WithAttributes(attribute.String("part", part)))
	}
}

func (d *delivery) sendTraces(ctx context.Context, td ptrace.Traces, next consumer.Traces) {
	n := td.SpanCount()
	obsCtx := d.obs.StartTracesOp(ctx)
	err := d.insist(ctx, "derived traces", func() error {
		try := td
		if next.Capabilities().MutatesData {
			// Who refuses may have changed it before.
			try = ptrace.NewTraces()
			td.CopyTo(try)
		}
		err := next.ConsumeTraces(obsCtx, try)
		if part, ok := errors.AsType[consumererror.Traces](err); ok {
			td = part.Data()
		}
		return err
	})
	d.obs.EndTracesOp(obsCtx, format, n, err)
}
