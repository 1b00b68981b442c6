package telemetry

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	sdklog "go.opentelemetry.io/otel/sdk/log"
)

// The bounds of a Batcher: a record waits at most logDelay, long enough for batches to form and short enough that the
// start line of a handler is out before anyone could miss the handler's span.
const (
	logQueue = 8192
	logBatch = 512
	logDelay = 100 * time.Millisecond
)

// Batcher is a log processor that exports in batches and, unlike the SDK's own, blocks instead of overwriting the oldest
// record when its queue is full: a generator whose start lines get lost under load could not tell the truth.
type Batcher struct {
	exporter sdklog.Exporter
	abandon  context.CancelFunc
	queue    chan sdklog.Record
	flush    chan chan struct{}
	stop     chan struct{}
	done     chan struct{}
	once     sync.Once
}

var _ sdklog.Processor = (*Batcher)(nil)

// NewBatcher starts a batcher, which Shutdown stops. It exports with the values of ctx, but does not end with it.
func NewBatcher(ctx context.Context, exporter sdklog.Exporter) *Batcher {
	ctx, abandon := context.WithCancel(context.WithoutCancel(ctx))
	b := &Batcher{
		exporter: exporter,
		abandon:  abandon,
		queue:    make(chan sdklog.Record, logQueue),
		flush:    make(chan chan struct{}),
		stop:     make(chan struct{}),
		done:     make(chan struct{}),
	}
	go b.loop(ctx)
	return b
}

// Enabled reports that every record is wanted.
func (*Batcher) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

// OnEmit queues a copy of the record and waits while the queue is full. Records emitted after Shutdown are ignored.
func (b *Batcher) OnEmit(_ context.Context, record *sdklog.Record) error {
	select {
	case b.queue <- record.Clone():
	case <-b.stop:
	}
	return nil
}

// ForceFlush exports what is queued.
func (b *Batcher) ForceFlush(ctx context.Context) error {
	flushed := make(chan struct{})
	select {
	case b.flush <- flushed:
	case <-b.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-flushed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Shutdown exports what is queued and shuts the exporter down. When ctx ends, what has not been exported is abandoned.
func (b *Batcher) Shutdown(ctx context.Context) error {
	b.once.Do(func() { close(b.stop) })
	select {
	case <-b.done:
		return b.exporter.Shutdown(ctx)
	case <-ctx.Done():
		b.abandon()
		return ctx.Err()
	}
}

func (b *Batcher) loop(ctx context.Context) {
	defer close(b.done)
	defer b.abandon()
	ticker := time.NewTicker(logDelay)
	defer ticker.Stop()
	batch := make([]sdklog.Record, 0, logBatch)
	for {
		select {
		case record := <-b.queue:
			if batch = append(batch, record); len(batch) == logBatch {
				batch = b.export(ctx, batch)
			}
		case <-ticker.C:
			batch = b.export(ctx, batch)
		case flushed := <-b.flush:
			batch = b.drain(ctx, batch)
			close(flushed)
		case <-b.stop:
			b.drain(ctx, batch)
			return
		}
	}
}

// drain exports the batch and everything queued by now.
func (b *Batcher) drain(ctx context.Context, batch []sdklog.Record) []sdklog.Record {
	for {
		select {
		case record := <-b.queue:
			if batch = append(batch, record); len(batch) == logBatch {
				batch = b.export(ctx, batch)
			}
		default:
			return b.export(ctx, batch)
		}
	}
}

// export returns the batch emptied. The exporter has its own timeout and its own retries; what it gives up is lost.
func (b *Batcher) export(ctx context.Context, batch []sdklog.Record) []sdklog.Record {
	if len(batch) > 0 {
		if err := b.exporter.Export(ctx, batch); err != nil {
			otel.Handle(err)
		}
		clear(batch)
	}
	return batch[:0]
}
