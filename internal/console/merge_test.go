package console

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// world is operations, each in memory, in the store, or in both.
type world struct {
	*memory
	// stored are the records of the store, by their numbers: the place in the slice.
	stored []Record
	// atOnce is how many records the store looks at for a page.
	atOnce int
	// pauses says that time is up after that many.
	pauses bool
	err    error
}

// shelf is the list of the world's store for a query.
type shelf struct {
	*world
	q *Query
}

func (s shelf) Next(cursor string, since int64, limit int) ([]Archived, string, bool, error) {
	if s.err != nil {
		return nil, "", false, s.err
	}
	type numbered struct {
		number int
		Record
	}
	var all []numbered
	for i, r := range s.stored {
		all = append(all, numbered{i, r})
	}
	slices.SortFunc(all, func(a, b numbered) int {
		return cmp.Or(cmp.Compare(b.UpdatedAt, a.UpdatedAt), cmp.Compare(b.number, a.number))
	})
	var found []Archived
	seen := 0
	for _, r := range all {
		if cursor != "" {
			var at int64
			var number int
			if _, err := fmt.Sscanf(cursor, "%d/%d", &at, &number); err != nil {
				return nil, "", false, err
			}
			if cmp.Or(cmp.Compare(at, r.UpdatedAt), cmp.Compare(number, r.number)) <= 0 {
				continue
			}
		}
		if r.UpdatedAt < since {
			return found, cursor, false, nil
		}
		cursor = strconv.FormatInt(r.UpdatedAt, 10) + "/" + strconv.Itoa(r.number)
		summary := summarize(&r.Record)
		if _, held := s.lookup(r.View.Namespace, r.View.ID); !held && s.q.Matches(&summary) {
			found = append(found, Archived{r.Record, cursor})
		}
		if seen++; (seen >= s.atOnce && (s.pauses || len(found) > 0)) || len(found) == limit {
			return found, cursor, true, nil
		}
	}
	return found, cursor, false, nil
}

func (w *world) pageOf(q Query) Page {
	return Merge(q, Select(q, scanOf(w.summaries())), w.lookup, shelf{w, &q})
}

// list reads all pages, each by a cursor as a client has it.
func (w *world) list(t require.TestingT, q Query, between func()) []Item {
	var all []Item
	for range 10_000 {
		page := w.pageOf(q)
		require.LessOrEqual(t, len(page.Items), q.Limit)
		all = append(all, page.Items...)
		if page.Next == nil {
			return all
		}
		again, err := decodeCursor((&cursor{after: *page.Next}).encode())
		require.NoError(t, err)
		q.After = &again.after
		between()
	}
	require.FailNow(t, "the list never ends")
	return nil
}

func drawWorld(t *rapid.T) *world {
	w := &world{memory: &memory{}, atOnce: rapid.IntRange(1, 8).Draw(t, "at once")}
	for _, r := range drawRecords(t) {
		where := rapid.IntRange(0, 2).Draw(t, "where")
		if where != 0 {
			stored := r
			if where == 2 {
				stored.UpdatedAt = max(1, r.UpdatedAt-rapid.Int64Range(0, 3).Draw(t, "arrived since"))
			}
			w.stored = append(w.stored, stored)
		}
		if where != 1 {
			w.records = append(w.records, r)
		}
	}
	return w
}

// TestMemoryAndStoreAreOneList: each operation once, as memory has it if it does, in order of time.
func TestMemoryAndStoreAreOneList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.pauses = rapid.Bool().Draw(t, "pauses")
		q := drawQuery(t)
		want := map[string]int64{}
		for _, r := range slices.Concat(w.stored, w.records) {
			delete(want, r.View.ID)
			if s := summarize(&r); q.Matches(&s) {
				want[r.View.ID] = r.UpdatedAt
			}
		}
		got, last := map[string]int64{}, int64(math.MaxInt64)
		for _, item := range w.list(t, q, func() {}) {
			r := &item.Record
			require.NotContains(t, got, r.View.ID)
			got[r.View.ID] = r.UpdatedAt
			require.LessOrEqual(t, r.UpdatedAt, last, "in order")
			last = r.UpdatedAt
		}
		require.Equal(t, want, got)
	})
}

