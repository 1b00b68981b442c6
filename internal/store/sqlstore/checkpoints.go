package sqlstore

import (
	"context"
	"database/sql"
	"iter"
	"math"
	"slices"

	"github.com/throughline/throughline/internal/store"
)

// never is later than everything.
const never = int64(math.MaxInt64)

// partsAtOnce is the number of parts that one statement reads: nothing is held while the caller is at work.
const partsAtOnce = 1000

// Parts implements [store.Checkpoints].
func (s *Store) Parts(ctx context.Context, collector string) iter.Seq2[store.Part, error] {
	const (
		of    = "SELECT operation, collector, version, facts FROM parts WHERE (operation, collector) > (?, ?)"
		order = " ORDER BY operation, collector LIMIT ?"
	)
	return func(yield func(store.Part, error) bool) {
		var after store.PartID
		for {
			query, args := of, []any{after.Key[:], []byte(after.Collector)}
			if collector != "" {
				query, args = query+" AND collector = ?", append(args, []byte(collector))
			}
			parts, err := s.parts(ctx, query+order, append(args, partsAtOnce)...)
			if err != nil {
				yield(store.Part{}, s.failed("reading what is open", err))
				return
			}
			for _, p := range parts {
				if !yield(p, nil) {
					return
				}
			}
			if len(parts) < partsAtOnce {
				return
			}
			after = parts[len(parts)-1].PartID
		}
	}
}

func (s *Store) parts(ctx context.Context, query string, args ...any) ([]store.Part, error) {
	found, err := s.read.QueryContext(ctx, s.dialect.bind(query), args...)
	if err != nil {
		return nil, err
	}
	return readParts(found)
}

func readParts(found *sql.Rows) ([]store.Part, error) {
	var parts []store.Part
	err := scan(found, func(row *sql.Rows) error {
		var key, collector []byte
		var p store.Part
		if err := row.Scan(&key, &collector, &p.Version, &p.Facts); err != nil {
			return err
		}
		p.Key, p.Collector = store.Key(key), string(collector)
		parts = append(parts, p)
		return nil
	})
	return parts, err
}

// Claim implements [store.Checkpoints]. What is claimed is due never, so that parts which come meanwhile show.
func (s *Store) Claim(ctx context.Context, c store.Claim) ([]store.Claimed, error) {
	var claimed []store.Claimed
	err := s.in(ctx, "claiming what is due", func(t *tx) error {
		claimed = nil
		found, err := t.query(ctx, "SELECT operation FROM due WHERE (owner IS NULL AND due_at <= ?) OR (owner IS NOT NULL AND lease_until <= ?)"+
			" ORDER BY due_at, operation LIMIT ?"+t.dialect.SkipLocked, c.Now, c.Now, c.Limit)
		if err != nil {
			return err
		}
		err = scan(found, func(row *sql.Rows) error {
			var key []byte
			if err := row.Scan(&key); err != nil {
				return err
			}
			claimed = append(claimed, store.Claimed{Key: store.Key(key)})
			return nil
		})
		if err != nil {
			return err
		}
		for some := range slices.Chunk(claimed, rowsAtOnce) {
			if err := own(ctx, t, &c, some); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// own makes the collector the owner of operations, and fills in their parts.
func own(ctx context.Context, t *tx, c *store.Claim, claimed []store.Claimed) error {
	places := make(map[store.Key]int, len(claimed))
	var keys []any
	for i := range claimed {
		places[claimed[i].Key] = i
		keys = append(keys, claimed[i].Key[:])
	}
	in := " IN (" + list(len(keys)) + ")"
	if _, err := t.exec(ctx, "UPDATE due SET owner = ?, lease_until = ?, due_at = ? WHERE operation"+in,
		append([]any{[]byte(c.Collector), c.LeaseUntil, never}, keys...)...); err != nil {
		return err
	}
	found, err := t.query(ctx, "SELECT operation, collector, version, facts FROM parts WHERE operation"+in+" ORDER BY operation, collector", keys...)
	if err != nil {
		return err
	}
	parts, err := readParts(found)
	for _, p := range parts {
		at := places[p.Key]
		claimed[at].Parts = append(claimed[at].Parts, p)
	}
	return err
}

// Blob implements [store.Checkpoints].
func (s *Store) Blob(ctx context.Context, key string) ([]byte, error) {
	var data []byte
	err := s.read.QueryRowContext(ctx, s.dialect.bind("SELECT data FROM blobs WHERE name = ?"), []byte(key)).Scan(&data)
	if err != nil {
		return nil, s.failed("reading what is kept", err)
	}
	return notNil(data), nil
}
