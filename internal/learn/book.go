package learn

import (
	"sync"

	"github.com/DataDog/sketches-go/ddsketch/store"

	"github.com/throughline/throughline/internal/operation"
)

var _ operation.Experience = (*Book)(nil)

// Book holds what was learned. It is safe for concurrent use. Times are nanoseconds since 1970 UTC.
type Book struct {
	settings Settings // immutable after New

	mu sync.RWMutex
	// Guarded by mu, as is all that follows. now is the latest time that was passed in.
	now int64
	// flows are in one of two lists each: trusted are those of which enough is known to tell.
	flows         map[flowKey]*flow
	young         recent[flow]
	trusted       recent[flow]
	stages        int
	trustedStages int
	destinations  map[string]*place
	places        recent[place]
	stats         Stats
	// scratch and lesson are room to work in.
	scratch *store.CollapsingLowestDenseStore
	lesson  lesson
}

// Stats count what a [Book] holds and has let go.
type Stats struct {
	// Stages is the number of sketches, Destinations that of the destinations that are known.
	Stages, Destinations int
	// Learned counts the operations that were learned from.
	Learned uint64
	// Refused counts names that were not learned because parts of them change, Forgotten sketches and destinations that left to stay
	// within bounds.
	Refused, Forgotten uint64
}

// New returns a book in which nothing is written.
func New(settings Settings) (*Book, error) {
	if settings.DeadLetter == nil {
		settings.DeadLetter = operation.DeadLetterName
	}
	if settings.Retry == nil {
		settings.Retry = operation.RetryName
	}
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	b := &Book{
		settings: settings, flows: make(map[flowKey]*flow), destinations: make(map[string]*place),
		scratch: store.NewCollapsingLowestDenseStore(maxBins),
	}
	b.young.linkOf = func(f *flow) *link[flow] { return &f.link }
	b.trusted.linkOf = b.young.linkOf
	b.places.linkOf = func(p *place) *link[place] { return &p.link }
	return b, nil
}

// Stats returns the counts.
func (b *Book) Stats() Stats {
	b.mu.RLock()
	defer b.mu.RUnlock()
	s := b.stats
	s.Stages, s.Destinations = b.stages, len(b.destinations)
	return s
}

// Advance says what time it is, so that what is not seen any more is forgotten though nothing completes.
func (b *Book) Advance(now int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = max(b.now, now)
}

// Learn learns from an operation that completed. It is to be called once for each, and not for what ended otherwise.
func (b *Book) Learn(v *operation.View, now int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = max(b.now, now)
	b.stats.Learned++
	l := &b.lesson
	l.begin(b, v)
	for i := range l.hops {
		l.times(i)
	}
	l.follow()
	l.end()
	b.trim()
}
