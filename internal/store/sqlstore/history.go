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
		var i store.Incident
		var id []byte
		var resolved int64
		if err := row.Scan(&id, &resolved, &i.Revision, &i.UpdatedAt, &i.Data); err != nil {
			return err
		}
		i.ID, i.Open = string(id), resolved == 0
		incidents = append(incidents, i)
		return nil
	})
	return incidents, s.failed("reading incidents", err)
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

const (
	// trimAtOnce is the number of rows that one transaction removes, trimSteps how many of them a call makes.
	trimAtOnce = 128
	trimSteps  = 8
)

// Trim implements [store.Writer].
func (s *Store) Trim(ctx context.Context, l store.Limits) (store.Trimmed, error) {
	var trimmed store.Trimmed
	over := int64(0)
	if l.MaxBytes > 0 {
		var bytes int64
		if err := s.read.QueryRowContext(ctx, "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM records").Scan(&bytes); err != nil {
			return trimmed, s.failed("measuring the records", err)
		}
		over = bytes - l.MaxBytes
	}
	for range trimSteps {
		more := false
		err := s.in(ctx, "removing what is old", func(t *tx) error {
			step, err := trimStep(ctx, t, l.Before, over-trimmed.Bytes)
			if err == nil {
				trimmed.Records, trimmed.Bytes, more = trimmed.Records+step.Records, trimmed.Bytes+step.Bytes, step.More
				trimmed.Incidents, trimmed.Entries, trimmed.Rows = trimmed.Incidents+step.Incidents, trimmed.Entries+step.Entries, trimmed.Rows+step.Rows
			}
			return err
		})
		if err != nil {
			return trimmed, err
		}
		if trimmed.More = more; !more {
			break
		}
	}
	if s.dialect.Reclaim != nil {
		return trimmed, s.failed("giving room back", s.dialect.Reclaim(ctx, s.write))
	}
	return trimmed, nil
}

// trimStep removes some of what is older than before, and of the oldest records until they have so many bytes less.
func trimStep(ctx context.Context, t *tx, before, over int64) (store.Trimmed, error) {
	var trimmed store.Trimmed
	found, err := t.query(ctx, "SELECT record, revision, updated_at, terms, bytes FROM records ORDER BY updated_at, record LIMIT ?"+t.dialect.SkipLocked, trimAtOnce)
	if err != nil {
		return trimmed, err
	}
	var old []stored
	err = scan(found, func(row *sql.Rows) error {
		var r stored
		var terms []byte
		var bytes int64
		if err := row.Scan(&r.record, &r.revision, &r.updatedAt, &terms, &bytes); err != nil {
			return err
		}
		if r.updatedAt < before || trimmed.Bytes < over {
			r.terms = readTerms(terms)
			old = append(old, r)
			trimmed.Bytes += bytes
		}
		return nil
	})
	if err != nil {
		return trimmed, err
	}
	for _, r := range old {
		if err := removeRecord(ctx, t, r); err != nil {
			return trimmed, err
		}
	}
	trimmed.Records = int64(len(old))
	if trimmed.Incidents, err = t.exec(ctx, "DELETE FROM incidents WHERE id IN (SELECT id FROM incidents WHERE resolved = 1 AND updated_at < ? LIMIT ?)", before, trimAtOnce); err != nil {
		return trimmed, err
	}
	trimmed.Entries, err = t.exec(ctx, "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE at < ? LIMIT ?)", before, trimAtOnce)
	if err != nil {
		return trimmed, err
	}
	rows, more, err := removeCut(ctx, t)
	trimmed.Rows, trimmed.More = rows, more || max(trimmed.Records, trimmed.Incidents, trimmed.Entries) == trimAtOnce
	return trimmed, err
}
