package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/throughline/throughline/test/stack"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func newDemo() *demo {
	return &demo{
		jaeger:       &stack.Jaeger{URL: "http://jaeger"},
		alertmanager: &stack.Alertmanager{URL: "http://alertmanager"},
		collector: &stack.Collector{
			ConsoleURL: "http://console", PrometheusURL: "http://metrics", TelemetryURL: "http://self",
			OTLPGRPC: "localhost:4317", OTLPHTTP: "localhost:4318",
		},
	}
}

// newAPI answers the list of operations with the given body per state.
func newAPI(t *testing.T, bodies map[string]string) *watcher {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/operations" || r.URL.Query().Get("limit") != "1" {
			http.NotFound(w, r)
			return
		}
		body, ok := bodies[r.URL.Query().Get("state")]
		if !ok {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	watch := newWatcher(server.URL)
	t.Cleanup(watch.close)
	return watch
}

func TestAddressesNameEveryServer(t *testing.T) {
	text := newDemo().addresses()
	for _, want := range []string{
		"http://console/api/v1/operations\n", "http://console/api/v1/incidents\n", "http://jaeger\n",
		"http://alertmanager/api/v2/alerts\n", "http://metrics/metrics\n", "http://self/metrics\n", "localhost:4317 (gRPC)",
	} {
		require.Contains(t, text, want)
	}
}

func TestAnnouncementsAreMadeOnceEach(t *testing.T) {
	bodies := map[string]string{"completed": `{"operations":[]}`}
	watch := newAPI(t, bodies)
	var out bytes.Buffer
	waiting := newDemo().announcements(&out)

	waiting = watch.announce(t.Context(), waiting)
	require.Len(t, waiting, 2)
	require.Empty(t, out.String())

	bodies["completed"] = `{"operations":[{"id":"order/1 2","trace_id":"abc"}]}`
	waiting = watch.announce(t.Context(), waiting)
	require.Len(t, waiting, 1)
	require.Contains(t, out.String(), "http://jaeger/trace/abc\n")
	require.Contains(t, out.String(), "http://jaeger/api/traces/abc\n")
	require.Contains(t, out.String(), "http://console/api/v1/operations/order%2F1%202\n")
	require.NotContains(t, out.String(), "stuck")

	bodies["stuck"] = `{"operations":[{"id":"order-2","trace_id":"def"}]}`
	waiting = watch.announce(t.Context(), waiting)
	require.Empty(t, waiting)
	require.Contains(t, out.String(), "http://console/api/v1/operations?state=stuck\n")
}

func TestFirstWantsAnUsableAnswer(t *testing.T) {
	watch := newAPI(t, map[string]string{"failed": `no JSON`, "completed": `{"operations":[{"id":"a","trace_id":null}]}`})

	_, _, err := watch.first(t.Context(), "failed")
	require.ErrorContains(t, err, "state=failed")
	_, _, err = watch.first(t.Context(), "stuck")
	require.ErrorContains(t, err, "503")
	_, found, err := watch.first(t.Context(), "completed")
	require.NoError(t, err)
	require.False(t, found)
}

func TestInterruptIsNoFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, interrupted(ctx, http.ErrServerClosed), http.ErrServerClosed)
	cancel()
	require.NoError(t, interrupted(ctx, http.ErrServerClosed))
}
