package sqlstore

import (
	"bytes"
	"context"
	"slices"

	"github.com/throughline/throughline/internal/store"
)

// Write implements [store.Writer]. Rows are written in the order of their keys, so that two that write the same ones do not
// wait for each other in a circle.
func (s *Store) Write(ctx context.Context, b *store.Batch) error {
	return s.in(ctx, "writing a batch", func(t *tx) error {
		for _, step := range [...]func(context.Context, *tx, *store.Batch) error{
			fence, writeRows, cut, writeHistory, writeBlobs, writeIncidents, writeEntries,
		} {
			if err := step(ctx, t, b); err != nil {
				return err
			}
		}
		return nil
	})
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
