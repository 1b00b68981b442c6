package engine

import "time"

// SetBack takes note that the clock was set back to now: what seems to arrive in time to come arrived now. Else operations of that time
// would not be judged before it has come again. It may take a while for each of them, and holds no lock for long.
func (e *Engine) SetBack(now time.Time) {
	at := now.UnixNano()
	for i := range e.shards {
		e.shards[i].setBack(at)
	}
}

func (s *shard) setBack(at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.deadlines {
		if n := s.deadlines[i].entry; n.arrived > at {
			n.arrived = at
			s.touch(n)
		}
	}
}
