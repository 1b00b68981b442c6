package sqlstore

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/throughline/throughline/internal/store"
)

const (
	// visits bounds the records that a page looks at.
	visits = 2000
	// rare is the number of records from which on terms are equally frequent.
	rare = 2000
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
	term, some, err := s.rarest(ctx, q.Terms())
	if err != nil {
		return store.Page{}, s.failed("reading a list", err)
	}
	var found *sql.Rows
	if some {
		found, err = s.read.QueryContext(ctx, s.dialect.bind("SELECT "+qualified+", r.record FROM terms t JOIN records r ON r.record = t.record"+
			" WHERE t.term = ? AND (t.updated_at, t.record) < (?, ?) AND t.updated_at >= ? ORDER BY t.updated_at DESC, t.record DESC LIMIT ?"),
			int64(term), from.updatedAt, from.record, q.Since, visits)
	} else {
		found, err = s.read.QueryContext(ctx, s.dialect.bind("SELECT "+qualified+", r.record FROM records r"+
			" WHERE (r.updated_at, r.record) < (?, ?) AND r.updated_at >= ? ORDER BY r.updated_at DESC, r.record DESC LIMIT ?"),
			from.updatedAt, from.record, q.Since, visits)
	}
	if err != nil {
		return store.Page{}, s.failed("reading a list", err)
	}
	page, err := readPage(found, &q)
	return page, s.failed("reading a list", err)
}

const qualified = "r.namespace, r.id, r.aliases, r.name, r.state, r.reason, r.flags, r.services, r.destinations, r.texts, r.started_at, r.ended_at," +
	" r.updated_at, r.revision, r.told"

// readPage reads until the page is full, or the database has no more within the bound.
func readPage(found *sql.Rows, q *store.Query) (store.Page, error) {
	var page store.Page
	seen := 0
	err := scan(found, func(row *sql.Rows) error {
		var r store.Record
		var at position
		if err := scanRecord(row, &r, &at.record); err != nil {
			return err
		}
		at.updatedAt = r.UpdatedAt
		seen++
		if q.Matches(&r) {
			page.Records = append(page.Records, r)
		}
		if len(page.Records) == q.Limit || seen == visits {
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

// rarest returns the term that the fewest records have; false without one.
func (s *Store) rarest(ctx context.Context, terms []store.Term) (term store.Term, some bool, err error) {
	least := int64(rare + 1)
	for _, candidate := range terms {
		var n int64
		if len(terms) > 1 {
			if err := s.read.QueryRowContext(ctx, s.dialect.bind("SELECT count(*) FROM (SELECT 1 FROM terms WHERE term = ? LIMIT ?) AS a_few"),
				int64(candidate), rare).Scan(&n); err != nil {
				return 0, false, err
			}
		}
		if n < least {
			term, some, least = candidate, true, n
		}
	}
	return term, some, nil
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
