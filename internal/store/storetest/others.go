package storetest

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/store"
)

func otherThings(t *testing.T, s store.Store) {
	_, err := s.Blob(t.Context(), "learned")
	require.ErrorIs(t, err, store.ErrNotFound)
	write(t, s, store.Batch{
		Blobs: []store.Blob{{Key: "learned", Data: []byte("1")}, {Key: "learned", Data: []byte("2")}},
		Incidents: []store.Incident{
			{ID: "a", Open: true, Revision: 2, UpdatedAt: 1, Data: []byte("a2")}, {ID: "b", Revision: 1, UpdatedAt: 5}, {ID: "c", Revision: 1, UpdatedAt: 6},
		},
		Entries: []store.Entry{{ID: "1", At: 1, Subject: "order-1", Data: []byte("first")}, {ID: "2", At: 2, Subject: "order-2"}, {ID: "3", At: 3, Subject: "order-1"}},
	})
	blob, err := s.Blob(t.Context(), "learned")
	require.NoError(t, err)
	require.Equal(t, "2", string(blob))
	write(t, s, store.Batch{
		Incidents: []store.Incident{{ID: "a", Revision: 1, UpdatedAt: 9}}, Entries: []store.Entry{{ID: "1", At: 9, Data: []byte("forged")}},
	})
	incidents, err := s.Incidents(t.Context(), 0, 1)
	require.NoError(t, err)
	require.Len(t, incidents, 2, "all open ones and one that is resolved")
	require.Equal(t, "c", incidents[0].ID)
	require.Equal(t, store.Incident{ID: "a", Open: true, Revision: 2, UpdatedAt: 1, Data: []byte("a2")}, incidents[1])
	incidents, err = s.Incidents(t.Context(), 6, 5)
	require.NoError(t, err)
	require.Len(t, incidents, 1, "those before, and none that is open")
	require.Equal(t, "b", incidents[0].ID)
	write(t, s, store.Batch{Incidents: []store.Incident{{ID: "d", UpdatedAt: 6, Data: []byte{}}}})
	incidents, err = s.Incidents(t.Context(), 7, 1)
	require.NoError(t, err)
	require.Len(t, incidents, 2, "those of the same time are not torn apart")
	one, err := s.Incident(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, store.Incident{ID: "a", Open: true, Revision: 2, UpdatedAt: 1, Data: []byte("a2")}, one)
	_, err = s.Incident(t.Context(), "nobody")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.Incidents(t.Context(), 0, 0)
	require.ErrorIs(t, err, store.ErrInvalid)
	for _, c := range []struct {
		subject string
		before  int64
		limit   int
		want    []string
	}{
		{"", 0, 10, []string{"3", "2", "1"}}, {"order-1", 0, 10, []string{"3", "1"}}, {"order-1", 3, 10, []string{"1"}}, {"", 0, 1, []string{"3"}},
	} {
		entries, err := s.Journal(t.Context(), c.subject, c.before, c.limit)
		require.NoError(t, err)
		var ids []string
		for _, e := range entries {
			ids = append(ids, e.ID)
		}
		require.Equal(t, c.want, ids)
	}
	entries, err := s.Journal(t.Context(), "order-1", 2, 1)
	require.NoError(t, err)
	require.Equal(t, []store.Entry{{ID: "1", At: 1, Subject: "order-1", Data: []byte("first")}}, entries, "the journal is never rewritten")
}

// trimAll trims until there is nothing more to do.
func trimAll(tb testing.TB, s store.Store, l store.Limits) store.Trimmed {
	tb.Helper()
	var sum store.Trimmed
	for range 100 {
		trimmed, err := s.Trim(tb.Context(), l)
		require.NoError(tb, err)
		sum.Records, sum.Incidents, sum.Entries = sum.Records+trimmed.Records, sum.Incidents+trimmed.Incidents, sum.Entries+trimmed.Entries
		sum.Bytes, sum.Rows = sum.Bytes+trimmed.Bytes, sum.Rows+trimmed.Rows
		if !trimmed.More {
			return sum
		}
	}
	require.Fail(tb, "trimming has no end")
	return sum
}

func trimByAge(t *testing.T, s store.Store) {
	var b store.Batch
	for i := range 1300 {
		r := record(i, 1)
		r.UpdatedAt = int64(i)
		b.Records = append(b.Records, r)
	}
	for i := range 300 {
		b.Incidents = append(b.Incidents, store.Incident{ID: strconv.Itoa(i), Open: i == 0, UpdatedAt: int64(i)})
		b.Entries = append(b.Entries, store.Entry{ID: strconv.Itoa(i), At: int64(i)})
	}
	b.Rows = []store.Row{row("one", 1)}
	write(t, s, b)
	require.Zero(t, trimAll(t, s, store.Limits{}).Records, "no limits")
	trimmed := trimAll(t, s, store.Limits{Before: 250})
	require.Equal(t, []int64{250, 249, 250}, []int64{trimmed.Records, trimmed.Incidents, trimmed.Entries}, "an incident that is open stays")
	require.Positive(t, trimmed.Bytes)
	require.Equal(t, int64(1030), trimAll(t, s, store.Limits{Before: 1280}).Records)
	require.Len(t, list(t, s, store.Query{}), 20)
	require.Len(t, list(t, s, store.Query{Service: "checkout"}), 20, "they are not found by their terms either")
	require.Len(t, logOf(t, s), 1, "the log stays")
}

func trimBySize(t *testing.T, s store.Store) {
	var b store.Batch
	for i := range 500 {
		r := store.Record{ID: fmt.Sprintf("order-%03d", i), Revision: 1, UpdatedAt: int64(i), Facts: make([]byte, 1000)}
		b.Records = append(b.Records, r)
	}
	write(t, s, b)
	trimAll(t, s, store.Limits{MaxBytes: 250_000})
	left := list(t, s, store.Query{})
	require.Less(t, len(left), 250)
	require.Greater(t, len(left), 200)
	require.Equal(t, "order-499", left[0], "the oldest leave first")
	require.Zero(t, trimAll(t, s, store.Limits{MaxBytes: 250_000}).Records)
}

func trimByNumber(t *testing.T, s store.Store) {
	var b store.Batch
	for i := range 300 {
		b.Incidents = append(b.Incidents, store.Incident{ID: strconv.Itoa(i), Open: i == 0, UpdatedAt: int64(i), Data: []byte{1}})
	}
	write(t, s, b)
	require.Zero(t, trimAll(t, s, store.Limits{MaxIncidents: 299}).Incidents)
	require.Equal(t, int64(289), trimAll(t, s, store.Limits{MaxIncidents: 10}).Incidents)
	left, err := s.Incidents(t.Context(), 0, 20)
	require.NoError(t, err)
	require.Len(t, left, 11)
	require.Equal(t, "299", left[0].ID)
	require.True(t, left[10].Open, "an incident that is open stays")
	require.Equal(t, int64(5), trimAll(t, s, store.Limits{MaxIncidents: 10, Before: 295}).Incidents, "age and number bound them together")
	require.Equal(t, int64(4), trimAll(t, s, store.Limits{MaxIncidents: 1}).Incidents)
}
