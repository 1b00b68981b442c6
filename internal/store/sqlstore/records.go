package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/throughline/throughline/internal/store"
)

// tally is what is known of all records together. Who writes records has it locked, so that places are given and become visible in one order.
type tally struct {
	// last is the latest place that was given, bytes what all records count.
	last, bytes int64
}

func readTally(ctx context.Context, t *tx) (tally, error) {
	var all tally
	err := t.row(ctx, "SELECT last_place, bytes FROM tally WHERE id = 0"+t.dialect.Lock).Scan(&all.last, &all.bytes)
	return all, err
}

func (y *tally) write(ctx context.Context, t *tx) error {
	_, err := t.exec(ctx, "UPDATE tally SET last_place = ?, bytes = ? WHERE id = 0", y.last, y.bytes)
	return err
}

// stored is what is known of a record that is there already.
type stored struct{ place, revision, bytes int64 }

// lookUp returns those of the keys that have a record.
func lookUp(ctx context.Context, t *tx, keys []store.Key) (map[store.Key]stored, error) {
	there := make(map[store.Key]stored)
	for some := range slices.Chunk(keys, rowsAtOnce) {
		args := make([]any, len(some))
		for i := range some {
			args[i] = some[i][:]
		}
		found, err := t.query(ctx, "SELECT operation, place, revision, bytes FROM records WHERE operation IN ("+list(len(some))+")", args...)
		if err != nil {
			return nil, err
		}
		err = scan(found, func(row *sql.Rows) error {
			var key []byte
			var r stored
			if err := row.Scan(&key, &r.place, &r.revision, &r.bytes); err != nil {
				return err
			}
			there[store.Key(key)] = r
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return there, nil
}

// keyed is a record of a batch.
type keyed struct {
	key    store.Key
	record *store.Record
	// at is its number in the batch.
	at int
}

// writeHistory removes the records that are to be forgotten, and writes those that are newer than what is there.
func writeHistory(ctx context.Context, t *tx, b *store.Batch) error {
	if len(b.Forget)+len(b.Records) == 0 {
		return nil
	}
	all, err := readTally(ctx, t)
	if err != nil {
		return err
	}
	if err := forget(ctx, t, &all, b.Forget); err != nil {
		return err
	}
	records, err := overtaking(ctx, t, &all, b.Records)
	if err != nil {
		return err
	}
	// Places are in the order of the changes, however the batch is sorted.
	slices.SortFunc(records, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(a.record.UpdatedAt, b.record.UpdatedAt), cmp.Compare(a.at, b.at))
	})
	for some := range slices.Chunk(records, segmentRecords) {
		if err := insertRecords(ctx, t, &all, some); err != nil {
			return err
		}
	}
	return all.write(ctx, t)
}

func forget(ctx context.Context, t *tx, all *tally, keys []store.Key) error {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, compareKeys)
	there, err := lookUp(ctx, t, slices.Compact(keys))
	if err != nil {
		return err
	}
	var old []stored
	for _, r := range there {
		old = append(old, r)
	}
	return removeRecords(ctx, t, all, old)
}

// overtaking returns the records that are newer than what is there, which it removes.
func overtaking(ctx context.Context, t *tx, all *tally, records []store.Record) ([]keyed, error) {
	given := make([]keyed, len(records))
	for i := range records {
		if records[i].UpdatedAt > latestPlace {
			return nil, fmt.Errorf("%w: a record changed at %d", store.ErrInvalid, records[i].UpdatedAt)
		}
		given[i] = keyed{records[i].Key(), &records[i], i}
	}
	last := lastOf(given, func(a, b *keyed) int { return compareKeys(a.key, b.key) })
	keys := make([]store.Key, len(last))
	for i := range last {
		keys[i] = last[i].key
	}
	there, err := lookUp(ctx, t, keys)
	if err != nil {
		return nil, err
	}
	var taken []keyed
	var old []stored
	for _, r := range last {
		before, known := there[r.key]
		if known && before.revision >= int64(r.record.Revision) {
			continue
		}
		if known {
			old = append(old, before)
		}
		taken = append(taken, *r)
	}
	return taken, removeRecords(ctx, t, all, old)
}

// latestPlace keeps places from ending: it is centuries ahead.
const latestPlace = 1 << 62

func removeRecords(ctx context.Context, t *tx, all *tally, old []stored) error {
	for some := range slices.Chunk(old, rowsAtOnce) {
		args := make([]any, len(some))
		for i := range some {
			args[i] = some[i].place
			all.bytes -= some[i].bytes
		}
		if _, err := t.exec(ctx, "DELETE FROM records WHERE place IN ("+list(len(some))+")", args...); err != nil {
			return err
		}
	}
	return nil
}

// insertRecords writes a segment.
func insertRecords(ctx context.Context, t *tx, all *tally, some []keyed) error {
	inserts := rows{head: "INSERT INTO records (place, operation, revision, updated_at, bytes, head, facts)", columns: 7}
	places, records := make([]int64, len(some)), make([]*store.Record, len(some))
	for i, r := range some {
		// The time of the change is the place, but for changes at the same time, and for a clock that went back.
		all.last = max(all.last+1, r.record.UpdatedAt)
		places[i], records[i] = all.last, r.record
		head, facts := appendHead(nil, r.record), notNil(r.record.Facts)
		bytes := int64(len(head) + len(facts))
		all.bytes += bytes
		inserts.add(all.last, r.key[:], int64(r.record.Revision), r.record.UpdatedAt, bytes, head, facts)
	}
	if err := inserts.insert(ctx, t); err != nil {
		return err
	}
	bytes, err := insertSegment(ctx, t, places, records)
	all.bytes += bytes
	return err
}

// recordColumns are those that scanRecord reads, before others.
const recordColumns = "place, revision, updated_at, head"

// scanRecord reads a record, and what more is asked for, and returns its place.
func scanRecord(row row, r *store.Record, more ...any) (place int64, err error) {
	var revision int64
	var head []byte
	if err := row.Scan(append([]any{&place, &revision, &r.UpdatedAt, &head}, more...)...); err != nil {
		return 0, err
	}
	r.Revision = uint32(revision)
	return place, readHead(head, r)
}
