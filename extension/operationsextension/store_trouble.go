package operationsextension

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/throughline/throughline/internal/checkpoint"
	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/store"
)

var _ checkpoint.Observer = (*trouble)(nil)

// trouble counts what becomes of commits, and tells once when they begin to fail and once when they succeed again. It implements
// [checkpoint.Observer].
type trouble struct {
	d *durable

	mu    sync.Mutex
	since time.Time // guarded by mu; when commits began to fail, zero while they succeed
	kind  string    // guarded by mu; how the latest one failed
	// dropping says that it was told that something was dropped, since commits began to fail. Guarded by mu.
	dropping bool
	// state is filled in as far as commits are concerned. Guarded by mu.
	state console.StoreState
}

// Committed implements [checkpoint.Observer].
func (t *trouble) Committed(rows int, log, bytes int64, took time.Duration) {
	m, ctx := t.d.o.telemetry, context.Background()
	m.OperationsStoreCommitDuration.Record(ctx, took.Seconds())
	m.OperationsStoreRows.Add(ctx, int64(rows))
	m.OperationsStoreBytes.Add(ctx, bytes)
	t.d.length.grow(log)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.Commits++
	t.state.CommittedAt, t.state.Took = time.Now().UnixNano(), int64(took)
	t.state.Longest = max(t.state.Longest, int64(took))
	if t.since.IsZero() {
		return
	}
	t.d.o.logger.Info("The store takes commits again; what waited for it is committed", zap.Duration("after", time.Since(t.since)))
	t.since, t.kind, t.dropping, t.state.Trouble, t.state.TroubleSince = time.Time{}, "", false, "", 0
}

// Failed implements [checkpoint.Observer].
func (t *trouble) Failed(err error) {
	kind := kindOf(err)
	t.d.o.telemetry.OperationsStoreFailures.Add(context.Background(), 1, attributesOf("kind", kind))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(kind)
	t.state.Trouble = err.Error()
	if !t.since.IsZero() && t.kind == kind {
		return
	}
	if t.since.IsZero() {
		t.since = time.Now()
		t.state.TroubleSince = t.since.UnixNano()
	}
	t.kind = kind
	t.d.o.logger.Error("The store takes no commits; telemetry goes on, and what could not be committed waits in memory (`store::buffer_mib`)",
		zap.String("kind", kind), zap.Error(err))
}

// Dropped implements [checkpoint.Observer].
func (t *trouble) Dropped(rows int, bytes int64) {
	t.d.o.telemetry.OperationsStoreDropped.Add(context.Background(), bytes)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.dropping {
		t.dropping = true
		t.d.o.logger.Error("The store could not take what waited for it in time, so that was dropped from memory (`store::buffer_mib`); "+
			"all operations that are held will be written again as soon as it takes commits", zap.Int64("bytes", bytes))
	}
	t.state.DroppedRows += uint64(max(rows, 1))
}

// Lost implements [checkpoint.Observer].
func (t *trouble) Lost() { t.d.stepDown("another one claimed it") }

// acknowledged counts a batch that was acknowledged though it was not committed.
func (t *trouble) acknowledged() {
	t.d.o.telemetry.OperationsStoreAcknowledgedUncommitted.Add(context.Background(), 1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.AcknowledgedUncommitted++
}

// count counts a failure. Called with mu held.
func (t *trouble) count(kind string) {
	if t.state.Failures == nil {
		t.state.Failures = make(map[string]uint64)
	}
	t.state.Failures[kind]++
}

// failed counts a failure that is no commit's.
func (t *trouble) failed(err error) {
	kind := kindOf(err)
	t.d.o.telemetry.OperationsStoreFailures.Add(context.Background(), 1, attributesOf("kind", kind))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(kind)
}

// read returns what became of commits.
func (t *trouble) read() console.StoreState {
	t.mu.Lock()
	defer t.mu.Unlock()
	state := t.state
	state.Failures = maps.Clone(t.state.Failures)
	return state
}

// pending is how many bytes wait for their commit.
func (d *durable) pending() int {
	if d == nil {
		return 0
	}
	return int(d.writer.Status().Pending)
}

// troubled reports whether the store takes no commits.
func (d *durable) troubled() bool {
	if d == nil {
		return false
	}
	d.trouble.mu.Lock()
	defer d.trouble.mu.Unlock()
	return !d.trouble.since.IsZero()
}

// kindOf names the kind of an error of a store.
func kindOf(err error) string {
	for _, k := range [...]struct {
		err  error
		name string
	}{
		{store.ErrInUse, "in_use"}, {store.ErrFull, "full"}, {store.ErrReadOnly, "read_only"}, {store.ErrCorrupt, "corrupt"}, {store.ErrNewer, "newer"}, {store.ErrLost, "lost"},
		{store.ErrInvalid, "invalid"}, {store.ErrUnavailable, "unavailable"}, {context.DeadlineExceeded, "unavailable"},
	} {
		if errors.Is(err, k.err) {
			return k.name
		}
	}
	return "other"
}

func attributesOf(key, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
}

// state shows the store to whoever looks at the collector itself.
func (d *durable) state(ctx context.Context) *console.StoreState {
	s := d.trouble.read()
	status := d.writer.Status()
	s.Driver, s.Collector, s.Durability = d.config.Driver, d.collector, d.config.Durability
	s.Judging = d.judges.Load()
	if t := d.tenure.Load(); t != nil {
		s.Judge, s.LeaseUntil = t.Collector, t.Until
	} else if s.Judging {
		s.Judge = d.collector
	}
	size := d.sizes.read(ctx, d.place.get())
	s.Bytes, s.Rows, s.Records = size.Bytes, size.Rows, size.Records
	s.PendingBytes = status.Pending
	s.RestoredAt, s.Restoring = d.restoredAt.Load(), d.restoring.Load()
	s.UnkeptActions = d.o.journal.Stats().Unkept
	return &s
}
