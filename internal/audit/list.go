package audit

import (
	"cmp"
	"context"
	"slices"

	"github.com/throughline/throughline/internal/store"
)

// Position is the place of an entry in a list: the latest first.
type Position struct {
	At int64
	ID string
}

// Position returns the place of the entry.
func (e *Entry) Position() Position { return Position{e.At, e.ID} }

// Compare orders positions as lists do.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(q.At, p.At), cmp.Compare(p.ID, q.ID))
}

// Query says which entries are asked for.
type Query struct {
	// Subjects are what the entries are about, any of them; none: about anything.
	Subjects []Subject
	// Notes says that only notes are asked for.
	Notes bool
	// Since is the earliest time, 0 for none.
	Since int64
	// Limit is the greatest number of entries, at least 1.
	Limit int
	// After is the place after which the list goes on, nil for its beginning.
	After *Position
	// Now is the time by which what is pending has expired, in nanoseconds since 1970.
	Now int64
}

// Page is a part of a list.
type Page struct {
	Entries []Entry
	// Next is the place after which the next page begins, nil if there is none.
	Next *Position
	// Partial is why the store could not be read, nil if it could, or there is none: the page has what memory has.
	Partial error
	// Forgotten says that there is no store: a restart forgets all of it.
	Forgotten bool
}

// List returns a page of entries, the latest first. It fails only when ctx ends.
func (j *Journal) List(ctx context.Context, q Query) (Page, error) {
	r := newReading(j, &q)
	r.page.Forgotten = j.current() == nil
	if len(q.Subjects) == 0 {
		r.read(ctx, "")
	}
	for i := range q.Subjects {
		r.read(ctx, q.Subjects[i].key())
	}
	slices.SortFunc(r.page.Entries, func(a, b Entry) int { return a.Position().Compare(b.Position()) })
	if len(r.page.Entries) > q.Limit {
		r.page.Entries = slices.Clip(r.page.Entries[:q.Limit])
		last := r.page.Entries[q.Limit-1].Position()
		r.page.Next = &last
	}
	for i := range r.page.Entries {
		r.join(ctx, &r.page.Entries[i])
	}
	return r.page, ctx.Err()
}

func (j *Journal) current() Store {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.store
}

// reading is a list being read.
type reading struct {
	j    *Journal
	q    *Query
	page Page
	seen map[string]struct{}
	// results and doneAt are what was found of results on the way, by the IDs of their entries.
	results map[string]line
	doneAt  map[string]int64
}

func newReading(j *Journal, q *Query) *reading {
	return &reading{j: j, q: q, seen: map[string]struct{}{}, results: map[string]line{}, doneAt: map[string]int64{}}
}

const (
	// linesMore is how many lines are read beyond those that are wanted: results, and those that came at the same time.
	linesMore = 16
	// linesAtOnce bounds how many are read at first.
	linesAtOnce = 64
)

// read adds the entries of a subject until there are more than enough.
func (r *reading) read(ctx context.Context, subject string) {
	before, wanted, found := int64(0), min(r.q.Limit, linesAtOnce)+linesMore, 0
	if r.q.After != nil {
		before = r.q.After.At + 1
	}
	for ctx.Err() == nil {
		lines := r.lines(ctx, subject, before, wanted)
		for i := range lines {
			if r.take(&lines[i].Entry, lines[i].kept) {
				found++
			}
		}
		if len(lines) < wanted || found > r.q.Limit || lines[len(lines)-1].At < r.q.Since {
			return
		}
		next := lines[len(lines)-1].At + 1
		if next == before {
			// All of them came at the same time.
			wanted *= 2
		}
		before = next
	}
}

// take adds an entry, or notes a result. It reports whether there is one entry more.
func (r *reading) take(s *store.Entry, kept bool) bool {
	if _, again := r.seen[s.ID]; again {
		return false
	}
	r.seen[s.ID] = struct{}{}
	l, err := decode(s.Data)
	if err == nil && l.Of != "" {
		r.results[l.Of], r.doneAt[l.Of] = l, s.At
		return false
	}
	e := l.entry(s)
	e.Kept = kept
	if err != nil {
		e.Action, e.State, e.Refusal = "unreadable", StateDone, err.Error()
	}
	if e.Action == ActionNote {
		e.DoneAt = e.At
	}
	if s.At < r.q.Since || (r.q.After != nil && e.Position().Compare(*r.q.After) <= 0) || (r.q.Notes && e.Action != ActionNote) {
		return false
	}
	r.page.Entries = append(r.page.Entries, e)
	return true
}

// join fills in what became of an entry.
func (r *reading) join(ctx context.Context, e *Entry) {
	if e.State != StatePending {
		return
	}
	if _, known := r.results[e.ID]; !known {
		lines := r.lines(ctx, resultKey(e.ID), 0, 1)
		for i := range lines {
			r.take(&lines[i].Entry, lines[i].kept)
		}
	}
	if l, done := r.results[e.ID]; done {
		e.State, e.Refusal, e.DoneAt = l.State, l.Refusal, r.doneAt[e.ID]
	} else if r.q.Now-e.At > int64(Patience) {
		e.State = StateExpired
	}
}

// lines returns the latest lines of a subject before a time: those of the store, and those of memory that it has not. Memory is read
// first: what moves from there to the store meanwhile is seen twice rather than never.
func (r *reading) lines(ctx context.Context, subject string, before int64, limit int) []held {
	lines := r.j.held(subject, before)
	if s := r.j.current(); s != nil {
		found, err := s.Journal(ctx, subject, before, limit)
		if err != nil {
			r.page.Partial = err
		} else {
			lines = slices.DeleteFunc(lines, func(l held) bool { return l.kept })
		}
		for i := range found {
			lines = append(lines, held{found[i], true})
		}
	}
	slices.SortFunc(lines, func(a, b held) int { return Position{a.At, a.ID}.Compare(Position{b.At, b.ID}) })
	return lines[:min(len(lines), limit)]
}

// held returns the lines in memory that match.
func (j *Journal) held(subject string, before int64) []held {
	j.mu.Lock()
	defer j.mu.Unlock()
	var lines []held
	for _, l := range j.recent {
		if (subject == "" || subject == l.Subject) && (before == 0 || l.At < before) {
			lines = append(lines, l)
		}
	}
	return lines
}

// Result returns the entry with what became of it by now. It fails only when ctx ends.
func (j *Journal) Result(ctx context.Context, e Entry, now int64) (Entry, error) {
	r := newReading(j, &Query{Now: now, Limit: 1})
	r.join(ctx, &e)
	return e, ctx.Err()
}
