package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/coverage"
	"github.com/throughline/throughline/internal/operation"
)

// covered is what the coverage of two services looks like, one of which tries another configuration.
func covered() *memory {
	live, trial := coverage.NewLedger(), coverage.NewLedger()
	send := operation.Fact{
		Kind: operation.KindSend, Service: "checkout", ID: "o-1", Trace: operation.TraceID{1}, Span: operation.SpanID{1},
		Destination: "orders", MessageID: "m-1", JoinedBy: operation.ReasonCorrelationID,
	}
	process := operation.Fact{
		Kind: operation.KindProcess, Service: "pay<ments>", Trace: operation.TraceID{2}, Span: operation.SpanID{2}, Destination: "orders",
		JoinedBy: operation.ReasonTrace, Outcome: operation.OutcomeError,
	}
	line := operation.Fact{Kind: operation.KindLog, Service: "checkout", Trace: operation.TraceID{1}, JoinedBy: operation.ReasonTrace}
	for range 3 {
		live.Attached(&send, false)
	}
	live.Waiting(&line)
	live.Attached(&line, true)
	live.Waiting(&process)
	live.Waiting(&process)
	live.Lost(&process, true, coverage.LossNoOperation)
	live.Attached(&process, false)
	live.Settled(&operation.Change{
		FinalRevision: 1, Verdict: operation.Verdict{State: operation.StateCompleted},
		View: &operation.View{ID: "o-1", Hops: []operation.Hop{
			{System: "kafka", Destination: "orders", Sends: []operation.Send{{Origin: operation.Origin{Service: "checkout"}}}},
		}},
	})
	process.ID, process.JoinedBy = "o-1", operation.ReasonCorrelationID
	trial.Attached(&process, false)
	report := trial.Report(nil)
	return &memory{covered: Coverage{StartedAt: ago(time.Hour), Live: live.Report(nil), Trial: &report}}
}

func TestCoverage(t *testing.T) {
	h := handler(covered())
	for _, tc := range []struct{ golden, target string }{
		{"coverage", "/api/v1/coverage"},
		{"coverage", "/api/v1/coverage?service=&dry_run=&format="},
		{"coverage", "/api/v1/coverage?format=json"},
		{"coverage_live", "/api/v1/coverage?dry_run=false"},
		{"coverage_trial", "/api/v1/coverage?dry_run=true"},
		{"coverage_service", "/api/v1/coverage?service=check*"},
		{"coverage_service", "/api/v1/coverage?service=checkout"},
		{"coverage_unknown", "/api/v1/coverage?service=check"},
	} {
		t.Run(tc.target, func(t *testing.T) {
			w := do(t, h, http.MethodGet, tc.target)
			require.Equal(t, http.StatusOK, w.Code, w.Body)
			requireHeaders(t, w, false)
			requireGolden(t, tc.golden, w.Body.Bytes())
			requireSchema(t, "Coverage", w.Body.Bytes())
			require.NotContains(t, w.Body.String(), "<", "no text is markup")
		})
	}
}

func TestCoverageAsText(t *testing.T) {
	w := do(t, handler(covered()), http.MethodGet, "/api/v1/coverage?format=text")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	path := filepath.Join("testdata", "coverage.txt")
	if *update {
		require.NoError(t, os.WriteFile(path, w.Body.Bytes(), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), w.Body.String())

	live := do(t, handler(covered()), http.MethodGet, "/api/v1/coverage?format=text&dry_run=false&service=none").Body.String()
	require.Equal(t, "Coverage since 2026-11-21T09:00:00Z\n\nNo records as yet.\n", live)
}

func TestRefusedCoverageParameters(t *testing.T) {
	for target, detail := range map[string]string{
		"/api/v1/coverage?format=xml":    `query parameter "format" has the value "xml", but allowed is one of: json, text`,
		"/api/v1/coverage?format=json,":  `query parameter "format" has the value "json,", but allowed is one of: json, text`,
		"/api/v1/coverage?dry_run=maybe": `query parameter "dry_run" has the value "maybe", but allowed is one of: false, true`,
		"/api/v1/coverage?name=a":        `query parameter "name" has the value "a", but this endpoint knows only the parameters: service, dry_run, format`,
	} {
		w := do(t, handler(covered()), http.MethodGet, target)
		require.Equal(t, http.StatusBadRequest, w.Code)
		requireSchema(t, "Problem", w.Body.Bytes())
		var p Problem
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
		require.Equal(t, detail, p.Detail)
	}
}

func TestACoverageReportIsBounded(t *testing.T) {
	l := coverage.NewLedger()
	for i := range 2 * coverage.MaxServices {
		name := fmt.Sprintf("%04d", i) + strings.Repeat("<", 10_000)
		f := operation.Fact{Kind: operation.KindSend, Service: name, JoinedBy: operation.ReasonTrace}
		l.Attached(&f, false)
		l.Settled(&operation.Change{
			FinalRevision: 1, Verdict: operation.Verdict{State: operation.StateCompleted},
			View: &operation.View{Hops: []operation.Hop{{Destination: name}}},
		})
	}
	report := l.Report(nil)
	w := do(t, handler(&memory{covered: Coverage{Live: report, Trial: &report}}), http.MethodGet, "/api/v1/coverage")
	require.Equal(t, http.StatusOK, w.Code)
	require.Less(t, w.Body.Len(), maxListBytes+(64<<10))
	requireSchema(t, "Coverage", w.Body.Bytes())
	require.Contains(t, w.Body.String(), `"truncated":true`)
}

func TestGlobs(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"orders", "orders", true},
		{"orders", "orders-api", false},
		{"*", "", true},
		{"*", "anything", true},
		{"orders-*", "orders-api", true},
		{"orders-*", "orders", false},
		{"*-api", "orders-api", true},
		{"*-api", "orders-api-2", false},
		{"o*s*i", "orders-api", true},
		{"o*x*i", "orders-api", false},
		{"a*a", "a", false},
		{"**", "a", true},
		{"a*b*b", "ab", false},
		{"[a", "[a", true},
	} {
		require.Equal(t, tc.want, matchesGlob(tc.pattern, tc.name), "%s %s", tc.pattern, tc.name)
	}
	require.False(t, matchesGlob(strings.Repeat("a*", 2000)+"b", strings.Repeat("a", 4000)), "and soon")
}
