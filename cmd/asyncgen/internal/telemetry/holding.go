package telemetry

import (
	"context"
	"slices"
	"sync"
	"time"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// maxHeld bounds the export requests of one exporter that are held back; when there are more, the service waits.
const maxHeld = 4096

// holding holds export requests back, each by itself, so that they overtake each other.
type holding struct {
	delay func() time.Duration
	slots chan struct{}
	wg    sync.WaitGroup
	// hurry ends all waiting.
	hurry chan struct{}
	once  sync.Once
}

func newHolding(delay func() time.Duration) *holding {
	return &holding{delay: delay, slots: make(chan struct{}, maxHeld), hurry: make(chan struct{})}
}

// send carries out an export after the delay. It does not end with ctx, which is that of a batch and not of the exporter.
func (h *holding) send(ctx context.Context, export func(context.Context)) {
	h.slots <- struct{}{}
	ctx = context.WithoutCancel(ctx)
	h.wg.Go(func() {
		defer func() { <-h.slots }()
		timer := time.NewTimer(h.delay())
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-h.hurry:
		}
		ctx, cancel := context.WithTimeout(ctx, giveUp)
		defer cancel()
		export(ctx)
	})
}

// finish waits until everything has been sent; when ctx ends, what is still held back is sent at once.
func (h *holding) finish(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { h.once.Do(func() { close(h.hurry) }) })()
	h.wg.Wait()
}

// heldSpans is an exporter whose requests are held back. Losses are counted by the exporter within.
type heldSpans struct {
	sdktrace.SpanExporter
	*holding
}

func (h heldSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	// The SDK uses the slice again.
	own := slices.Clone(spans)
	h.send(ctx, func(ctx context.Context) { _ = h.SpanExporter.ExportSpans(ctx, own) })
	return nil
}

func (h heldSpans) Shutdown(ctx context.Context) error {
	h.finish(ctx)
	return h.SpanExporter.Shutdown(ctx)
}

type heldLogs struct {
	sdklog.Exporter
	*holding
}

func (h heldLogs) Export(ctx context.Context, records []sdklog.Record) error {
	own := slices.Clone(records)
	h.send(ctx, func(ctx context.Context) { _ = h.Exporter.Export(ctx, own) })
	return nil
}

func (h heldLogs) Shutdown(ctx context.Context) error {
	h.finish(ctx)
	return h.Exporter.Shutdown(ctx)
}

// muteSpans and muteLogs are exporters of which nothing gets through.
type muteSpans struct{ sdktrace.SpanExporter }

func (muteSpans) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }

type muteLogs struct{ sdklog.Exporter }

func (muteLogs) Export(context.Context, []sdklog.Record) error { return nil }

// way returns the exporter as the telemetry of the service gets through.
func (s Service) way(spans sdktrace.SpanExporter) sdktrace.SpanExporter {
	switch {
	case s.Mute:
		return muteSpans{spans}
	case s.Delay != nil:
		return heldSpans{spans, newHolding(s.Delay)}
	}
	return spans
}

func (s Service) wayOfLogs(logs sdklog.Exporter) sdklog.Exporter {
	switch {
	case s.Mute:
		return muteLogs{logs}
	case s.Delay != nil:
		return heldLogs{logs, newHolding(s.Delay)}
	}
	return logs
}
