package console

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/throughline/throughline/internal/operation"
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

// Glance is what a source can tell of an operation at almost no cost; it must be what its summary says.
type Glance struct {
	State     operation.State
	Reason    operation.StuckReason
	Flags     operation.Flags
	UpdatedAt int64
}

// Scan yields, in any order, the operations that are wanted after a glance, and by their names if these are asked for (called is not nil). Each is asked for once, just before those are yielded that were
// wanted lately: what is wanted may depend on what was yielded by then.
type Scan = func(wants func(Glance) bool, called func(id, name string, aliases []string) bool) iter.Seq[Summary]

// Selection is what Select chose: places, in order, of which the records are yet to be computed.
type Selection struct {
	Positions []Position
	// Next is the last of them, nil if no others follow.
	Next *Position
}

// Select chooses the operations that the query asks for in one pass, and keeps no more than some multiple of q.Limit
// places meanwhile.
//
// An operation that does not change while a reader goes from page to page is in exactly one of them. One that changes
// moves to the beginning, which the reader has passed; so it is in at most one, and among those updated since.
func Select(q Query, scan Scan) Selection {
	first := earliest{wanted: q.Limit + 1}
	wants := func(g Glance) bool {
		return (q.After == nil || g.UpdatedAt <= q.After.UpdatedAt) && (first.last == nil || g.UpdatedAt >= first.last.UpdatedAt) && q.glances(g)
	}
	for s := range scan(wants, q.called()) {
		p := Position{UpdatedAt: s.UpdatedAt, Namespace: s.Namespace, ID: s.ID}
		if q.After != nil && p.compare(q.After) <= 0 {
			continue
		}
		if first.wants(&p) && q.Matches(&s) {
			first.add(p)
		}
	}
	first.cut()
	if len(first.kept) <= q.Limit {
		return Selection{Positions: first.kept}
	}
	return Selection{Positions: first.kept[:q.Limit], Next: &first.kept[q.Limit-1]}
}

// Patience bounds the time that a page takes, as far as it depends on a store.
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

// Ended reports whether time is up when so many were found.
func (p *Patience) Ended(found int) bool {
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
