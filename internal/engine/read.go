package engine

import (
	"iter"

	"github.com/throughline/throughline/internal/operation"
)

// Snapshot is one operation as it was last judged.
type Snapshot struct {
	View          *operation.View
	Verdict       operation.Verdict
	Policy        *operation.Policy
	Name          string
	FinalRevision uint32
	// Revision is that of the last change.
	Revision uint32
	// UpdatedAt is when a fact last came or the verdict last changed, in nanoseconds since 1970.
	UpdatedAt int64
	Runaway   bool
}

// Get returns the operation with the given ID or alias.
func (e *Engine) Get(namespace, id string) (Snapshot, bool) {
	n := e.lookup(namespace, id)
	if n == nil {
		return Snapshot{}, false
	}
	return e.snapshot(n)
}

func (e *Engine) lookup(namespace, id string) *entry {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.find(namespace, id)
}

// Facts returns the facts of the operation with the given ID or alias, nil if there is none.
func (e *Engine) Facts(namespace, id string) []operation.Fact {
	n := e.lookup(namespace, id)
	if n == nil {
		return nil
	}
	s := e.shard(n)
	s.mu.Lock()
	// The bytes of an operation never change.
	op := n.op
	s.mu.Unlock()
	return op.Facts()
}

func (e *Engine) snapshot(n *entry) (Snapshot, bool) {
	s := e.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.op.Pending() == 0 {
		return Snapshot{}, false
	}
	view := n.op.View(&e.habits)
	e.unpaired.presume(view)
	policy, verdict := e.policy(view), n.verdict()
	if !n.judged {
		verdict = operation.Verdict{Hop: -1, Consumer: -1}
	}
	if verdict.Hop >= len(view.Hops) || (verdict.Hop >= 0 && verdict.Consumer >= len(view.Hops[verdict.Hop].Consumers)) {
		verdict.Hop, verdict.Consumer = -1, -1
	}
	if !verdict.State.Final() {
		view.Await(policy, &e.settings.Circumstances)
	}
	return Snapshot{
		View: view, Verdict: verdict, Policy: policy, Name: nameOf(view, policy), FinalRevision: uint32(n.finalRevision), Revision: n.revision,
		UpdatedAt: max(n.arrived, n.updated), Runaway: n.runaway,
	}, true
}

// Summary is what lists are made from, without computing a view.
type Summary struct {
	operation.Identity
	Name    string
	Verdict operation.Verdict
	// Rule is the name of the rule by which it was judged, "" for the defaults or if it was not judged yet.
	Rule string
	// UpdatedAt is that of the snapshot.
	UpdatedAt int64
	entry     *entry
}

// summariesAtOnce bounds for how many operations a lock is held at a time.
const summariesAtOnce = 256

// Summaries yields all operations in no particular order; whether one that begins meanwhile is among them is open. No lock
// is held while the caller is at work.
func (e *Engine) Summaries() iter.Seq[Summary] {
	return func(yield func(Summary) bool) {
		var some []Summary
		for i := range e.shards {
			s := &e.shards[i]
			held := s.entries()
			for len(held) > 0 {
				n := min(len(held), summariesAtOnce)
				some = s.summaries(e, held[:n], some[:0])
				held = held[n:]
				for _, summary := range some {
					if !yield(summary) {
						return
					}
				}
			}
		}
	}
}

// Snapshot returns the operation behind a summary; false if it is no more.
func (e *Engine) Snapshot(s Summary) (Snapshot, bool) { return e.snapshot(s.entry) }

// Mentions reports whether the view of the operation behind a summary may show the service and the destination, "" for any.
func (e *Engine) Mentions(s *Summary, service, destination string) bool {
	shard := e.shard(s.entry)
	shard.mu.Lock()
	// The bytes of an operation never change.
	op := s.entry.op
	shard.mu.Unlock()
	return op.Mentions(service, destination, &e.habits)
}

// entries lists what the shard holds.
func (s *shard) entries() []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*entry
	for _, first := range [...]*entry{s.open.oldest, s.finished.oldest} {
		for n := first; n != nil; n = n.newer {
			all = append(all, n)
		}
	}
	return all
}

// summaries appends those of the entries, but for entries that left or have no facts.
func (s *shard) summaries(e *Engine, of []*entry, all []Summary) []Summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range of {
		if n.op.Pending() == 0 {
			continue
		}
		all = append(all, s.summary(e, n))
	}
	return all
}
