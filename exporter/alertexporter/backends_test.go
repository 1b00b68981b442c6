package alertexporter

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.uber.org/zap"

	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/alert/pagerduty"
	"github.com/throughline/throughline/internal/alert/slack"
	"github.com/throughline/throughline/internal/operation"
)

// catcher takes what is posted to it, unless it is told to refuse.
type catcher struct {
	*httptest.Server
	status   atomic.Int64
	accepted chan map[string]any
	refused  chan struct{}
}

func newCatcher(t *testing.T) *catcher {
	t.Helper()
	c := &catcher{accepted: make(chan map[string]any, 100), refused: make(chan struct{}, 100)}
	c.status.Store(http.StatusOK)
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if status := int(c.status.Load()); status != http.StatusOK || json.NewDecoder(r.Body).Decode(&body) != nil {
			w.WriteHeader(status)
			select {
			case c.refused <- struct{}{}:
			default:
			}
			return
		}
		c.accepted <- body
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *catcher) next(t *testing.T) map[string]any {
	t.Helper()
	select {
	case body := <-c.accepted:
		return body
	case <-time.After(patience):
		require.FailNow(t, "no request came")
		return nil
	}
}

// manyConfig is that of an exporter that tells all four kinds of backends.
func manyConfig(am *server, pd, sl, wh *catcher) *Config {
	cfg := testConfig(am)
	cfg.PagerDuty = configoptional.Some(PagerDutyConfig{HTTP: client(pd.URL), RoutingKey: "key", Summary: "{{.Annotations.summary}}"})
	cfg.Slack = configoptional.Some(SlackConfig{
		HTTP: client(""), URL: configopaque.String(sl.URL), Title: slack.DefaultTitle, Text: slack.DefaultText,
	})
	cfg.Webhook = configoptional.Some(WebhookConfig{HTTP: client(wh.URL), Mode: "structured"})
	return cfg
}

func TestEveryBackendIsTold(t *testing.T) {
	am, pd, sl, wh := newAlertmanager(t), newCatcher(t), newCatcher(t), newCatcher(t)
	e := start(t, manyConfig(am, pd, sl, wh), componenttest.NewNopHost())
	e.consume(t, opened("a", 1))
	next(t, am.accepted)
	require.Equal(t, "trigger", pd.next(t)["event_action"])
	require.Contains(t, sl.next(t)["text"], "ERROR: 3 operations")
	require.Equal(t, "io.throughline.incident.firing", wh.next(t)["type"])

	refreshed := opened("a", 2)
	refreshed.Kind, refreshed.Cause = 1, 5
	e.consume(t, refreshed)
	next(t, am.accepted)
	e.consume(t, resolved(opened("a", 1), 3))
	next(t, am.accepted)
	require.Equal(t, "resolve", pd.next(t)["event_action"], "that it is still there was not told")
	require.Contains(t, sl.next(t)["text"], "Resolved")
	require.Equal(t, "io.throughline.incident.resolved", wh.next(t)["type"])
}

func TestOneThatIsDownHoldsUpNoOther(t *testing.T) {
	am, pd, sl, wh := newAlertmanager(t), newCatcher(t), newCatcher(t), newCatcher(t)
	sl.status.Store(http.StatusInternalServerError)
	e := start(t, manyConfig(am, pd, sl, wh), componenttest.NewNopHost())
	e.consume(t, opened("a", 1))
	<-sl.refused
	e.consume(t, opened("b", 1))
	for range 2 {
		next(t, am.accepted)
		pd.next(t)
		wh.next(t)
	}
	// What is over by the time it comes back is not told; what lasts is told once.
	e.consume(t, resolved(opened("a", 1), 2))
	pd.next(t)
	sl.status.Store(http.StatusOK)
	require.Contains(t, sl.next(t)["text"], "ERROR: 3 operations")
	e.stop()
	require.Empty(t, sl.accepted)
}

