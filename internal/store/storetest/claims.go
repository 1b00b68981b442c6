package storetest

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/store"
)

// claim returns the keys of what the collector got, and how many parts each has.
func claim(tb testing.TB, s store.Store, collector string, now, until int64) map[store.Key]int {
	tb.Helper()
	claimed, err := s.Claim(tb.Context(), store.Claim{Collector: collector, Now: now, LeaseUntil: until, Limit: 10})
	require.NoError(tb, err)
	keys := make(map[store.Key]int)
	for _, c := range claimed {
		require.NotContains(tb, keys, c.Key)
		keys[c.Key] = len(c.Parts)
	}
	return keys
}

func claimedOnce(t *testing.T, s store.Store) {
	write(t, s, store.Batch{Parts: []store.Part{
		part("order-1", "one", 1, 10), part("order-1", "two", 1, 5), part("order-2", "one", 1, 20), part("order-3", "one", 1, 0),
	}})
	require.Empty(t, claim(t, s, "one", 4, 100), "nothing is due yet")
	require.Equal(t, map[store.Key]int{key("order-1"): 2}, claim(t, s, "one", 5, 100), "the earliest counts, and all parts come")
	require.Equal(t, map[store.Key]int{key("order-2"): 1}, claim(t, s, "two", 50, 100))
	require.Empty(t, claim(t, s, "one", 60, 100))
	write(t, s, store.Batch{Releases: []store.Release{
		{Key: key("order-1"), Collector: "one", Due: 70}, {Key: key("order-2"), Collector: "one", Due: 61},
	}})
	require.Empty(t, claim(t, s, "three", 69, 100), "only its owner can release it")
	require.Equal(t, map[store.Key]int{key("order-1"): 2}, claim(t, s, "three", 70, 100))
	write(t, s, store.Batch{Releases: []store.Release{{Key: key("order-1"), Collector: "three"}}})
	require.Empty(t, claim(t, s, "three", 99, 200), "it is never due again")
}

func leasesEnd(t *testing.T, s store.Store) {
	write(t, s, store.Batch{Parts: []store.Part{part("order-1", "one", 1, 10)}})
	require.Len(t, claim(t, s, "one", 10, 30), 1)
	require.Empty(t, claim(t, s, "two", 29, 60))
	require.Len(t, claim(t, s, "two", 30, 60), 1, "its owner is taken to be dead")
	write(t, s, store.Batch{Releases: []store.Release{{Key: key("order-1"), Collector: "one", Due: 31}}})
	require.Empty(t, claim(t, s, "one", 31, 60), "it is not, but no longer its owner")
}

func dueDuringClaim(t *testing.T, s store.Store) {
	write(t, s, store.Batch{Parts: []store.Part{part("order-1", "one", 1, 10)}})
	require.Len(t, claim(t, s, "one", 10, 1000), 1)
	write(t, s, store.Batch{Parts: []store.Part{part("order-1", "two", 1, 15)}})
	require.Empty(t, claim(t, s, "two", 20, 1000), "it has an owner")
	write(t, s, store.Batch{Releases: []store.Release{{Key: key("order-1"), Collector: "one", Due: 500}}})
	require.Equal(t, map[store.Key]int{key("order-1"): 2}, claim(t, s, "two", 20, 1000))
}

func manyClaims(t *testing.T, s store.Store) {
	const operations, collectors = 300, 4
	var all []store.Part
	for i := range operations {
		all = append(all, part(fmt.Sprintf("order-%d", i), "one", 1, int64(1+i)))
	}
	write(t, s, store.Batch{Parts: all})
	var mu sync.Mutex
	owners := make(map[store.Key]int)
	var wait sync.WaitGroup
	for c := range collectors {
		wait.Go(func() {
			for {
				claimed, err := s.Claim(t.Context(), store.Claim{Collector: strconv.Itoa(c), Now: operations, LeaseUntil: 10_000, Limit: 7})
				if err != nil || len(claimed) == 0 {
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				for _, o := range claimed {
					owners[o.Key]++
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	// Who found everything locked may have ended before the others.
	for key, n := range claim(t, s, "last", operations, 10_000) {
		owners[key] += n
	}
	require.Len(t, owners, operations)
	for _, n := range owners {
		require.Equal(t, 1, n)
	}
}
