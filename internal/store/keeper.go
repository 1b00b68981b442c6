package store

import (
	"context"
	"time"
)

// Keeper removes from a store what is too old or too much, in the background.
type Keeper struct {
	// Store is what it keeps within the limits.
	Store Writer
	// Retention is how long records, resolved incidents and entries are kept after their last change, 0 for ever. MaxBytes and MaxIncidents are those of [Limits].
	Retention    time.Duration
	MaxBytes     int64
	MaxIncidents int
	// Every is how long it rests when there is nothing to do, or after an error; Pause between steps, so that others get their turn.
	Every, Pause time.Duration
	// Report is told of each step, nil: nobody is.
	Report func(Trimmed, error)
}

// Run works until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	timer := time.NewTimer(k.Every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-timer.C:
			timer.Reset(k.step(ctx, now))
		}
	}
}

// step removes some and returns how long to wait before the next one.
func (k *Keeper) step(ctx context.Context, now time.Time) time.Duration {
	limits := Limits{MaxBytes: k.MaxBytes, MaxIncidents: k.MaxIncidents}
	if k.Retention > 0 {
		limits.Before = now.Add(-k.Retention).UnixNano()
	}
	trimmed, err := k.Store.Trim(ctx, limits)
	if k.Report != nil && ctx.Err() == nil {
		k.Report(trimmed, err)
	}
	if err == nil && trimmed.More {
		return k.Pause
	}
	return k.Every
}
