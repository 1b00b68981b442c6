package sqlstore

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

func FuzzParseCursor(f *testing.F) {
	f.Add(cursorOf(start))
	f.Add(cursorOf(-5))
	f.Add("' OR 1=1")
	f.Fuzz(func(t *testing.T, cursor string) {
		place, err := parseCursor(cursor)
		if err != nil {
			require.ErrorIs(t, err, store.ErrInvalid)
			return
		}
		again, err := parseCursor(cursorOf(place))
		require.NoError(t, err)
		require.Equal(t, place, again)
	})
}

func FuzzReadHead(f *testing.F) {
	f.Add(appendHead(nil, &store.Record{ID: "order-1", Aliases: []string{"", "\x00"}, State: operation.StateStuck, Reason: operation.StuckWaiting, EndedAt: -1}))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r, again store.Record
		if err := readHead(data, &r); err != nil {
			require.ErrorIs(t, err, store.ErrCorrupt)
			return
		}
		require.NoError(t, readHead(appendHead(nil, &r), &again))
		require.Equal(t, r, again)
	})
}

func FuzzReadPlaces(f *testing.F) {
	f.Add(appendPlaces(nil, 90, []int64{-5, 7, 90}), int64(90))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), int64(5))
	f.Fuzz(func(t *testing.T, data []byte, segment int64) {
		places, err := readPlaces(data, segment)
		if err != nil {
			require.ErrorIs(t, err, store.ErrCorrupt)
			return
		}
		slices.Reverse(places)
		require.True(t, slices.IsSorted(places))
		again, err := readPlaces(appendPlaces(nil, segment, places), segment)
		require.NoError(t, err)
		slices.Reverse(again)
		require.Equal(t, places, again)
	})
}

func TestPlacesAndTermsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sets := make([][]int64, 2)
		for i := range sets {
			sets[i] = rapid.SliceOfDistinct(rapid.Int64Range(1, 60), rapid.ID).Draw(t, "places")
			slices.Sort(sets[i])
			got, err := readPlaces(appendPlaces(nil, 60, sets[i]), 60)
			require.NoError(t, err)
			slices.Reverse(sets[i])
			require.ElementsMatch(t, sets[i], got)
			require.True(t, slices.IsSortedFunc(got, func(a, b int64) int { return cmp.Compare(b, a) }))
		}
		var both []int64
		for _, place := range sets[0] {
			if slices.Contains(sets[1], place) {
				both = append(both, place)
			}
		}
		require.ElementsMatch(t, both, common(slices.Clone(sets[0]), sets[1]))
		terms := rapid.SliceOf(rapid.Map(rapid.Int64(), func(v int64) store.Term { return store.Term(v) })).Draw(t, "terms")
		require.ElementsMatch(t, terms, readTerms(appendTerms(nil, terms)))
	})
}

func TestParametersAreNumberedWhereTheDatabaseWantsIt(t *testing.T) {
	const query = "SELECT a FROM t WHERE a = ? AND b IN (?,?)"
	require.Equal(t, query, Dialect{}.bind(query))
	require.Equal(t, "SELECT a FROM t WHERE a = $1 AND b IN ($2,$3)", Dialect{Numbered: true}.bind(query))
}
