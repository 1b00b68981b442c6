package alertexporter

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/throughline/throughline/internal/incident"
)

// inStorm makes the incident of an event part of another one.
func inStorm(e incident.Event, parent string) incident.Event {
	e.Incident.ParentID = parent
	return e
}

func updated(e incident.Event, why incident.Cause) incident.Event {
	e.Kind, e.Cause = incident.EventUpdated, why
	return e
}

// actions are the next events that PagerDuty got, by incident.
func actions(t *testing.T, pd *catcher, n int) map[string]map[string]any {
	got := map[string]map[string]any{}
	for range n {
		body := pd.next(t)
		got[body["dedup_key"].(string)] = body
	}
	return got
}

func TestAStormIsToldInPlaceOfItsParts(t *testing.T) {
	am, pd, sl, wh := newAlertmanager(t), newCatcher(t), newCatcher(t), newCatcher(t)
	cfg := manyConfig(am, pd, sl, wh)
	cfg.Slack.Get().Match = []MatchConfig{{Kind: []string{"stuck"}}}
	e := start(t, cfg, componenttest.NewNopHost())
	e.consume(t, opened("a", 1))
	require.Equal(t, "trigger", pd.next(t)["event_action"])
	require.Contains(t, sl.next(t)["text"], "ERROR: 3 operations")

	storm := opened("storm", 2)
	storm.Incident.Key = incident.StormKey("", "orders")
	storm.Incident.Children = 2
	e.consume(t, storm, updated(inStorm(opened("a", 3), "storm"), incident.CauseJoined), inStorm(opened("b", 4), "storm"))
	got := actions(t, pd, 2)
	require.Equal(t, "trigger", got["storm"]["event_action"])
	require.Equal(t, `2 incidents at "orders" with 3 operations`, got["storm"]["payload"].(map[string]any)["summary"])
	require.Equal(t, "resolve", got["a"]["event_action"])
	require.Equal(t, "part of incident storm", got["a"]["payload"].(map[string]any)["custom_details"].(map[string]any)["resolution"])
	require.Contains(t, sl.next(t)["text"], "ERROR: 3 operations", "it does not hear of storms, so it hears of b")

	e.consume(t, updated(inStorm(opened("a", 5), "storm"), incident.CauseCount), inStorm(resolved(opened("b", 4), 6), "storm"))
	require.Contains(t, sl.next(t)["text"], "Resolved", "b")
	e.consume(t, resolved(storm, 7), updated(opened("a", 8), incident.CauseParted))
	got = actions(t, pd, 2)
	require.Equal(t, "resolve", got["storm"]["event_action"])
	require.Equal(t, "trigger", got["a"]["event_action"], "it goes on")
	e.consume(t, resolved(opened("a", 1), 9))
	require.Equal(t, "resolve", pd.next(t)["event_action"])
	require.Contains(t, sl.next(t)["text"], "Resolved")
	e.stop()
	require.Empty(t, pd.accepted, "nothing else was told")
	require.Empty(t, sl.accepted)
}
