package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"iter"

	"github.com/throughline/throughline/internal/store"
)

const (
	// pageBytes is about how many bytes of rows are read at a time: nothing is held while the caller is at work.
	pageBytes = 4 << 20
	// firstPage and longestPage are numbers of rows.
	firstPage, longestPage = 16, 1024
	// rowsPerInsert is the number of rows of the log that a statement writes: they are large.
	rowsPerInsert = 8
)

// stream is a stream from which something is to be read.
type stream struct {
	collector string
	// after is behind which row reading goes on, last the last row there is.
	after, last int64
	// page are rows that were read and not yielded yet; atOnce is how many are read next, 0: no more.
	page   []store.Row
	atOnce int
}

// Rows implements [store.Log]. Rows that are cut while it reads leave a gap, and what stands for them may be in a stream that was read already:
// then it goes over all streams again.
func (s *Store) Rows(ctx context.Context, after []store.Position) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		read := make(map[string]int64, len(after))
		for _, p := range after {
			read[p.Collector] = max(p.Seq, read[p.Collector])
		}
		for gap := true; gap; {
			gap = false
			for row, err := range s.merged(ctx, read) {
				if err != nil {
					yield(store.Row{}, s.failed("reading the log", err))
					return
				}
				gap = gap || row.Seq > read[row.Collector]+1
				read[row.Collector] = row.Seq
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// merged yields what there is behind what was read of each stream.
func (s *Store) merged(ctx context.Context, read map[string]int64) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		streams, err := s.streams(ctx, read)
		for err == nil {
			var earliest *stream
			for i := range streams {
				next := &streams[i]
				if err = s.readOn(ctx, next, len(streams)); err != nil {
					break
				}
				if len(next.page) > 0 && (earliest == nil || next.page[0].At < earliest.page[0].At) {
					earliest = next
				}
			}
			if err != nil || earliest == nil {
				break
			}
			row := earliest.page[0]
			earliest.page = earliest.page[1:]
			if !yield(row, nil) {
				return
			}
		}
		if err != nil {
			yield(store.Row{}, err)
		}
	}
}

// selectStreams finds the streams without visiting their rows, with the position up to which each is cut.
const selectStreams = `WITH RECURSIVE s (collector) AS (
	SELECT * FROM (SELECT collector FROM log ORDER BY collector, seq LIMIT 1) AS first
	UNION ALL SELECT (SELECT l.collector FROM log l WHERE l.collector > s.collector ORDER BY l.collector, l.seq LIMIT 1) FROM s WHERE s.collector IS NOT NULL)
	SELECT s.collector, coalesce((SELECT c.seq FROM cuts c WHERE c.collector = s.collector), 0),
	coalesce((SELECT l.seq FROM log l WHERE l.collector = s.collector ORDER BY l.seq DESC LIMIT 1), 0) FROM s WHERE s.collector IS NOT NULL`

// streams returns those that have rows behind what was read of them.
func (s *Store) streams(ctx context.Context, read map[string]int64) ([]stream, error) {
	found, err := s.read.QueryContext(ctx, selectStreams)
	if err != nil {
		return nil, err
	}
	var streams []stream
	err = scan(found, func(row *sql.Rows) error {
		var collector []byte
		var next stream
		var cut int64
		if err := row.Scan(&collector, &cut, &next.last); err != nil {
			return err
		}
		next.collector, next.atOnce = string(collector), firstPage
		if next.after = max(cut, read[next.collector]); next.last > next.after {
			streams = append(streams, next)
		}
		return nil
	})
	return streams, err
}

// readOn reads the next rows of a stream when there are none left, of so many streams that share the room.
func (s *Store) readOn(ctx context.Context, from *stream, sharing int) error {
	if len(from.page) > 0 || from.atOnce == 0 {
		return nil
	}
	size, err := s.readPage(ctx, from)
	if err != nil {
		return err
	}
	if len(from.page) < from.atOnce || from.after >= from.last {
		from.atOnce = 0
		return nil
	}
	from.atOnce = min(max(from.atOnce*(pageBytes/sharing)/max(size, 1), 1), longestPage, 4*from.atOnce)
	return nil
}

