package operationsextension

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/throughline/throughline/internal/checkpoint"
	"github.com/throughline/throughline/internal/store"
)

const (
	// openEvery is how often is tried to open a store that could not be opened.
	openEvery = 2 * time.Second
	// actEvery is how often is looked for what somebody asked another collector to do.
	actEvery = time.Second
	// aliveEvery is how often it is noted that the collector runs, while there is nothing else to commit.
	aliveEvery = 5 * time.Second
	// rebuildEvery is how often is looked whether the log is too long.
	rebuildEvery = time.Second
	// cutLeases is how many leases what was before is left to followers.
	cutLeases = 3
	// keepEvery is how often the history is looked at for what is too old, keepPause the rest between two steps.
	keepEvery = time.Minute
	keepPause = 20 * time.Millisecond
	// keptIncidents is about how many resolved incidents the store has: telemetry chooses how many there are.
	keptIncidents = 100_000
)

// start opens the store and restores from it. An error says that the configuration is at fault; whatever else is wrong with the store, telemetry flows.
func (d *durable) start(ctx context.Context) error {
	err := d.open(ctx)
	if err == nil {
		err = d.begin(ctx)
	}
	switch {
	case errors.Is(err, store.ErrNewer), errors.Is(err, store.ErrInvalid), errors.Is(err, store.ErrInUse):
		return errors.Join(fmt.Errorf("`store`: %w", err), d.close(ctx))
	case errors.Is(err, store.ErrCorrupt):
		// What is in the file may still be of use to somebody: it is left as it is.
		d.unusable.Store(true)
		d.judges.Store(true)
		d.trouble.Failed(fmt.Errorf("the store cannot be used, so a restart forgets what comes from now on; "+
			"move the file away and restart the collector, or put a copy in its place: %w", err))
		return nil
	case err != nil:
		d.trouble.Failed(fmt.Errorf("opening the store: %w", err))
	}
	background, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	keeper := store.Keeper{
		Store: &d.place, Retention: d.config.Retention.Age, MaxBytes: int64(d.config.Retention.MaxMiB) << 20, MaxIncidents: keptIncidents,
		Every: keepEvery, Pause: keepPause, Report: d.trimmed,
	}
	d.loops.Go(func() { d.writer.Run(background) })
	d.loops.Go(func() { keeper.Run(background) })
	d.loops.Go(func() { d.run(background) })
	d.loops.Go(func() { d.keepShort(background) })
	d.loops.Go(func() { d.keepTold(background) })
	if d.config.Driver == driverPostgres {
		d.loops.Go(func() { d.share(background) })
	}
	return nil
}

// begin restores, and goes on where an earlier run left off if nobody else can.
func (d *durable) begin(ctx context.Context) error {
	d.o.sweeping.Lock()
	defer d.o.sweeping.Unlock()
	if err := d.restore(ctx); err != nil {
		return err
	}
	if d.config.Driver == driverSQLite {
		if err := d.takeOver(ctx, time.Now()); err != nil {
			return err
		}
		d.judges.Store(true)
	}
	d.o.useArchive(d.place.get(), d.collector, d.judges.Load)
	return nil
}

// run opens the store if that did not succeed at the start, and saves what was learned.
func (d *durable) run(ctx context.Context) {
	opening, saving, acting := time.NewTicker(openEvery), time.NewTicker(saveEvery), time.NewTicker(actEvery)
	defer opening.Stop()
	defer saving.Stop()
	defer acting.Stop()
	read := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-opening.C:
			if err := d.reopen(ctx); err != nil && ctx.Err() == nil {
				d.trouble.Failed(fmt.Errorf("opening the store: %w", err))
				d.judgeWithout(time.Now())
			}
		case <-saving.C:
			d.save(time.Now())
		case <-acting.C:
			d.act(ctx, &read)
		}
	}
}

// reopen tries to open a store that is not open, and to restore what is not restored.
func (d *durable) reopen(ctx context.Context) error {
	if d.place.get() == nil {
		if err := d.open(ctx); err != nil {
			return err
		}
	}
	if d.isRestored() {
		if d.readOnly.Load() {
			d.replace(ctx)
		}
		return nil
	}
	return d.begin(ctx)
}

// replace opens a file for writing that could only be read. What is wrong with it is told by whoever writes.
func (d *durable) replace(ctx context.Context) {
	opened, err := d.opener(ctx)
	if err != nil {
		return
	}
	readable := d.place.get()
	d.place.opened.Store(&opened)
	d.readOnly.Store(false)
	d.o.sweeping.Lock()
	d.follower.Log = opened
	d.o.sweeping.Unlock()
	d.o.useArchive(opened, d.collector, d.judges.Load)
	if err := readable.Close(); err != nil {
		d.trouble.failed(err)
	}
}

const (
	// blindCommits is how many times `store::commit_timeout`, beside a lease, a file that cannot be opened is waited for before anything is judged.
	blindCommits = 2
	// unseen is for how long before its start a collector takes telemetry for lacking that does not know what it has seen.
	unseen = 24 * time.Hour
)

