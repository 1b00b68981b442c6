package skew

import (
	"cmp"
	"slices"
)

// Offset tells by how much the clock of `to` is proven to be behind that of `from`, in nanoseconds; it is negative where it
// is ahead. What was recorded by the clock of `to` happened that much later, and a wait was that much longer. ok is false,
// and the offset 0, while nothing is proven. Offset(a, b) is always -Offset(b, a).
func (e *Estimator) Offset(from, to string) (nanos int64, ok bool) {
	k, reversed := keyOf(from, to)
	e.mu.RLock()
	p := e.pairs[k]
	if p != nil {
		nanos = p.behind
	}
	e.mu.RUnlock()
	if reversed {
		nanos = -nanos
	}
	return nanos, nanos != 0
}

// Correct returns what the wait between two services was as far as is proven, at least 0, and whether that differs from
// what was recorded. It must be given recorded waits: corrected ones carry no offset any more.
func (e *Estimator) Correct(from, to string, wait int64) (corrected int64, skewed bool) {
	offset, _ := e.Offset(from, to)
	if wait > maxWait || wait < -maxWait {
		return max(0, wait), wait < 0
	}
	corrected = max(0, wait+offset)
	return corrected, corrected != wait
}

// Pair is what is known of the clocks of two services.
type Pair struct {
	// Behind is the service whose clock is behind, Ahead the other one.
	Ahead, Behind string
	// Nanos is by how much at least, 0 where nothing is proven.
	Nanos int64
	// Contradictory says that one direction alone would prove more: several clocks go by one name, or one was set just now.
	Contradictory bool
	// Moments is the number of samples in both directions that this rests on, and At the event time of the latest one, in
	// nanoseconds since 1970.
	Moments int
	At      int64
}

// Report lists up to limit pairs whose clocks disagree, those that disagree most first.
func (e *Estimator) Report(limit int) []Pair {
	e.mu.RLock()
	defer e.mu.RUnlock()
	var out []Pair
	for k, p := range e.pairs {
		if p.behind != 0 || p.contradictory {
			out = append(out, p.report(k, &e.settings))
		}
	}
	slices.SortFunc(out, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(b.Nanos, a.Nanos), cmp.Compare(a.Ahead, b.Ahead), cmp.Compare(a.Behind, b.Behind))
	})
	return out[:min(len(out), max(0, limit))]
}

func (p *pair) report(k key, s *Settings) Pair {
	var buffer [moments]moment
	out := Pair{Ahead: k.low, Behind: k.high, Nanos: p.behind, Contradictory: p.contradictory}
	if p.behind < 0 {
		out.Ahead, out.Behind, out.Nanos = k.high, k.low, -p.behind
	}
	var seq uint64
	for _, d := range []*direction{&p.forth, &p.back} {
		out.Moments += len(d.valid(s.MaxAge, buffer[:0]))
		if d.count > 0 && d.latest().seq > seq {
			seq, out.At = d.latest().seq, d.latest().at
		}
	}
	return out
}

// Stats returns the counts so far.
func (e *Estimator) Stats() Stats {
	e.mu.RLock()
	defer e.mu.RUnlock()
	stats := e.stats
	stats.Pairs = len(e.pairs)
	return stats
}
