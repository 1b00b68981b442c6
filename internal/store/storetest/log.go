package storetest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/store"
)

func row(collector string, seq int64) store.Row {
	return store.Row{Collector: collector, Seq: seq, At: 1000 + seq, Data: fmt.Appendf(nil, "%s-%d", collector, seq)}
}

func rowsOf(collector string, first, last int64) []store.Row {
	var all []store.Row
	for seq := first; seq <= last; seq++ {
		all = append(all, row(collector, seq))
	}
	return all
}

// logOf returns all rows behind the positions, by stream.
func logOf(tb testing.TB, s store.Store, after ...store.Position) []store.Row {
	tb.Helper()
	var all []store.Row
	last := make(map[string]int64)
	for r, err := range s.Rows(tb.Context(), after) {
		require.NoError(tb, err)
		require.Greater(tb, r.Seq, last[r.Collector], "in order, and once")
		last[r.Collector] = r.Seq
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b store.Row) int { return strings.Compare(a.Collector, b.Collector) })
	return all
}

func rowsComeBack(t *testing.T, s store.Store) {
	require.Empty(t, logOf(t, s))
	one, two := rowsOf("one", 1, 3), rowsOf("two", 1, 2)
	// The rows of a batch need not be sorted.
	write(t, s, store.Batch{Rows: []store.Row{one[1], two[0], one[0]}})
	write(t, s, store.Batch{Rows: []store.Row{two[1], one[2]}})
	require.Equal(t, slices.Concat(one, two), logOf(t, s))
	require.Equal(t, slices.Concat(one[2:], two), logOf(t, s, store.Position{Collector: "one", Seq: 2}))
	require.Equal(t, one, logOf(t, s, store.Position{Collector: "two", Seq: 2}, store.Position{Collector: "never", Seq: 9}))
	n := 0
	for _, err := range s.Rows(t.Context(), nil) {
		require.NoError(t, err)
		if n++; n == 2 {
			break
		}
	}
	require.Equal(t, 2, n)
}

func merged(t *testing.T, s store.Store) {
	var all []store.Row
	for i := range int64(200) {
		r := row(strconv.FormatInt(i*i%7, 10), i+1)
		r.At = i
		all = append(all, r)
	}
	// A stream whose times go back stays in the order of its numbers.
	all[150].At, all[151].At = 3, 2
	write(t, s, store.Batch{Rows: all})
	var got []store.Row
	for r, err := range s.Rows(t.Context(), []store.Position{{Collector: "2", Seq: 80}}) {
		require.NoError(t, err)
		got = append(got, r)
	}
	require.Equal(t, expected(all, "2", 80), got)
}

// expected merges rows by the rule of the contract; of one stream only those behind a number.
func expected(all []store.Row, collector string, after int64) []store.Row {
	streams := make(map[string][]store.Row)
	for _, r := range all {
		if r.Collector != collector || r.Seq > after {
			streams[r.Collector] = append(streams[r.Collector], r)
		}
	}
	var merged []store.Row
	for {
		next := ""
		for collector, rows := range streams {
			if len(rows) > 0 && (next == "" || rows[0].At < streams[next][0].At) {
				next = collector
			}
		}
		if next == "" {
			return merged
		}
		merged = append(merged, streams[next][0])
		streams[next] = streams[next][1:]
	}
}

func rowsAgain(t *testing.T, s store.Store) {
	write(t, s, store.Batch{Rows: rowsOf("one", 1, 2)})
	forged := row("one", 2)
	forged.Data, forged.At = []byte("forged"), 7
	write(t, s, store.Batch{Rows: []store.Row{forged, row("one", 3)}})
	require.Equal(t, rowsOf("one", 1, 3), logOf(t, s))
}

func impossibleRows(t *testing.T, s store.Store) {
	for _, r := range []store.Row{{Collector: "one", Data: []byte{1}}, {Collector: "one", Seq: -1, Data: []byte{1}}, {Collector: "one", Seq: 1}} {
		require.ErrorIs(t, s.Write(t.Context(), &store.Batch{Rows: []store.Row{r}}), store.ErrInvalid)
	}
	require.Empty(t, logOf(t, s))
}

func manyRows(t *testing.T, s store.Store) {
	var want []store.Row
	for seq := range int64(40) {
		r := row("large", seq+1)
		r.Data = slices.Repeat([]byte{byte(seq)}, 1<<20)
		want = append(want, r)
	}
	for some := range slices.Chunk(want, 10) {
		write(t, s, store.Batch{Rows: some})
	}
	small := rowsOf("small", 1, 3000)
	write(t, s, store.Batch{Rows: small})
	require.Equal(t, append(want, small...), logOf(t, s))
}