func (s *Store) readPage(ctx context.Context, from *stream) (size int, err error) {
	found, err := s.read.QueryContext(ctx, s.dialect.bind("SELECT seq, at, data FROM log WHERE collector = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"),
		[]byte(from.collector), from.after, from.last, from.atOnce)
	if err != nil {
		return 0, err
	}
	from.page = make([]store.Row, 0, from.atOnce)
	err = scan(found, func(row *sql.Rows) error {
		r := store.Row{Collector: from.collector}
		if err := row.Scan(&r.Seq, &r.At, &r.Data); err != nil {
			return err
		}
		r.Data = notNil(r.Data)
		size, from.after = size+len(r.Data), r.Seq
		from.page = append(from.page, r)
		return nil
	})
	return size, err
}

func comparePositions(a, b *store.Position) int {
	return bytes.Compare([]byte(a.Collector), []byte(b.Collector))
}

func writeRows(ctx context.Context, t *tx, b *store.Batch) error {
	log := rows{
		head: "INSERT INTO log (collector, seq, at, data)", columns: 4, atOnce: rowsPerInsert, tail: " ON CONFLICT (collector, seq) DO NOTHING",
	}
	for i := range b.Rows {
		r := &b.Rows[i]
		if r.Seq < 1 || r.Data == nil {
			return fmt.Errorf("%w: row %d of the stream %q with %d bytes", store.ErrInvalid, r.Seq, r.Collector, len(r.Data))
		}
		log.add([]byte(r.Collector), r.Seq, r.At, r.Data)
	}
	return log.insert(ctx, t)
}

// cut notes up to where streams are removed. Removing is Trim's: it takes longer than others can be kept waiting.
func cut(ctx context.Context, t *tx, b *store.Batch) error {
	cuts := rows{
		head: "INSERT INTO cuts (collector, seq)", columns: 2,
		tail: " ON CONFLICT (collector) DO UPDATE SET seq = excluded.seq WHERE cuts.seq < excluded.seq",
	}
	for _, p := range lastOf(b.Cut, comparePositions) {
		cuts.add([]byte(p.Collector), p.Seq)
	}
	return cuts.insert(ctx, t)
}

const (
	// cutAtOnce and cutBytes bound what one transaction removes of the log.
	cutAtOnce = 512
	cutBytes  = 8 << 20
)

// removeCut removes some of the rows that were cut, and the note when all of a stream's are gone; it reports whether there is more.
func removeCut(ctx context.Context, t *tx) (removed int64, more bool, err error) {
	found, err := t.query(ctx, "SELECT collector, seq FROM cuts ORDER BY collector LIMIT 1"+t.dialect.SkipLocked)
	if err != nil {
		return 0, false, err
	}
	var collector []byte
	var last int64
	if err = scan(found, func(row *sql.Rows) error { return row.Scan(&collector, &last) }); err != nil || collector == nil {
		return 0, false, err
	}
	to, err := firstCut(ctx, t, collector, last)
	if err != nil {
		return 0, false, err
	}
	if removed, err = t.exec(ctx, "DELETE FROM log WHERE collector = ? AND seq <= ?", collector, to); err != nil {
		return 0, false, err
	}
	if to == last {
		_, err = t.exec(ctx, "DELETE FROM cuts WHERE collector = ?", collector)
	}
	return removed, true, err
}

// firstCut returns up to which row one transaction may remove those of a stream.
func firstCut(ctx context.Context, t *tx, collector []byte, last int64) (int64, error) {
	found, err := t.query(ctx, "SELECT seq, length(data) FROM log WHERE collector = ? AND seq <= ? ORDER BY seq LIMIT ?", collector, last, cutAtOnce)
	if err != nil {
		return 0, err
	}
	var to, n, bytes int64
	err = scan(found, func(row *sql.Rows) error {
		var seq, size int64
		if err := row.Scan(&seq, &size); err != nil {
			return err
		}
		if n++; bytes < cutBytes {
			to, bytes = seq, bytes+size
		}
		return nil
	})
	if n < cutAtOnce && bytes < cutBytes {
		to = last
	}
	return to, err
}
