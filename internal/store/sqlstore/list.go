package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/store"
)

const (
	// visits bounds the rows of a term that a page looks at, visitedPlaces the places in them.
	visits        = 600
	visitedPlaces = 60_000
	// rare is the number of segments from which on a term counts as frequent.
	rare = 64
	// readMore is how many times the records of a page are read: some may have all terms and not match.
	readMore = 4
	// firstRows is how many rows of a term are read first; each time it is four times as many.
	firstRows = 16
	// recordsAtOnce is the number of records that one statement reads.
	recordsAtOnce = 64
)

// start is behind all places.
const start = math.MaxInt64

func cursorOf(place int64) string {
	return base64.RawURLEncoding.EncodeToString(binary.AppendVarint(nil, place))
}

func parseCursor(cursor string) (int64, error) {
	if cursor == "" {
		return start, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		if place, n := binary.Varint(b); n == len(b) && n > 0 {
			return place, nil
		}
	}
	return 0, fmt.Errorf("%w: the cursor is %q, which no page had", store.ErrInvalid, cursor)
}

// List implements [store.History].
func (s *Store) List(ctx context.Context, q store.Query) (store.Page, error) {
	if q.Limit < 1 {
		return store.Page{}, fmt.Errorf("%w: the limit of a list is %d, must be at least 1", store.ErrInvalid, q.Limit)
	}
	from, err := parseCursor(q.Cursor)
	if err != nil {
		return store.Page{}, err
	}
	page, err := s.page(ctx, &q, from)
	return page, s.failed("reading a list", err)
}

// page goes from a place through the records that have all terms of the query, or through all without one, the latest first, until it has
// visited enough of them.
func (s *Store) page(ctx context.Context, q *store.Query, from int64) (store.Page, error) {
	reads := readMore * min(q.Limit, visits)
	terms, err := s.byFrequency(ctx, q.Terms())
	if err != nil {
		return store.Page{}, err
	}
	if len(terms) == 0 {
		var page store.Page
		end, err := s.readRecords(ctx, q, &page, "place < ? AND place >= ? ORDER BY place DESC LIMIT ?", from, q.Since, reads)
		if page.Cursor = ""; end.rows == reads || end.full {
			page.Cursor = cursorOf(end.place)
		}
		return page, err
	}
	var page store.Page
	w := walk{terms: terms, from: from, since: q.Since, enough: min(q.Limit, recordsAtOnce), more: true}
	for read := 0; w.more && read < reads && !w.spent(); read += len(w.places) {
		if err := s.find(ctx, &w); err != nil {
			return store.Page{}, err
		}
		if len(w.places) == 0 {
			continue
		}
		args := make([]any, recordsAtOnce)
		for i := range args {
			args[i] = w.places[min(i, len(w.places)-1)]
		}
		end, err := s.readRecords(ctx, q, &page, "place IN ("+list(recordsAtOnce)+") ORDER BY place DESC", args...)
		if err != nil {
			return store.Page{}, err
		}
		if end.full {
			page.Cursor = cursorOf(end.place)
			return page, nil
		}
	}
	if w.more {
		page.Cursor = cursorOf(w.from)
	}
	return page, nil
}

// readTo says how far records were read.
type readTo struct {
	rows  int
	place int64
	full  bool
}

// readRecords adds those records to the page that match, until it is full.
func (s *Store) readRecords(ctx context.Context, q *store.Query, page *store.Page, where string, args ...any) (readTo, error) {
	columns := recordColumns
	if q.Facts {
		columns += ", facts"
	}
	var end readTo
	found, err := s.read.QueryContext(ctx, s.dialect.bind("SELECT "+columns+" FROM records WHERE "+where), args...)
	if err != nil {
		return end, err
	}
	err = scan(found, func(row *sql.Rows) error {
		var r store.Record
		var more []any
		if q.Facts {
			more = append(more, &r.Facts)
		}
		if end.place, err = scanRecord(row, &r, more...); err != nil {
			return err
		}
		if end.rows++; q.Matches(&r) {
			page.Records, page.Cursors = append(page.Records, r), append(page.Cursors, cursorOf(end.place))
		}
		if end.full = len(page.Records) == q.Limit; end.full {
			return errFull
		}
		return nil
	})
	if errors.Is(err, errFull) {
		err = nil
	}
	return end, err
}

