package originals

import (
	"sync"
	"sync/atomic"
)

// Demand says what is to be kept.
type Demand struct {
	// Spans says that inner spans are wanted; MaxBytes bounds what they take, as they are encoded.
	Spans    bool
	MaxBytes int
}

// Store keeps originals. It is safe for concurrent use.
type Store struct {
	resources resources
	spans     spans

	wanted, wantsSpans atomic.Bool

	mu      sync.Mutex
	demands map[*Demand]struct{} // guarded by mu
}

// New returns a store that keeps nothing yet.
func New() *Store {
	return &Store{
		resources: resources{known: make(map[identity]*entry)}, spans: spans{traces: make(map[traceID]*trace)},
		demands: make(map[*Demand]struct{}),
	}
}

// Ask lets the store keep what is demanded until release is called. Of several demands the greatest bound counts.
func (s *Store) Ask(d Demand) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.demands[&d] = struct{}{}
	s.adjust()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.demands, &d)
		s.adjust()
	}
}

// adjust brings the bounds up to date. Called with mu held.
func (s *Store) adjust() {
	spans, most := false, 0
	for d := range s.demands {
		if d.Spans {
			spans, most = true, max(most, d.MaxBytes)
		}
	}
	s.wanted.Store(len(s.demands) > 0)
	s.wantsSpans.Store(spans)
	s.spans.resize(most)
}

// Wanted reports whether somebody wants to know of resources, WantsSpans whether also of spans. They cost next to nothing.
func (s *Store) Wanted() bool { return s.wanted.Load() }

// WantsSpans reports whether somebody wants inner spans.
func (s *Store) WantsSpans() bool { return s.wantsSpans.Load() }

// Stats tell what is kept, and what was let go.
type Stats struct {
	// Services is the number of service instances known, Traces and Spans are the numbers of traces and spans kept, Bytes what
	// the spans take.
	Services, Traces, Spans, Bytes int
	// Dropped counts, by reason, what was not kept, or not for as long as it was needed.
	Dropped [DropCount]uint64
}

// Drop says why something was not kept.
type Drop uint8

// The reasons.
const (
	// DropUnclaimed: a span of a trace in which no operation was recognised within the time it takes to do so.
	DropUnclaimed Drop = iota
	// DropEvicted: a span of an operation that was not final gave way to newer ones, because there was no room.
	DropEvicted
	// DropTraceFull: a span of a trace that had as many as are kept of one.
	DropTraceFull
	// DropTooLarge: a span that is too large even when it is cut.
	DropTooLarge
	// DropService: a service instance beyond the number that is kept.
	DropService
	// DropCount is the number of reasons.
	DropCount
)

var dropNames = [...]string{"unclaimed", "evicted", "trace_full", "too_large", "service"}

// String returns the name used in metrics.
func (d Drop) String() string { return dropNames[d] }

// Stats returns the counts.
func (s *Store) Stats() Stats {
	var stats Stats
	s.spans.stats(&stats)
	s.resources.stats(&stats)
	return stats
}
