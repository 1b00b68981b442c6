package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

var update = flag.Bool("update", false, "rewrite testdata from what the API answers")

func handler(s Source) http.Handler {
	return Handler(Settings{Source: s, Now: func() time.Time { return time.Unix(0, now) }})
}

func do(tb testing.TB, h http.Handler, method, target string) *httptest.ResponseRecorder {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, http.NoBody))
	return w
}

func requireGolden(t *testing.T, name string, body []byte) {
	t.Helper()
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, body, "", "  "))
	path := filepath.Join("testdata", name+".json")
	if *update {
		require.NoError(t, os.WriteFile(path, indented.Bytes(), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), indented.String())
}

func TestRoutes(t *testing.T) {
	h := handler(example())
	for _, tc := range []struct {
		golden, target string
		status         int
		schema         string
	}{
		{"index", "/api/v1", 200, "Index"},
		{"index", "/api/v1/", 200, "Index"},
		{"index", "/", 200, "Index"},
		{"operations", "/api/v1/operations", 200, "OperationPage"},
		{"operations", "/api/v1/operations?state=&reason=&flag=&name=&rule=&service=&destination=&group=&q=&since=&limit=&cursor=", 200, "OperationPage"},
		{"operations_none", "/api/v1/operations?q=nothing", 200, "OperationPage"},
		{"operations_page", "/api/v1/operations?limit=1&state=stuck,failed", 200, "OperationPage"},
		{"operation_stuck", "/api/v1/operations/order-42", 200, "OperationDetail"},
		{"operation_stuck", "/api/v1/operations/order%2F42", 200, "OperationDetail"},
		{"operation_completed", "/api/v1/operations/signup%2F%C3%BC%252F%201?namespace=tenant+a", 200, "OperationDetail"},
		{"operation_failed", "/api/v1/operations/refund-1", 200, "OperationDetail"},
		{"operation_open", "/api/v1/operations/..", 200, "OperationDetail"},
		{"operation_open", "/api/v1/operations/%2E%2E", 200, "OperationDetail"},
		{"operation_unknown", "/api/v1/operations/nobody", 404, "Problem"},
		{"operation_unknown_namespace", "/api/v1/operations/order-42?namespace=tenant+a", 404, "Problem"},
		{"incidents", "/api/v1/incidents", 200, "IncidentPage"},
		{"incidents_open", "/api/v1/incidents?state=open&limit=5", 200, "IncidentPage"},
		{"incident", "/api/v1/incidents/inc%2F2", 200, "Incident"},
		{"incident_unknown", "/api/v1/incidents/inc", 404, "Problem"},
		{"stats", "/api/v1/stats", 200, "Stats"},
		{"coverage_none", "/api/v1/coverage", 200, "Coverage"},
		{"health_stuck", "/api/v1/health/order-fulfilment", 503, "Health"},
		{"health_failed", "/api/v1/health/refund", 503, "Health"},
		{"health_failed_before", "/api/v1/health/refund?window=1m", 200, "Health"},
		{"health_ok", "/api/v1/health/signup?namespace=tenant+a", 200, "Health"},
		{"health_unknown", "/api/v1/health/nobody", 404, "Problem"},
		{"no_endpoint", "/api/v2/operations", 404, "Problem"},
		{"no_endpoint", "/api/v1/operations/", 404, "Problem"},
		{"no_endpoint", "/api/v1/operations/order/42", 404, "Problem"},
		{"no_endpoint", "//api/v1/stats", 404, "Problem"},
	} {
		t.Run(tc.golden+" "+tc.target, func(t *testing.T) {
			w := do(t, h, http.MethodGet, tc.target)
			require.Equal(t, tc.status, w.Code, w.Body)
			requireHeaders(t, w, tc.schema == "Problem")
			requireGolden(t, tc.golden, w.Body.Bytes())
			requireSchema(t, tc.schema, w.Body.Bytes())
		})
	}
}