func TestEachIsToldWhatItWants(t *testing.T) {
	am, pd, sl, wh := newAlertmanager(t), newCatcher(t), newCatcher(t), newCatcher(t)
	cfg := manyConfig(am, pd, sl, wh)
	cfg.PagerDuty.Get().Match = []MatchConfig{{Severity: []string{"critical"}}}
	cfg.Slack.Get().Match = []MatchConfig{{Operation: []string{"bill-*"}}, {Priority: []int{9}}}
	e := start(t, cfg, componenttest.NewNopHost())
	e.consume(t, opened("a", 1))
	wh.next(t)
	e.consume(t, escalated("a", 2))
	wh.next(t)
	require.Equal(t, "trigger", pd.next(t)["event_action"])

	reduced := opened("a", 3)
	reduced.Kind, reduced.Cause = 1, 3
	e.consume(t, reduced)
	body := pd.next(t)
	require.Equal(t, "resolve", body["event_action"], "for this one it is over")
	require.Equal(t, "goes on, but is for others now", body["payload"].(map[string]any)["custom_details"].(map[string]any)["resolution"])

	e.consume(t, escalated("a", 4))
	require.Equal(t, "trigger", pd.next(t)["event_action"])
	e.consume(t, resolved(escalated("a", 4), 5))
	require.Equal(t, "resolve", pd.next(t)["event_action"])
	e.stop()
	require.Empty(t, sl.accepted)
	require.Empty(t, pd.accepted)
}

func TestARestartPagesNobodyTwice(t *testing.T) {
	storage := newStorage(t)
	host := storageHost{component.MustNewID("file_storage"), storage}
	pd := newCatcher(t)
	run := func() running {
		cfg := createDefaultConfig().(*Config)
		cfg.Alertmanager = configoptional.None[AlertmanagerConfig]()
		cfg.PagerDuty = configoptional.Some(PagerDutyConfig{HTTP: client(pd.URL), RoutingKey: "key", Summary: "x"})
		id := component.MustNewID("file_storage")
		cfg.Queue.Get().StorageID = &id
		return start(t, cfg, host)
	}
	e := run()
	e.consume(t, opened("a", 1), opened("b", 1))
	pd.next(t)
	pd.next(t)
	e.stop()

	e = run()
	e.consume(t, opened("a", 2), opened("b", 2))
	e.consume(t, resolved(opened("a", 1), 3))
	require.Equal(t, "resolve", pd.next(t)["event_action"], "nothing is told again, and no end is lost")
	e.stop()
	require.Empty(t, pd.accepted)
}

func onceBook(t *testing.T) *alert.Book {
	t.Helper()
	book, err := alert.NewBook(createDefaultConfig().(*Config).bookSettings(true))
	require.NoError(t, err)
	return book
}

func TestMemoryThatCannotBeReadIsNoReasonNotToStart(t *testing.T) {
	storage := newStorage(t)
	host := storageHost{component.MustNewID("file_storage"), storage}
	m := memory{id: component.MustNewID("file_storage"), logger: zap.NewNop()}
	owner := component.MustNewID("alert")
	book := onceBook(t)
	require.NoError(t, m.open(t.Context(), host, owner, book))
	require.NoError(t, m.client.Set(t.Context(), key(3), []byte("{")))
	require.NoError(t, m.close(t.Context()))
	require.NoError(t, m.open(t.Context(), host, owner, book))
	require.NoError(t, m.close(t.Context()))

	m.id = component.MustNewID("absent")
	require.ErrorContains(t, m.open(t.Context(), host, owner, book), "`sending_queue::storage` is \"absent\"")
}

func TestSeveritiesOfMatches(t *testing.T) {
	m := matches([]MatchConfig{{Severity: []string{"info", "critical"}}})
	require.Equal(t, []operation.Severity{operation.SeverityInfo, operation.SeverityCritical}, m[0].Severities)
	require.Equal(t, pagerduty.DefaultEndpoint, createDefaultConfig().(*Config).PagerDuty.GetOrInsertDefault().HTTP.Endpoint)
}
