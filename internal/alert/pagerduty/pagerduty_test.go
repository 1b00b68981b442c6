package pagerduty

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/alert/alerttest"
	"github.com/throughline/throughline/internal/operation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const routingKey = "0123456789abcdef0123456789abcdef"

func settings(endpoint string) Settings {
	return Settings{
		Endpoint: endpoint, RoutingKey: routingKey, Client: "Throughline", Summary: alert.MustTemplate("{{.Annotations.summary}}"),
	}
}

func TestBackend(t *testing.T) {
	alerttest.Run(t, func(t *testing.T, client *http.Client, endpoint string) alert.Notifier {
		t.Helper()
		t.Cleanup(client.CloseIdleConnections)
		notifier, err := New(client, settings(endpoint))
		require.NoError(t, err)
		return notifier
	})
}

// conforms checks an event against the reference of the Events API: names, types, required fields and bounds.
func conforms(tb require.TestingT, data []byte) map[string]any {
	require.LessOrEqual(tb, len(data), 512_000)
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.DisallowUnknownFields()
	var e struct {
		RoutingKey  string `json:"routing_key"`
		EventAction string `json:"event_action"`
		DedupKey    string `json:"dedup_key"`
		Client      string `json:"client"`
		ClientURL   string `json:"client_url"`
		Links       []struct {
			Href string `json:"href"`
			Text string `json:"text"`
		} `json:"links"`
		Payload struct {
			Summary       string         `json:"summary"`
			Source        string         `json:"source"`
			Severity      string         `json:"severity"`
			Timestamp     string         `json:"timestamp"`
			Component     string         `json:"component"`
			Group         string         `json:"group"`
			Class         string         `json:"class"`
			CustomDetails map[string]any `json:"custom_details"`
		} `json:"payload"`
	}
	require.NoError(tb, decoder.Decode(&e))
	require.Equal(tb, routingKey, e.RoutingKey)
	require.Contains(tb, []string{"trigger", "acknowledge", "resolve"}, e.EventAction)
	require.NotEmpty(tb, e.DedupKey)
	require.LessOrEqual(tb, len(e.DedupKey), 255)
	require.NotEmpty(tb, e.Payload.Summary)
	require.LessOrEqual(tb, utf8.RuneCountInString(e.Payload.Summary), 1024)
	require.NotEmpty(tb, e.Payload.Source)
	require.Contains(tb, []string{"critical", "error", "warning", "info"}, e.Payload.Severity)
	_, err := time.Parse(time.RFC3339, e.Payload.Timestamp)
	require.NoError(tb, err)
	for _, l := range e.Links {
		_, err := url.Parse(l.Href)
		require.NoError(tb, err)
		require.NotEmpty(tb, l.Text)
	}
	var raw map[string]any
	require.NoError(tb, json.Unmarshal(data, &raw))
	return raw
}

// send returns the events that were posted for the alerts.
func send(t *testing.T, alerts ...alert.Alert) []map[string]any {
	t.Helper()
	var events []map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/v2/enqueue" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		events = append(events, conforms(t, data))
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"status":"success","message":"Event processed","dedup_key":"x"}`)
	}))
	defer server.Close()
	notifier, err := New(server.Client(), settings(server.URL))
	require.NoError(t, err)
	require.NoError(t, notifier.Notify(t.Context(), alerts))
	return events
}

func TestTriggerAndResolve(t *testing.T) {
	firing := alerttest.Alert()
	firing.Annotations[alert.AnnotationRunbook] = "https://runbooks.example.com/orders"
	firing.Labels[alert.LabelKind], firing.Labels[alert.LabelReason] = "stuck", "waiting"
	over := firing
	over.Status, over.EndsAt = alert.StatusResolved, firing.StartsAt.Add(time.Minute)
	events := send(t, firing, over)
	require.Len(t, events, 2)
	require.Equal(t, map[string]any{
		"routing_key": routingKey, "event_action": "trigger", "dedup_key": firing.ID, "client": "Throughline",
		"client_url": firing.GeneratorURL,
		"links": []any{
			map[string]any{"href": firing.GeneratorURL, "text": "Incident"},
			map[string]any{"href": "https://runbooks.example.com/orders", "text": "Runbook"},
		},
		"payload": map[string]any{
			"summary": `3 operations of "fulfil" stuck (waiting) at "orders"`, "source": "fulfil", "severity": "critical",
			"timestamp": "2026-03-01T12:00:00Z", "group": "fulfil", "class": "stuck/waiting",
			"custom_details": map[string]any{
				"summary": `3 operations of "fulfil" stuck (waiting) at "orders"`, "incident_id": firing.ID, "operation": "fulfil",
				"kind": "stuck", "reason": "waiting", "priority": "1", "runbook_url": "https://runbooks.example.com/orders",
			},
		},
	}, events[0])
	require.Equal(t, "resolve", events[1]["event_action"])
	require.Equal(t, firing.ID, events[1]["dedup_key"])
}

func TestAnythingConforms(t *testing.T) {
	notifier, err := New(http.DefaultClient, settings("https://events.example.com"))
	require.NoError(t, err)
	anything := rapid.Custom(func(t *rapid.T) string {
		return strings.Repeat(rapid.String().Draw(t, "text"), rapid.SampledFrom([]int{1, 1, 1, 1, 300, 1500}).Draw(t, "times"))
	})
	rapid.Check(t, func(t *rapid.T) {
		a := alerttest.Alert()
		a.ID = "i" + anything.Draw(t, "id")
		a.Severity = operation.Severity(rapid.IntRange(0, 3).Draw(t, "severity"))
		a.Labels = rapid.MapOfN(rapid.StringMatching("[a-z_]{1,9}"), anything, 0, 5).Draw(t, "labels")
		a.Annotations = rapid.MapOfN(rapid.StringMatching("[a-z_]{1,9}"), anything, 0, 9).Draw(t, "annotations")
		a.Annotations["summary"] = anything.Draw(t, "summary")
		data, err := notifier.body(&a)
		require.NoError(t, err)
		conforms(t, data)
	})
}

func TestDetailsGiveWayToTheBound(t *testing.T) {
	notifier, err := New(http.DefaultClient, settings("https://events.example.com"))
	require.NoError(t, err)
	a := alerttest.Alert()
	for i := range 200 {
		a.Annotations[fmt.Sprint("detail", i)] = strings.Repeat("\u0001", 8<<10)
	}
	data, err := notifier.body(&a)
	require.NoError(t, err)
	raw := conforms(t, data)
	require.Equal(t, "fulfil", raw["payload"].(map[string]any)["custom_details"].(map[string]any)["operation"], "the short ones stay")
}

func TestNewNamesNoSecret(t *testing.T) {
	for _, endpoint := range []string{"ftp://user:pa55word@host", "://pa55word", "pa55word"} {
		_, err := New(http.DefaultClient, Settings{Endpoint: endpoint, RoutingKey: "pa55word"})
		require.ErrorContains(t, err, "pagerduty: the address")
		require.NotContains(t, err.Error(), "pa55word")
	}
	_, err := New(http.DefaultClient, Settings{Endpoint: DefaultEndpoint})
	require.EqualError(t, err, "pagerduty: the routing key is empty")
}
