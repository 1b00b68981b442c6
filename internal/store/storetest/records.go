package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

// record is a record that differs from others in all that lists ask for.
func record(i int, revision uint32) store.Record {
	return store.Record{
		ID: fmt.Sprintf("order-%d", i), Name: fmt.Sprintf("name-%d", i%3), State: operation.State(1 + i%4), Reason: operation.StuckReason(i % 3),
		Flags: operation.FlagRetried, Services: []string{"checkout", fmt.Sprintf("service-%d", i%5)}, Destinations: []string{fmt.Sprintf("queue-%d", i%7)},
		Text: []string{fmt.Sprintf("Connection refused: host%d:5432", i%11)}, StartedAt: int64(i), EndedAt: int64(i + 5), UpdatedAt: int64(1000 + i/2),
		Revision: revision, FinalRevision: revision / 2, Facts: []byte{store.FactsVersion, byte(i)},
	}
}

func records(n int) []store.Record {
	all := make([]store.Record, n)
	for i := range all {
		all[i] = record(i, 1)
	}
	return all
}

func recordsComeBack(t *testing.T, s store.Store) {
	_, err := s.Record(t.Context(), "", "order-1")
	require.ErrorIs(t, err, store.ErrNotFound)
	r := record(1, 4)
	r.Namespace, r.Aliases = "acme", []string{"corr-1", "corr-2"}
	write(t, s, store.Batch{Records: []store.Record{r}})
	got, err := s.Record(t.Context(), "acme", "order-1")
	require.NoError(t, err)
	require.Equal(t, r, got)
	_, err = s.Record(t.Context(), "", "order-1")
	require.ErrorIs(t, err, store.ErrNotFound, "another namespace")
}

func overtaken(t *testing.T, s store.Store) {
	newer, older := record(1, 5), record(1, 4)
	newer.Name = "newer"
	write(t, s, store.Batch{Records: []store.Record{older, record(2, 1), newer}})
	write(t, s, store.Batch{Records: []store.Record{older, record(2, 1)}})
	got, err := s.Record(t.Context(), "", newer.ID)
	require.NoError(t, err)
	require.Equal(t, newer, got)
	last := record(1, 6)
	write(t, s, store.Batch{Records: []store.Record{last}})
	require.Empty(t, list(t, s, store.Query{Name: "newer"}), "it is not found by what it was")
	require.Equal(t, []string{last.ID}, list(t, s, store.Query{Name: last.Name, Text: last.ID}))
}

