package operationsextension

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/throughline/throughline/internal/checkpoint"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/postgres"
	"github.com/throughline/throughline/internal/store/sqlite"
)

// durable keeps what the extension knows in a store, and brings it back.
type durable struct {
	// Immutable after construction.
	o      *operations
	config *StoreConfig
	// collector names this run of the collector in the store.
	collector string
	writer    *checkpoint.Writer
	place     place
	sizes     sizes
	// opener opens the store.
	opener  func(context.Context) (store.Store, error)
	trouble trouble
	// applying is held for reading while facts are appended and applied.
	applying sync.RWMutex

	// judges says that this collector is the one that judges, tenure by what; nil if there is no other.
	judges atomic.Bool
	tenure atomic.Pointer[store.Tenure]
	// lost says that outputs are to be told that another collector judges.
	lost   atomic.Bool
	shared shared
	// incomplete says that the log lacks something that was dropped, until everything is written anew.
	incomplete atomic.Bool
	// readOnly says that the file can only be read.
	readOnly atomic.Bool
	// unusable says that the store is corrupt: nothing is written, and nothing waits for it.
	unusable atomic.Bool
	// length is how long the log is.
	length length
	// restoredAt is when all was restored, restoring how long that took, in nanoseconds.
	restoredAt, restoring atomic.Int64

	// The following is guarded by operations.sweeping.
	follower checkpoint.Follower
	outputs  outputs
	restored bool
	// alive is when it was noted last that the collector runs.
	alive time.Time

	// cancel ends the loops; nil while they do not run.
	cancel context.CancelFunc
	loops  sync.WaitGroup
}

// maxConnections bounds the connections to a PostgreSQL.
const maxConnections = 8

// newDurable returns nil if there is no store.
func newDurable(o *operations) *durable {
	c := &o.config.Store
	if !c.enabled() {
		return nil
	}
	d := &durable{o: o, config: c, collector: newCollectorID(o.startedAt)}
	d.trouble.d, d.opener, d.length.least = d, d.openPlace, minRebuild
	d.place.why.Store(errNotOpened)
	d.writer = checkpoint.NewWriter(checkpoint.Settings{
		Store: &d.place, Collector: d.collector, Interval: c.Interval, Timeout: c.CommitTimeout, MaxBytes: int64(c.BufferMiB) << 20, Observer: &d.trouble,
	})
	d.follower = checkpoint.Follower{Engine: o.engine, Collector: d.collector, Damaged: d.damaged, Resources: d.learnResources}
	return d
}

// newCollectorID returns a name that no other run has: those of later runs are greater, and it says nothing else.
func newCollectorID(at time.Time) string {
	var random [6]byte
	_, _ = rand.Read(random[:]) // It never fails.
	return fmt.Sprintf("%012x-%s", at.UnixMilli(), hex.EncodeToString(random[:]))
}

// errNotOpened says that opening the store was not tried yet.
var errNotOpened = errorText("it is not open yet")

func errorText(text string) *error {
	err := errors.New(text)
	return &err
}

// place is the store once it could be opened. It implements [store.Writer].
type place struct {
	opened atomic.Pointer[store.Store]
	// why is why it is not open.
	why atomic.Pointer[error]
}

// get returns the store, nil while it is not open.
func (p *place) get() store.Store {
	if s := p.opened.Load(); s != nil {
		return *s
	}
	return nil
}

// Write implements [store.Writer].
func (p *place) Write(ctx context.Context, b *store.Batch) error {
	if s := p.get(); s != nil {
		return s.Write(ctx, b)
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, *p.why.Load())
}

// Trim implements [store.Writer].
func (p *place) Trim(ctx context.Context, l store.Limits) (store.Trimmed, error) {
	if s := p.get(); s != nil {
		return s.Trim(ctx, l)
	}
	return store.Trimmed{}, fmt.Errorf("%w: %w", store.ErrUnavailable, *p.why.Load())
}

// openPlace opens the database or the file. A file that cannot be written is opened for reading, so that what it knows is known.
func (d *durable) openPlace(ctx context.Context) (store.Store, error) {
	if d.config.Driver == driverPostgres {
		return postgres.Open(ctx, postgres.Settings{DSN: string(d.config.DSN), MaxConnections: maxConnections})
	}
	opened, err := openFile(ctx, d.config.Path)
	if errors.Is(err, store.ErrReadOnly) && d.place.get() == nil {
		if readable, readErr := sqlite.OpenReadOnly(ctx, sqlite.Settings{Path: d.config.Path}); readErr == nil {
			d.readOnly.Store(true)
			return readable, nil
		}
	}
	return opened, err
}

// open opens the store.
func (d *durable) open(ctx context.Context) error {
	opened, err := d.opener(ctx)
	if err != nil {
		d.place.why.Store(&err)
		return err
	}
	d.place.opened.Store(&opened)
	d.follower.Log = opened
	return nil
}

// folderMode lets nobody but the collector's own user read what telemetry says.
const folderMode = 0o700

func openFile(ctx context.Context, path string) (store.Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return nil, fmt.Errorf("making the folder of the store %q: %w", path, err)
	}
	return sqlite.Open(ctx, sqlite.Settings{Path: path})
}

// apply appends facts and applies them, so that what is judged of them is never committed before them.
func (d *durable) apply(now time.Time, facts []operation.Fact, out []engine.Assignment) []engine.Assignment {
	d.applying.RLock()
	defer d.applying.RUnlock()
	if d.unusable.Load() {
		return d.o.engine.Apply(now, facts, out)
	}
	d.o.originals.Tell(d.tellResources)
	d.writer.Facts(now.UnixNano(), facts)
	return d.o.engine.Apply(now, facts, out)
}

// commit waits until all that was applied before the call is committed. While that is not possible, telemetry is acknowledged all the same, unless it is to
// be refused.
func (d *durable) commit(ctx context.Context) error {
	var err error
	if d.unusable.Load() {
		err = fmt.Errorf("%w: %w", checkpoint.ErrUncommitted, *d.place.why.Load())
	} else {
		err = d.writer.Commit(ctx)
	}
	if errors.Is(err, checkpoint.ErrUncommitted) && d.config.WhenUnavailable == acknowledge {
		d.trouble.acknowledged()
		return nil
	}
	return err
}

// applied waits until all facts that were appended before the call are applied.
func (d *durable) applied() {
	d.applying.Lock()
	defer d.applying.Unlock()
}

func (d *durable) damaged(collector string, seq int64, err error) {
	d.trouble.failed(err)
	d.o.logger.Error("A row of the store cannot be read and is passed over; the others are read",
		zap.String("collector", collector), zap.Int64("row", seq), zap.Error(err))
}

// role is what the collector judges by, and whether it does.
func (d *durable) role() (*store.Tenure, bool) {
	return d.tenure.Load(), d.judges.Load()
}
