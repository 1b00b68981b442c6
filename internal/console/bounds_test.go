package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// monster is an operation with as many elements as anyone cares to send, each with long texts.
func monster(id string, elements int) Record {
	long := strings.Repeat("<", 10_000)
	failure := &operation.Error{Type: "E", Message: long, Stack: strings.Repeat("at f.go\n", 10_000)}
	origin := operation.Origin{Service: "s", Name: "n"}
	r := record("", id, ago(time.Minute), operation.StateStuck)
	r.Verdict.Hop, r.Verdict.Consumer, r.Verdict.Since = elements-1, 0, ago(time.Hour)
	note := operation.Note{Origin: origin, Body: long, Error: failure}
	for range elements {
		r.View.Hops = append(r.View.Hops, operation.Hop{
			Destination: "d", Sends: []operation.Send{{Origin: origin, Error: failure}},
			Consumers: []operation.Consumer{{
				Group: "g", Attempts: []operation.Attempt{{Origin: origin, Error: failure, Notes: []operation.Note{note}}},
			}},
		})
		r.View.Works = append(r.View.Works, operation.Work{Origin: origin, Notes: []operation.Note{note}})
		r.View.Notes = append(r.View.Notes, note)
		r.View.Aliases = append(r.View.Aliases, fmt.Sprint(id, "-", len(r.View.Aliases)))
		r.View.Traces = append(r.View.Traces, operation.TraceID{1})
	}
	return r
}

func TestOneOperationIsBounded(t *testing.T) {
	m := &memory{records: []Record{monster("big", 2000)}}
	w := do(t, handler(m), http.MethodGet, "/api/v1/operations/big")
	require.Equal(t, http.StatusOK, w.Code)
	// Each < is escaped to six bytes.
	require.Less(t, w.Body.Len(), 6*maxDetailBytes)
	requireSchema(t, "OperationDetail", w.Body.Bytes())

	var got struct {
		Truncated bool
		Hops      []struct{ Destination string }
		DecidedBy struct {
			Hop         int
			Destination string
			Group       string
		} `json:"decided_by"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.True(t, got.Truncated)
	require.NotEmpty(t, got.Hops)
	require.Less(t, len(got.Hops), 2000)
	require.Equal(t, 1999, got.DecidedBy.Hop, "what decided is told, though the hop itself is cut")
	require.Equal(t, "d", got.DecidedBy.Destination)
	require.Equal(t, "g", got.DecidedBy.Group)
}

func TestWhatFitsIsNotTruncated(t *testing.T) {
	m := &memory{records: []Record{monster("small", 3)}}
	w := do(t, handler(m), http.MethodGet, "/api/v1/operations/small")
	var got struct {
		Truncated    bool
		Hops         []any
		Works, Notes []any
		Aliases      []string
		Traces       []string `json:"source_trace_ids"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.False(t, got.Truncated)
	for _, n := range []int{len(got.Hops), len(got.Works), len(got.Notes), len(got.Aliases), len(got.Traces)} {
		require.Equal(t, 3, n)
	}
	require.NotContains(t, w.Body.String(), strings.Repeat(`\u003c`, maxText+1))
	require.Contains(t, w.Body.String(), strings.Repeat(`\u003c`, maxText)+"…")
}

func TestAListIsBoundedAndLosesNothing(t *testing.T) {
	m := &memory{}
	const count = 16
	for i := range count {
		m.records = append(m.records, monster(fmt.Sprint("big-", i), 100))
	}
	h := handler(m)
	seen := map[string]bool{}
	cursor, requests := "", 0
	for {
		w := do(t, h, http.MethodGet, "/api/v1/operations?limit=1000&cursor="+cursor)
		require.Equal(t, http.StatusOK, w.Code)
		require.Less(t, w.Body.Len(), maxListBytes+1024)
		for _, id := range ids(t, w) {
			require.False(t, seen[id])
			seen[id] = true
		}
		requests++
		if cursor = nextCursor(t, w); cursor == "" {
			break
		}
	}
	require.Len(t, seen, count)
	require.Greater(t, requests, 1)
}

func TestIncidentsAreBounded(t *testing.T) {
	m := &memory{}
	for i := range 40 {
		one := incident.Incident{ID: fmt.Sprint("inc-", i), UpdatedAt: 1, Key: incident.Key{Kind: operation.StateFailed}}
		for k := range 5000 {
			one.Operations = append(one.Operations, incident.Sample{ID: fmt.Sprint("operation-", k, strings.Repeat("<", 250))})
		}
		m.grouped = append(m.grouped, one)
	}
	h := handler(m)
	first := do(t, h, http.MethodGet, "/api/v1/incidents?limit=1000")
	require.Less(t, first.Body.Len(), maxListBytes+1024)
	require.Contains(t, first.Body.String(), `"truncated":true`)
	total := strings.Count(first.Body.String(), `"id":"inc-`)
	for next := nextCursor(t, first); next != ""; {
		w := do(t, h, http.MethodGet, "/api/v1/incidents?limit=1000&cursor="+next)
		total += strings.Count(w.Body.String(), `"id":"inc-`)
		next = nextCursor(t, w)
	}
	require.Equal(t, 40, total)
}

func TestClip(t *testing.T) {
	require.Equal(t, "abc", clip("abc", 3))
	require.Equal(t, "ab…", clip("abc", 2))
	require.Equal(t, "ü…", clip("üü", 3))
	require.Equal(t, "…", clip("漢", 2))
	require.Equal(t, "…", clip("\x80\x80\x80", 2))
}