func byAlias(t *testing.T, s store.Store) {
	a, b := record(1, 1), record(2, 1)
	a.Aliases, b.Aliases, b.UpdatedAt = []string{"shared", "own"}, []string{"shared"}, a.UpdatedAt+1
	write(t, s, store.Batch{Records: []store.Record{a, b}})
	for alias, id := range map[string]string{"own": a.ID, "shared": b.ID, a.ID: a.ID} {
		got, err := s.Record(t.Context(), "", alias)
		require.NoError(t, err)
		require.Equal(t, id, got.ID)
	}
	_, err := s.Record(t.Context(), "other", "own")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func forgotten(t *testing.T, s store.Store) {
	write(t, s, store.Batch{Records: records(3)})
	write(t, s, store.Batch{Forget: []store.Key{key("order-1"), key("order-1"), key("never")}})
	require.ElementsMatch(t, []string{"order-0", "order-2"}, list(t, s, store.Query{Service: "checkout"}))
	_, err := s.Record(t.Context(), "", "order-1")
	require.ErrorIs(t, err, store.ErrNotFound)
	// An operation that goes by another name: under the old one it is no more.
	renamed := record(0, 2)
	renamed.ID, renamed.Aliases = "corr-0", []string{"order-0"}
	write(t, s, store.Batch{Forget: []store.Key{key("order-0")}, Records: []store.Record{renamed}})
	got, err := s.Record(t.Context(), "", "order-0")
	require.NoError(t, err)
	require.Equal(t, "corr-0", got.ID)
}

func repeated(t *testing.T, s store.Store) {
	b := store.Batch{
		Rows: []store.Row{row("one", 1)}, Cut: []store.Position{{Collector: "two", Seq: 3}}, Records: records(2), Blobs: []store.Blob{{Key: "learned", Data: []byte("x")}},
		Incidents: []store.Incident{{ID: "i", Revision: 1}}, Entries: []store.Entry{{ID: "e", At: 1}},
	}
	write(t, s, b)
	before := list(t, s, store.Query{})
	write(t, s, b)
	require.Equal(t, before, list(t, s, store.Query{}))
	require.Equal(t, b.Rows, logOf(t, s))
}

func allOrNothing(t *testing.T, s store.Store) {
	impossible := row("one", 2)
	impossible.Data = nil
	err := s.Write(t.Context(), &store.Batch{Blobs: []store.Blob{{Key: "a"}}, Records: records(3), Rows: []store.Row{row("one", 1), impossible}})
	require.ErrorIs(t, err, store.ErrInvalid)
	require.Empty(t, logOf(t, s))
	require.Empty(t, list(t, s, store.Query{}))
}

// list returns the IDs of all records that a query finds, page by page.
func list(tb testing.TB, s store.Store, q store.Query) []string {
	tb.Helper()
	var ids []string
	if q.Limit == 0 {
		q.Limit = 100
	}
	for {
		page, err := s.List(tb.Context(), q)
		require.NoError(tb, err)
		require.LessOrEqual(tb, len(page.Records), q.Limit)
		for _, r := range page.Records {
			ids = append(ids, r.ID)
		}
		if page.Cursor == "" {
			return ids
		}
		require.NotEqual(tb, q.Cursor, page.Cursor)
		q.Cursor = page.Cursor
	}
}

// writeOneByOne makes the order of records that changed at the same time the one given.
func writeOneByOne(tb testing.TB, s store.Store, all []store.Record) {
	tb.Helper()
	for i := range all {
		write(tb, s, store.Batch{Records: all[i : i+1]})
	}
}

func listsFilter(t *testing.T, s store.Store) {
	all := records(40)
	all[7].Text = []string{"E-4711 in line 3"}
	writeOneByOne(t, s, all)
	for name, q := range map[string]store.Query{
		"state": {State: "stuck"}, "reason": {Reason: "waiting"}, "name": {Name: "name-1"}, "service": {Service: "service-2"},
		"destination": {Destination: "queue-6"}, "ID": {Text: "order-7"}, "text": {Text: "REFUSED host3:5432"}, "since": {Since: 1010},
		"everything": {}, "several": {State: "stuck", Service: "service-2", Text: "order"}, "nothing": {Destination: "nowhere"},
		"a state that is none": {State: "lost"}, "punctuation": {Text: ": -"}, "part of a word": {Text: "rder-7"}, "apart": {Text: "4711 E-4711 3"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, matching(all, q), list(t, s, q)) })
	}
	require.Equal(t, []string{"order-7"}, list(t, s, store.Query{Text: "order-7"}))
	require.Equal(t, []string{"order-7"}, list(t, s, store.Query{Text: "e-4711"}))
	require.Len(t, list(t, s, store.Query{Destination: "queue-6"}), 5)
}

// matching returns the IDs of the records that a query is to find, in the order of lists, of records in the order they were written.
func matching(all []store.Record, q store.Query) []string {
	var ids []string
	byTime := make(map[int64][]store.Record)
	latest := int64(0)
	for _, r := range all {
		byTime[r.UpdatedAt] = append(byTime[r.UpdatedAt], r)
		latest = max(latest, r.UpdatedAt)
	}
	for at := latest; len(byTime) > 0 && at >= 0; at-- {
		some := byTime[at]
		for i := range some {
			if r := some[len(some)-1-i]; q.Matches(&r) {
				ids = append(ids, r.ID)
			}
		}
		delete(byTime, at)
	}
	return ids
}