// errFull ends the reading of a page.
var errFull = errors.New("the page is full")

// walk is a search for records that have all terms.
type walk struct {
	// terms have the rarest first.
	terms []store.Term
	// from is behind the next place to look at, since before the last one.
	from, since int64
	// enough is how many places are looked for at a time.
	enough int
	// places are those found, the latest first; more says that there may be more of them before from.
	places []int64
	more   bool
	// rows and entries are how much was visited.
	rows, entries int
}

// affordable returns how many more rows may be visited, if they are as full as those before.
func (w *walk) affordable() int {
	rows := visits - w.rows
	if w.entries > 0 {
		rows = min(rows, max(firstRows, (visitedPlaces-w.entries)*w.rows/w.entries))
	}
	return rows
}

// spent reports whether enough was visited for a page.
func (w *walk) spent() bool { return w.rows >= visits || w.entries >= visitedPlaces }

// find looks for places until there are enough, or enough was visited.
func (s *Store) find(ctx context.Context, w *walk) error {
	segment, err := s.segmentOf(ctx, w.from)
	if err != nil {
		return err
	}
	w.places = nil
	for atOnce := firstRows; ; atOnce *= 4 {
		atOnce = min(atOnce, w.affordable())
		rows, entries, err := s.visit(ctx, w, segment, atOnce)
		if err != nil {
			return err
		}
		w.rows, w.entries = w.rows+len(rows), w.entries+entries
		for _, row := range rows {
			w.places = append(w.places, row.places...)
			w.from, segment = min(w.from, row.end), row.segment-1
		}
		w.more = len(rows) == atOnce
		if len(w.places) > w.enough {
			w.places, w.more = w.places[:w.enough], true
			w.from = w.places[w.enough-1]
		}
		if !w.more || len(w.places) == w.enough || w.spent() {
			return nil
		}
	}
}

// visited is what a segment has for a walk.
type visited struct {
	segment int64
	// places have all terms, end is the first of those that have the first term.
	places []int64
	end    int64
}

// visit looks at the segments up to one that have the first term, the latest first; it also returns how many places it saw.
func (s *Store) visit(ctx context.Context, w *walk, segment int64, limit int) (all []visited, entries int, err error) {
	var columns strings.Builder
	var args []any
	for _, term := range w.terms[1:] {
		// A join is planned as a whole, and then may read all rows of a term.
		columns.WriteString(", (SELECT t.places FROM terms t WHERE t.term = ? AND t.segment = w.segment)")
		args = append(args, int64(term))
	}
	found, err := s.read.QueryContext(ctx, s.dialect.bind("SELECT w.segment, w.places"+columns.String()+" FROM terms w"+
		" WHERE w.term = ? AND w.segment <= ? AND w.segment >= ? ORDER BY w.segment DESC LIMIT ?"), append(args, int64(w.terms[0]), segment, w.since, limit)...)
	if err != nil {
		return nil, 0, err
	}
	lists := make([][]byte, len(w.terms))
	err = scan(found, func(row *sql.Rows) error {
		var v visited
		to := []any{&v.segment}
		for i := range lists {
			lists[i] = nil
			to = append(to, &lists[i])
		}
		if err := row.Scan(to...); err != nil {
			return err
		}
		n, err := v.read(lists, w)
		entries += n
		all = append(all, v)
		return err
	})
	return all, entries, err
}

// read finds the places that are in all lists and within the walk. A list that is NULL is of a term that the segment does not have.
func (v *visited) read(lists [][]byte, w *walk) (entries int, err error) {
	for i, encoded := range lists {
		if i > 0 && len(v.places) == 0 {
			return entries, nil
		}
		if encoded == nil {
			v.places = nil
			continue
		}
		places, err := readPlaces(encoded, v.segment)
		if err != nil || len(places) == 0 {
			return entries, cmp.Or(err, fmt.Errorf("%w: a term has no places in the segment %d", store.ErrCorrupt, v.segment))
		}
		entries += len(places)
		if i > 0 {
			v.places = common(v.places, places)
			continue
		}
		v.end = places[len(places)-1]
		v.places = slices.DeleteFunc(places, func(place int64) bool { return place >= w.from || place < w.since })
	}
	return entries, nil
}