func cutRows(t *testing.T, s store.Store) {
	write(t, s, store.Batch{Rows: slices.Concat(rowsOf("one", 1, 5), rowsOf("two", 1, 3), rowsOf("three", 1, 1))})
	write(t, s, store.Batch{Cut: []store.Position{{Collector: "one", Seq: 1}, {Collector: "two", Seq: 3}, {Collector: "one", Seq: 3}, {Collector: "never", Seq: 4}}})
	want := slices.Concat(rowsOf("one", 4, 5), rowsOf("three", 1, 1))
	require.Equal(t, want, logOf(t, s))
	write(t, s, store.Batch{Cut: []store.Position{{Collector: "one", Seq: 2}}})
	require.Equal(t, want, logOf(t, s), "what was cut stays so")
	require.Equal(t, int64(6), trimAll(t, s, store.Limits{}).Rows)
	require.Equal(t, want, logOf(t, s))
	require.Zero(t, trimAll(t, s, store.Limits{}).Rows)
	write(t, s, store.Batch{Rows: rowsOf("two", 4, 5), Cut: []store.Position{{Collector: "two", Seq: 4}}})
	require.Equal(t, append(want, row("two", 5)), logOf(t, s), "a stream goes on after a cut, and one batch may do both")
}

func manyCutRows(t *testing.T, s store.Store) {
	write(t, s, store.Batch{Rows: rowsOf("one", 1, 9000)})
	write(t, s, store.Batch{Cut: []store.Position{{Collector: "one", Seq: 8999}}})
	first, err := s.Trim(t.Context(), store.Limits{})
	require.NoError(t, err)
	require.True(t, first.More, "a call does a bounded amount of work")
	require.Equal(t, rowsOf("one", 9000, 9000), logOf(t, s), "they are not seen even if they are still there")
	require.Equal(t, int64(8999), first.Rows+trimAll(t, s, store.Limits{}).Rows)
	require.Equal(t, rowsOf("one", 9000, 9000), logOf(t, s))
}

// follow reads on and notes what it got until it has seen the last row of each of so many streams.
func follow(tb testing.TB, s store.Store, streams int, last int64) (map[store.Position]int, error) {
	seen, positions := make(map[store.Position]int), make(map[string]int64)
	for done := 0; done < streams; {
		var after []store.Position
		for collector, seq := range positions {
			after = append(after, store.Position{Collector: collector, Seq: seq})
		}
		for r, err := range s.Rows(tb.Context(), after) {
			if err != nil {
				return nil, err
			}
			seen[store.Position{Collector: r.Collector, Seq: r.Seq}]++
			positions[r.Collector] = r.Seq
			if r.Seq == last {
				done++
			}
		}
	}
	return seen, nil
}

func followers(t *testing.T, s store.Store) {
	const writers, last = 4, 60
	var wait sync.WaitGroup
	errs := make(chan error, 2*writers)
	var got [writers]map[store.Position]int
	for w := range writers {
		wait.Go(func() {
			for seq := int64(1); seq <= last; seq++ {
				if err := s.Write(t.Context(), &store.Batch{Rows: []store.Row{row(strconv.Itoa(w), seq)}}); err != nil {
					errs <- err
					return
				}
			}
		})
		wait.Go(func() {
			var err error
			got[w], err = follow(t, s, writers, last)
			errs <- err
		})
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	for _, seen := range got {
		require.Len(t, seen, writers*last)
		for position, n := range seen {
			require.Equal(t, 1, n, "%v", position)
		}
	}
}

// A reader may find rows gone that it had not read: then it gets those that stand for them, which were written before they were cut, even
// where it has been already.
func followersAndCuts(t *testing.T, s store.Store) {
	// The stream that is read first holds what stands for the rows of the other.
	write(t, s, store.Batch{Rows: slices.Concat(rowsOf("a", 1, 1), rowsOf("b", 1, 5000))})
	cut := false
	got := make(map[store.Position]bool)
	for r, err := range s.Rows(t.Context(), nil) {
		require.NoError(t, err)
		got[store.Position{Collector: r.Collector, Seq: r.Seq}] = true
		if !cut {
			cut = true
			write(t, s, store.Batch{Rows: []store.Row{row("a", 2)}, Cut: []store.Position{{Collector: "b", Seq: 4999}}})
			trimAll(t, s, store.Limits{})
		}
	}
	require.Contains(t, got, store.Position{Collector: "a", Seq: 2})
	require.Contains(t, got, store.Position{Collector: "b", Seq: 5000})
}
