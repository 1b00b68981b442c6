package replay

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func requests(bodies ...string) []Request {
	var all []Request
	for i, body := range bodies {
		signal := []string{SignalTraces, SignalLogs}[i%2]
		all = append(all, Request{Signal: signal, At: time.Unix(int64(i), 0), Body: []byte(body)})
	}
	return all
}

func text(requests []Request) string {
	var all strings.Builder
	for _, r := range requests {
		all.Write(r.Body)
	}
	return all.String()
}

func TestArrange(t *testing.T) {
	all := requests("a", "b", "c", "d", "e", "f")
	for order, want := range map[Order]string{OrderArrival: "abcdef", OrderReversed: "fedcba"} {
		arranged, err := Arrange(all, order, 0)
		require.NoError(t, err)
		require.Equal(t, want, text(arranged))
	}
	once, err := Arrange(all, OrderShuffled, 7)
	require.NoError(t, err)
	again, err := Arrange(all, OrderShuffled, 7)
	require.NoError(t, err)
	require.Equal(t, text(once), text(again), "the seed decides")
	require.NotEqual(t, "abcdef", text(once))
	require.ElementsMatch(t, all, once)
	require.Equal(t, "abcdef", text(all), "the recording itself keeps its order")

	_, err = Arrange(all, "sideways", 0)
	require.ErrorContains(t, err, `order "sideways": must be arrival, reversed, shuffled, duplicated or duplicated-shuffled`)
}

// receiver is an OTLP/HTTP end point that writes down what it gets.
func receiver(t *testing.T, status int) (endpoint string, got *[]string) {
	t.Helper()
	got = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		*got = append(*got, r.URL.Path+" "+string(body))
		w.WriteHeader(status)
		io.WriteString(w, "as you like it")
	}))
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return server.URL, got
}

func TestSendKeepsOrderAndDistances(t *testing.T) {
	endpoint, got := receiver(t, http.StatusOK)
	require.NoError(t, Send(t.Context(), endpoint, requests("a", "b", "c"), 0))
	require.Equal(t, []string{"/v1/traces a", "/v1/logs b", "/v1/traces c"}, *got)

	begin := time.Now()
	require.NoError(t, Send(t.Context(), endpoint, requests("a", "b", "c"), 20))
	require.GreaterOrEqual(t, time.Since(begin), 100*time.Millisecond, "2 s at 20 times the speed")
}

func TestSendReportsRefusals(t *testing.T) {
	endpoint, got := receiver(t, http.StatusTooManyRequests)
	err := Send(t.Context(), endpoint, requests("a", "b"), 0)
	require.ErrorContains(t, err, "request 1: POST "+endpoint+"/v1/traces: 429 Too Many Requests: as you like it")
	require.Len(t, *got, 1, "it ends with the first refusal")
}

func TestSendStopsWithItsContext(t *testing.T) {
	endpoint, got := receiver(t, http.StatusOK)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, Send(ctx, endpoint, requests("a", "b"), 0.001), context.Canceled)
	require.Empty(t, *got)
}
