package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/throughline/throughline/internal/store"
)

const (
	// trimAtOnce is the number of records, terms, incidents or entries that one transaction removes, trimSteps how many of them a call makes.
	trimAtOnce = 256
	trimSteps  = 8
)

// Trim implements [store.Writer].
func (s *Store) Trim(ctx context.Context, l store.Limits) (store.Trimmed, error) {
	var trimmed store.Trimmed
	before, err := s.oldIncidents(ctx, l)
	if err != nil {
		return trimmed, s.failed("looking for old incidents", err)
	}
	for range trimSteps {
		var step store.Trimmed
		err := s.in(ctx, "removing what is old", func(t *tx) (err error) {
			step, err = trimStep(ctx, t, l, before)
			return err
		})
		if err != nil {
			return trimmed, err
		}
		trimmed.Rows, trimmed.Records = trimmed.Rows+step.Rows, trimmed.Records+step.Records
		trimmed.Incidents, trimmed.Entries = trimmed.Incidents+step.Incidents, trimmed.Entries+step.Entries
		trimmed.Bytes += step.Bytes
		if trimmed.More = step.More; !step.More {
			break
		}
	}
	if s.dialect.Reclaim == nil {
		return trimmed, nil
	}
	more, err := s.dialect.Reclaim(ctx, s.write)
	trimmed.More = trimmed.More || more
	return trimmed, s.failed("giving room back", err)
}

// oldIncidents returns the time before which resolved incidents are too old, or too many.
func (s *Store) oldIncidents(ctx context.Context, l store.Limits) (int64, error) {
	if l.MaxIncidents < 1 {
		return l.Before, nil
	}
	var last int64
	err := s.read.QueryRowContext(ctx, s.dialect.bind("SELECT updated_at FROM incidents WHERE resolved = 1 ORDER BY updated_at DESC LIMIT 1 OFFSET ?"), l.MaxIncidents-1).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return l.Before, nil
	}
	return max(l.Before, last), err
}

// trimStep removes some of each: cut rows, records, incidents that changed before a time, entries.
func trimStep(ctx context.Context, t *tx, l store.Limits, incidentsBefore int64) (store.Trimmed, error) {
	var trimmed store.Trimmed
	if l.Before > 0 || l.MaxBytes > 0 {
		if err := trimRecords(ctx, t, l, &trimmed); err != nil {
			return trimmed, err
		}
	}
	var err error
	if trimmed.Incidents, err = t.exec(ctx, "DELETE FROM incidents WHERE id IN (SELECT id FROM incidents WHERE resolved = 1 AND updated_at < ? LIMIT ?)",
		incidentsBefore, trimAtOnce); err != nil {
		return trimmed, err
	}
	if trimmed.Entries, err = t.exec(ctx, "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE at < ? LIMIT ?)", l.Before, trimAtOnce); err != nil {
		return trimmed, err
	}
	rows, more, err := removeCut(ctx, t)
	trimmed.Rows, trimmed.More = rows, trimmed.More || more || max(trimmed.Incidents, trimmed.Entries) == trimAtOnce
	return trimmed, err
}

// trimRecords removes some of the oldest records, if they are older than the limit or too many, and the terms of a segment of which none is left.
func trimRecords(ctx context.Context, t *tx, l store.Limits, trimmed *store.Trimmed) error {
	all, err := readTally(ctx, t)
	if err != nil {
		return err
	}
	var segment int64
	found, err := t.query(ctx, "SELECT segment FROM segments ORDER BY segment LIMIT 1")
	if err != nil {
		return err
	}
	if err = scan(found, func(row *sql.Rows) error { return row.Scan(&segment) }); err != nil || segment == 0 {
		return err
	}
	old, left, err := oldest(ctx, t, segment, l, all.bytes)
	if err != nil {
		return err
	}
	before := all.bytes
	if err = removeRecords(ctx, t, &all, old); err != nil {
		return err
	}
	if !left {
		bytes, err := removeSegment(ctx, t, segment)
		if err != nil {
			return err
		}
		all.bytes -= bytes
	}
	trimmed.Records, trimmed.Bytes = int64(len(old)), before-all.bytes
	trimmed.More = !left || len(old) == trimAtOnce
	if !trimmed.More && len(old) == 0 {
		return nil
	}
	return all.write(ctx, t)
}

// oldest returns the records of a segment that are to be removed, and whether others are left in it.
func oldest(ctx context.Context, t *tx, segment int64, l store.Limits, bytes int64) (old []stored, left bool, err error) {
	found, err := t.query(ctx, "SELECT place, updated_at, bytes FROM records WHERE place <= ? ORDER BY place LIMIT ?", segment, trimAtOnce+1)
	if err != nil {
		return nil, false, err
	}
	err = scan(found, func(row *sql.Rows) error {
		var r stored
		var updatedAt int64
		if err := row.Scan(&r.place, &updatedAt, &r.bytes); err != nil {
			return err
		}
		if left || len(old) == trimAtOnce || (updatedAt >= l.Before && (l.MaxBytes == 0 || bytes <= l.MaxBytes)) {
			left = true
			return nil
		}
		old = append(old, r)
		bytes -= r.bytes
		return nil
	})
	return old, left, err
}
