package sqlstore

import (
	"bytes"
	"context"
	"slices"

	"github.com/throughline/throughline/internal/store"
)

// Write implements [store.Writer]. Rows are written in the order of their keys, so that two that write the same ones do not
// wait for each other in a circle.
func (s *Store) Write(ctx context.Context, b *store.Batch) (store.Written, error) {
	written := store.Written{Taken: make([]bool, len(b.Records))}
	err := s.in(ctx, "writing a batch", func(t *tx) error {
		clear(written.Taken)
		for _, step := range [...]func(context.Context, *tx, *store.Batch) error{writeParts, removeDone, forget} {
			if err := step(ctx, t, b); err != nil {
				return err
			}
		}
		if err := writeRecords(ctx, t, b.Records, written.Taken); err != nil {
			return err
		}
		for _, step := range [...]func(context.Context, *tx, *store.Batch) error{
			writeTold, release, writeBlobs, writeIncidents, writeEntries,
		} {
			if err := step(ctx, t, b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return store.Written{}, err
	}
	return written, nil
}

// lastOf returns the last of those with the same key, in the order of the keys.
func lastOf[T any](all []T, compare func(a, b *T) int) []*T {
	sorted := make([]*T, len(all))
	for i := range all {
		sorted[i] = &all[i]
	}
	slices.SortStableFunc(sorted, compare)
	kept := sorted[:0]
	for i, v := range sorted {
		if i+1 == len(sorted) || compare(v, sorted[i+1]) != 0 {
			kept = append(kept, v)
		}
	}
	return kept
}

func compareKeys(a, b store.Key) int { return bytes.Compare(a[:], b[:]) }

func compareParts(a, b *store.Part) int {
	if c := compareKeys(a.Key, b.Key); c != 0 {
		return c
	}
	return bytes.Compare([]byte(a.Collector), []byte(b.Collector))
}

func writeParts(ctx context.Context, t *tx, b *store.Batch) error {
	parts := rows{
		head: "INSERT INTO parts (operation, collector, version, facts)", columns: 4,
		tail: " ON CONFLICT (operation, collector) DO UPDATE SET version = excluded.version, facts = excluded.facts WHERE parts.version <= excluded.version",
	}
	due := rows{
		head: "INSERT INTO due (operation, due_at)", columns: 2,
		tail: " ON CONFLICT (operation) DO UPDATE SET due_at = CASE WHEN excluded.due_at < due.due_at THEN excluded.due_at ELSE due.due_at END",
	}
	var earliest *store.Part
	for _, p := range lastOf(b.Parts, compareParts) {
		parts.add(p.Key[:], []byte(p.Collector), p.Version, p.Facts)
		if p.Due == 0 {
			continue
		}
		// The parts of several collectors may be in one batch.
		if earliest != nil && earliest.Key == p.Key {
			at := len(due.args) - 1
			due.args[at] = min(earliest.Due, p.Due)
			earliest = &store.Part{PartID: p.PartID, Due: min(earliest.Due, p.Due)}
			continue
		}
		due.add(p.Key[:], p.Due)
		earliest = p
	}
	if err := parts.insert(ctx, t); err != nil {
		return err
	}
	return due.insert(ctx, t)
}

func removeDone(ctx context.Context, t *tx, b *store.Batch) error {
	for _, p := range lastOf(b.Done, func(a, b *store.PartID) int { return compareParts(&store.Part{PartID: *a}, &store.Part{PartID: *b}) }) {
		if _, err := t.exec(ctx, "DELETE FROM parts WHERE operation = ? AND collector = ? AND version <= ?", p.Key[:], []byte(p.Collector), p.Version); err != nil {
			return err
		}
		// What is not there need not be judged.
		if _, err := t.exec(ctx, "DELETE FROM due WHERE operation = ? AND NOT EXISTS (SELECT 1 FROM parts WHERE parts.operation = due.operation)", p.Key[:]); err != nil {
			return err
		}
	}
	return nil
}

func release(ctx context.Context, t *tx, b *store.Batch) error {
	for _, r := range lastOf(b.Releases, func(a, b *store.Release) int { return compareKeys(a.Key, b.Key) }) {
		due := r.Due
		if due == 0 {
			due = never
		}
		if _, err := t.exec(ctx, "UPDATE due SET due_at = CASE WHEN due_at < ? THEN due_at ELSE ? END, owner = NULL, lease_until = NULL WHERE operation = ? AND owner = ?",
			due, due, r.Key[:], []byte(r.Collector)); err != nil {
			return err
		}
	}
	return nil
}

func writeTold(ctx context.Context, t *tx, b *store.Batch) error {
	for _, told := range lastOf(b.Told, func(a, b *store.Told) int { return compareKeys(a.Key, b.Key) }) {
		if _, err := t.exec(ctx, "UPDATE records SET told = ? WHERE operation = ? AND told < ?", int64(told.Revision), told.Key[:], int64(told.Revision)); err != nil {
			return err
		}
	}
	return nil
}

func writeBlobs(ctx context.Context, t *tx, b *store.Batch) error {
	r := rows{head: "INSERT INTO blobs (name, data)", columns: 2, tail: " ON CONFLICT (name) DO UPDATE SET data = excluded.data"}
	for _, blob := range lastOf(b.Blobs, func(a, b *store.Blob) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) }) {
		r.add([]byte(blob.Key), notNil(blob.Data))
	}
	return r.insert(ctx, t)
}

func writeIncidents(ctx context.Context, t *tx, b *store.Batch) error {
	r := rows{
		head: "INSERT INTO incidents (id, resolved, revision, updated_at, data)", columns: 5,
		tail: " ON CONFLICT (id) DO UPDATE SET resolved = excluded.resolved, revision = excluded.revision, updated_at = excluded.updated_at, data = excluded.data" +
			" WHERE incidents.revision <= excluded.revision",
	}
	for _, i := range lastOf(b.Incidents, func(a, b *store.Incident) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) }) {
		resolved := int64(1)
		if i.Open {
			resolved = 0
		}
		r.add([]byte(i.ID), resolved, i.Revision, i.UpdatedAt, notNil(i.Data))
	}
	return r.insert(ctx, t)
}

func writeEntries(ctx context.Context, t *tx, b *store.Batch) error {
	r := rows{head: "INSERT INTO journal (id, at, subject, data)", columns: 4, tail: " ON CONFLICT (id) DO NOTHING"}
	for _, e := range lastOf(b.Entries, func(a, b *store.Entry) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) }) {
		r.add([]byte(e.ID), e.At, []byte(e.Subject), notNil(e.Data))
	}
	return r.insert(ctx, t)
}

// notNil keeps what is empty from becoming NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
