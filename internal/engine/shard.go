package engine

import (
	"sync"

	"github.com/throughline/throughline/internal/operation"
)

// shard holds a part of the operations: a lock, the entries in order of age and a heap of deadlines.
type shard struct {
	mu        sync.Mutex
	open      chain
	finished  chain
	deadlines deadlines
	// dirty are to be judged by the next sweep; gone were announced and then left. swept are lists that can be used again.
	// postponed is how many were left in dirty when they were looked through last without a sweep.
	dirty     []*entry
	gone      []departure
	swept     []*entry
	postponed int
	// empty have lost all of their facts.
	empty []*entry
	// stale are those of which Settings.Open does not know all, pruned how many were left when the list was pruned last; notes
	// says that there is such a setting.
	stale  []*entry
	pruned int
	notes  bool
}

// chain is a doubly linked list of entries, the oldest first.
type chain struct{ oldest, newest *entry }

func (c *chain) push(n *entry) {
	n.older, n.newer = c.newest, nil
	if c.newest != nil {
		c.newest.newer = n
	} else {
		c.oldest = n
	}
	c.newest = n
}

func (c *chain) remove(n *entry) {
	if n.older != nil {
		n.older.newer = n.newer
	} else {
		c.oldest = n.newer
	}
	if n.newer != nil {
		n.newer.older = n.older
	} else {
		c.newest = n.older
	}
	n.older, n.newer = nil, nil
}

// add puts a fact into an operation, and reports whether there was room for it.
func (s *shard) add(e *Engine, n *entry, f *operation.Fact) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put(e, n, f)
}

// put is add with the lock held.
func (s *shard) put(e *Engine, n *entry, f *operation.Fact) bool {
	if n.runaway || n.op.Pending() >= e.settings.MaxFacts && n.op.Len() >= e.settings.MaxFacts {
		// It stays, for if it left it would begin anew.
		if !n.runaway {
			e.counts.runaways.Add(1)
		}
		n.runaway, n.active = true, true
		if !e.identity.replaying() {
			e.counts.drop(DropRunaway)
		}
		return false
	}
	n.active = n.op.Pending() > 0
	n.op.Add(f)
	n.arrived = e.identity.arrival(n.arrived)
	n.introduce(e, f)
	s.touch(n)
	return true
}

// touch lets the next sweep judge the operation. Called with the lock held.
func (s *shard) touch(n *entry) {
	s.outdate(n)
	if !n.dirty {
		n.dirty = true
		s.dirty = append(s.dirty, n)
	}
}

// schedule sets when the operation is to be judged next, 0 for never. Called with the lock held.
func (s *shard) schedule(n *entry, due int64) { s.deadlines.set(n, due) }

// leave takes an entry out of the shard; left says that it gives way. Called with the lock held.
func (s *shard) leave(e *Engine, n *entry, left bool) {
	if n.finished {
		s.finished.remove(n)
		e.counts.finished.Add(-1)
	} else {
		s.open.remove(n)
	}
	if n.runaway {
		e.counts.runaways.Add(-1)
	}
	s.schedule(n, 0)
	e.unpaired.forget(n, left)
	e.unnote(n)
	n.dirty = false
	if n.announced && n.missed() {
		s.gone = append(s.gone, n.depart(left))
	}
}

// missed reports whether outputs count on being told that the operation is no more: it is part of some trouble.
func (n *entry) missed() bool {
	return n.state.Troubled() || n.state == operation.StateUnknown
}

// vacate deals with an operation all of whose facts turned out to belong elsewhere: it begins anew if others come. Former is what it was.
// Called with the lock held.
func (s *shard) vacate(e *Engine, n *entry, former departure) {
	if n.announced && n.missed() {
		s.gone = append(s.gone, former)
	}
	of := n.spent()
	n.announced, n.judged, n.revision, n.finalRevision = false, false, 0, 0
	n.spend(of)
	n.ended, n.late = operation.StateInProgress, false
	n.setVerdict(&operation.Verdict{Hop: -1, Consumer: -1})
	s.shelve(e, n)
}
