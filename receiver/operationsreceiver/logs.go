package operationsreceiver

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/event"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

func createLogs(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
	d, err := newDelivery(set, cfg.(*Config), "logs")
	if err != nil {
		return nil, err
	}
	d.deliver = func(ctx context.Context, output operationsextension.Output) { d.logs(ctx, output, next) }
	return d, nil
}

// logs emits the events of gaps in telemetry, of the operations and then of the incidents.
func (d *delivery) logs(ctx context.Context, output operationsextension.Output, next consumer.Logs) {
	b := eventBatch{d: d, next: next}
	for i := range output.Gaps {
		b.add(ctx, func(records plog.LogRecordSlice) { output.Gaps[i].AppendTo(records) })
	}
	for i := range output.Changes {
		c := &output.Changes[i]
		b.add(ctx, func(records plog.LogRecordSlice) {
			event.Operation{Change: c, Trace: d.traceOf(c), IncidentID: output.InIncident[i]}.AppendTo(records)
		})
	}
	for i := range output.Incidents {
		b.add(ctx, func(records plog.LogRecordSlice) { event.AppendIncident(records, &output.Incidents[i]) })
	}
	b.flush(ctx)
}

// traceOf returns the ID of the derived trace that shows the operation after the change; none shows one that did not start.
func (d *delivery) traceOf(c *operation.Change) operation.TraceID {
	if c.View.Missed > 0 {
		return operation.TraceID{}
	}
	if c.Verdict.State == operation.StateStuck && d.config.Traces.Snapshots {
		return stitch.SnapshotTraceID(c.View.ID, c.View.Namespace, c.Revision)
	}
	return stitch.TraceID(c.View.ID, c.View.Namespace, max(1, c.FinalRevision))
}

// eventBatch collects events until there is enough for one delivery.
type eventBatch struct {
	d    *delivery
	next consumer.Logs

	logs    plog.Logs
	records plog.LogRecordSlice
	size    int
}

// add appends the events that follow from one change or incident. All of one go together, or none if there is a defect.
func (b *eventBatch) add(ctx context.Context, appendTo func(plog.LogRecordSlice)) {
	one, records := event.New(b.d.version)
	whole := false
	b.d.guard(ctx, func() {
		appendTo(records)
		whole = true
	})
	if !whole || records.Len() == 0 {
		return
	}
	n := (&plog.ProtoMarshaler{}).LogsSize(one)
	if b.size+n > maxBatch {
		b.flush(ctx)
	}
	if b.size == 0 {
		b.logs, b.records = event.New(b.d.version)
		b.d.sign(b.logs.ResourceLogs().At(0).Resource())
	}
	records.MoveAndAppendTo(b.records)
	b.size += n
}

// flush hands on what was collected.
func (b *eventBatch) flush(ctx context.Context) {
	if b.size > 0 {
		b.d.sendLogs(ctx, b.logs, b.next)
		b.size = 0
	}
}

func (d *delivery) sendLogs(ctx context.Context, ld plog.Logs, next consumer.Logs) {
	n := ld.LogRecordCount()
	obsCtx := d.obs.StartLogsOp(ctx)
	err := d.insist(ctx, "events", func() error {
		try := ld
		if next.Capabilities().MutatesData {
			// Who refuses may have changed it before.
			try = plog.NewLogs()
			ld.CopyTo(try)
		}
		err := next.ConsumeLogs(obsCtx, try)
		if part, ok := errors.AsType[consumererror.Logs](err); ok {
			ld = part.Data()
		}
		return err
	})
	d.obs.EndLogsOp(obsCtx, format, n, err)
}
