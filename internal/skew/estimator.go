package skew

import "sync"

// maxName bounds the length of the names that are kept, in bytes.
const maxName = 255

// Estimator estimates clock offsets. It is safe for concurrent use.
type Estimator struct {
	settings Settings // immutable after New

	mu    sync.RWMutex
	pairs map[key]*pair // guarded by mu
	seq   uint64        // guarded by mu; the number of observations
	stats Stats         // guarded by mu
}

// Stats count what an [Estimator] has seen.
type Stats struct {
	// Pairs is the number of pairs of services that are known.
	Pairs int
	// Observed counts the waits, Negative those among them that were below 0.
	Observed, Negative uint64
	// Ignored counts waits that cannot be any: of more than 70 years, or between services without a name.
	Ignored uint64
	// Refused counts the waits of pairs that there was no room for, Evicted the pairs that gave way to new ones.
	Refused, Evicted uint64
}

// key names two services, the lesser name first: what is known of both directions belongs together.
type key struct{ low, high string }

func keyOf(from, to string) (k key, reversed bool) {
	if from > to {
		return key{to, from}, true
	}
	return key{from, to}, false
}

// pair is what is known of two services.
type pair struct {
	// forth holds the messages from low to high, back the others.
	forth, back direction
	// behind is by how much high's clock is behind low's, in nanoseconds; 0 if nothing is proven.
	behind        int64
	contradictory bool
	seq           uint64
}

// New returns an estimator that knows nothing yet.
func New(settings Settings) (*Estimator, error) {
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	return &Estimator{settings: settings, pairs: make(map[key]*pair)}, nil
}

// Observe takes note of a message that `from` sent and `to` received. wait is the time of receipt by the clock of `to` less
// the time of sending by that of `from`, in nanoseconds, as they were recorded: a corrected wait would hide what it was
// corrected for. at is the event time in nanoseconds since 1970. Messages from a service to itself tell nothing.
func (e *Estimator) Observe(from, to string, wait, at int64) {
	if from == to {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if from == "" || to == "" || wait > maxWait || wait < -maxWait {
		e.stats.Ignored++
		return
	}
	e.stats.Observed++
	if wait < 0 {
		e.stats.Negative++
	}
	e.seq++
	k, reversed := keyOf(from, to)
	p := e.pair(k)
	if p == nil {
		e.stats.Refused++
		return
	}
	p.seq = e.seq
	d := &p.forth
	if reversed {
		d = &p.back
	}
	if d.add(floor(at, int64(e.settings.Moment)), wait, e.seq) {
		p.settle(&e.settings)
	}
}

// floor rounds down to a multiple of unit, or to the least number that there is.
func floor(n, unit int64) int64 {
	rest := n % unit
	if rest < 0 {
		rest += unit
	}
	if n-rest > n {
		return n
	}
	return n - rest
}

// settle finds the offset that both directions agree on. What one direction proves must not make a wait in the other one
// negative, if that is of the same time; if it does, several clocks go by one name, or one was set in between.
func (p *pair) settle(s *Settings) {
	forth, forthSince := p.forth.claim(s.MaxAge)
	back, backSince := p.back.claim(s.MaxAge)
	forth, forthCut := capped(forth, forthSince, &p.back, s)
	back, backCut := capped(back, backSince, &p.forth, s)
	p.contradictory = forthCut || backCut
	switch {
	case forth > 0 && back > 0:
		// Neither is of the other's time: the later one holds.
		if forthSince < backSince {
			forth = 0
		} else {
			back = 0
		}
	}
	p.behind = forth - back
	if max(p.behind, -p.behind) < int64(s.Least) {
		p.behind = 0
	}
}

// capped reduces what one direction claims to what the other one allows.
func capped(claim int64, since uint64, other *direction, s *Settings) (allowed int64, cut bool) {
	if claim == 0 {
		return 0, false
	}
	most, ok := other.leastSince(since, s.MaxAge)
	if !ok || most >= claim {
		return claim, false
	}
	return max(0, most), true
}

// evictionTries is how many pairs are looked at to find one that may leave.
const evictionTries = 8

// pair returns what is known of the pair, which is made if there is room for it, or nil.
func (e *Estimator) pair(k key) *pair {
	if p := e.pairs[k]; p != nil {
		return p
	}
	if len(k.low) > maxName || len(k.high) > maxName || (len(e.pairs) >= e.settings.MaxPairs && !e.evict()) {
		return nil
	}
	p := &pair{}
	e.pairs[k] = p
	return p
}

// evict removes the quietest of a few pairs if nothing was heard of it while as many waits came in as there are pairs. What
// is busy stays, whoever floods.
func (e *Estimator) evict() bool {
	var quietest key
	found, tries := false, evictionTries
	oldest := e.seq
	for k, p := range e.pairs {
		if p.seq < oldest {
			quietest, oldest, found = k, p.seq, true
		}
		if tries--; tries == 0 {
			break
		}
	}
	if !found || e.seq-oldest < uint64(e.settings.MaxPairs) {
		return false
	}
	delete(e.pairs, quietest)
	e.stats.Evicted++
	return true
}
