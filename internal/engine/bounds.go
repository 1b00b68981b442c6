package engine

import "math"

// trim lets operations go while the engine holds too many: finished ones first, else the one for which nothing has come for
// longest, so that a flood of operations that come to nothing does not drive out those that go on. It runs between facts,
// because attaching one fact may begin several operations and has them in hand. Called with Engine.mu held.
func (e *Engine) trim() {
	for int(e.counts.entries.Load()) > e.settings.MaxOperations {
		n, reason := e.victim()
		if n == nil {
			return
		}
		e.identity.remove(n)
		e.counts.drop(reason)
	}
}

// victim looks through the shards by turns, beginning with the one that the newest operation went to, so that over time
// it is the most idle of all that leaves.
func (e *Engine) victim() (*entry, Drop) {
	if e.counts.finished.Load() > 0 {
		for i := range uint64(shardCount) {
			if n := e.shards[(e.identity.seq+i)%shardCount].finishedBy(math.MaxInt64); n != nil {
				return n, DropEvictedFinished
			}
		}
	}
	for i := range uint64(shardCount) {
		if n := e.shards[(e.identity.seq+i)%shardCount].idlest(); n != nil {
			return n, DropEvictedOpen
		}
	}
	return nil, DropEvictedOpen
}

// maxSpared bounds how many operations are looked at to find an idle one.
const maxSpared = 256

// idlest returns the open operation to which nothing came for longest, nearly, nil without one. Operations are chained as
// they were looked at here: one to which something came since goes to the end, and the next one is looked at (the second
// chance, or clock, of page replacement). So what comes for an operation need not move it.
func (s *shard) idlest() *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range maxSpared {
		n := s.open.oldest
		if n == nil || !n.active {
			return n
		}
		n.active = false
		s.open.remove(n)
		s.open.push(n)
	}
	return s.open.oldest
}

// finishedBy returns the operation with the oldest final verdict, if that came by the given time.
func (s *shard) finishedBy(at int64) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.finished.oldest; n != nil && n.updated <= at {
		return n
	}
	return nil
}

// atOnce bounds how many operations are dealt with while a lock is held, so that nobody waits for it for long.
const atOnce = 32

// expire lets finished operations go whose retention is over, empty ones, and facts that have waited for too long.
func (e *Engine) expire(at int64) {
	for i := range e.shards {
		s := &e.shards[i]
		for s.finishedBy(at-int64(e.settings.Retention)) != nil {
			e.expireSome(s, at-int64(e.settings.Retention))
		}
		if empty := s.takeEmpty(); len(empty) > 0 {
			e.expireEmpty(s, empty)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.identity.parked.expire(at - int64(e.settings.WaitFor))
	e.counts.waiting.Store(int64(e.identity.parked.live))
}

func (e *Engine) expireSome(s *shard, by int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for range atOnce {
		n := s.finishedBy(by)
		if n == nil {
			break
		}
		e.identity.remove(n)
	}
}

func (s *shard) takeEmpty() []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	empty := s.empty
	s.empty = nil
	return empty
}

// expireEmpty lets those go that are still empty.
func (e *Engine) expireEmpty(s *shard, empty []*entry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, n := range empty {
		if !n.moved && !n.removed && s.isEmpty(n) {
			e.identity.remove(n)
		}
	}
}

func (s *shard) isEmpty(n *entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return n.op.Pending() == 0
}