func listsHavePages(t *testing.T, s store.Store) {
	all := records(25)
	writeOneByOne(t, s, all)
	for _, limit := range []int{1, 2, 7, 25, 26} {
		require.Equal(t, matching(all, store.Query{}), list(t, s, store.Query{Limit: limit}), "limit %d", limit)
		q := store.Query{Service: "service-1", State: "stuck", Limit: limit}
		require.Equal(t, matching(all, q), list(t, s, q), "limit %d", limit)
	}
}

func listsAgree(t *testing.T, s store.Store) {
	random := rand.New(rand.NewPCG(1, 2))
	var all []store.Record
	for i := range 300 {
		r := record(random.IntN(1000), 1)
		r.ID, r.UpdatedAt = fmt.Sprintf("id%d", i), int64(i)
		all = append(all, r)
	}
	write(t, s, store.Batch{Records: all})
	pick := func(prefix string, n int) string {
		if random.IntN(3) > 0 {
			return ""
		}
		return fmt.Sprintf("%s%d", prefix, random.IntN(n))
	}
	for range 200 {
		q := store.Query{
			Name: pick("name-", 3), Service: pick("service-", 5), Destination: pick("queue-", 7), Text: strings.TrimSpace(pick("host", 11) + " " + pick("id", 300)),
			Since: int64(random.IntN(2) * random.IntN(300)), Limit: 1 + random.IntN(20),
		}
		if random.IntN(2) == 0 {
			q.State = operation.State(1 + random.IntN(4)).String()
		}
		require.Equal(t, matching(all, q), list(t, s, q), "%+v", q)
	}
}

// history is what a store's records are to be, those written last at the end.
type history []store.Record

func (h *history) remove(gone func(*store.Record) bool) {
	*h = slices.DeleteFunc(*h, func(r store.Record) bool { return gone(&r) })
}

// write does to the history what a batch does to a store.
func (h *history) write(b *store.Batch) {
	h.remove(func(r *store.Record) bool { return slices.Contains(b.Forget, r.Key()) })
	var last []store.Record
	for i, r := range b.Records {
		if !slices.ContainsFunc(b.Records[i+1:], func(later store.Record) bool { return later.ID == r.ID }) {
			last = append(last, r)
		}
	}
	slices.SortStableFunc(last, func(a, b store.Record) int { return cmp.Compare(a.UpdatedAt, b.UpdatedAt) })
	for _, r := range last {
		h.remove(func(old *store.Record) bool { return old.ID == r.ID })
	}
	*h = append(*h, last...)
}

