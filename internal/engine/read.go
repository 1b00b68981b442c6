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
	if n := e.identity.ids[idKey{namespace, id}].find(); n != nil {
		return n
	}
	record, ok := operation.ParseImplicitID(id)
	if !ok {
		return nil
	}
	t := e.identity.traces[record.Trace]
	if t == nil {
		return nil
	}
	if t.shared != nil {
		return t.shared.spans[record.Span].find()
	}
	return t.owner.find()
}

func (e *Engine) snapshot(n *entry) (Snapshot, bool) {
	s := e.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.op.Len() == 0 {
		return Snapshot{}, false
	}
	view := n.op.View(&e.habits)
	policy := n.policy
	if policy == nil {
		policy = e.policy(view)
	}
	verdict := n.verdict
	if !n.judged {
		verdict = operation.Verdict{Hop: -1, Consumer: -1}
	}
	if verdict.Hop >= len(view.Hops) || (verdict.Hop >= 0 && verdict.Consumer >= len(view.Hops[verdict.Hop].Consumers)) {
		verdict.Hop, verdict.Consumer = -1, -1
	}
	return Snapshot{
		View: view, Verdict: verdict, Policy: policy, Name: nameOf(view, policy), FinalRevision: n.finalRevision,
		UpdatedAt: max(n.arrived, n.updated), Runaway: n.runaway,
	}, true
}

// All yields every operation whose last verdict matches, in no particular order. No lock is held while the caller is at work.
func (e *Engine) All(match func(operation.Verdict) bool) iter.Seq[Snapshot] {
	return func(yield func(Snapshot) bool) {
		for i := range e.shards {
			for _, n := range e.shards[i].matching(match) {
				if snapshot, ok := e.snapshot(n); ok && !yield(snapshot) {
					return
				}
			}
		}
	}
}

func (s *shard) matching(match func(operation.Verdict) bool) []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*entry
	for _, first := range [...]*entry{s.open.oldest, s.finished.oldest} {
		for n := first; n != nil; n = n.newer {
			if match(n.verdict) {
				found = append(found, n)
			}
		}
	}
	return found
}
