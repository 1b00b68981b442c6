// Package alerttest holds what every alerting backend must pass: which answers are worth another try, how long to wait, and
// that no secret ever reaches an error.
//
// A backend's test calls [Run] with a constructor. What the backend says in its own format is for its own tests.
package alerttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/operation"
)

// Constructor makes a notifier that sends to a server at the given base address with the client.
type Constructor func(t *testing.T, client *http.Client, endpoint string) alert.Notifier

// Run checks a backend.
func Run(t *testing.T, construct Constructor) {
	t.Helper()
	t.Run("StatusTable", func(t *testing.T) { statusTable(t, construct) })
	t.Run("Body", func(t *testing.T) { sendsOnce(t, construct) })
	t.Run("NothingToSay", func(t *testing.T) { nothingToSay(t, construct) })
	t.Run("Redirect", func(t *testing.T) { redirect(t, construct) })
	t.Run("RetryAfter", func(t *testing.T) { retryAfter(t, construct) })
	t.Run("NobodyListens", func(t *testing.T) { nobodyListens(t, construct) })
	t.Run("Timeout", func(t *testing.T) { timeout(t, construct) })
	t.Run("Canceled", func(t *testing.T) { canceled(t, construct) })
	t.Run("NoSecretInError", func(t *testing.T) { noSecret(t, construct) })
}

// Alert returns an alert with every field filled in.
func Alert() alert.Alert {
	return alert.Alert{
		ID: "0a11811307dae21f560338eb231960aa", Name: alert.NameStuck, Revision: 7,
		Routing:      alert.Routing{Severity: operation.SeverityCritical, Priority: 1, Owner: "team-a"},
		Labels:       map[string]string{alert.LabelIncident: "0a11811307dae21f560338eb231960aa", alert.LabelOperation: "fulfil"},
		Annotations:  map[string]string{"summary": "3 operations of \"fulfil\" stuck (waiting) at \"orders\""},
		StartsAt:     time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		GeneratorURL: "http://localhost:8321/api/v1/incidents/0a11811307dae21f560338eb231960aa",
	}
}

// server answers every request as told until the test ends.
func server(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s
}

func statusTable(t *testing.T, construct Constructor) {
	t.Helper()
	status := 0
	s := server(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	notifier := construct(t, s.Client(), s.URL)
	for status = 200; status <= 599; status++ {
		err := notifier.Notify(t.Context(), []alert.Alert{Alert()})
		if status <= 299 {
			require.NoError(t, err, status)
			continue
		}
		var e *alert.Error
		require.ErrorAs(t, err, &e, status)
		require.Equal(t, status, e.Status)
		require.Equal(t, status == 408 || status == 429 || status >= 500, e.Retryable, status)
		require.Contains(t, err.Error(), strconv.Itoa(status))
	}
}

func sendsOnce(t *testing.T, construct Constructor) {
	t.Helper()
	requests := make(chan int, 8)
	s := server(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			// To ask is not to tell.
			return
		}
		body, _ := io.ReadAll(r.Body)
		requests <- len(body)
	})
	require.NoError(t, construct(t, s.Client(), s.URL).Notify(t.Context(), []alert.Alert{Alert()}))
	require.Positive(t, <-requests, "the request has a body")
	require.Empty(t, requests, "one alert is one request")
}

func nothingToSay(t *testing.T, construct Constructor) {
	t.Helper()
	s := server(t, func(http.ResponseWriter, *http.Request) { t.Error("a request without alerts") })
	require.NoError(t, construct(t, s.Client(), s.URL).Notify(t.Context(), nil))
}

func redirect(t *testing.T, construct Constructor) {
	t.Helper()
	elsewhere := server(t, func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	err := construct(t, s.Client(), s.URL).Notify(t.Context(), []alert.Alert{Alert()})
	require.False(t, failure(t, err).Retryable)
}

func retryAfter(t *testing.T, construct Constructor) {
	t.Helper()
	header := ""
	s := server(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", header)
		w.WriteHeader(http.StatusTooManyRequests)
	})
	notifier := construct(t, s.Client(), s.URL)
	ask := func(value string) time.Duration {
		header = value
		return failure(t, notifier.Notify(t.Context(), []alert.Alert{Alert()})).RetryAfter
	}
	require.Equal(t, 17*time.Second, ask("17"))
	require.Equal(t, time.Hour, ask("99999999"), "nobody makes us wait for ever")
	require.Zero(t, ask("-5"))
	require.Zero(t, ask("soon"))
	require.Zero(t, ask(time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)))
	require.InDelta(t, 120, ask(time.Now().Add(2*time.Minute).UTC().Format(http.TimeFormat)).Seconds(), 5)
}

func nobodyListens(t *testing.T, construct Constructor) {
	t.Helper()
	s := server(t, func(http.ResponseWriter, *http.Request) {})
	notifier := construct(t, s.Client(), s.URL)
	s.Close()
	e := failure(t, notifier.Notify(t.Context(), []alert.Alert{Alert()}))
	require.True(t, e.Retryable)
	require.Zero(t, e.Status)
}

func timeout(t *testing.T, construct Constructor) {
	t.Helper()
	release := make(chan struct{})
	s := server(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	e := failure(t, construct(t, s.Client(), s.URL).Notify(ctx, []alert.Alert{Alert()}))
	require.True(t, e.Retryable)
	require.ErrorIs(t, e, context.DeadlineExceeded)
}

func canceled(t *testing.T, construct Constructor) {
	t.Helper()
	s := server(t, func(http.ResponseWriter, *http.Request) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := construct(t, s.Client(), s.URL).Notify(ctx, []alert.Alert{Alert()})
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, failure(t, err).Retryable, "what was called off was not refused")
}

// secret stands in addresses, headers and answers, and never may in an error.
const secret = "s3cr3t-t0k3n"

func noSecret(t *testing.T, construct Constructor) {
	t.Helper()
	status := http.StatusInternalServerError
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		// Proxies are known to show what they were sent.
		_ = r.Write(w)
	})
	address, err := url.Parse(s.URL)
	require.NoError(t, err)
	address.User = url.UserPassword("user", secret)
	address.Path = "/" + secret
	address.RawQuery = "token=" + secret
	client := &http.Client{Transport: authorized{s.Client().Transport}}
	notifier := construct(t, client, address.String())
	for _, status = range []int{302, 400, 401, 404, 429, 500} {
		requireClean(t, notifier.Notify(t.Context(), []alert.Alert{Alert()}))
	}
	s.Close()
	requireClean(t, notifier.Notify(t.Context(), []alert.Alert{Alert()}))
}

// authorized adds a header as an authenticator does.
type authorized struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (a authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+secret)
	return a.RoundTripper.RoundTrip(r)
}

func requireClean(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	for ; err != nil; err = errors.Unwrap(err) {
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), secret)
	}
}

func failure(t *testing.T, err error) *alert.Error {
	t.Helper()
	var e *alert.Error
	require.ErrorAs(t, err, &e)
	return e
}
