package engine

import (
	"math"
	"slices"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// Replay attaches facts that were applied before, by an earlier run or by another collector, when they arrived at the given time
// (nanoseconds since 1970). It does what [Engine.Apply] did then, but nothing is counted and no observer is told. The facts of several
// collectors are to be replayed about in the order of their arrival.
func (e *Engine) Replay(at int64, facts []operation.Fact) {
	for some := range slices.Chunk(facts, window) {
		e.replaySome(at, some)
	}
	e.replayed.Store(true)
}

func (e *Engine) replaySome(at int64, facts []operation.Fact) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := &e.identity
	x.fresh = standingTold
	defer func() { x.fresh = standingNew }()
	for i := range facts {
		e.habits.learn(&facts[i])
	}
	e.batch.fill(&x.index, facts)
	x.at = at
	for i := range e.batch.groups {
		x.takeGroup(&e.batch, &e.batch.groups[i], facts, nil)
	}
	e.batch.forget()
	e.counts.waiting.Store(int64(x.parked.live))
}

// Tidy does what somebody does instead of sweeping who only follows another collector: it lets go of what has been held for long enough,
// and judges nothing.
func (e *Engine) Tidy(now time.Time) {
	at := now.UnixNano()
	for i := range e.shards {
		s := &e.shards[i]
		s.postpone(e, at)
		s.pruneStale()
	}
	e.expire(at)
	e.settleDepartures()
}

// postpone sees to it that what is new is judged in time by whoever sweeps next, and lets go of what left.
func (s *shard) postpone(e *Engine, at int64) {
	if !s.isCrowded() {
		return
	}
	gone, dirty := s.begin(math.MaxInt)
	kept := dirty[:0]
	for some := range slices.Chunk(dirty, atOnce) {
		kept = s.postponeSome(e, some, at, kept)
	}
	clear(dirty[len(kept):])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = append(gone, s.gone...)
	s.dirty, s.postponed = append(s.dirty, kept...), len(kept)
}

// isCrowded reports whether it is time to look through what is to be judged, by somebody who does not judge it.
func (s *shard) isCrowded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return hasDoubled(len(s.dirty), s.postponed)
}

func (s *shard) postponeSome(e *Engine, some []*entry, at int64, kept []*entry) []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range some {
		switch {
		case !n.dirty:
		case s.tooSoon(e, n, at):
			n.dirty = false
		default:
			kept = append(kept, n)
		}
	}
	return kept
}

// settleDepartures lets those who left wait for somebody to tell of it.
func (e *Engine) settleDepartures() {
	for i := range e.shards {
		s := &e.shards[i]
		s.mu.Lock()
		gone := s.gone
		s.gone = nil
		s.mu.Unlock()
		for _, d := range gone {
			e.untold.depart(d, e)
		}
	}
}

// Reset lets go of everything without telling anybody, for one who fell so far behind others that what they did meanwhile is not to be
// found out: all is to be replayed. What was learned stays.
func (e *Engine) Reset() {
	for from := uint32(0); ; {
		some := e.some(&from)
		if len(some) == 0 {
			break
		}
		for part := range slices.Chunk(some, atOnce) {
			e.drop(part)
		}
	}
	e.mu.Lock()
	e.identity.parked.drop()
	e.counts.waiting.Store(0)
	e.mu.Unlock()
	for i := range e.shards {
		e.shards[i].postpone(e, 0)
		e.shards[i].pruneStale()
	}
	e.untold.reset()
}

// drop lets operations go of which nobody is to be told.
func (e *Engine) drop(some []*entry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, n := range some {
		if n.moved || n.removed {
			continue
		}
		s := e.shard(n)
		s.mu.Lock()
		n.announced = false
		s.mu.Unlock()
		e.identity.remove(n)
	}
}
