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
	dirty     []*entry
	deadlines deadlines
	// gone are the ends of operations that were announced and then left, for the next sweep.
	gone []operation.Change
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
func (s *shard) add(e *Engine, n *entry, f *operation.Fact, at int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.runaway || n.op.Pending() >= e.settings.MaxFacts && n.op.Len() >= e.settings.MaxFacts {
		n.runaway = true
		e.counts.drop(DropRunaway)
		return false
	}
	n.op.Add(f)
	n.arrived = at
	if f.OperationName != "" && n.title(e.symbols) == "" {
		n.call(e.symbols, f.OperationName)
	}
	s.touch(n)
	return true
}

// touch lets the next sweep judge the operation. Called with the lock held.
func (s *shard) touch(n *entry) {
	if !n.dirty {
		n.dirty = true
		s.dirty = append(s.dirty, n)
	}
}

// schedule sets when the operation is to be judged next, 0 for never. Called with the lock held.
func (s *shard) schedule(n *entry, due int64) { s.deadlines.set(n, due) }

// leave takes an entry out of the shard. Called with the lock held.
func (s *shard) leave(e *Engine, n *entry) {
	if n.finished != 0 {
		s.finished.remove(n)
		e.counts.finished.Add(-1)
	} else {
		s.open.remove(n)
	}
	s.schedule(n, 0)
	e.unpaired.forget(n)
	n.dirty = false
	if n.announced {
		s.gone = append(s.gone, n.farewell(e))
	}
}

// farewell is the change by which outputs learn that an operation they were told of is no more: neither stuck nor failed.
func (n *entry) farewell(e *Engine) operation.Change {
	view := n.op.View(&e.habits)
	return operation.Change{
		View: view, Before: n.verdict(), Verdict: operation.Verdict{Hop: -1, Consumer: -1}, Policy: e.policy(view),
		Revision: n.revision + 1, FinalRevision: n.finalRevision, Gone: true, At: n.updated,
	}
}
