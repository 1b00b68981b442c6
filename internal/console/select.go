package console

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"
)

// compare orders positions as lists do.
func (p *Position) compare(q *Position) int {
	return cmp.Or(
		cmp.Compare(q.UpdatedAt, p.UpdatedAt),
		cmp.Compare(rank(p.Archived), rank(q.Archived)),
		cmp.Compare(p.Namespace, q.Namespace),
		cmp.Compare(p.ID, q.ID),
	)
}

func rank(archived bool) int {
	if archived {
		return 1
	}
	return 0
}

// Walk yields operations, each with a time after which none of those that are still to come was updated.
type Walk = iter.Seq2[Summary, int64]

// AnyOrder is a walk of which nothing is known in advance.
func AnyOrder(summaries iter.Seq[Summary]) Walk {
	return func(yield func(Summary, int64) bool) {
		for s := range summaries {
			if !yield(s, math.MaxInt64) {
				return
			}
		}
	}
}

// Selection is what Select chose: places, in order, of which the records are yet to be computed.
type Selection struct {
	Positions []Position
	// Next is the place up to which all was looked at, nil if nothing is left. It is the last of Positions if there are as many as were asked for.
	Next *Position
}

// Select chooses the operations that the query asks for, looks at no more of them than it takes to know which these are, and keeps no more than
// some multiple of q.Limit places meanwhile. When time is up it makes do with what is certain by then.
//
// An operation that does not change while a reader goes from page to page is in exactly one of them. One that changes
// moves to the beginning, which the reader has passed; so it is in at most one, and among those updated since.
func Select(q Query, walk Walk, patience *Patience) Selection {
	first, rest, visits, begin := earliest{wanted: q.Limit + 1}, int64(math.MaxInt64), 0, int64(math.MaxInt64)
	if q.After != nil {
		begin = q.After.UpdatedAt
	}
	for s, later := range walk {
		p := Position{UpdatedAt: s.UpdatedAt, Namespace: s.Namespace, ID: s.ID}
		if (q.After == nil || p.compare(q.After) > 0) && first.wants(&p) && q.Matches(&s) {
			first.add(p)
		}
		if later < rest {
			rest = later
			if rest < q.Since || first.complete(rest) {
				break
			}
		}
		if visits++; visits%visitsAtOnce == 0 && rest < begin && patience.Ended(len(first.kept)) {
			return first.until(rest, q.Limit)
		}
	}
	return first.selection(q.Limit)
}

// visitsAtOnce is how many operations are looked at before the time is.
const visitsAtOnce = 256

// Patience bounds the time that a page takes.
type Patience struct {
	// Now is the clock.
	Now func() time.Time
	// Enough is when a page that has something is handed out though it is not full, Most when one is that has nothing.
	Enough, Most time.Time
}

// NewPatience returns how long a page may take that begins now.
func NewPatience(now func() time.Time) *Patience {
	began := now()
	return &Patience{Now: now, Enough: began.Add(30 * time.Millisecond), Most: began.Add(time.Second)}
}

// Ended reports whether time is up when so many were found. Who has no patience set has no end of it.
func (p *Patience) Ended(found int) bool {
	if p == nil {
		return false
	}
	now := p.Now()
	return now.After(p.Most) || (found > 0 && now.After(p.Enough))
}

// earliest keeps the wanted number of places that come first in order. It sorts only when it holds twice as many, which
// costs less than keeping them in order all the time.
type earliest struct {
	wanted int
	kept   []Position
	// last is the last of the wanted ones at the latest cut, nil before one.
	last *Position
}

func (e *earliest) wants(p *Position) bool { return e.last == nil || p.compare(e.last) < 0 }

func (e *earliest) add(p Position) {
	e.kept = append(e.kept, p)
	if len(e.kept) >= 2*e.wanted {
		e.cut()
	}
}

// cut puts the places in order and leaves the wanted ones, each once.
func (e *earliest) cut() {
	slices.SortFunc(e.kept, func(a, b Position) int { return a.compare(&b) })
	e.kept = slices.Compact(e.kept)
	if len(e.kept) >= e.wanted {
		e.kept = e.kept[:e.wanted]
		last := e.kept[e.wanted-1]
		e.last = &last
	}
}

// complete reports whether the wanted ones are known, if none is to come that was updated after a time.
func (e *earliest) complete(rest int64) bool {
	if len(e.kept) < e.wanted {
		return false
	}
	e.cut()
	return len(e.kept) == e.wanted && e.last.UpdatedAt > rest
}

func (e *earliest) selection(limit int) Selection {
	e.cut()
	if len(e.kept) <= limit {
		return Selection{Positions: e.kept}
	}
	return Selection{Positions: e.kept[:limit], Next: &e.kept[limit-1]}
}

// until leaves out what is not certain while some are to come that were updated at a time or before.
func (e *earliest) until(rest int64, limit int) Selection {
	e.kept = slices.DeleteFunc(e.kept, func(p Position) bool { return p.UpdatedAt <= rest })
	s := e.selection(limit)
	if s.Next == nil {
		s.Next = &Position{UpdatedAt: rest}
	}
	return s
}
