package engine

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// TestScanFindsWhatSummariesDo: whatever became of operations by then.
func TestScanFindsWhatSummariesDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings := DefaultSettings()
		settings.MaxOperations, settings.ArrivalGrace, settings.Retention = 40, 0, time.Hour
		e, err := New(settings)
		require.NoError(t, err)
		now := time.Unix(1_795_255_200, 0)
		for range rapid.IntRange(0, 30).Draw(t, "batches") {
			var facts []operation.Fact
			for range rapid.IntRange(1, 8).Draw(t, "operations") {
				facts = wholeOperation(rapid.IntRange(0, 60).Draw(t, "which"), now.UnixNano(), facts)
			}
			e.Apply(now, facts, nil)
			now = now.Add(time.Duration(rapid.IntRange(0, 1200).Draw(t, "seconds")) * time.Second)
			e.Sweep(now)
		}
		want, got, glances := map[string]int64{}, map[string]int64{}, map[Glance]int{}
		for s := range e.Summaries() {
			want[s.ID] = s.UpdatedAt
			glances[Glance{s.Verdict.State, s.Verdict.Reason, s.Verdict.Flags, s.UpdatedAt}]++
		}
		for s := range e.Scan(func(g Glance) bool { glances[g]--; return true }, nil) {
			require.NotContains(t, got, s.ID)
			got[s.ID] = s.UpdatedAt
			snapshot, ok := e.Snapshot(s)
			require.True(t, ok)
			require.Equal(t, s.ID, snapshot.View.ID)
		}
		require.Equal(t, want, got)
		for id := range want {
			var found []string
			for s := range e.Scan(func(Glance) bool { return true }, func(called, name string, _ []string) bool { return called == id && name != "?" }) {
				found = append(found, s.ID)
			}
			require.Equal(t, []string{id}, found)
		}
		for g, n := range glances {
			require.Zero(t, n, g)
		}
		for range e.Scan(func(Glance) bool { return false }, nil) {
			require.FailNow(t, "nothing was wanted")
		}
	})
}

func TestHasAndViewOf(t *testing.T) {
	e, err := New(DefaultSettings())
	require.NoError(t, err)
	now := time.Unix(1_795_255_200, 0)
	facts := wholeOperation(1, now.UnixNano(), nil)
	e.Apply(now, facts, nil)
	id := facts[1].ID
	require.True(t, e.Has("", id))
	require.False(t, e.Has("tenant", id))
	require.False(t, e.Has("", "nobody"))
	held, ok := e.Get("", id)
	require.True(t, ok)
	view := e.ViewOf(facts)
	require.Equal(t, held.View.ID, view.ID)
	require.Len(t, view.Hops, len(held.View.Hops))
	require.Equal(t, held.View.Facts, view.Facts)
}

func BenchmarkScan(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			settings := DefaultSettings()
			settings.MaxOperations = n
			e, err := New(settings)
			require.NoError(b, err)
			now := time.Unix(1_795_255_200, 0)
			var facts []operation.Fact
			for i := range n {
				facts = openOperation(i, now.UnixNano(), facts[:0])
				e.Apply(now.Add(time.Duration(i)*time.Microsecond), facts, nil)
			}
			for _, bm := range []struct {
				name   string
				wants  bool
				called func(id, name string, aliases []string) bool
			}{
				{"glances", false, nil},
				{"names", true, func(id, _ string, _ []string) bool { return id == "" }},
				{"summaries", true, nil},
			} {
				b.Run(bm.name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						for range e.Scan(func(Glance) bool { return bm.wants }, bm.called) {
						}
					}
				})
			}
		})
	}
}
