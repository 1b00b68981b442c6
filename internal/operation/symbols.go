package operation

import (
	"strings"
	"sync"
	"sync/atomic"
)

// Symbols hold names that many facts share (services, destinations, span names), so that an operation stores a small
// number in their place. They are bounded: when full, names are stored as they are. It is safe for concurrent use.
type Symbols struct {
	limit int
	// recent holds the symbol last used of each slot: nearly every name is found there, without a lock.
	recent [recentSlots]atomic.Pointer[symbol]
	// names holds the symbols by number, from 1, for those who read.
	names atomic.Pointer[[]*symbol]

	forms forms

	mu    sync.Mutex
	index map[string]*symbol // guarded by mu
}

type symbol struct {
	name   string
	number uint32
}

const (
	// maxSymbol is the length in bytes up to which a name is shared.
	maxSymbol = 256
	// recentBits are those of the number of a slot.
	recentBits  = 10
	recentSlots = 1 << recentBits
)

// NewSymbols returns an empty table for at most limit names, and as many forms of facts.
func NewSymbols(limit int) *Symbols {
	s := &Symbols{limit: limit, index: make(map[string]*symbol)}
	s.names.Store(&[]*symbol{})
	s.forms.init(limit)
	return s
}

// Number returns the number of a name, from 1, or 0 if it is not shared.
func (s *Symbols) Number(name string) uint32 {
	if s == nil || name == "" || len(name) > maxSymbol {
		return 0
	}
	slot := &s.recent[slotOf(name)]
	if known := slot.Load(); known != nil && known.name == name {
		return known.number
	}
	known := s.intern(name)
	if known == nil {
		return 0
	}
	slot.Store(known)
	return known.number
}

func slotOf(name string) int {
	n := len(name)
	return (n*37 + int(name[0]) + int(name[n-1])<<3 + int(name[n/2])<<6) & (recentSlots - 1)
}

func (s *Symbols) intern(name string) *symbol {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.index[name]; known != nil || len(s.index) >= s.limit {
		return known
	}
	// It may be a part of something large.
	known := &symbol{name: strings.Clone(name), number: uint32(len(s.index) + 1)}
	s.index[known.name] = known
	// Readers hold older slices, of which this one is a longer version: what they can see of it does not change.
	names := append(*s.names.Load(), known)
	s.names.Store(&names)
	return known
}

// Name returns the name with a number from Number, "" for 0.
func (s *Symbols) Name(number uint32) string {
	if number == 0 {
		return ""
	}
	return (*s.names.Load())[number-1].name
}

// Len returns the number of names held.
func (s *Symbols) Len() int { return len(*s.names.Load()) }
