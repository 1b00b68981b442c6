package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// serve is a collector that accepts everything and knows one operation.
func serve(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprint(w, `{"operations":[{"id":"ORD-10234","state":"completed"}]}`)
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return server.URL
}

func TestRunPrintsTheMatrix(t *testing.T) {
	address := serve(t)
	o := options{recording: "../../conformance/testdata/node-amqplib", endpoint: address, console: address, order: "reversed", live: true, quiet: time.Millisecond, detail: true}
	var out strings.Builder
	require.NoError(t, run(t.Context(), o, &out))
	require.Contains(t, out.String(), "node-amqplib, 162 requests: 1 of 156 right")
	require.Contains(t, out.String(), "ORD-10240: never_consumed, judged missing")
	require.Contains(t, out.String(), `"op_id": "ORD-10240"`)
}

func TestRunReportsWhatItCannotDo(t *testing.T) {
	require.ErrorContains(t, run(t.Context(), options{recording: "../../conformance/testdata/none"}, &strings.Builder{}), "no such file")
	o := options{recording: "../../conformance/testdata/go-kotel", order: "random"}
	require.ErrorContains(t, run(t.Context(), o, &strings.Builder{}), `order "random"`)
	o.order, o.endpoint = "arrival", "http://localhost:1"
	require.ErrorContains(t, run(t.Context(), o, &strings.Builder{}), "request 1")
}
