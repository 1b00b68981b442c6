package engine

import (
	"slices"

	"github.com/throughline/throughline/internal/operation"
)

// Open keeps what is to be known at any time of all operations that are not over, so that nobody need look at each of them.
// It must be safe for concurrent use, quick, and must not call back or keep the view.
type Open interface {
	// Note takes note of how an operation stands now. Number is what the call before returned for it, 0 for the first one;
	// Note returns 0 if there is nothing to keep.
	Note(number uint32, name string, v *operation.View, verdict *operation.Verdict) uint32
	// Forget lets go of what was noted.
	Forget(number uint32)
}

// note keeps Settings.Open up to date. Called with the shard's lock held.
func (e *Engine) note(n *entry, view *operation.View, policy *operation.Policy) {
	n.stale = false
	if e.settings.Open == nil || (n.state.Final() && n.noted == 0) {
		return
	}
	verdict := n.verdict()
	n.noted = e.settings.Open.Note(n.noted, nameOf(view, policy), view, &verdict)
}

// unnote lets go of what was noted. Called with the shard's lock held.
func (e *Engine) unnote(n *entry) {
	n.stale = false
	if n.noted != 0 {
		e.settings.Open.Forget(n.noted)
		n.noted = 0
	}
}

// outdate notes that facts came that Settings.Open does not know of. Called with the lock held.
func (s *shard) outdate(n *entry) {
	if s.notes && !n.stale {
		n.stale = true
		s.stale = append(s.stale, n)
	}
}

// RefreshOpen brings Settings.Open up to date with the facts that came since their operations were judged. It costs nothing
// for all other operations: what was learned or presumed since from
// others does not count before they are judged again, just as in their verdicts.
func (e *Engine) RefreshOpen() {
	r := e.reducers.Get().(*operation.Reducer)
	defer e.reducers.Put(r)
	for i := range e.shards {
		s := &e.shards[i]
		for some := range slices.Chunk(s.takeStale(), atOnce) {
			s.refresh(e, r, some)
		}
	}
}

func (s *shard) takeStale() []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	stale := s.stale
	s.stale, s.pruned = nil, 0
	return stale
}

func (s *shard) refresh(e *Engine, r *operation.Reducer, some []*entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range some {
		if n.stale {
			s.refreshSafely(e, r, n)
		}
	}
}

// refreshSafely keeps a defect in reducing one operation from all others, as judgeSafely does.
func (s *shard) refreshSafely(e *Engine, r *operation.Reducer, n *entry) {
	defer func() {
		if recover() != nil {
			e.counts.drop(DropDefect)
		}
	}()
	n.stale = false
	if n.op.Pending() == 0 {
		e.unnote(n)
		return
	}
	view := r.View(&n.op, &e.habits)
	e.unpaired.presume(view)
	policy := e.policy(view)
	if verdict := n.verdict(); !verdict.State.Final() {
		view.Await(policy, &e.settings.Circumstances)
	}
	e.note(n, view, policy)
}

// seldom is the length from which a list that nobody takes is looked through. It then is when it has doubled, so that each entry
// is looked at but a few times however often it is asked for.
const seldom = 256

func hasDoubled(length, last int) bool { return length >= seldom && length >= 2*last }

// pruneStale keeps the list from growing while nobody refreshes.
func (s *shard) pruneStale() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !hasDoubled(len(s.stale), s.pruned) {
		return
	}
	defer func() { s.pruned = len(s.stale) }()
	s.stale = slices.DeleteFunc(s.stale, func(n *entry) bool { return !n.stale })
	if len(s.stale) == 0 {
		s.stale = nil
	}
}
