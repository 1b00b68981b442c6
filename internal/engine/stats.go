package engine

import (
	"sync/atomic"

	"github.com/throughline/throughline/internal/operation"
)

// Drop says why the engine let something go.
type Drop uint8

// The reasons.
const (
	// DropNoOperation: a fact waited for its operation to become known, in vain.
	DropNoOperation Drop = iota
	// DropWaitingFull: a waiting fact gave way to a newer one.
	DropWaitingFull
	// DropRunaway: the fact's operation has reached the limit of facts.
	DropRunaway
	// DropEvictedFinished: a finished operation gave way to a newer one before its retention was over.
	DropEvictedFinished
	// DropEvictedOpen: an operation that was not finished gave way to a newer one.
	DropEvictedOpen
	// DropDefect: an operation could not be judged because of a defect.
	DropDefect
	// DropUntold: an operation that is no more had been told of, and nobody will be told of its end.
	DropUntold
	dropCount
)

var dropNames = [dropCount]string{"no_operation", "waiting_full", "runaway", "evicted_finished", "evicted_open", "defect", "untold"}

// String returns the name used in metrics and in the API.
func (d Drop) String() string { return dropNames[d] }

// counters count what came in and what was let go.
type counters struct {
	facts    [operation.KindCount]atomic.Uint64
	reasons  [operation.ReasonParent + 1]atomic.Uint64
	drops    [dropCount]atomic.Uint64
	merges   atomic.Uint64
	splits   atomic.Uint64
	entries  atomic.Int64
	waiting  atomic.Int64
	finished atomic.Int64
	runaways atomic.Int64
}

func (c *counters) reason(r operation.Reason)                { c.reasons[r].Add(1) }
func (c *counters) drop(d Drop)                              { c.drops[d].Add(1) }
func (e *Engine) policy(v *operation.View) *operation.Policy { return e.settings.Policy(v) }

// Stats is what the engine holds and has done since it began.
type Stats struct {
	// Operations held, of them finished, of them runaways; facts waiting for their operation.
	Operations, Finished, Runaways, Waiting int
	// Facts by kind, attachments by reason and drops by reason since the start.
	Facts   map[string]uint64
	Reasons map[string]uint64
	Drops   map[string]uint64
	// Merges counts operations found to be the same, Splits traces found to hold several.
	Merges, Splits uint64
}

// Stats returns the counts.
func (e *Engine) Stats() Stats {
	c := &e.counts
	s := Stats{
		Operations: int(c.entries.Load()), Finished: int(c.finished.Load()), Runaways: int(c.runaways.Load()), Waiting: int(c.waiting.Load()),
		Facts: map[string]uint64{}, Reasons: map[string]uint64{}, Drops: map[string]uint64{},
		Merges: c.merges.Load(), Splits: c.splits.Load(),
	}
	for k := range c.facts {
		if k != int(operation.KindUnknown) {
			s.Facts[operation.Kind(k).String()] = c.facts[k].Load()
		}
	}
	for r := range c.reasons {
		if r != int(operation.ReasonUnknown) {
			s.Reasons[operation.Reason(r).String()] = c.reasons[r].Load()
		}
	}
	for d := range c.drops {
		s.Drops[Drop(d).String()] = c.drops[d].Load()
	}
	return s
}
