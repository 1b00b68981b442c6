package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

// sample is something of everything that a store keeps.
func sample() store.Batch {
	r := store.Record{
		Namespace: "acme", ID: "order-42", Aliases: []string{"corr-42"}, Name: "order fulfilment", State: operation.StateStuck, Reason: operation.StuckWaiting,
		Flags: operation.FlagRetried, Services: []string{"checkout"}, Destinations: []string{"orders"}, Text: []string{"connection refused"},
		StartedAt: 1_700_000_000_000_000_000, UpdatedAt: 1_700_000_100_000_000_000, Revision: 3, FinalRevision: 2,
		Facts: store.AppendFacts(nil, []operation.Fact{{Kind: operation.KindSend, ID: "order-42", At: 1_700_000_000_000_000_000, Service: "checkout"}}),
	}
	return store.Batch{
		Rows: rowsOf("one", 1, 4), Cut: []store.Position{{Collector: "one", Seq: 2}}, Records: []store.Record{r},
		Blobs:     []store.Blob{{Key: "learned", Data: []byte("much")}},
		Incidents: []store.Incident{{ID: "incident-1", Open: true, Revision: 2, UpdatedAt: 7, Data: []byte("i")}},
		Entries:   []store.Entry{{ID: "entry-1", At: 5, Subject: "incident-1", Data: []byte("e")}},
	}
}

// Small is a batch of one record and one row; [RequireSmall] asks for it.
func Small(id string) *store.Batch {
	r := store.Record{ID: id, Revision: 1, UpdatedAt: 7, State: operation.StateFailed, Facts: []byte{1}}
	return &store.Batch{Records: []store.Record{r}, Rows: []store.Row{{Collector: id, Seq: 1, Data: []byte{2}}}}
}

// RequireSmall reads the record of a small batch that was written.
func RequireSmall(tb testing.TB, s store.Store, id string) {
	tb.Helper()
	r, err := s.Record(tb.Context(), "", id)
	require.NoError(tb, err)
	require.Equal(tb, Small(id).Records[0], r)
}

// RequireWrite writes a batch.
func RequireWrite(tb testing.TB, s store.Store, b *store.Batch) {
	tb.Helper()
	require.NoError(tb, s.Write(tb.Context(), b))
}

// WriteSample writes what [RequireSample] asks for, as to a fixture of this version.
func WriteSample(tb testing.TB, s store.Store) {
	tb.Helper()
	write(tb, s, sample())
	_, ok := claim(tb, s, "one", time.Millisecond)
	require.True(tb, ok)
}

// RequireSample reads all that WriteSample wrote, in whatever version, and goes on with it.
func RequireSample(tb testing.TB, s store.Store) {
	tb.Helper()
	want := sample()
	require.Equal(tb, want.Rows[2:], logOf(tb, s))
	r := want.Records[0]
	for _, id := range []string{"order-42", "corr-42"} {
		got, err := s.Record(tb.Context(), "acme", id)
		require.NoError(tb, err)
		require.Equal(tb, r, got)
	}
	q := store.Query{State: "stuck", Reason: "waiting", Name: r.Name, Service: "checkout", Destination: "orders", Text: "order-42 refused", Since: r.UpdatedAt}
	require.Equal(tb, []string{"order-42"}, list(tb, s, q))
	blob, err := s.Blob(tb.Context(), "learned")
	require.NoError(tb, err)
	require.Equal(tb, want.Blobs[0].Data, blob)
	incidents, err := s.Incidents(tb.Context(), 0, 1)
	require.NoError(tb, err)
	require.Equal(tb, want.Incidents, incidents)
	entries, err := s.Journal(tb.Context(), "incident-1", 0, 1)
	require.NoError(tb, err)
	require.Equal(tb, want.Entries, entries)
	holder, err := s.Holder(tb.Context(), "judge")
	require.NoError(tb, err)
	next := take(tb, s, "two", longLease)
	require.Equal(tb, holder.Epoch+1, next.Epoch)
	write(tb, s, store.Batch{Role: &next, Rows: rowsOf("one", 5, 5), Records: records(3)})
	require.Equal(tb, append(want.Rows[2:], row("one", 5)), logOf(tb, s))
	require.Len(tb, list(tb, s, store.Query{}), 4)
	require.Equal(tb, int64(2), trimAll(tb, s, store.Limits{}).Rows)
}
