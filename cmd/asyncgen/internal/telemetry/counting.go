package telemetry

import (
	"context"
	"sync"
	"sync/atomic"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Delivery counts what the exporters of all services achieved.
type Delivery struct {
	SpansSent, SpansLost, LogsSent, LogsLost int64
	// LastError is the reason of the latest loss, nil if there was none.
	LastError error
}

// tally is the shared, concurrently updated form of Delivery.
type tally struct {
	spansSent, spansLost, logsSent, logsLost atomic.Int64

	mu        sync.Mutex
	lastError error
}

func (t *tally) count(sent, lost *atomic.Int64, n int, err error) {
	if err == nil {
		sent.Add(int64(n))
		return
	}
	lost.Add(int64(n))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lastError = err
}

func (t *tally) delivery() Delivery {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Delivery{
		SpansSent: t.spansSent.Load(), SpansLost: t.spansLost.Load(),
		LogsSent: t.logsSent.Load(), LogsLost: t.logsLost.Load(),
		LastError: t.lastError,
	}
}

// countingSpans counts a batch as lost as soon as its exporter gives it up: the SDK does not try again. A partially
// rejected batch is an error too, and counts as lost as a whole.
type countingSpans struct {
	sdktrace.SpanExporter
	tally *tally
}

func (c countingSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := c.SpanExporter.ExportSpans(ctx, spans)
	c.tally.count(&c.tally.spansSent, &c.tally.spansLost, len(spans), err)
	return err
}

type countingLogs struct {
	sdklog.Exporter
	tally *tally
}

func (c countingLogs) Export(ctx context.Context, records []sdklog.Record) error {
	err := c.Exporter.Export(ctx, records)
	c.tally.count(&c.tally.logsSent, &c.tally.logsLost, len(records), err)
	return err
}
