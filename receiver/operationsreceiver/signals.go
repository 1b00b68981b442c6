package operationsreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/event"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

// format is the name under which deliveries are counted.
const format = "operations"

func createTraces(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Traces) (receiver.Traces, error) {
	d, err := newDelivery(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	d.deliver = func(ctx context.Context, output operationsextension.Output) { d.traces(ctx, output, next) }
	return d, nil
}

// traces emits the operations that became final, and those that got stuck. All of one sweep go in one batch, each trace
// in one piece.
func (d *delivery) traces(ctx context.Context, output operationsextension.Output, next consumer.Traces) {
	td := ptrace.NewTraces()
	settings := stitch.DefaultSettings()
	settings.MaxSpans, settings.MaxEvents = d.config.Traces.MaxSpans, d.config.Traces.MaxEvents
	for i := range output.Changes {
		c := &output.Changes[i]
		if c.Verdict.State == operation.StateStuck && !d.config.Traces.Snapshots {
			continue
		}
		one, _ := stitch.Trace(c, settings)
		one.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	if n := td.SpanCount(); n > 0 {
		obsCtx := d.obs.StartTracesOp(ctx)
		err := d.insist(ctx, "derived traces", func() error { return next.ConsumeTraces(obsCtx, td) })
		d.obs.EndTracesOp(obsCtx, format, n, err)
	}
}

func createLogs(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
	d, err := newDelivery(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	d.deliver = func(ctx context.Context, output operationsextension.Output) { d.logs(ctx, output, next) }
	return d, nil
}

func (d *delivery) logs(ctx context.Context, output operationsextension.Output, next consumer.Logs) {
	ld, records := event.New(d.version)
	for i := range output.Changes {
		c := &output.Changes[i]
		event.Operation{Change: c, Trace: traceOf(c), IncidentID: output.InIncident[i]}.AppendTo(records)
	}
	for i := range output.Incidents {
		event.AppendIncident(records, &output.Incidents[i])
	}
	if n := ld.LogRecordCount(); n > 0 {
		obsCtx := d.obs.StartLogsOp(ctx)
		err := d.insist(ctx, "events", func() error { return next.ConsumeLogs(obsCtx, ld) })
		d.obs.EndLogsOp(obsCtx, format, n, err)
	}
}

// traceOf returns the ID of the derived trace that shows the operation after the change.
func traceOf(c *operation.Change) operation.TraceID {
	if c.Verdict.State == operation.StateStuck {
		return stitch.SnapshotTraceID(c.View.ID, c.View.Namespace, c.Revision)
	}
	return stitch.TraceID(c.View.ID, c.View.Namespace, max(1, c.FinalRevision))
}

func createMetrics(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
	d, err := newDelivery(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	d.poll = func(ctx context.Context, o operationsextension.Operations) { d.metrics(ctx, o, next) }
	return d, nil
}

// metrics emits all metrics once in an interval, and once more at the end. They are cumulative, so that one that could
// not be delivered is made good by the next.
func (d *delivery) metrics(ctx context.Context, o operationsextension.Operations, next consumer.Metrics) {
	ticker := time.NewTicker(d.config.Metrics.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			d.emit(context.WithoutCancel(ctx), o, next, time.Now())
			return
		case now := <-ticker.C:
			d.emit(ctx, o, next, now)
		}
	}
}

func (d *delivery) emit(ctx context.Context, o operationsextension.Operations, next consumer.Metrics, now time.Time) {
	md := o.Metrics(now)
	if n := md.DataPointCount(); n > 0 {
		ctx = d.obs.StartMetricsOp(ctx)
		d.obs.EndMetricsOp(ctx, format, n, next.ConsumeMetrics(ctx, md))
	}
}
