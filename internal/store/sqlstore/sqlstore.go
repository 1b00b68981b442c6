// Package sqlstore keeps a [store.Store] in tables, by statements that SQLite and PostgreSQL both understand.
//
// What differs between them is in a [Dialect]; the packages sqlite and postgres open the database, bring its schema up to date and
// make the Store. Every statement is constant but for the number of its parameters, and every value is a parameter.
package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/throughline/throughline/internal/store"
)

// Dialect is what differs between databases.
type Dialect struct {
	// Numbered says that parameters are $1, $2 and not question marks.
	Numbered bool
	// Lock is put after a SELECT whose rows are about to be changed, SkipLocked where rows that others have locked are to be left out, Share where
	// rows must stay until the end of the transaction and others may change what is not their key.
	Lock, SkipLocked, Share string
	// Now is the time of the database in nanoseconds, as an expression.
	Now string
	// Size is the size of the database in bytes, as an expression.
	Size string
	// Prepare says that a statement that a transaction makes several times is to be prepared; the driver does not do so by itself.
	Prepare bool
	// Kind returns which of the errors of package store it is, nil for none.
	Kind func(error) error
	// Reclaim gives room that is free within the database back to the system, a bounded amount, and reports whether there is more; nil: it does so by itself.
	Reclaim func(ctx context.Context, db *sql.DB) (more bool, err error)
}

// Store implements [store.Store] on tables.
type Store struct {
	dialect     Dialect
	write, read *sql.DB
}

var _ store.Store = (*Store)(nil)

// New returns the store in a database whose schema is up to date. The two may be the same; Close closes both.
func New(dialect Dialect, write, read *sql.DB) *Store {
	return &Store{dialect: dialect, write: write, read: read}
}

// Close implements [store.Store].
func (s *Store) Close() error {
	err := s.read.Close()
	if s.write != s.read {
		err = errors.Join(err, s.write.Close())
	}
	return err
}

// failed says what could not be done, and which kind of error it was.
func (s *Store) failed(what string, err error) error { return Failed(s.dialect.Kind, what, err) }

// Failed wraps an error of a database, if it is one, in the error of package store that it is.
func Failed(kind func(error) error, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%s: %w", what, store.ErrNotFound)
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w: %w", what, store.ErrUnavailable, err)
	}
	if known := kind(err); known != nil {
		return fmt.Errorf("%s: %w: %w", what, known, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// in does something within a transaction.
func (s *Store) in(ctx context.Context, what string, do func(*tx) error) error {
	t, err := s.write.BeginTx(ctx, nil)
	if err == nil {
		if err = do(&tx{Tx: t, dialect: s.dialect}); err == nil {
			err = t.Commit()
		} else {
			// The error that led here is the one that tells.
			_ = t.Rollback()
		}
	}
	return s.failed(what, err)
}

// tx is a transaction.
type tx struct {
	*sql.Tx
	dialect Dialect
	// prepared are closed with the transaction.
	prepared map[string]*sql.Stmt
}

func (t *tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	var result sql.Result
	stmt, err := t.prepare(ctx, query)
	switch {
	case err != nil:
		return 0, err
	case stmt != nil:
		result, err = stmt.ExecContext(ctx, args...)
	default:
		result, err = t.ExecContext(ctx, t.dialect.bind(query), args...)
	}
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// prepare returns the prepared statement, nil if the driver sees to that.
func (t *tx) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if !t.dialect.Prepare {
		return nil, nil
	}
	if stmt := t.prepared[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := t.PrepareContext(ctx, t.dialect.bind(query))
	if err != nil {
		return nil, err
	}
	if t.prepared == nil {
		t.prepared = make(map[string]*sql.Stmt)
	}
	t.prepared[query] = stmt
	return stmt, nil
}

// row makes a statement that returns one row.
func (t *tx) row(ctx context.Context, query string, args ...any) row {
	stmt, err := t.prepare(ctx, query)
	switch {
	case err != nil:
		return failedRow{err}
	case stmt != nil:
		return stmt.QueryRowContext(ctx, args...)
	}
	return t.QueryRowContext(ctx, t.dialect.bind(query), args...)
}

// row is what a statement returns that returns one.
type row interface{ Scan(...any) error }

type failedRow struct{ err error }

func (f failedRow) Scan(...any) error { return f.err }

func (t *tx) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.QueryContext(ctx, t.dialect.bind(query), args...)
}

// bind writes parameters as the database wants them. There are no question marks in the statements but these.
func (d Dialect) bind(query string) string {
	if !d.Numbered {
		return query
	}
	var b strings.Builder
	b.Grow(len(query) + 64)
	n := 0
	for i := range len(query) {
		if query[i] != '?' {
			b.WriteByte(query[i])
			continue
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}

// rowsAtOnce is the number of rows of one statement.
const rowsAtOnce = 64

// rows is a list of rows of which each statement takes some: atOnce, 0 for rowsAtOnce.
type rows struct {
	head, tail string
	columns    int
	atOnce     int
	args       []any
}

func (r *rows) add(values ...any) { r.args = append(r.args, values...) }

// insert writes all rows.
func (r *rows) insert(ctx context.Context, t *tx) error {
	atOnce := cmp.Or(r.atOnce, rowsAtOnce)
	for len(r.args) > 0 {
		n := min(len(r.args)/r.columns, atOnce)
		row := "(" + list(r.columns) + ")"
		query := r.head + " VALUES " + strings.TrimSuffix(strings.Repeat(row+",", n), ",") + r.tail
		if _, err := t.exec(ctx, query, r.args[:n*r.columns]...); err != nil {
			return err
		}
		r.args = r.args[n*r.columns:]
	}
	return nil
}

// list returns so many parameters.
func list(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// scan calls read for each row.
func scan(found *sql.Rows, read func(*sql.Rows) error) error {
	defer found.Close()
	for found.Next() {
		if err := read(found); err != nil {
			return err
		}
	}
	return found.Err()
}
