package sqlstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/throughline/throughline/internal/store"
)

// A segment is some records that were written together, in the order of their places; it is named by the last of them. A term has one row for
// each segment in which it occurs, with the places of the records that have it: what many records of a segment share costs them one row together.
// A record that is written again gets a new place; its old one stays in the rows of its terms, and leads nowhere, until its segment is removed.

const (
	// segmentRecords is the greatest number of records of a segment.
	segmentRecords = 1024
	// termBytes is what a term of a segment counts.
	termBytes = 16
)

// insertSegment writes by which terms the records at the places, in ascending order, are found; it returns what that counts in bytes.
func insertSegment(ctx context.Context, t *tx, places []int64, records []*store.Record) (int64, error) {
	found := make(map[store.Term][]int64)
	for i, r := range records {
		for _, term := range r.Terms() {
			found[term] = append(found[term], places[i])
		}
	}
	all := slices.Sorted(maps.Keys(found))
	segment := places[len(places)-1]
	inserts := rows{head: "INSERT INTO terms (term, segment, places)", columns: 3, atOnce: rowsAtOnce}
	for _, term := range all {
		inserts.add(int64(term), segment, appendPlaces([]byte{}, segment, found[term]))
	}
	if err := inserts.insert(ctx, t); err != nil {
		return 0, err
	}
	_, err := t.exec(ctx, "INSERT INTO segments (segment, terms) VALUES (?, ?)", segment, appendTerms([]byte{}, all))
	return int64(len(all)) * termBytes, err
}

// appendPlaces encodes places, which are in ascending order, as differences from the last one of the segment on, the latest first.
func appendPlaces(b []byte, segment int64, places []int64) []byte {
	before := segment
	for _, place := range slices.Backward(places) {
		b = binary.AppendUvarint(b, uint64(before-place))
		before = place
	}
	return b
}

// readPlaces returns what appendPlaces encoded, the latest first. The error wraps [store.ErrCorrupt].
func readPlaces(b []byte, segment int64) ([]int64, error) {
	places := make([]int64, 0, len(b))
	for before := segment; len(b) > 0; {
		difference, n := binary.Uvarint(b)
		place := before - int64(difference)
		if n <= 0 || place > before || (place == before && len(places) > 0) {
			return nil, fmt.Errorf("%w: the places of a term in the segment %d", store.ErrCorrupt, segment)
		}
		places = append(places, place)
		before, b = place, b[n:]
	}
	return places, nil
}

// common returns the places that are in both lists, of which the latest comes first, in the memory of the first one.
func common(a, b []int64) []int64 {
	both := a[:0]
	for _, place := range a {
		for len(b) > 0 && b[0] > place {
			b = b[1:]
		}
		if len(b) > 0 && b[0] == place {
			both = append(both, place)
		}
	}
	return both
}

// removeSegment removes some terms of a segment that has no records any more, and the segment with the last of them; it returns what they counted.
func removeSegment(ctx context.Context, t *tx, segment int64) (int64, error) {
	var encoded []byte
	if err := t.row(ctx, "SELECT terms FROM segments WHERE segment = ?", segment).Scan(&encoded); err != nil {
		return 0, err
	}
	some := encoded[:min(len(encoded), trimAtOnce*8)]
	terms := readTerms(some)
	for few := range slices.Chunk(terms, rowsAtOnce) {
		args := []any{segment}
		for _, term := range few {
			args = append(args, int64(term))
		}
		if _, err := t.exec(ctx, "DELETE FROM terms WHERE segment = ? AND term IN ("+list(len(few))+")", args...); err != nil {
			return 0, err
		}
	}
	query, args := "DELETE FROM segments WHERE segment = ?", []any{segment}
	if rest := encoded[len(some):]; len(rest) > 0 {
		query, args = "UPDATE segments SET terms = ? WHERE segment = ?", []any{rest, segment}
	}
	_, err := t.exec(ctx, query, args...)
	return int64(len(terms)) * termBytes, err
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
