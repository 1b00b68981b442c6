package alertmanager

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/alert/alerttest"
	"github.com/throughline/throughline/internal/operation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBackend(t *testing.T) {
	alerttest.Run(t, func(t *testing.T, client *http.Client, endpoint string) alert.Notifier {
		t.Helper()
		t.Cleanup(client.CloseIdleConnections)
		notifier, err := New(client, Settings{Endpoint: endpoint, RoutingLabels: true})
		require.NoError(t, err)
		return notifier
	})
}

// post returns the body that the alerts are sent in, once it is known to be what postAlerts of the API takes.
func post(t *testing.T, settings Settings, path string, alerts ...alert.Alert) []map[string]any {
	t.Helper()
	var body []map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		if r.URL.Path != path || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" ||
			json.Unmarshal(data, &body) != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer server.Close()
	settings.Endpoint = server.URL + settings.Endpoint
	notifier, err := New(server.Client(), settings)
	require.NoError(t, err)
	require.NoError(t, notifier.Notify(t.Context(), alerts))
	name := regexp.MustCompile("^[a-zA-Z_][a-zA-Z0-9_]*$")
	for _, a := range body {
		for _, field := range []string{"labels", "annotations"} {
			for key, value := range a[field].(map[string]any) {
				require.Regexp(t, name, key)
				require.NotEmpty(t, value)
			}
		}
		require.NotEmpty(t, a["labels"].(map[string]any)["alertname"])
	}
	return body
}

func TestFiring(t *testing.T) {
	body := post(t, Settings{RoutingLabels: true}, "/api/v2/alerts", alerttest.Alert())
	require.Equal(t, []map[string]any{{
		"labels": map[string]any{
			"alertname": "AsyncOperationsStuck", "incident_id": "0a11811307dae21f560338eb231960aa", "operation": "fulfil",
			"severity": "critical", "priority": "1", "owner": "team-a",
		},
		"annotations":  map[string]any{"summary": `3 operations of "fulfil" stuck (waiting) at "orders"`},
		"startsAt":     "2026-03-01T12:00:00Z",
		"generatorURL": "http://localhost:8321/api/v1/incidents/0a11811307dae21f560338eb231960aa",
	}}, body)
}

func TestRoutingStaysOutOfTheIdentityWhereItIsNotWanted(t *testing.T) {
	a := alerttest.Alert()
	a.Former = []alert.Former{{Routing: alert.Routing{Severity: operation.SeverityError}, EndsAt: a.StartsAt}}
	body := post(t, Settings{Endpoint: "/prefix/"}, "/prefix/api/v2/alerts", a)
	require.Len(t, body, 1)
	require.Equal(t, map[string]any{
		"alertname": "AsyncOperationsStuck", "incident_id": "0a11811307dae21f560338eb231960aa", "operation": "fulfil",
	}, body[0]["labels"])
}

func TestAChangedSeverityEndsTheFormerAlert(t *testing.T) {
	a := alerttest.Alert()
	a.Former = []alert.Former{{Routing: alert.Routing{Severity: operation.SeverityError, Priority: 3}, EndsAt: a.StartsAt.Add(time.Minute)}}
	body := post(t, Settings{RoutingLabels: true}, "/api/v2/alerts", a)
	require.Len(t, body, 2)
	former, now := body[0], body[1]
	require.Equal(t, "error", former["labels"].(map[string]any)["severity"])
	require.Equal(t, "3", former["labels"].(map[string]any)["priority"])
	require.NotContains(t, former["labels"], "owner")
	require.Equal(t, "2026-03-01T12:01:00Z", former["endsAt"])
	require.Equal(t, "2026-03-01T12:00:00Z", former["startsAt"])
	require.Equal(t, "critical", now["labels"].(map[string]any)["severity"])
	require.NotContains(t, now, "endsAt")

	a.Former[0].EndsAt = a.StartsAt.Add(-time.Hour)
	body = post(t, Settings{RoutingLabels: true}, "/api/v2/alerts", a)
	require.Equal(t, "2026-03-01T11:00:00Z", body[0]["startsAt"], "an alert does not end before it starts")
}

func TestResolved(t *testing.T) {
	a := alerttest.Alert()
	a.Status, a.EndsAt = alert.StatusResolved, a.StartsAt.Add(time.Hour)
	body := post(t, Settings{}, "/api/v2/alerts", a)
	require.Equal(t, "2026-03-01T13:00:00Z", body[0]["endsAt"])
}

func TestNewNamesNoSecret(t *testing.T) {
	for _, endpoint := range []string{"", "localhost:9093", "ftp://user:s3cret@host", "http://", "http://user:s3cret@host:port"} {
		_, err := New(http.DefaultClient, Settings{Endpoint: endpoint})
		require.ErrorContains(t, err, "alertmanager: the address")
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestPropertySanitizedNames(t *testing.T) {
	valid := regexp.MustCompile("^[a-zA-Z_][a-zA-Z0-9_]*$")
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.MapOf(rapid.OneOf(rapid.StringMatching("[a-b0.-]{0,4}"), rapid.String()), rapid.String()).Draw(t, "names")
		out := sanitized(m)
		require.Len(t, out, len(m), "nothing is lost")
		for name := range out {
			require.Regexp(t, valid, name)
		}
		for name, value := range m {
			if valid.MatchString(name) {
				require.Equal(t, value, out[name], "good names stay")
			}
		}
		require.Equal(t, out, sanitized(m))
	})
}
