package webhook

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/alert/alerttest"
	"github.com/throughline/throughline/internal/operation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var secrets = []string{
	"whsec_" + base64.StdEncoding.EncodeToString([]byte("the first of the secrets")),
	base64.StdEncoding.EncodeToString([]byte("the second of the secrets")),
}

func TestBackend(t *testing.T) {
	for _, mode := range []Mode{ModeStructured, ModeBinary} {
		t.Run(string(mode), func(t *testing.T) {
			alerttest.Run(t, func(t *testing.T, client *http.Client, endpoint string) alert.Notifier {
				t.Helper()
				t.Cleanup(client.CloseIdleConnections)
				notifier, err := New(client, Settings{Endpoint: endpoint, Mode: mode, Source: "throughline", Secrets: secrets})
				require.NoError(t, err)
				return notifier
			})
		})
	}
}

// received is what a receiver that goes by the specifications makes of a request.
type received struct {
	event  *event.Event
	header http.Header
	data   map[string]any
}

func send(t *testing.T, mode Mode, a alert.Alert) received {
	t.Helper()
	var got received
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.header = r.Header.Clone()
		body, _ := io.ReadAll(r.Body)
		for _, secret := range secrets {
			verifier, err := standardwebhooks.NewWebhook(secret)
			if err != nil || verifier.Verify(body, r.Header) != nil {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		e, err := binding.ToEvent(r.Context(), cehttp.NewMessageFromHttpRequest(r))
		if err != nil || e.Validate() != nil || json.Unmarshal(e.Data(), &got.data) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		got.event = e
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	notifier, err := New(server.Client(), Settings{Endpoint: server.URL, Mode: mode, Source: "https://throughline.example.com", Secrets: secrets})
	require.NoError(t, err)
	require.NoError(t, notifier.Notify(t.Context(), []alert.Alert{a}))
	require.NotNil(t, got.event)
	return got
}

func TestEvents(t *testing.T) {
	for _, mode := range []Mode{ModeStructured, ModeBinary} {
		t.Run(string(mode), func(t *testing.T) {
			a := alerttest.Alert()
			got := send(t, mode, a)
			require.Equal(t, "0a11811307dae21f560338eb231960aa.7", got.event.ID())
			require.Equal(t, got.event.ID(), got.header.Get("webhook-id"), "a repetition is known by the same ID")
			require.Equal(t, TypeFiring, got.event.Type())
			require.Equal(t, "https://throughline.example.com", got.event.Source())
			require.Equal(t, a.ID, got.event.Subject())
			require.Equal(t, a.StartsAt, got.event.Time())
			require.Equal(t, a.ID, got.event.Extensions()["correlationid"])
			require.Equal(t, "critical", got.event.Extensions()["severitytext"])
			if mode == ModeStructured {
				require.Equal(t, "application/cloudevents+json", got.header.Get("Content-Type"))
				require.EqualValues(t, 21, got.event.Extensions()["severitynumber"])
			} else {
				require.Equal(t, "application/json", got.header.Get("Content-Type"))
				require.Equal(t, "21", got.event.Extensions()["severitynumber"], "headers have no types")
			}
			require.Equal(t, map[string]any{
				"incident_id": a.ID, "alert": "AsyncOperationsStuck", "status": "firing", "severity": "critical", "priority": 1.0,
				"owner": "team-a", "summary": a.Annotations["summary"], "starts_at": "2026-03-01T12:00:00Z", "url": a.GeneratorURL,
				"revision": 7.0, "labels": map[string]any{"incident_id": a.ID, "operation": "fulfil"},
				"annotations": map[string]any{"summary": a.Annotations["summary"]},
			}, got.data)

			a.Status, a.EndsAt = alert.StatusResolved, a.StartsAt.Add(time.Minute)
			got = send(t, mode, a)
			require.Equal(t, TypeResolved, got.event.Type())
			require.Equal(t, a.EndsAt, got.event.Time())
			require.Equal(t, "2026-03-01T12:01:00Z", got.data["ends_at"])
		})
	}
}

func TestWithoutASecretNothingIsSigned(t *testing.T) {
	notifier, err := New(http.DefaultClient, Settings{Endpoint: "http://localhost", Source: "throughline"})
	require.NoError(t, err)
	a := alerttest.Alert()
	header, _, err := notifier.render(t.Context(), &a, time.Now())
	require.NoError(t, err)
	require.Empty(t, header.Get("webhook-signature"))
}

// Any header is one that HTTP can carry, and decodes to what it was (HTTP binding, section 3.1.3.2).
func TestHeadersHoldAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		notifier, err := New(http.DefaultClient, Settings{Endpoint: "http://localhost", Mode: ModeBinary, Source: "throughline", Secrets: secrets})
		require.NoError(t, err)
		a := alerttest.Alert()
		a.ID = "i" + rapid.String().Draw(t, "id")
		a.Severity = operation.Severity(rapid.IntRange(0, 3).Draw(t, "severity"))
		header, _, err := notifier.render(t.Context(), &a, time.Unix(1_800_000_000, 0))
		require.NoError(t, err)
		for name, values := range header {
			for _, value := range values {
				if strings.HasPrefix(name, "Ce-") {
					require.Regexp(t, "^[!-~]*$", value)
				}
			}
		}
		subject, err := url.PathUnescape(header.Get("Ce-Subject"))
		require.NoError(t, err)
		require.Equal(t, strings.TrimSpace(a.ID), subject)
	})
}

func TestNewNamesNoSecret(t *testing.T) {
	for _, endpoint := range []string{"ftp://host/pa55word", "://pa55word", "pa55word"} {
		_, err := New(http.DefaultClient, Settings{Endpoint: endpoint})
		require.ErrorContains(t, err, "webhook: the address")
		require.NotContains(t, err.Error(), "pa55word")
	}
	for _, secret := range []string{"whsec_", "", "pa55word!"} {
		_, err := New(http.DefaultClient, Settings{Endpoint: "http://localhost", Secrets: []string{secrets[0], secret}})
		require.EqualError(t, err, "webhook: secret 2 is not base64 with the optional prefix whsec_")
	}
}
