package engine

// trim lets operations go while the engine holds too many: finished ones first, else the oldest. It runs between facts,
// because attaching one fact may begin several operations and has them in hand. Called with Engine.mu held.
func (e *Engine) trim() {
	for int(e.counts.entries.Load()) > e.settings.MaxOperations {
		n, reason := e.victim()
		if n == nil {
			return
		}
		e.remove(n)
		e.counts.drop(reason)
	}
}

// victim looks through the shards by turns, beginning with the one that the newest operation went to, so that over time
// it is the oldest of all that leaves.
func (e *Engine) victim() (*entry, Drop) {
	if e.counts.finished.Load() > 0 {
		if n := e.oldest(true); n != nil {
			return n, DropEvictedFinished
		}
	}
	return e.oldest(false), DropEvictedOpen
}

func (e *Engine) oldest(finished bool) *entry {
	for i := range uint64(shardCount) {
		if n := e.shards[(e.identity.seq+i)%shardCount].oldest(finished); n != nil {
			return n
		}
	}
	return nil
}

func (s *shard) oldest(finished bool) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	if finished {
		return s.finished.oldest
	}
	return s.open.oldest
}

// expire lets finished operations go whose retention is over, and empty ones.
func (e *Engine) expire(at int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.shards {
		s := &e.shards[i]
		for {
			n := s.oldest(true)
			if n == nil || n.finished+int64(e.settings.Retention) > at {
				break
			}
			e.remove(n)
		}
	}
	e.identity.settle()
	e.identity.parked.expire(at - int64(e.settings.WaitFor))
	e.counts.waiting.Store(int64(e.identity.parked.live))
}

// remove lets an operation go, with everything that leads to it. Called with Engine.mu held.
func (e *Engine) remove(n *entry) {
	e.identity.dissolve(n)
	e.identity.discard(n)
}