func requireHeaders(t *testing.T, w *httptest.ResponseRecorder, problem bool) {
	t.Helper()
	contentType := "application/json"
	if problem {
		contentType = "application/problem+json"
	}
	require.Equal(t, contentType, w.Header().Get("Content-Type"))
	require.Equal(t, strconv.Itoa(w.Body.Len()), w.Header().Get("Content-Length"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
}

func TestRefusedParameters(t *testing.T) {
	h := handler(example())
	cursor := nextCursor(t, do(t, h, http.MethodGet, "/api/v1/operations?limit=1&state=stuck,failed"))
	for _, tc := range []struct{ target, detail string }{
		{"/api/v1/operations?state=sleeping", `query parameter "state" has the value "sleeping", but allowed are, also several with commas between them: in_progress, completed, failed, stuck, dead_lettered, unknown, cancelled`},
		{"/api/v1/operations?state=stuck,", `query parameter "state" has the value "", but allowed are, also several with commas between them: in_progress, completed, failed, stuck, dead_lettered, unknown, cancelled`},
		{"/api/v1/operations?reason=lazy", `query parameter "reason" has the value "lazy", but allowed are, also several with commas between them: waiting, processing, overdue, stalled, missed, telemetry_gap`},
		{"/api/v1/operations?flag=late", `query parameter "flag" has the value "late", but allowed are, also several with commas between them: retried, duplicated, skewed, delayed, late_evidence`},
		{"/api/v1/operations?limit=0", `query parameter "limit" has the value "0", but a whole number from 1 to 1000 is allowed`},
		{"/api/v1/operations?limit=1001", `query parameter "limit" has the value "1001", but a whole number from 1 to 1000 is allowed`},
		{"/api/v1/operations?limit=many", `query parameter "limit" has the value "many", but a whole number from 1 to 1000 is allowed`},
		{"/api/v1/operations?since=yesterday", `query parameter "since" has the value "yesterday", but a time like 2026-01-02T15:04:05Z, from 1970 on, or a duration like 15m is allowed`},
		{"/api/v1/operations?since=-5m", `query parameter "since" has the value "-5m", but a time like 2026-01-02T15:04:05Z, from 1970 on, or a duration like 15m is allowed`},
		{"/api/v1/operations?since=9999-01-01T00:00:00Z", `query parameter "since" has the value "9999-01-01T00:00:00Z", but a time like 2026-01-02T15:04:05Z, from 1970 on, or a duration like 15m is allowed`},
		{"/api/v1/operations?cursor=abc", `query parameter "cursor" has the value "abc", but only a next_cursor from an earlier response is allowed`},
		{"/api/v1/operations?state=stuck&cursor=" + cursor, `query parameter "cursor" has the value "` + cursor + `", but it belongs to a list with other filters; only the limit may differ`},
		{"/api/v1/incidents?cursor=" + cursor, `query parameter "cursor" has the value "` + cursor + `", but it belongs to a list with other filters; only the limit may differ`},
		{"/api/v1/operations?colour=red", `query parameter "colour" has the value "red", but this endpoint knows only the parameters: state, reason, flag, name, rule, service, destination, group, namespace, q, since, limit, cursor`},
		{"/api/v1/operations/order-42?state=stuck", `query parameter "state" has the value "stuck", but this endpoint knows only the parameters: namespace`},
		{"/api/v1/stats?x=", `query parameter "x" has the value "", but this endpoint takes no parameters`},
		{"/api/v1/operations?q=a&q=b", `query parameter "q" has the value "b", but it may be given only once`},
		{"/api/v1/operations?q=" + strings.Repeat("a", 5000), `query parameter "q" has the value "` + strings.Repeat("a", 128) + `…", but at most 4096 bytes are allowed`},
		{"/api/v1/operations?q=%zz", `the query string is malformed: invalid URL escape "%zz"`},
		{"/api/v1/incidents?state=stuck", `query parameter "state" has the value "stuck", but allowed are, also several with commas between them: open, resolved`},
		{"/api/v1/health/refund?window=0s", `query parameter "window" has the value "0s", but a duration like 15m, at most 744h, is allowed`},
		{"/api/v1/health/refund?window=1000h", `query parameter "window" has the value "1000h", but a duration like 15m, at most 744h, is allowed`},
	} {
		t.Run(tc.target[:min(len(tc.target), 60)], func(t *testing.T) {
			w := do(t, h, http.MethodGet, tc.target)
			require.Equal(t, http.StatusBadRequest, w.Code)
			requireHeaders(t, w, true)
			requireSchema(t, "Problem", w.Body.Bytes())
			var p Problem
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
			require.Equal(t, tc.detail, p.Detail)
			if p.Type == problemTypes+invalidParameter {
				require.Contains(t, tc.target, p.Parameter+"=")
			}
		})
	}
}

func nextCursor(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var page struct {
		Next *string `json:"next_cursor"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
	if page.Next == nil {
		return ""
	}
	return *page.Next
}

func TestOtherMethodsAreRefused(t *testing.T) {
	h := handler(example())
	for _, rt := range routes() {
		allow := map[string]string{"GET": "GET, HEAD", "POST": "POST"}[rt.Method]
		if strings.HasSuffix(rt.Path, "/notes") {
			allow = "GET, HEAD, POST"
		}
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
			if strings.Contains(allow, method) {
				continue
			}
			w := do(t, h, method, strings.NewReplacer("{", "", "}", "").Replace(rt.Path))
			require.Equal(t, http.StatusMethodNotAllowed, w.Code, "%s %s", method, rt.Path)
			require.Equal(t, allow, w.Header().Get("Allow"))
			requireHeaders(t, w, true)
		}
	}
}

func TestHead(t *testing.T) {
	server := httptest.NewServer(handler(example()))
	defer server.Close()
	response, err := server.Client().Head(server.URL + "/api/v1/health/refund")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Positive(t, response.ContentLength)
}

func TestFilters(t *testing.T) {
	h := handler(example())
	for query, want := range map[string][]string{
		"":                                     {"order-42", "..", "refund-1", "signup/ü%2F 1"},
		"state=stuck":                          {"order-42"},
		"state=failed,completed":               {"refund-1", "signup/ü%2F 1"},
		"state=failed,failed":                  {"refund-1"},
		"reason=waiting":                       {"order-42"},
		"reason=processing,overdue":            {},
		"name=order-fulfilment":                {"order-42", ".."},
		"service=audit":                        {"order-42"},
		"destination=refund":                   {"refund-1"},
		"namespace=tenant+a":                   {"signup/ü%2F 1"},
		"q=%C3%BC%252f":                        {"signup/ü%2F 1"},
		"since=1m":                             {"order-42", ".."},
		"since=2026-11-21T09:52:00Z":           {"order-42", "..", "refund-1"},
		"since=2026-11-21T10:52:00%2B01:00":    {"order-42", "..", "refund-1"},
		"since=2026-11-21T09:52:00.000000001Z": {"order-42", ".."},
		"limit=2":                              {"order-42", ".."},
	} {
		t.Run(query, func(t *testing.T) {
			w := do(t, h, http.MethodGet, "/api/v1/operations?"+query)
			require.Equal(t, http.StatusOK, w.Code, w.Body)
			require.Equal(t, want, ids(t, w))
		})
	}
}

func ids(t *testing.T, w *httptest.ResponseRecorder) []string {
	t.Helper()
	var page struct {
		Operations []struct {
			ID string `json:"id"`
		} `json:"operations"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
	list := []string{}
	for _, o := range page.Operations {
		list = append(list, o.ID)
	}
	return list
}

func TestSelfLeadsBackToTheOperation(t *testing.T) {
	m := example()
	for _, id := range []string{"a/b", "..", ".", "%2F", "a?b#c", "ü 漢", "\xff\x00\n", "+", "a;b&c=d", strings.Repeat("x", 5000)} {
		for _, namespace := range []string{"", "t/ä&?"} {
			m.records = append(m.records, record(namespace, id, ago(time.Hour), 0))
		}
	}
	server := httptest.NewServer(handler(m))
	defer server.Close()
	for i := range m.records {
		target, err := url.Parse(server.URL + self(m.records[i].View))
		require.NoError(t, err)
		response, err := server.Client().Get(target.String())
		require.NoError(t, err)
		var got struct{ ID, Namespace string }
		require.NoError(t, json.NewDecoder(response.Body).Decode(&got))
		require.NoError(t, response.Body.Close())
		require.Equal(t, strings.ToValidUTF8(m.records[i].View.ID, "�"), strings.ToValidUTF8(got.ID, "�"))
		require.Equal(t, m.records[i].View.Namespace, got.Namespace)
	}
}

func TestDurationsCountFromTheFirstPage(t *testing.T) {
	m := example()
	clock := now
	h := Handler(Settings{Source: m, Now: func() time.Time { return time.Unix(0, clock) }})
	first := do(t, h, http.MethodGet, "/api/v1/operations?since=10m&limit=2")
	require.Equal(t, []string{"order-42", ".."}, ids(t, first))

	clock += int64(time.Hour)
	second := do(t, h, http.MethodGet, "/api/v1/operations?since=10m&limit=5&cursor="+nextCursor(t, first))
	require.Equal(t, []string{"refund-1"}, ids(t, second))
	require.Empty(t, nextCursor(t, second))
	require.Contains(t, second.Body.String(), `"as_of":"2026-11-21T10:00:00.000000000Z"`)
}

func TestFaultsAreNotShown(t *testing.T) {
	targets := []string{
		"/api/v1/operations", "/api/v1/operations/x", "/api/v1/incidents", "/api/v1/incidents/x", "/api/v1/stats", "/api/v1/health/x",
		"/api/v1/coverage",
	}
	for name, tc := range map[string]struct {
		source *memory
		status int
		fault  string
	}{
		"error":    {&memory{err: errors.New("secret: disk full")}, 500, "secret: disk full"},
		"panic":    {&memory{before: func() { panic("secret: index out of range") }}, 500, "secret: index out of range"},
		"canceled": {&memory{err: fmt.Errorf("secret: %w", context.Canceled)}, 503, ""},
		"deadline": {&memory{err: fmt.Errorf("secret: %w", context.DeadlineExceeded)}, 503, ""},
	} {
		for _, target := range targets {
			t.Run(name+target, func(t *testing.T) {
				var faults []string
				h := Handler(Settings{Source: tc.source, Fault: func(route string, err error) {
					fixed, _, _ := strings.Cut(route, "{")
					require.True(t, strings.HasPrefix(target, fixed), route)
					faults = append(faults, err.Error())
				}})
				w := do(t, h, http.MethodGet, target)
				require.Equal(t, tc.status, w.Code)
				requireHeaders(t, w, true)
				require.NotContains(t, w.Body.String(), "secret")
				if tc.fault == "" {
					require.Empty(t, faults)
					return
				}
				require.Len(t, faults, 1)
				require.Contains(t, faults[0], tc.fault)
				if name == "panic" {
					require.Contains(t, faults[0], "source_test.go", "the stack says where")
				}
			})
		}
	}
}

func TestPanicWithoutAnOwner(t *testing.T) {
	h := Handler(Settings{Source: &memory{before: func() { panic(operation.StateStuck) }}})
	require.Equal(t, http.StatusInternalServerError, do(t, h, http.MethodGet, "/api/v1/stats").Code)
}
