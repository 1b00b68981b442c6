package sqlstore

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/store"
)

func FuzzParseCursor(f *testing.F) {
	f.Add(start.cursor())
	f.Add(position{5, 7}.cursor())
	f.Add("' OR 1=1")
	f.Fuzz(func(t *testing.T, cursor string) {
		p, err := parseCursor(cursor)
		if err != nil {
			require.ErrorIs(t, err, store.ErrInvalid)
			return
		}
		again, err := parseCursor(p.cursor())
		require.NoError(t, err)
		require.Equal(t, p, again)
	})
}

func FuzzReadList(f *testing.F) {
	f.Add(appendList([]string{"orders", "", "\x00"}))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		texts, ok := readList(data)
		if !ok {
			require.Nil(t, texts)
			return
		}
		again, ok := readList(appendList(texts))
		require.True(t, ok)
		require.Equal(t, texts, again)
	})
}

func TestListsAndTermsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(rapid.String()).Draw(t, "texts")
		got, ok := readList(appendList(texts))
		require.True(t, ok)
		require.ElementsMatch(t, texts, got)
		terms := rapid.SliceOf(rapid.Map(rapid.Int64(), func(v int64) store.Term { return store.Term(v) })).Draw(t, "terms")
		require.ElementsMatch(t, terms, readTerms(appendTerms(nil, terms)))
	})
}

func TestParametersAreNumberedWhereTheDatabaseWantsIt(t *testing.T) {
	const query = "SELECT a FROM t WHERE a = ? AND b IN (?,?)"
	require.Equal(t, query, Dialect{}.bind(query))
	require.Equal(t, "SELECT a FROM t WHERE a = $1 AND b IN ($2,$3)", Dialect{Numbered: true}.bind(query))
}
