package console

import (
	"cmp"
	"iter"
	"slices"
)

// compare orders positions as lists do.
func (p *Position) compare(q *Position) int {
	return cmp.Or(
		cmp.Compare(q.UpdatedAt, p.UpdatedAt),
		cmp.Compare(p.Namespace, q.Namespace),
		cmp.Compare(p.ID, q.ID),
	)
}

// Selection is what Select chose: places, in order, of which the records are yet to be computed.
type Selection struct {
	Positions []Position
	// More says that others follow.
	More bool
}

// Select chooses the operations that the query asks for in one pass, and keeps no more than some multiple of q.Limit
// places meanwhile.
//
// An operation that does not change while a reader goes from page to page is in exactly one of them. One that changes
// moves to the beginning, which the reader has passed; so it is in at most one, and among those updated since.
func Select(q Query, summaries iter.Seq[Summary]) Selection {
	first := earliest{wanted: q.Limit + 1}
	for s := range summaries {
		p := Position{UpdatedAt: s.UpdatedAt, Namespace: s.Namespace, ID: s.ID}
		if q.After != nil && p.compare(q.After) <= 0 {
			continue
		}
		if first.wants(&p) && q.Matches(&s) {
			first.add(p)
		}
	}
	first.cut()
	if len(first.kept) > q.Limit {
		return Selection{Positions: first.kept[:q.Limit], More: true}
	}
	return Selection{Positions: first.kept}
}

// Page computes the records of the selection. One that has gone since, or does not match any more, is left out: it would
// contradict the filter.
func (s Selection) Page(q Query, lookup func(namespace, id string) (Record, bool)) Page {
	page := Page{Items: make([]Item, 0, len(s.Positions))}
	for _, p := range s.Positions {
		r, ok := lookup(p.Namespace, p.ID)
		if !ok {
			continue
		}
		if summary := summarize(&r); q.Matches(&summary) {
			page.Items = append(page.Items, Item{At: p, Record: r})
		}
	}
	if s.More {
		page.Next = &s.Positions[len(s.Positions)-1]
	}
	return page
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

// cut puts the places in order and leaves the wanted ones.
func (e *earliest) cut() {
	slices.SortFunc(e.kept, func(a, b Position) int { return a.compare(&b) })
	if len(e.kept) >= e.wanted {
		e.kept = e.kept[:e.wanted]
		last := e.kept[e.wanted-1]
		e.last = &last
	}
}
