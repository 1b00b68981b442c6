package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"github.com/throughline/throughline/internal/store"
)

// never is later than everything.
const never = int64(math.MaxInt64)

// Blob implements [store.History].
func (s *Store) Blob(ctx context.Context, key string) ([]byte, error) {
	var data []byte
	err := s.read.QueryRowContext(ctx, s.dialect.bind("SELECT data FROM blobs WHERE name = ?"), []byte(key)).Scan(&data)
	if err != nil {
		return nil, s.failed("reading what is kept", err)
	}
	return notNil(data), nil
}

const (
	selectIncidents = "SELECT id, resolved, revision, updated_at, data FROM incidents WHERE resolved = "
	// latestResolved are those before a time from the so-manieth on.
	latestResolved = selectIncidents + "1 AND updated_at < ? AND updated_at >= coalesce((SELECT updated_at FROM incidents WHERE resolved = 1 AND updated_at < ?" +
		" ORDER BY updated_at DESC LIMIT 1 OFFSET ?), 0)"
)

// Incidents implements [store.History].
func (s *Store) Incidents(ctx context.Context, before int64, limit int) ([]store.Incident, error) {
	if limit < 1 {
		return nil, fmt.Errorf("%w: the limit of incidents is %d, must be at least 1", store.ErrInvalid, limit)
	}
	query := latestResolved
	if before == 0 {
		before, query = never, selectIncidents+"0 UNION ALL "+query
	}
	found, err := s.read.QueryContext(ctx, s.dialect.bind(query+" ORDER BY updated_at DESC, id"), before, before, limit-1)
	if err != nil {
		return nil, s.failed("reading incidents", err)
	}
	var incidents []store.Incident
	err = scan(found, func(row *sql.Rows) error {
		i, err := scanIncident(row)
		incidents = append(incidents, i)
		return err
	})
	return incidents, s.failed("reading incidents", err)
}

// Incident implements [store.History].
func (s *Store) Incident(ctx context.Context, id string) (store.Incident, error) {
	i, err := scanIncident(s.read.QueryRowContext(ctx, s.dialect.bind("SELECT id, resolved, revision, updated_at, data FROM incidents WHERE id = ?"), []byte(id)))
	return i, s.failed("reading an incident", err)
}

func scanIncident(row interface{ Scan(...any) error }) (store.Incident, error) {
	var i store.Incident
	var id []byte
	var resolved int64
	err := row.Scan(&id, &resolved, &i.Revision, &i.UpdatedAt, &i.Data)
	i.ID, i.Open = string(id), resolved == 0
	return i, err
}

// Journal implements [store.History].
func (s *Store) Journal(ctx context.Context, subject string, before int64, limit int) ([]store.Entry, error) {
	if before == 0 {
		before = never
	}
	query, args := "SELECT id, at, subject, data FROM journal WHERE at < ?", []any{before}
	if subject != "" {
		query, args = query+" AND subject = ?", append(args, []byte(subject))
	}
	found, err := s.read.QueryContext(ctx, s.dialect.bind(query+" ORDER BY at DESC, id LIMIT ?"), append(args, limit)...)
	if err != nil {
		return nil, s.failed("reading the journal", err)
	}
	var entries []store.Entry
	err = scan(found, func(row *sql.Rows) error {
		var e store.Entry
		var id, about []byte
		if err := row.Scan(&id, &e.At, &about, &e.Data); err != nil {
			return err
		}
		e.ID, e.Subject = string(id), string(about)
		entries = append(entries, e)
		return nil
	})
	return entries, s.failed("reading the journal", err)
}

// Size implements [store.History].
func (s *Store) Size(ctx context.Context) (store.Size, error) {
	var size store.Size
	err := s.read.QueryRowContext(ctx, "SELECT "+s.dialect.Size+", (SELECT count(*) FROM log), (SELECT count(*) FROM records)").
		Scan(&size.Bytes, &size.Rows, &size.Records)
	if err != nil {
		return store.Size{}, s.failed("counting what is kept", err)
	}
	return size, nil
}
