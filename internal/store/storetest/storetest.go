// Package storetest is the contract of [store.Store] as tests.
//
// Every store runs all of it, against the real thing: [Run] takes a function that opens an empty store. What the contract leaves open, no
// test asks for; what a store adds to it, its own tests do.
package storetest

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

// Run tests a store. open returns an empty one, which is closed at the end of the test.
func Run(t *testing.T, open func(testing.TB) store.Store) {
	for _, test := range [...]struct {
		name string
		run  func(*testing.T, store.Store)
	}{
		{"parts come back", partsComeBack}, {"parts of older versions change nothing", olderParts}, {"parts that are done leave", donePartsLeave},
		{"all parts are yielded", allParts}, {"any bytes are kept", anyBytes},
		{"records come back", recordsComeBack}, {"records that were overtaken are not taken", overtaken}, {"records are found by alias", byAlias},
		{"records are forgotten", forgotten}, {"a batch may repeat", repeated}, {"a batch that fails changes nothing", allOrNothing},
		{"what was told is known", told},
		{"lists filter", listsFilter}, {"lists have pages", listsHavePages}, {"lists agree with the query", listsAgree},
		{"pages are bounded", pagesAreBounded}, {"cursors are checked", cursorsAreChecked},
		{"what is due is claimed once", claimedOnce}, {"leases end", leasesEnd}, {"parts that come during a claim are due", dueDuringClaim},
		{"claims of many at once", manyClaims},
		{"blobs, incidents and entries", otherThings}, {"trimming by age", trimByAge}, {"trimming by size", trimBySize},
		{"a context that ended", contextEnded}, {"writers and readers at once", atOnce},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func write(tb testing.TB, s store.Store, b store.Batch) store.Written {
	tb.Helper()
	written, err := s.Write(tb.Context(), &b)
	require.NoError(tb, err)
	return written
}

func key(id string) store.Key { return store.KeyOf("", id) }

func part(id, collector string, version, due int64) store.Part {
	return store.Part{
		PartID: store.PartID{Key: key(id), Collector: collector, Version: version}, Due: due,
		Facts: store.AppendFacts(nil, []operation.Fact{{Kind: operation.KindSend, ID: id, At: version, Service: collector}}),
	}
}

// parts returns what is open, without Due, which is not told.
func parts(tb testing.TB, s store.Store, collector string) map[store.PartID]string {
	tb.Helper()
	all := make(map[store.PartID]string)
	for p, err := range s.Parts(tb.Context(), collector) {
		require.NoError(tb, err)
		require.NotContains(tb, all, p.PartID)
		all[p.PartID] = string(p.Facts)
	}
	return all
}

func asMap(parts ...store.Part) map[store.PartID]string {
	all := make(map[store.PartID]string)
	for _, p := range parts {
		all[p.PartID] = string(p.Facts)
	}
	return all
}

func partsComeBack(t *testing.T, s store.Store) {
	require.Empty(t, parts(t, s, ""))
	a, b, c := part("order-1", "one", 1, 0), part("order-1", "two", 7, 0), part("order-2", "one", 1, 5)
	write(t, s, store.Batch{Parts: []store.Part{a, b, c}})
	require.Equal(t, asMap(a, b, c), parts(t, s, ""))
	require.Equal(t, asMap(a, c), parts(t, s, "one"))
	require.Empty(t, parts(t, s, "three"))
}

func olderParts(t *testing.T, s store.Store) {
	older, newer := part("order-1", "one", 1, 0), part("order-1", "one", 2, 0)
	write(t, s, store.Batch{Parts: []store.Part{older, newer}})
	require.Equal(t, asMap(newer), parts(t, s, ""), "of several in one batch the last counts")
	write(t, s, store.Batch{Parts: []store.Part{older}})
	require.Equal(t, asMap(newer), parts(t, s, ""))
}

func donePartsLeave(t *testing.T, s store.Store) {
	mine, other, changed := part("order-1", "one", 3, 10), part("order-1", "two", 1, 10), part("order-1", "two", 2, 10)
	write(t, s, store.Batch{Parts: []store.Part{mine, other}})
	write(t, s, store.Batch{Parts: []store.Part{changed}})
	write(t, s, store.Batch{Done: []store.PartID{mine.PartID, other.PartID}})
	require.Equal(t, asMap(changed), parts(t, s, ""), "what was written meanwhile stays")
	require.Len(t, claim(t, s, "one", 10, 20), 1)
	write(t, s, store.Batch{Done: []store.PartID{changed.PartID}})
	require.Empty(t, parts(t, s, ""))
	require.Empty(t, claim(t, s, "one", 30, 40), "what is done is not due")
}

func allParts(t *testing.T, s store.Store) {
	var all []store.Part
	for i := range 1200 {
		all = append(all, part(fmt.Sprintf("order-%d", i/2), fmt.Sprintf("collector-%d", i%2), 1, 0))
	}
	write(t, s, store.Batch{Parts: all})
	require.Equal(t, asMap(all...), parts(t, s, ""))
	n := 0
	for _, err := range s.Parts(t.Context(), "") {
		require.NoError(t, err)
		if n++; n == 3 {
			break
		}
	}
	require.Equal(t, 3, n)
}

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
		p := store.Part{PartID: store.PartID{Key: r.Key(), Collector: text + "c", Version: math.MaxInt64}, Facts: []byte(text)}
		b := store.Batch{
			Records: []store.Record{r}, Parts: []store.Part{p}, Blobs: []store.Blob{{Key: text, Data: []byte(text)}},
			Incidents: []store.Incident{{ID: text, Data: []byte(text)}}, Entries: []store.Entry{{ID: text, Subject: text, Data: []byte(text)}},
		}
		require.True(t, write(t, s, b).Taken[0])
		for _, id := range []string{text, text + "a"} {
			got, err := s.Record(t.Context(), text, id)
			require.NoError(t, err)
			require.Equal(t, r, got)
		}
		require.Equal(t, asMap(p), parts(t, s, text+"c"))
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
	incidents, err := s.Incidents(t.Context(), 100)
	require.NoError(t, err)
	require.Len(t, incidents, len(nasty))
}

func contextEnded(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Write(ctx, &store.Batch{Blobs: []store.Blob{{Key: "a"}}})
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Blob(t.Context(), "a")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.List(ctx, store.Query{Limit: 1})
	require.ErrorIs(t, err, store.ErrUnavailable)
	for _, err := range s.Parts(ctx, "") {
		require.ErrorIs(t, err, store.ErrUnavailable)
	}
}
