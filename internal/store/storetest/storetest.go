// Package storetest is the contract of [store.Store] as tests.
//
// Every store runs all of it, against the real thing: [Run] takes a function that opens an empty store. What the contract leaves open, no
// test asks for; what a store adds to it, its own tests do.
package storetest

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/store"
)

// Run tests a store. open returns an empty one, which is closed at the end of the test.
func Run(t *testing.T, open func(testing.TB) store.Store) {
	for _, test := range [...]struct {
		name string
		run  func(*testing.T, store.Store)
	}{
		{"rows come back", rowsComeBack}, {"rows that are written again change nothing", rowsAgain}, {"rows that make no sense", impossibleRows},
		{"streams are merged by time", merged}, {"large and many rows", manyRows}, {"cut rows are gone", cutRows}, {"many cut rows are removed in steps", manyCutRows},
		{"followers miss nothing", followers}, {"followers and cuts", followersAndCuts}, {"any bytes are kept", anyBytes},
		{"records come back", recordsComeBack}, {"records that were overtaken are not taken", overtaken}, {"records are found by alias", byAlias},
		{"records are forgotten", forgotten}, {"a batch may repeat", repeated}, {"a batch that fails changes nothing", allOrNothing},
		{"lists filter", listsFilter}, {"lists have pages", listsHavePages}, {"lists agree with the query", listsAgree}, {"lists agree after changes", listsAgreeAfterChanges},
		{"pages are bounded", pagesAreBounded}, {"pages go on behind each record", cursorsOfRecords}, {"cursors are checked", cursorsAreChecked},
		{"one has a role", oneHasARole}, {"leases end", leasesEnd}, {"leases are renewed", leasesAreRenewed}, {"roles are given up", resigned},
		{"many claim a role at once", manyClaim}, {"a former holder writes nothing", formerHolder}, {"batches and claims at once", fencedAtOnce},
		{"blobs, incidents and entries", otherThings}, {"trimming by age", trimByAge}, {"trimming by size", trimBySize},
		{"trimming incidents by number", trimByNumber},
		{"a context that ended", contextEnded}, {"writers and readers at once", atOnce},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func write(tb testing.TB, s store.Store, b store.Batch) {
	tb.Helper()
	require.NoError(tb, s.Write(tb.Context(), &b))
}

func key(id string) store.Key { return store.KeyOf("", id) }

// nasty are texts that databases trip over.
var nasty = []string{"", "\x00", "\xff\xfe", "'; DROP TABLE records; --", "%_\\", "🦀 Größe", "$1 ?1 :a", string(make([]byte, 10_000))}

func anyBytes(t *testing.T, s store.Store) {
	for i, text := range nasty {
		r := store.Record{
			Namespace: text, ID: text, Aliases: []string{text + "a"}, Name: text, Services: []string{text}, Destinations: []string{text, "x"},
			Text: []string{text}, UpdatedAt: int64(i), Revision: 1, Facts: []byte(text),
		}
		if text == "" {
			r.Facts = []byte{}
		}
		logged := store.Row{Collector: text, Seq: math.MaxInt64, At: math.MinInt64, Data: r.Facts}
		b := store.Batch{
			Rows: []store.Row{logged}, Records: []store.Record{r}, Blobs: []store.Blob{{Key: text, Data: []byte(text)}},
			Incidents: []store.Incident{{ID: text, Data: []byte(text)}}, Entries: []store.Entry{{ID: text, Subject: text, Data: []byte(text)}},
		}
		write(t, s, b)
		require.Contains(t, logOf(t, s), logged)
		for _, id := range []string{text, text + "a"} {
			got, err := s.Record(t.Context(), text, id)
			require.NoError(t, err)
			require.Equal(t, r, got)
		}
		blob, err := s.Blob(t.Context(), text)
		require.NoError(t, err)
		require.Equal(t, text, string(blob))
		entries, err := s.Journal(t.Context(), text, 0, 100)
		require.NoError(t, err)
		require.NotEmpty(t, entries)
		page, err := s.List(t.Context(), store.Query{Service: text, Destination: "x", Limit: 100})
		require.NoError(t, err)
		require.NotEmpty(t, page.Records)
	}
	incidents, err := s.Incidents(t.Context(), 0, 100)
	require.NoError(t, err)
	require.Len(t, incidents, len(nasty))
	size, err := s.Size(t.Context())
	require.NoError(t, err)
	require.Positive(t, size.Bytes)
	require.Equal(t, int64(len(nasty)), size.Rows)
	require.Equal(t, int64(len(nasty)), size.Records)
}

func contextEnded(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Write(ctx, &store.Batch{Blobs: []store.Blob{{Key: "a"}}})
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Blob(t.Context(), "a")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.List(ctx, store.Query{Limit: 1})
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, _, err = s.Claim(ctx, "judge", "one", time.Minute)
	require.ErrorIs(t, err, store.ErrUnavailable)
	n := 0
	for _, err := range s.Rows(ctx, nil) {
		require.ErrorIs(t, err, store.ErrUnavailable)
		n++
	}
	require.Equal(t, 1, n)
}
