package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// measureEngine finds what an open operation needs, and what a span costs beside so many of them.
func measureEngine(ctx context.Context, o options) (figures, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	t, err := newTracker(o.open + held)
	if err != nil {
		return nil, err
	}
	s := &stream{tracker: t, now: time.Now()}
	before := liveHeap()
	if err := s.populate(ctx, o.open); err != nil {
		return nil, err
	}
	n, err := t.inProgress()
	if err != nil {
		return nil, err
	}
	if n != o.open {
		return nil, fmt.Errorf("%d operations are in progress: must be %d", n, o.open)
	}
	found := figures{"open": float64(o.open), "bytes_per_operation": (liveHeap() - before) / float64(o.open)}
	whole, err := newTemplate(shapeWhole, perBatch)
	if err != nil {
		return nil, err
	}
	// The finished operations beside the open ones reach their limit first.
	for until := s.next + 2*held; s.next < until; {
		if err := s.fresh(whole); err != nil {
			return nil, err
		}
	}
	all, err := s.sectioned(ctx, whole, o.seconds)
	if err != nil {
		return nil, err
	}
	noteCosts(found, all)
	if n, err = t.inProgress(); err != nil {
		return nil, err
	}
	if n < o.open {
		return nil, fmt.Errorf("%d operations are still in progress: must be at least %d", n, o.open)
	}
	return found, nil
}

// populate begins n operations of three hops that stay open, and lets them be judged.
func (s *stream) populate(ctx context.Context, n int) error {
	open, err := newTemplate(shapeOpen, perBatch)
	if err != nil {
		return err
	}
	p := newProgress("open operations")
	for until := s.next + uint64(n); s.next < until; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if left := int(until - s.next); left < open.operations {
			if open, err = newTemplate(shapeOpen, left); err != nil {
				return err
			}
		}
		if err := s.fresh(open); err != nil {
			return err
		}
		p.tell(int(s.next), n)
	}
	// Everything that can be known of them is known after a minute without news.
	for until := s.now.Add(time.Minute); s.now.Before(until); {
		s.now = s.now.Add(sweepInterval)
		s.sweep()
	}
	return nil
}

// inProgress counts the operations that are open and in no trouble, and makes sure that those of a sample have three hops.
func (t *tracker) inProgress() (int, error) {
	n := 0
	for summary := range t.engine.Summaries() {
		if summary.Verdict.State != operation.StateInProgress {
			continue
		}
		if n++; n%1000 == 1 {
			if snapshot, ok := t.engine.Snapshot(summary); ok && len(snapshot.View.Hops) != len(destinations) {
				return 0, fmt.Errorf("operation %s has %d hops: must be %d", summary.ID, len(snapshot.View.Hops), len(destinations))
			}
		}
	}
	return n, nil
}

// liveHeap returns the bytes that are in use after garbage was collected, and gives what is free back to the system, so that
// nothing of this is left to do while somebody measures.
func liveHeap() float64 {
	// What finalizers and pools keep goes with the second collection.
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
