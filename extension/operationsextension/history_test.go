package operationsextension

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/sqlite"
)

// failedLongAgo is a record of an operation that failed, which was judged at a time.
func failedLongAgo(id string, judged time.Time) store.Record {
	at := judged.Add(-10 * time.Minute)
	span := operation.SpanID{9}
	trace := operation.TraceID{9}
	facts := []operation.Fact{
		{Kind: operation.KindSend, ID: id, Trace: trace, Span: span, At: at.UnixNano() - 2e9, End: at.UnixNano() - 2e9, Service: "api", Destination: "orders", System: "kafka"},
		{
			Kind: operation.KindProcess, Consumer: true, Remote: true, Trace: trace, Span: operation.SpanID{10}, Parent: span, At: at.UnixNano() - 1e9, End: at.UnixNano(),
			Service: "worker", Group: "workers", Destination: "orders", System: "kafka", Outcome: operation.OutcomeError, ErrorType: "CardDeclined", ErrorMessage: "no funds",
		},
	}
	return store.Record{
		ID: id, Aliases: []string{"alias of " + id}, Name: "orders", State: operation.StateFailed, Flags: operation.FlagRetried, Services: []string{"api", "worker"},
		Destinations: []string{"orders"}, Text: []string{"CardDeclined", "no funds"}, StartedAt: at.UnixNano() - 2e9, EndedAt: at.UnixNano(), UpdatedAt: judged.UnixNano(),
		Revision: 2, FinalRevision: 1, Facts: store.AppendFacts(nil, facts),
	}
}

// withHistory starts the extension beside a store with records.
func withHistory(t *testing.T, records ...store.Record) (*operations, store.Store) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Settings{Path: filepath.Join(t.TempDir(), "store.db")})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	require.NoError(t, s.Write(t.Context(), &store.Batch{Records: records}))
	o, _ := start(t, nil)
	o.useArchive(s, "c-1", func() bool { return true })
	return o, s
}

func listed(t *testing.T, o *operations, q console.Query) (ids []string) {
	t.Helper()
	page, err := o.Console().Operations(t.Context(), q)
	require.NoError(t, err)
	require.NoError(t, page.Partial)
	for _, i := range page.Items {
		ids = append(ids, i.Record.View.ID)
	}
	return ids
}

func TestAnOperationThatHasLeftMemoryIsShownFromTheStore(t *testing.T) {
	at := time.Now().Add(-3 * time.Hour)
	o, _ := withHistory(t, failedLongAgo("order/1", at))
	for _, id := range []string{"order/1", "alias of order/1"} {
		r, err := o.Console().Operation(t.Context(), "", id)
		require.NoError(t, err)
		require.True(t, r.Archived)
		require.Equal(t, "orders", r.Name)
		require.Equal(t, "order/1", r.View.ID)
		require.Equal(t, operation.StateFailed, r.Verdict.State)
		require.Equal(t, operation.FlagRetried, r.Verdict.Flags)
		require.Equal(t, at.Add(-10*time.Minute).UnixNano(), r.Verdict.EndedAt)
		require.Equal(t, 0, r.Verdict.Hop, "what the facts tell of the verdict")
		require.Equal(t, stitch.TraceID("order/1", "", 1), r.TraceID)
		require.Len(t, r.View.Hops, 1)
		require.Equal(t, "no funds", r.View.Hops[0].Consumers[0].Attempts[0].Error.Message)
		require.Equal(t, at.UnixNano(), r.UpdatedAt)
	}
	_, err := o.Console().Operation(t.Context(), "", "nobody")
	require.ErrorIs(t, err, console.ErrNotFound)
	_, err = o.Console().Operation(t.Context(), "tenant", "order/1")
	require.ErrorIs(t, err, console.ErrNotFound)
}

func TestARecordWhoseFactsCannotBeReadIsShownAllTheSame(t *testing.T) {
	r := failedLongAgo("o-1", time.Now())
	r.Facts = []byte{0xff}
	o, _ := withHistory(t, r)
	shown, err := o.Console().Operation(t.Context(), "", "o-1")
	require.NoError(t, err)
	require.Equal(t, operation.StateFailed, shown.Verdict.State)
	require.Equal(t, r.StartedAt, shown.View.StartedAt)
	require.Equal(t, []string{"o-1"}, listed(t, o, console.Query{Limit: 5}))
}

