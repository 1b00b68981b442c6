package console

import "math"

// Archived is an operation that only the store has. Cursor is where the list of the store goes on behind it.
type Archived struct {
	Record Record
	Cursor string
}

// Archive is the list of operations that only the store has, the latest updated first.
type Archive interface {
	// Next returns at most limit of those that match, were updated at a time or later, and come behind a cursor of it, "" for its beginning. It
	// says where the list goes on and whether there are more; it returns none although there may be more only if time is up.
	Next(cursor string, since int64, limit int) (some []Archived, next string, more bool, err error)
}

// Merge makes a page of what was selected from memory and of what only the store has, nil if there is none. Records in memory are computed by
// lookup; one that has gone since, or does not match any more, is left out: it would contradict the filter.
//
// An operation that leaves memory while a reader goes from page to page may come once more, at the time of its last verdict, if something of it
// arrived after that; one that leaves in the moment in which the store has nothing to show within the time of a page may be missed.
func Merge(q Query, live Selection, lookup func(namespace, id string) (Record, bool), archive Archive) Page {
	m := merging{
		q: &q, left: live, lookup: lookup, archive: archive, more: archive != nil, since: math.MinInt64,
		page: Page{Items: []Item{}}, at: Position{UpdatedAt: math.MaxInt64}, seen: map[[2]string]struct{}{},
	}
	if q.After != nil {
		m.at = *q.After
	}
	m.read = m.at.Cursor
	if live.Next != nil {
		// What comes later in the list is for a later page: while it is in memory, its record is passed over, and it may leave before its page is read.
		m.since = live.Next.UpdatedAt + 1
	}
	for len(m.page.Items) < q.Limit && m.step() {
	}
	m.finish()
	return m.page
}

// merging is a page being made.
type merging struct {
	q       *Query
	left    Selection
	lookup  func(namespace, id string) (Record, bool)
	archive Archive

	page Page
	// at is the place up to which the page goes, with the cursor of what it took from the store.
	at Position
	// shelf was read from the store and not taken yet, read is the cursor behind it; more says that the store may have more since that time.
	shelf []Archived
	read  string
	more  bool
	since int64
	// paused says that time was up before the store had anything.
	paused bool
	// seen are the operations in memory that were taken: one that changes while they are selected may be met twice.
	seen map[[2]string]struct{}
}

// step takes what comes next, and reports whether there may be more.
func (m *merging) step() bool {
	if len(m.shelf) == 0 && m.more && !m.fetch() {
		return false
	}
	switch {
	case len(m.left.Positions) > 0 && (len(m.shelf) == 0 || m.left.Positions[0].UpdatedAt >= m.shelf[0].Record.UpdatedAt):
		m.takeLive()
	case len(m.shelf) > 0:
		m.takeArchived()
	default:
		return false
	}
	return true
}

// fetch reads on in the store, and reports whether it is known what comes next there.
func (m *merging) fetch() bool {
	some, next, more, err := m.archive.Next(m.read, m.since, m.q.Limit-len(m.page.Items))
	if err != nil {
		m.page.Partial, m.more = err, false
		return true
	}
	m.shelf, m.read, m.more = some, next, more
	m.paused = len(some) == 0 && more
	return !m.paused
}

func (m *merging) takeLive() {
	p := m.left.Positions[0]
	m.left.Positions = m.left.Positions[1:]
	p.Cursor = m.at.Cursor
	m.at = p
	key := [2]string{p.Namespace, p.ID}
	if _, again := m.seen[key]; again {
		return
	}
	m.seen[key] = struct{}{}
	r, ok := m.lookup(p.Namespace, p.ID)
	if !ok {
		return
	}
	if m.q.MatchesRecord(&r) {
		m.page.Items = append(m.page.Items, Item{At: p, Record: r})
	}
}

func (m *merging) takeArchived() {
	a := m.shelf[0]
	m.shelf = m.shelf[1:]
	place := Position{UpdatedAt: a.Record.UpdatedAt, Archived: true, Cursor: m.at.Cursor}
	if m.at.compare(&place) < 0 {
		m.at = place
	}
	m.at.Cursor = a.Cursor
	m.page.Items = append(m.page.Items, Item{At: m.at, Record: a.Record})
}

// finish says where the next page begins. The cursor of the store is behind what was taken from there, and not behind what was read beyond that, as
// long as operations in memory come before: they may leave, and their records were passed over.
func (m *merging) finish() {
	shelved, liveTaken := len(m.shelf) > 0, len(m.left.Positions) == 0
	liveEnds := liveTaken && m.left.Next == nil
	read := m.archive != nil && m.page.Partial == nil
	if read && !shelved && (liveTaken || m.paused) {
		m.at.Cursor = m.read
	}
	switch {
	case liveEnds && !shelved && !m.more:
		return
	case liveEnds:
		// Nothing in memory is looked at again: what changes goes to the beginning.
		m.at = Position{UpdatedAt: math.MinInt64, Archived: true, Cursor: m.at.Cursor}
	case liveTaken && m.at.compare(m.left.Next) < 0:
		m.at = Position{UpdatedAt: m.left.Next.UpdatedAt, Namespace: m.left.Next.Namespace, ID: m.left.Next.ID, Cursor: m.at.Cursor}
	}
	at := m.at
	m.page.Next = &at
}