// TestTheListSurvivesWhatHappensMeanwhile: operations begin, change and leave memory between pages. One to which nothing happens is met once, in
// order; one that changes at most once, and one that leaves at least once and at most twice.
func TestTheListSurvivesWhatHappensMeanwhile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		changed, left, before := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for _, r := range slices.Concat(w.stored, w.records) {
			before[r.View.ID] = true
		}
		clock := int64(100)
		all := w.list(t, Query{Limit: rapid.IntRange(1, 20).Draw(t, "limit")}, func() {
			clock++
			w.records = append(w.records, record("", fmt.Sprint("new-", clock), clock, 0))
			w.stored = append(w.stored, record("", fmt.Sprint("stored-", clock), clock, 0))
			i := rapid.IntRange(0, len(w.records)-1).Draw(t, "which")
			switch id := w.records[i].View.ID; rapid.IntRange(0, 2).Draw(t, "what") {
			case 1:
				w.records[i].UpdatedAt, changed[id] = clock, true
			case 2:
				if left[id] = true; !slices.ContainsFunc(w.stored, func(r Record) bool { return r.View.ID == id }) {
					// Not all that completed is stored.
					changed[id], left[id] = true, false
				}
				w.records = slices.Delete(slices.Clone(w.records), i, i+1)
			}
		})
		seen := map[string]int{}
		for _, item := range all {
			seen[item.Record.View.ID]++
		}
		for id := range before {
			switch {
			case changed[id] && left[id]:
				require.LessOrEqual(t, seen[id], 2, id)
			case changed[id]:
				require.LessOrEqual(t, seen[id], 1, id)
			case left[id]:
				require.GreaterOrEqual(t, seen[id], 1, id)
				require.LessOrEqual(t, seen[id], 2, id)
			default:
				require.Equal(t, 1, seen[id], id)
			}
		}
	})
}

func TestAStoreThatFailsLeavesWhatIsInMemory(t *testing.T) {
	w := &world{memory: &memory{records: []Record{record("", "a", 5, 0), record("", "b", 3, 0)}}, stored: []Record{record("", "c", 4, 0)}, atOnce: 1}
	w.err = errors.New("down")
	page := w.pageOf(Query{Limit: 9})
	require.ErrorIs(t, page.Partial, w.err)
	require.Len(t, page.Items, 2)
	require.Nil(t, page.Next)

	first := w.pageOf(Query{Limit: 1})
	require.ErrorIs(t, first.Partial, w.err)
	require.NotNil(t, first.Next)
	w.err = nil
	rest := w.pageOf(Query{Limit: 9, After: first.Next})
	require.NoError(t, rest.Partial)
	require.Len(t, rest.Items, 2, "what was not read before follows")
	require.Equal(t, "c", rest.Items[0].Record.View.ID)
}

func TestAnOperationThatIsMetTwiceIsShownOnce(t *testing.T) {
	m := &memory{records: []Record{record("", "a", 5, 0)}}
	old := summarize(&m.records[0])
	old.UpdatedAt = 3
	twice := scanOf(slices.Values([]Summary{summarize(&m.records[0]), old}))
	page := Merge(Query{Limit: 5}, Select(Query{Limit: 5}, twice), m.lookup, nil)
	require.Len(t, page.Items, 1)
}

// TestAGlanceIsEnoughForWhatIsNotInThePage: of what comes in order of time, no more is looked at than what may be in the page.
func TestAGlanceIsEnoughForWhatIsNotInThePage(t *testing.T) {
	m := &memory{}
	for i := range 1000 {
		m.records = append(m.records, record("", strconv.Itoa(i), int64(1000-i), operation.State(i%2)))
	}
	for _, tc := range []struct {
		q    Query
		want int
	}{
		{Query{Limit: 25}, 52},
		{Query{Limit: 25, Since: 990}, 11},
		{Query{Limit: 25, After: &Position{UpdatedAt: 10}}, 10},
		{Query{Limit: 2000}, 1000},
		{Query{Limit: 2000, States: []operation.State{operation.StateStuck}}, 0},
		{Query{Limit: 2000, States: []operation.State{operation.State(1)}}, 500},
	} {
		looked := 0
		counted := func(wants func(Glance) bool, called func(id, name string, aliases []string) bool) iter.Seq[Summary] {
			return scanOf(m.summaries())(func(g Glance) bool {
				if !wants(g) {
					return false
				}
				looked++
				return true
			}, called)
		}
		Select(tc.q, counted)
		require.Equal(t, tc.want, looked, tc.q)
	}
}