func TestListsHaveWhatHasLeftMemory(t *testing.T) {
	now := time.Now()
	var records []store.Record
	for i := range 120 {
		records = append(records, failedLongAgo(fmt.Sprintf("old-%03d", i), now.Add(-time.Duration(i+1)*time.Minute)))
	}
	live := failedLongAgo("o-1", now.Add(-time.Second))
	o, _ := withHistory(t, append(records, live)...)
	o.Apply(now, []operation.Fact{sent("o-1", 1), sent("o-2", 2)}, []engine.Assignment{})

	var all []string
	q := console.Query{Limit: 50}
	for {
		page, err := o.Console().Operations(t.Context(), q)
		require.NoError(t, err)
		for _, i := range page.Items {
			all = append(all, i.Record.View.ID)
			require.Equal(t, strings.HasPrefix(i.Record.View.ID, "old-"), i.Record.Archived)
		}
		if q.After = page.Next; page.Next == nil {
			break
		}
	}
	require.Len(t, all, 122)
	require.ElementsMatch(t, []string{"o-1", "o-2"}, all[:2], "memory wins")
	require.Equal(t, "old-000", all[2])
	require.Equal(t, "old-119", all[121])

	for name, tc := range map[string]struct {
		q    console.Query
		want int
	}{
		"state":         {console.Query{States: []operation.State{operation.StateFailed}}, 120},
		"states":        {console.Query{States: []operation.State{operation.StateFailed, operation.StateStuck}}, 120},
		"another state": {console.Query{States: []operation.State{operation.StateStuck}}, 0},
		"text":          {console.Query{Text: "old-007"}, 1},
		"error":         {console.Query{Text: "no funds"}, 120},
		"part of word":  {console.Query{Text: "old-00"}, 0},
		"service":       {console.Query{Service: "worker"}, 120},
		"group":         {console.Query{Group: "workers"}, 120},
		"other group":   {console.Query{Group: "others"}, 0},
		"flag":          {console.Query{Flags: operation.FlagRetried}, 120},
		"other flag":    {console.Query{Flags: operation.FlagSkewed}, 0},
		"rule":          {console.Query{Rule: "nobody"}, 0},
		"namespace":     {console.Query{Namespace: "nobody"}, 0},
		"since":         {console.Query{Since: now.Add(-10*time.Minute - time.Second).UnixNano(), States: []operation.State{operation.StateFailed}}, 10},
		"destination":   {console.Query{Destination: "orders"}, 122},
		"destinations":  {console.Query{Destination: "payments"}, 0},
	} {
		tc.q.Limit = 1000
		require.Len(t, listed(t, o, tc.q), tc.want, name)
	}
}

func TestHealthKnowsWhatHasLeftMemory(t *testing.T) {
	now := time.Now()
	o, _ := withHistory(t, failedLongAgo("o-1", now.Add(-2*time.Hour)))
	h, err := o.Console().Health(t.Context(), console.HealthQuery{Name: "orders", FailedSince: now.Add(-24 * time.Hour).UnixNano()})
	require.NoError(t, err)
	require.Equal(t, 1, h.Failed)
	require.Equal(t, "o-1", h.Samples[0].ID)
	h, err = o.Console().Health(t.Context(), console.HealthQuery{Name: "orders", FailedSince: now.Add(-time.Hour).UnixNano()})
	require.NoError(t, err)
	require.True(t, h.Seen)
	require.Zero(t, h.Failed)
	h, err = o.Console().Health(t.Context(), console.HealthQuery{Name: "nobody"})
	require.NoError(t, err)
	require.False(t, h.Seen)
}

