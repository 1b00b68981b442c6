package sqlstore

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

// stored is what is known of a record that is there already.
type stored struct {
	record, revision, updatedAt int64
	terms                       []store.Term
}

// lookUp returns those of the keys that have a record, and locks them.
func lookUp(ctx context.Context, t *tx, keys []store.Key) (map[store.Key]stored, error) {
	there := make(map[store.Key]stored, len(keys))
	for some := range slices.Chunk(keys, rowsAtOnce) {
		args := make([]any, len(some))
		for i := range some {
			args[i] = some[i][:]
		}
		found, err := t.query(ctx, "SELECT operation, record, revision, updated_at, terms FROM records WHERE operation IN ("+list(len(some))+") ORDER BY operation"+t.dialect.Lock, args...)
		if err != nil {
			return nil, err
		}
		err = scan(found, func(row *sql.Rows) error {
			var key, terms []byte
			var r stored
			if err := row.Scan(&key, &r.record, &r.revision, &r.updatedAt, &terms); err != nil {
				return err
			}
			r.terms = readTerms(terms)
			there[store.Key(key)] = r
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return there, nil
}

// writeRecords writes those records that are newer than what is there.
func writeRecords(ctx context.Context, t *tx, b *store.Batch) error {
	type keyed struct {
		key    store.Key
		record *store.Record
	}
	all := make([]keyed, len(b.Records))
	for i := range b.Records {
		all[i] = keyed{b.Records[i].Key(), &b.Records[i]}
	}
	// Of several with the same key and revision the last one counts.
	last := lastOf(all, func(a, b *keyed) int { return compareKeys(a.key, b.key) })
	keys := make([]store.Key, len(last))
	for i := range last {
		keys[i] = last[i].key
	}
	there, err := lookUp(ctx, t, keys)
	if err != nil {
		return err
	}
	terms := rows{head: "INSERT INTO terms (term, updated_at, record)", columns: 3, tail: " ON CONFLICT DO NOTHING"}
	for _, r := range last {
		before, known := there[r.key]
		record, err := writeRecord(ctx, t, r.key, r.record, before, known)
		if err != nil {
			return err
		}
		if record == 0 {
			continue
		}
		for _, term := range r.record.Terms() {
			terms.add(int64(term), r.record.UpdatedAt, record)
		}
	}
	return terms.insert(ctx, t)
}

const (
	recordColumns = "namespace, id, aliases, name, state, reason, flags, services, destinations, texts, started_at, ended_at, updated_at, revision, final_revision"
	insertRecord  = "INSERT INTO records (operation, " + recordColumns + ", terms, facts, bytes)" +
		" VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (operation) DO NOTHING RETURNING record"
	updateRecord = "UPDATE records SET namespace = ?, id = ?, aliases = ?, name = ?, state = ?, reason = ?, flags = ?, services = ?, destinations = ?," +
		" texts = ?, started_at = ?, ended_at = ?, updated_at = ?, revision = ?, final_revision = ?, terms = ?, facts = ?, bytes = ? WHERE record = ?"
)

// writeRecord returns the number of the record, 0 if one that is as new is there.
func writeRecord(ctx context.Context, t *tx, key store.Key, r *store.Record, before stored, known bool) (int64, error) {
	if known && before.revision >= int64(r.Revision) {
		return 0, nil
	}
	terms := appendTerms(nil, r.Terms())
	values := []any{
		[]byte(r.Namespace), []byte(r.ID), appendList(r.Aliases), []byte(r.Name), []byte(r.State.String()), []byte(r.Reason.String()), int64(r.Flags),
		appendList(r.Services), appendList(r.Destinations), appendList(r.Text), r.StartedAt, r.EndedAt, r.UpdatedAt, int64(r.Revision), int64(r.FinalRevision),
		terms, notNil(r.Facts),
	}
	bytes := int64(0)
	for _, v := range values {
		if b, ok := v.([]byte); ok {
			bytes += int64(len(b))
		}
	}
	values = append(values, bytes)
	if known {
		if err := removeTerms(ctx, t, before); err != nil {
			return 0, err
		}
		_, err := t.exec(ctx, updateRecord, append(values, before.record)...)
		return before.record, err
	}
	var record int64
	err := t.row(ctx, insertRecord, append([]any{key[:]}, values...)...).Scan(&record)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil // Somebody else wrote it at the same time.
	}
	return record, err
}

// removeTerms removes what a record is found by.
func removeTerms(ctx context.Context, t *tx, r stored) error {
	for some := range slices.Chunk(r.terms, rowsAtOnce) {
		args := []any{r.updatedAt, r.record}
		for _, term := range some {
			args = append(args, int64(term))
		}
		if _, err := t.exec(ctx, "DELETE FROM terms WHERE updated_at = ? AND record = ? AND term IN ("+list(len(some))+")", args...); err != nil {
			return err
		}
	}
	return nil
}

func forget(ctx context.Context, t *tx, b *store.Batch) error {
	keys := slices.Clone(b.Forget)
	slices.SortFunc(keys, compareKeys)
	there, err := lookUp(ctx, t, slices.Compact(keys))
	if err != nil {
		return err
	}
	for _, r := range there {
		if err := removeRecord(ctx, t, r); err != nil {
			return err
		}
	}
	return nil
}

func removeRecord(ctx context.Context, t *tx, r stored) error {
	if err := removeTerms(ctx, t, r); err != nil {
		return err
	}
	_, err := t.exec(ctx, "DELETE FROM records WHERE record = ?", r.record)
	return err
}

// scanRecord reads the columns of a record into r, and what more is asked for.
func scanRecord(row row, r *store.Record, more ...any) error {
	var namespace, id, aliases, name, state, reason, services, destinations, texts []byte
	var flags, revision, final int64
	if err := row.Scan(append([]any{
		&namespace, &id, &aliases, &name, &state, &reason, &flags, &services, &destinations, &texts, &r.StartedAt, &r.EndedAt, &r.UpdatedAt,
		&revision, &final,
	}, more...)...); err != nil {
		return err
	}
	r.Namespace, r.ID, r.Name = string(namespace), string(id), string(name)
	r.Flags, r.Revision, r.FinalRevision = operation.Flags(flags), uint32(revision), uint32(final)
	known := false
	if r.State, known = operation.ParseState(string(state)); !known {
		return fmt.Errorf("%w: a record has the state %q", store.ErrCorrupt, state)
	}
	at := slices.Index(operation.StuckReasonNames(), string(reason))
	if at < 0 && len(reason) > 0 {
		return fmt.Errorf("%w: a record has the reason %q", store.ErrCorrupt, reason)
	}
	r.Reason = operation.StuckReason(at + 1)
	for _, v := range [...]struct {
		to   *[]string
		from []byte
	}{{&r.Aliases, aliases}, {&r.Services, services}, {&r.Destinations, destinations}, {&r.Text, texts}} {
		if *v.to, known = readList(v.from); !known {
			return fmt.Errorf("%w: a record has a list that ends early", store.ErrCorrupt)
		}
	}
	return nil
}

// appendList encodes texts as the length and the bytes of each.
func appendList(texts []string) []byte {
	b := []byte{}
	for _, text := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	return b
}

// readList reads what appendList wrote; false if it did not.
func readList(b []byte) ([]string, bool) {
	var texts []string
	for len(b) > 0 {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, false
		}
		texts = append(texts, string(b[n:n+int(size)]))
		b = b[n+int(size):]
	}
	return texts, true
}

func appendTerms(b []byte, terms []store.Term) []byte {
	for _, term := range terms {
		b = binary.BigEndian.AppendUint64(b, uint64(term))
	}
	return b
}

func readTerms(b []byte) []store.Term {
	var terms []store.Term
	for ; len(b) >= 8; b = b[8:] {
		terms = append(terms, store.Term(binary.BigEndian.Uint64(b)))
	}
	return terms
}