func (h history) list(q store.Query) (ids []string) {
	for _, r := range slices.Backward(h) {
		if q.Matches(&r) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Records are replaced, forgotten and trimmed again and again: lists find all that is there, and nothing of what was.
func listsAgreeAfterChanges(t *testing.T, s store.Store) {
	random := rand.New(rand.NewPCG(3, 4))
	var want history
	for step := range 60 {
		var b store.Batch
		for range random.IntN(3) {
			b.Forget = append(b.Forget, key(fmt.Sprintf("id%d", random.IntN(60))))
		}
		for range random.IntN(40) {
			r := record(random.IntN(1000), uint32(step+1))
			r.ID, r.Aliases, r.UpdatedAt = fmt.Sprintf("id%d", random.IntN(60)), []string{fmt.Sprintf("alias%d", random.IntN(5))}, int64(10*step+random.IntN(10))
			b.Records = append(b.Records, r)
		}
		write(t, s, b)
		want.write(&b)
		if step%9 == 8 {
			before := int64(10*step - 40)
			trimAll(t, s, store.Limits{Before: before})
			want.remove(func(r *store.Record) bool { return r.UpdatedAt < before })
		}
		for _, q := range []store.Query{
			{Limit: 7}, {Service: "service-1", Limit: 3}, {State: "stuck", Name: "name-2", Limit: 2}, {Text: fmt.Sprintf("id%d", random.IntN(60))},
			{Text: "refused host3", Since: int64(10 * (step - 2)), Limit: 5},
		} {
			require.Equal(t, want.list(q), list(t, s, q), "step %d: %+v", step, q)
		}
		alias := fmt.Sprintf("alias%d", step%5)
		got, err := s.Record(t.Context(), "", alias)
		latest := slices.Clone(want)
		latest.remove(func(r *store.Record) bool { return r.Aliases[0] != alias })
		if len(latest) == 0 {
			require.ErrorIs(t, err, store.ErrNotFound)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, latest[len(latest)-1], got)
	}
}

// Two terms that are frequent and never occur together: a page must not walk through everything.
func pagesAreBounded(t *testing.T, s store.Store) {
	const batches = 700
	for i := range batches {
		var two []store.Record
		for j := range 2 {
			two = append(two, store.Record{
				ID: fmt.Sprintf("o%d-%d", i, j), UpdatedAt: int64(i), Revision: 1, Services: []string{fmt.Sprintf("s%d", j)}, Destinations: []string{fmt.Sprintf("d%d", j)}, Name: "n",
			})
		}
		write(t, s, store.Batch{Records: two})
	}
	page, err := s.List(t.Context(), store.Query{Service: "s0", Destination: "d1", Limit: 10})
	require.NoError(t, err)
	require.Empty(t, page.Records)
	require.NotEmpty(t, page.Cursor)
	require.Empty(t, list(t, s, store.Query{Service: "s0", Destination: "d1", Limit: 10}))
	require.Len(t, list(t, s, store.Query{Service: "s0", Destination: "d0", Limit: 10}), batches)
}

func cursorsOfRecords(t *testing.T, s store.Store) {
	all := records(30)
	writeOneByOne(t, s, all)
	for _, q := range []store.Query{{Limit: 12}, {Service: "service-1", Limit: 3}} {
		want := list(t, s, q)
		page, err := s.List(t.Context(), q)
		require.NoError(t, err)
		require.Len(t, page.Cursors, len(page.Records))
		for i, cursor := range page.Cursors {
			require.Empty(t, page.Records[i].Facts)
			next := q
			next.Cursor, next.Facts = cursor, true
			require.Equal(t, want[i+1:], list(t, s, next))
			rest, err := s.List(t.Context(), next)
			require.NoError(t, err)
			for _, r := range rest.Records {
				whole, err := s.Record(t.Context(), "", r.ID)
				require.NoError(t, err)
				require.Equal(t, whole, r)
			}
		}
	}
}

func cursorsAreChecked(t *testing.T, s store.Store) {
	for _, cursor := range []string{"x", "!", "AAAA", "' OR 1=1"} {
		_, err := s.List(t.Context(), store.Query{Limit: 1, Cursor: cursor})
		require.ErrorIs(t, err, store.ErrInvalid)
	}
	_, err := s.List(t.Context(), store.Query{})
	require.ErrorIs(t, err, store.ErrInvalid)
}

func atOnce(t *testing.T, s store.Store) {
	const writers, batches = 4, 20
	var wait sync.WaitGroup
	errs := make(chan error, writers*batches*2)
	for w := range writers {
		wait.Go(func() {
			for i := range batches {
				// All write the same records, each a stream of its own.
				errs <- s.Write(t.Context(), &store.Batch{Records: []store.Record{record(i, 1), record(i+1, 2)}, Rows: []store.Row{row(strconv.Itoa(w), int64(i+1))}})
				_, err := s.List(t.Context(), store.Query{Service: "checkout", Limit: 10})
				errs <- err
			}
		})
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Len(t, logOf(t, s), writers*batches)
	require.Len(t, list(t, s, store.Query{}), batches+1)
	for i := range batches {
		r, err := s.Record(t.Context(), "", fmt.Sprintf("order-%d", i+1))
		require.NoError(t, err)
		require.Equal(t, uint32(2), r.Revision)
	}
}