func TestAStoreThatIsAwayIsAWarningAndNoError(t *testing.T) {
	o, s := withHistory(t, failedLongAgo("old", time.Now()))
	o.Apply(time.Now(), []operation.Fact{sent("o-1", 1)}, nil)
	require.NoError(t, s.Close())
	h := console.Handler(console.Settings{Source: o.Console()})
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		return w.Code, w.Body.String()
	}
	for path, key := range map[string]string{"/api/v1/operations": `"id":"o-1"`, "/api/v1/incidents": `"incidents":[]`, "/api/v1/actions": `"actions":[]`} {
		status, body := get(path)
		require.Equal(t, http.StatusOK, status, body)
		require.Contains(t, body, key)
		require.Contains(t, body, `"warnings":["the store cannot be read at present: only what is in memory is shown"]`)
	}
	status, body := get("/api/v1/operations/o-1")
	require.Equal(t, http.StatusOK, status, body)
	for _, path := range []string{"/api/v1/operations/old", "/api/v1/incidents/old"} {
		status, body = get(path)
		require.Equal(t, http.StatusServiceUnavailable, status, body)
		require.Contains(t, body, "it is not in memory, and the store cannot be read at present")
	}
}

func TestACursorOfAnotherListIsRefused(t *testing.T) {
	o, _ := withHistory(t, failedLongAgo("a", time.Now()), failedLongAgo("b", time.Now()))
	_, err := o.Console().Operations(t.Context(), console.Query{Limit: 1, After: &console.Position{Cursor: "nonsense"}})
	require.NoError(t, err)
	page, err := o.Console().Operations(t.Context(), console.Query{Limit: 1, After: &console.Position{Cursor: "nonsense"}})
	require.NoError(t, err)
	require.ErrorIs(t, page.Partial, store.ErrInvalid)
}

// TestIncidentsThatHaveLeftMemory are read from the store, page by page.
func TestIncidentsThatHaveLeftMemory(t *testing.T) {
	o, s := withHistory(t)
	tracker, err := incident.New(incident.DefaultSettings())
	require.NoError(t, err)
	require.NoError(t, tracker.Restore(nil, 0))
	began := time.Now().Add(-5 * time.Hour)
	var changes []operation.Change
	policy := operation.DefaultPolicy()
	for i := range 7 {
		changes = append(changes, operation.Change{
			View: &operation.View{ID: fmt.Sprint("o-", i), Name: fmt.Sprint("name-", i), Hops: []operation.Hop{{Destination: fmt.Sprint("d-", i)}}}, Policy: &policy, Revision: 1,
			Verdict: operation.Verdict{State: operation.StateStuck, Reason: operation.StuckWaiting, Hop: 0, Consumer: -1, Since: began.UnixNano()}, At: began.UnixNano(),
		})
	}
	tracker.Observe(began, changes)
	tracker.Sweep(began)
	saved, err := tracker.Save(1, 0)
	require.NoError(t, err)
	var b store.Batch
	for _, i := range saved {
		b.Incidents = append(b.Incidents, store.Incident{ID: i.ID, Revision: i.Revision, UpdatedAt: i.UpdatedAt, Data: i.Data})
	}
	require.Len(t, b.Incidents, 7)
	require.NoError(t, s.Write(t.Context(), &b))

	seen := map[string]bool{}
	q := console.IncidentQuery{Limit: 3}
	for {
		page, err := o.Console().Incidents(t.Context(), q)
		require.NoError(t, err)
		require.NoError(t, page.Partial)
		for _, i := range page.Incidents {
			require.False(t, seen[i.ID])
			seen[i.ID] = true
			one, err := o.Console().Incident(t.Context(), i.ID)
			require.NoError(t, err)
			require.Equal(t, i, one)
		}
		if q.After = page.Next; page.Next == nil {
			break
		}
	}
	require.Len(t, seen, 7)
	_, err = o.Console().Incident(t.Context(), "nobody")
	require.ErrorIs(t, err, console.ErrNotFound)
	var shown struct{ Incidents []json.RawMessage }
	w := httptest.NewRecorder()
	console.Handler(console.Settings{Source: o.Console()}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/incidents", http.NoBody))
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &shown))
	require.Len(t, shown.Incidents, 7)
}