// judgeWithout judges without what earlier runs knew, if their file could not be opened for long: to judge halves of operations as if they were whole
// would be wrong, so what was before the start is a gap in telemetry.
func (d *durable) judgeWithout(now time.Time) {
	patience := blindCommits*d.config.CommitTimeout + d.config.Lease
	if d.config.Driver != driverSQLite || d.judges.Load() || now.Sub(d.o.startedAt) < patience {
		return
	}
	if m := d.o.gaps.monitor; m != nil {
		m.Down(d.o.startedAt.Add(-unseen).UnixNano(), d.o.startedAt.UnixNano())
	}
	d.judges.Store(true)
	d.o.logger.Warn("The store could still not be opened: operations are judged without what was known before the start", zap.Duration("waited", patience))
}

// act carries out what somebody asked another collector to do. Nobody else writes to the journal in a file, so that it is read once.
func (d *durable) act(ctx context.Context, read *bool) {
	if !d.isRestored() {
		return
	}
	carryOut := d.o.carryOut
	if *read {
		carryOut = d.o.keepJournal
	}
	err := carryOut(ctx)
	if err != nil && ctx.Err() == nil {
		d.trouble.failed(err)
	}
	*read = *read || (err == nil && d.config.Driver == driverSQLite && d.judges.Load() && d.place.get() != nil)
}

// save appends what was learned to what is to be committed.
func (d *durable) save(now time.Time) {
	if role, judges := d.role(); judges {
		d.writer.Judge(&checkpoint.Judgement{Role: role, Blobs: d.parts(now)})
	}
}

// keepShort writes everything anew whenever the log has become long, or something of it was dropped.
func (d *durable) keepShort(ctx context.Context) {
	ticker := time.NewTicker(rebuildEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if d.writer.Incomplete() {
			d.incomplete.Store(true)
			d.o.incidents.SaveAgain()
		}
		_, judges := d.role()
		tooLong := judges && d.length.tooLong()
		if !d.isRestored() || d.writer.Status().Trouble != nil || (!d.incomplete.Load() && !tooLong) {
			continue
		}
		if err := d.rebuild(ctx); err == nil {
			d.incomplete.Store(false)
		} else if ctx.Err() == nil {
			d.o.logger.Warn("Writing everything anew was interrupted; it will be tried again", zap.Error(err))
		}
	}
}

func (d *durable) isRestored() bool {
	d.o.sweeping.Lock()
	defer d.o.sweeping.Unlock()
	return d.restored
}

func (d *durable) rebuild(ctx context.Context) error {
	began := time.Now()
	d.o.sweeping.Lock()
	others := d.follower.Positions()
	d.o.sweeping.Unlock()
	before := d.length.beyond()
	rebuilder := checkpoint.Rebuilder{
		Writer: d.writer, Export: d.o.engine.Export(), Sweeping: &d.o.sweeping, Role: d.role, Applied: d.applied, Others: others,
		Blobs: func(bytes int64) []store.Blob {
			// Rows that are removed have resources in them.
			return append(d.parts(time.Now(), "resources"), store.Blob{Key: keyBase, Data: binary.AppendUvarint(nil, uint64(bytes))})
		},
	}
	if d.config.Driver == driverPostgres {
		rebuilder.Delay = cutLeases * d.config.Lease
	}
	bytes, err := rebuilder.Run(ctx)
	if err != nil {
		return err
	}
	d.length.rebuilt(bytes, before)
	d.o.logger.Info("The log of the store was written anew", zap.Int64("bytes", bytes), zap.Duration("took", time.Since(began)))
	return nil
}

func (d *durable) trimmed(_ store.Trimmed, err error) {
	if err != nil && d.place.get() != nil {
		d.trouble.failed(err)
	}
}

// shutdown commits what is left, and closes the store.
func (d *durable) shutdown(ctx context.Context) error {
	if d.cancel == nil {
		return d.close(ctx)
	}
	d.cancel()
	d.loops.Wait()
	d.o.sweeping.Lock()
	d.outputs.told = max(d.outputs.told, d.o.feed.told())
	last := d.outputs
	d.o.sweeping.Unlock()
	if role, judges := d.role(); judges {
		blobs := append(d.parts(time.Now()), store.Blob{Key: keyOutputs, Data: last.encode()})
		d.writer.Judge(&checkpoint.Judgement{Role: role, Blobs: blobs})
	}
	flushing, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	err := d.writer.Flush(flushing)
	if err != nil {
		err = fmt.Errorf("the store did not take what was left to commit: %w", err)
	}
	if err == nil {
		err = d.shared.role.Resign(flushing)
	}
	return errors.Join(err, d.close(ctx))
}

func (d *durable) close(context.Context) error {
	if s := d.place.get(); s != nil {
		return s.Close()
	}
	return nil
}

// stepDown lets another collector judge.
func (d *durable) stepDown(why string) {
	if d.judges.Swap(false) {
		d.tenure.Store(nil)
		d.lost.Store(true)
		d.o.logger.Warn("Another collector judges from now on; this one goes on taking telemetry", zap.String("why", why))
	}
}
