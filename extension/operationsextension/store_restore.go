package operationsextension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"go.uber.org/zap"

	"github.com/throughline/throughline/internal/checkpoint"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

// progressEvery is how often a long restore says how far it is.
const progressEvery = 5 * time.Second

// follow applies what other collectors, or earlier runs, wrote since it was last called. Called with operations.sweeping held.
func (d *durable) follow(ctx context.Context) error {
	s := d.place.get()
	if s == nil {
		return *d.place.why.Load()
	}
	stored, err := d.storedOutputs(ctx, s)
	if err != nil {
		return err
	}
	before := d.follower.Stats().Bytes
	err = d.follower.Pass(ctx, stored.told)
	d.length.grow(d.follower.Stats().Bytes - before)
	return err
}

// followAll is follow where nothing was applied before: what was written when everything was written anew last is no growth of the log. It is read first: if
// it is renewed meanwhile, that is seen later.
func (d *durable) followAll(ctx context.Context) error {
	s := d.place.get()
	if s == nil {
		return *d.place.why.Load()
	}
	base, err := storedBase(ctx, s)
	if err != nil {
		return err
	}
	if err := d.follow(ctx); err != nil {
		return err
	}
	d.length.restored(base)
	return nil
}

func (d *durable) storedOutputs(ctx context.Context, s store.Store) (outputs, error) {
	data, err := s.Blob(ctx, keyOutputs)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return outputs{}, nil
	case err != nil:
		return outputs{}, err
	}
	return decodeOutputs(data)
}

// restore reads all there is, and says so if that takes long. Called with operations.sweeping held.
func (d *durable) restore(ctx context.Context) error {
	began := time.Now()
	told := began
	d.follower.Progress = func(f checkpoint.Followed) {
		if now := time.Now(); now.Sub(told) >= progressEvery {
			told = now
			d.o.logger.Info("Operations are being restored from the store", zap.Int64("rows", f.Rows), zap.Int64("facts", f.Facts), zap.Int64("bytes", f.Bytes))
		}
	}
	defer func() { d.follower.Progress = nil }()
	if err := d.followAll(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	stats := d.follower.Stats()
	d.restored = true
	d.restoredAt.Store(began.Add(took).UnixNano())
	d.restoring.Store(int64(took))
	d.o.telemetry.OperationsStoreRestoreDuration.Record(ctx, took.Seconds())
	if stats.Rows > 0 {
		d.o.logger.Info("Operations are restored from the store", zap.Int("operations", d.o.engine.Stats().Operations), zap.Int64("rows", stats.Rows),
			zap.Int64("facts", stats.Facts), zap.Int64("bytes", stats.Bytes), zap.Duration("took", took))
	}
	return nil
}

// takeOver goes on where the collector left off that judged before. All that it committed must have been applied. Called with operations.sweeping held.
func (d *durable) takeOver(ctx context.Context, now time.Time) error {
	s := d.place.get()
	stored, err := d.storedOutputs(ctx, s)
	if err != nil {
		return err
	}
	saved, err := s.Incidents(ctx, 0, d.o.config.Incidents.Max)
	if err != nil {
		return err
	}
	base, err := storedBase(ctx, s)
	if err != nil {
		return err
	}
	d.length.seen(base)
	d.o.expected.numbered(stored.last, stored.told)
	d.restoreParts(ctx, s, now)
	if err := d.o.incidents.Restore(savedOf(saved), stored.told); err != nil {
		d.o.partFailed(ctx, "incidents", "Some incidents cannot be read and are lost", err)
	}
	d.o.incidents.Rejoin(d.members(), d.o.gaps.lasting(now))
	d.o.engine.Adopt(nil, stored.told)
	d.outputs = outputs{last: max(stored.last, d.follower.Stats().LastOutput, d.o.feed.begin()), told: stored.told}
	return nil
}

// restoreParts restores what was learned. What cannot be restored is lost, which is no reason not to go on.
func (d *durable) restoreParts(ctx context.Context, s store.Store, now time.Time) {
	for _, p := range d.o.parts() {
		data, err := s.Blob(ctx, keyPart+p.key)
		if p.key == keyAlive {
			data, err = d.lastAlive(data)
		}
		if err == nil && data != nil {
			err = p.restore(data, now)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			d.o.partFailed(ctx, p.key, "What an earlier run has kept cannot be read and is lost", err)
		}
	}
}

// lastAlive is when any collector was known to run, nil if none ever did.
func (d *durable) lastAlive(data []byte) ([]byte, error) {
	last := d.follower.Stats().LastAt
	if data != nil {
		var a alive
		if err := json.Unmarshal(data, &a); err != nil {
			return nil, fmt.Errorf("when the collector ran last: %w", err)
		}
		last = max(last, a.At.UnixNano())
	}
	if last == 0 {
		return nil, nil
	}
	return saveAlive(time.Unix(0, last))
}

// members are the operations that are in incidents.
func (d *durable) members() iter.Seq[incident.Member] {
	return func(yield func(incident.Member) bool) {
		for s := range d.o.engine.InIncidents() {
			if !yield(incident.Member{Namespace: s.Namespace, ID: s.ID, Incident: s.Incident, UpdatedAt: s.UpdatedAt}) {
				return
			}
		}
		for r := range d.o.expected.all() {
			if r.verdict.State != operation.StateStuck {
				continue
			}
			policy := d.o.expected.rules[r.Rule].policy
			key, ok := incident.KeyOf(&operation.Change{View: r.view, Verdict: r.verdict, Policy: policy}, d.o.config.Incidents.InApp.rules())
			member := incident.Member{ID: r.view.ID, Missed: true, Incident: key.ID(), UpdatedAt: r.updatedAt, Policy: policy}
			if ok && !yield(member) {
				return
			}
		}
	}
}
