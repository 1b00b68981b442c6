package console

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestCursorRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := cursor{
			asOf: rapid.Int64().Draw(t, "as of"), query: rapid.Uint64().Draw(t, "query"),
			after: Position{
				UpdatedAt: rapid.Int64().Draw(t, "updated"), Archived: rapid.Bool().Draw(t, "archived"),
				Cursor:    string(rapid.SliceOf(rapid.Byte()).Draw(t, "cursor")),
				Namespace: string(rapid.SliceOf(rapid.Byte()).Draw(t, "namespace")),
				ID:        string(rapid.SliceOf(rapid.Byte()).Draw(t, "id")),
			},
		}
		got, err := decodeCursor(c.encode())
		require.NoError(t, err)
		require.Equal(t, c, got)
	})
}

// FuzzCursor holds that a cursor is refused or has exactly one spelling.
func FuzzCursor(f *testing.F) {
	c := cursor{asOf: now, query: 7, after: Position{UpdatedAt: now, Archived: true, Namespace: "tenant", ID: "order/42", Cursor: "abc"}}
	f.Add(c.encode())
	f.Add((&cursor{}).encode())
	f.Add("AQ")
	f.Add(c.encode()[:40])
	f.Add(c.encode() + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := decodeCursor(text)
		if err != nil {
			return
		}
		require.Equal(t, text, c.encode())
	})
}

// FuzzRequest sends any path and query: the answer is always what the description says, never a fault.
func FuzzRequest(f *testing.F) {
	for _, query := range []string{
		"", "state=stuck,failed&reason=waiting&limit=3", "flag=retried,skewed&rule=orders&group=auditors", "since=15m&q=%C3%BC&service=a&destination=b&name=c&namespace=d",
		"since=2026-11-21T10:00:00Z", "cursor=AQ&limit=1", "window=1h", "state=&&;", "q=%zz", "a=b",
		"cursor=" + (&cursor{asOf: now, query: (&params{values: url.Values{}}).hash(root + "/operations")}).encode(),
	} {
		f.Add("operations", query)
	}
	for _, path := range []string{"operations/order-42", "operations/%2e%2e", "incidents", "incidents/inc%2F2", "stats", "rules", "health/refund", "x//", "%"} {
		f.Add(path, "")
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		h := Handler(Settings{Source: example(), Fault: func(route string, err error) { t.Errorf("%s: %v", route, err) }})
		u, err := url.ParseRequestURI(root + "/" + path)
		if err != nil {
			return
		}
		u.RawQuery = query
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.URL = u
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		switch w.Code {
		case http.StatusOK, http.StatusServiceUnavailable:
		case http.StatusBadRequest, http.StatusNotFound:
			requireSchema(t, "Problem", w.Body.Bytes())
		default:
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if w.Header().Get("Content-Type") != "application/yaml" {
			require.True(t, json.Valid(w.Body.Bytes()))
		}
	})
}