// segmentOf returns the segment in which a place is or, if it is in none any more, would be.
func (s *Store) segmentOf(ctx context.Context, place int64) (int64, error) {
	if place == start {
		return start, nil
	}
	var segment int64
	err := s.read.QueryRowContext(ctx, s.dialect.bind("SELECT segment FROM segments WHERE segment >= ? ORDER BY segment LIMIT 1"), place).Scan(&segment)
	if errors.Is(err, sql.ErrNoRows) {
		return start, nil
	}
	return segment, err
}

// byFrequency returns the terms with the rarest first: that of which the latest segments reach back farthest.
func (s *Store) byFrequency(ctx context.Context, terms []store.Term) ([]store.Term, error) {
	if len(terms) < 2 {
		return terms, nil
	}
	const latest = ", (SELECT segment FROM terms WHERE term = ? ORDER BY segment DESC LIMIT 1 OFFSET ?)"
	segments, args, to := make([]sql.NullInt64, len(terms)), []any{}, []any{}
	for i, term := range terms {
		args, to = append(args, int64(term), rare-1), append(to, &segments[i])
	}
	if err := s.read.QueryRowContext(ctx, s.dialect.bind("SELECT "+strings.Repeat(latest, len(terms))[2:]), args...).Scan(to...); err != nil {
		return nil, err
	}
	reach := make(map[store.Term]int64, len(terms))
	for i, term := range terms {
		reach[term] = math.MinInt64
		if segments[i].Valid {
			reach[term] = segments[i].Int64
		}
	}
	slices.SortStableFunc(terms, func(a, b store.Term) int { return cmp.Compare(reach[a], reach[b]) })
	return terms, nil
}

// Record implements [store.History].
func (s *Store) Record(ctx context.Context, namespace, id string) (store.Record, error) {
	const what = "reading a record"
	key := store.KeyOf(namespace, id)
	var r store.Record
	_, err := scanRecord(s.read.QueryRowContext(ctx, s.dialect.bind("SELECT "+recordColumns+", facts FROM records WHERE operation = ?"), key[:]), &r, &r.Facts)
	if !errors.Is(err, sql.ErrNoRows) {
		r.Facts = notNil(r.Facts)
		return r, s.failed(what, err)
	}
	// Several may have had that alias: the latest.
	w := walk{terms: []store.Term{store.AliasTerm(namespace, id)}, from: start, since: math.MinInt64, enough: recordsAtOnce}
	for more := true; more; more = w.more && !w.spent() {
		if err := s.find(ctx, &w); err != nil || len(w.places) == 0 {
			return store.Record{}, s.failed(what, cmp.Or(err, sql.ErrNoRows))
		}
		r, err := s.withAlias(ctx, namespace, id, w.places)
		if !errors.Is(err, sql.ErrNoRows) {
			return r, s.failed(what, err)
		}
	}
	return store.Record{}, s.failed(what, sql.ErrNoRows)
}

// withAlias returns the latest record at one of the places that has the alias.
func (s *Store) withAlias(ctx context.Context, namespace, alias string, places []int64) (store.Record, error) {
	args := make([]any, len(places))
	for i := range places {
		args[i] = places[i]
	}
	found, err := s.read.QueryContext(ctx, s.dialect.bind("SELECT "+recordColumns+", facts FROM records WHERE place IN ("+list(len(args))+") ORDER BY place DESC"), args...)
	if err != nil {
		return store.Record{}, err
	}
	var the *store.Record
	err = scan(found, func(row *sql.Rows) error {
		var r store.Record
		if _, err := scanRecord(row, &r, &r.Facts); err != nil {
			return err
		}
		if the == nil && r.Namespace == namespace && slices.Contains(r.Aliases, alias) {
			r.Facts = notNil(r.Facts)
			the = &r
		}
		return nil
	})
	if err == nil && the == nil {
		err = sql.ErrNoRows
	}
	if err != nil {
		return store.Record{}, err
	}
	return *the, nil
}
