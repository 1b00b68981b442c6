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
	// visits bounds the records that a page looks at.
	visits = 2000
	// rare is the number of records from which on terms are equally frequent.
	rare = 2000
	// readMore is how many times the records of a page are read: some may have all terms and not match.
	readMore = 4
)

// position is between two records, in the order of lists.
type position struct{ updatedAt, record int64 }

var start = position{math.MaxInt64, math.MaxInt64}

func (p position) cursor() string {
	b := binary.AppendVarint(nil, p.updatedAt)
	return base64.RawURLEncoding.EncodeToString(binary.AppendVarint(b, p.record))
}

func parseCursor(cursor string) (position, error) {
	if cursor == "" {
		return start, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		updatedAt, n := binary.Varint(b)
		if n > 0 {
			if record, m := binary.Varint(b[n:]); m == len(b)-n && m > 0 {
				return position{updatedAt, record}, nil
			}
		}
	}
	return position{}, fmt.Errorf("%w: the cursor is %q, which no page had", store.ErrInvalid, cursor)
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

// page walks from a position through the records that have the rarest term, or through all without one, the latest first, until it has
// visited enough of them. Of those it reads the ones that have the other terms too.
func (s *Store) page(ctx context.Context, q *store.Query, from position) (store.Page, error) {
	terms, err := s.byFrequency(ctx, q.Terms())
	if err != nil {
		return store.Page{}, err
	}
	of, args := "FROM records w WHERE", []any{}
	if len(terms) > 0 {
		of, args = "FROM terms w WHERE w.term = ? AND", append(args, int64(terms[0]))
		terms = terms[1:]
	}
	walk := of + " (w.updated_at, w.record) < (?, ?) AND w.updated_at >= ?"
	args = append(args, from.updatedAt, from.record, q.Since)
	var end position
	err = s.read.QueryRowContext(ctx, s.dialect.bind("SELECT w.updated_at, w.record "+walk+" ORDER BY w.updated_at DESC, w.record DESC LIMIT 1 OFFSET ?"),
		append(slices.Clone(args), visits-1)...).Scan(&end.updatedAt, &end.record)
	more := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return store.Page{}, err
	}
	if more {
		walk, args = walk+" AND (w.updated_at, w.record) >= (?, ?)", append(args, end.updatedAt, end.record)
	}
	for _, term := range terms {
		args = append(args, int64(term))
	}
	reads := min(visits, readMore*min(q.Limit, visits))
	walk = "SELECT w.updated_at, w.record " + walk + strings.Repeat(hasTerm, len(terms)) + " ORDER BY w.updated_at DESC, w.record DESC LIMIT ?"
	columns := qualified + ", r.record"
	if q.Facts {
		columns += ", r.facts"
	}
	found, err := s.read.QueryContext(ctx, s.dialect.bind("SELECT "+columns+" FROM ("+walk+") AS v JOIN records r ON r.record = v.record"+
		" ORDER BY v.updated_at DESC, v.record DESC"), append(args, reads)...)
	if err != nil {
		return store.Page{}, err
	}
	page, err := readPage(found, q, reads)
	if more && page.Cursor == "" {
		page.Cursor = end.cursor()
	}
	return page, err
}

const qualified = "r.namespace, r.id, r.aliases, r.name, r.state, r.reason, r.flags, r.services, r.destinations, r.texts, r.started_at, r.ended_at," +
	" r.updated_at, r.revision, r.final_revision"

// hasTerm is that a record has one more term.
const hasTerm = " AND EXISTS (SELECT 1 FROM terms o WHERE o.term = ? AND o.updated_at = w.updated_at AND o.record = w.record)"

// readPage reads until the page is full, or there were so many rows; the rest is for the next one.
func readPage(found *sql.Rows, q *store.Query, rows int) (store.Page, error) {
	var page store.Page
	seen := 0
	err := scan(found, func(row *sql.Rows) error {
		var r store.Record
		var at position
		more := []any{&at.record}
		if q.Facts {
			more = append(more, &r.Facts)
		}
		if err := scanRecord(row, &r, more...); err != nil {
			return err
		}
		if at.updatedAt = r.UpdatedAt; q.Matches(&r) {
			page.Records, page.Cursors = append(page.Records, r), append(page.Cursors, at.cursor())
		}
		if seen++; len(page.Records) == q.Limit || seen == rows {
			page.Cursor = at.cursor()
			return errFull
		}
		return nil
	})
	if err != nil && !errors.Is(err, errFull) {
		return store.Page{}, err
	}
	return page, nil
}

// errFull ends the reading of a page.
var errFull = errors.New("the page is full")

// byFrequency returns the terms with the rarest first.
func (s *Store) byFrequency(ctx context.Context, terms []store.Term) ([]store.Term, error) {
	if len(terms) < 2 {
		return terms, nil
	}
	counts := make(map[store.Term]int64, len(terms))
	for _, term := range terms {
		var n int64
		if err := s.read.QueryRowContext(ctx, s.dialect.bind("SELECT count(*) FROM (SELECT 1 FROM terms WHERE term = ? LIMIT ?) AS a_few"),
			int64(term), rare).Scan(&n); err != nil {
			return nil, err
		}
		counts[term] = n
	}
	slices.SortStableFunc(terms, func(a, b store.Term) int { return cmp.Compare(counts[a], counts[b]) })
	return terms, nil
}

// Record implements [store.History].
func (s *Store) Record(ctx context.Context, namespace, id string) (store.Record, error) {
	key := store.KeyOf(namespace, id)
	query, arg := "SELECT "+recordColumns+", facts FROM records WHERE operation = ?", any(key[:])
	r, err := s.record(ctx, query, arg)
	if errors.Is(err, sql.ErrNoRows) {
		// Several may have had that alias: the latest.
		query, arg = "SELECT "+qualified+", r.facts FROM terms t JOIN records r ON r.record = t.record"+
			" WHERE t.term = ? ORDER BY t.updated_at DESC, t.record DESC LIMIT 1", int64(store.AliasTerm(namespace, id))
		r, err = s.record(ctx, query, arg)
	}
	return r, s.failed("reading a record", err)
}

func (s *Store) record(ctx context.Context, query string, arg any) (r store.Record, err error) {
	err = scanRecord(s.read.QueryRowContext(ctx, s.dialect.bind(query), arg), &r, &r.Facts)
	r.Facts = notNil(r.Facts)
	return r, err
}
