package operation

import "sync"

// Symbols hold names that many facts share (services, destinations, span names), so that an operation stores a small
// number in their place. They are bounded: when full, names are stored as they are. It is safe for concurrent use.
type Symbols struct {
	limit int

	mu    sync.RWMutex
	index map[string]uint32 // guarded by mu
	names []string          // guarded by mu
}

// maxSymbol is the length in bytes up to which a name is shared.
const maxSymbol = 256

// NewSymbols returns an empty table for at most limit names.
func NewSymbols(limit int) *Symbols {
	return &Symbols{limit: limit, index: make(map[string]uint32)}
}

// number returns the number of a name, from 1, or 0 if it is not shared.
func (s *Symbols) number(name string) uint32 {
	if s == nil || len(name) > maxSymbol {
		return 0
	}
	s.mu.RLock()
	n := s.index[name]
	s.mu.RUnlock()
	if n != 0 {
		return n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.index[name]; n != 0 || len(s.names) >= s.limit {
		return n
	}
	s.names = append(s.names, name)
	n = uint32(len(s.names))
	s.index[name] = n
	return n
}

func (s *Symbols) name(number uint32) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.names[number-1]
}

// Len returns the number of names held.
func (s *Symbols) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.names)
}
