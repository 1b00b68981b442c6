package alert

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

func event() incident.Event {
	return incident.Event{
		Kind: incident.EventOpened, At: start.UnixNano(),
		Incident: incident.Incident{
			ID: "abc", Revision: 7, Severity: operation.SeverityCritical, Priority: 1, Owner: "team-a",
			Runbook: "https://runbooks.example/", Active: 2, Total: 5, OpenedAt: start.UnixNano(),
			FirstSeen: start.Add(-time.Minute).UnixNano(), Reopened: 1, QuietNanos: int64(time.Hour),
			Key: incident.Key{
				Kind: operation.StateFailed, OperationName: "fulfil", Destination: "orders", Group: "packers", ErrorType: "Timeout", Culprit: "fulfil.pack", Message: "no answer",
			},
			Hop:        incident.Hop{Index: 1, System: "kafka", Destination: "orders", Producer: "shop", Service: "warehouse"},
			Operations: []incident.Sample{{ID: "order-1"}, {ID: "order-2"}},
			Error:      &operation.Error{Type: "Timeout", Message: "no answer"},
		},
	}
}

func TestAlertOfAnIncident(t *testing.T) {
	e := event()
	framing := Framing{ConsoleURL: "http://console.example/", Labels: map[string]string{"cluster": "eu-1"}}
	require.Equal(t, Alert{
		ID: "abc", Name: "AsyncOperationsFailed", Revision: 7, News: true,
		Routing: Routing{Severity: operation.SeverityCritical, Priority: 1, Owner: "team-a"},
		Labels: map[string]string{
			"cluster": "eu-1", "incident_id": "abc", "operation": "fulfil", "kind": "failed", "destination": "orders",
			"consumer_group": "packers", "error_type": "Timeout", "culprit": "fulfil.pack",
		},
		Annotations: map[string]string{
			"summary":             `2 operations of "fulfil" failed at "orders", consumer group "packers", error "Timeout" in "fulfil.pack"`,
			"affected_operations": "2", "total_operations": "5", "severity": "critical", "priority": "1", "owner": "team-a",
			"runbook_url": "https://runbooks.example/", "first_failing_hop": "2: shop -> orders (kafka) -> warehouse",
			"operations": "order-1, order-2", "first_seen": "2026-03-01T11:59:00Z", "error": "Timeout: no answer", "error_template": "no answer",
			"reopened": "1 times, last after 1h0m0s of quiet",
		},
		StartsAt: start, GeneratorURL: "http://console.example/api/v1/incidents/abc",
	}, framing.Of(&e))
	require.Equal(t, map[string]string{"cluster": "eu-1"}, framing.Labels, "what is configured is not written to")
}

func TestLabelsStayTheSameWhileAnIncidentLasts(t *testing.T) {
	e := event()
	before := Framing{}.Of(&e)
	e.Kind, e.Cause = incident.EventResolved, incident.CauseLost
	i := &e.Incident
	i.State, i.Revision, i.Severity, i.Owner, i.Active, i.Lost = incident.StateResolved, 9, operation.SeverityInfo, "", 0, 3
	i.ResolvedAt, i.Hop.Index, i.Error = start.Add(-time.Hour).UnixNano(), -1, nil
	after := Framing{}.Of(&e)
	require.Equal(t, before.Labels, after.Labels)
	require.Equal(t, before.Name, after.Name)
	require.Equal(t, StatusResolved, after.Status)
	require.Equal(t, start, after.EndsAt, "no alert ends before it starts")
	require.Equal(t, "lost", after.Annotations["resolution"])
	require.Equal(t, "3", after.Annotations["lost_operations"])
	require.Empty(t, after.GeneratorURL)
}

func TestAlertOfDeadLetters(t *testing.T) {
	e := event()
	e.Incident.Kind, e.Incident.Hop.DeadLetter = operation.StateDeadLettered, "orders.dlq"
	a := Framing{}.Of(&e)
	require.Equal(t, "AsyncOperationsDeadLettered", a.Name)
	require.Equal(t, map[string]string{
		"incident_id": "abc", "operation": "fulfil", "kind": "dead_lettered", "destination": "orders", "consumer_group": "packers", "error_type": "Timeout", "culprit": "fulfil.pack",
	}, a.Labels, "where messages went is known of few and no label")
	require.Equal(t, "orders.dlq", a.Annotations["dead_letter_destination"])
	require.Equal(t, `2 operations of "fulfil" dead_lettered at "orders", consumer group "packers", error "Timeout" in "fulfil.pack", sent to "orders.dlq"`,
		a.Annotations["summary"])

	e.Kind, e.Cause, e.Incident.State = incident.EventResolved, incident.CauseQuiet, incident.StateResolved
	resolved := Framing{}.Of(&e)
	require.Equal(t, a.Name, resolved.Name)
	require.Equal(t, a.Labels, resolved.Labels)
	require.Equal(t, StatusResolved, resolved.Status)
}

func TestStuckIncidentsHaveAReason(t *testing.T) {
	e := event()
	e.Incident.Kind, e.Incident.Reason, e.Incident.ErrorType = operation.StateStuck, operation.StuckWaiting, ""
	a := Framing{}.Of(&e)
	require.Equal(t, "AsyncOperationsStuck", a.Name)
	require.Equal(t, "waiting", a.Labels["reason"])
	require.NotContains(t, a.Labels, "error_type")
}

func TestAlertOfAGap(t *testing.T) {
	e := event()
	e.Incident.Key, e.Incident.Hop.Index, e.Incident.Error = incident.GapKey("worker"), -1, nil
	a := Framing{}.Of(&e)
	require.Equal(t, "AsyncTelemetryGap", a.Name)
	require.Equal(t, map[string]string{"incident_id": "abc", "kind": "unknown", "reason": "telemetry_gap", "service": "worker"}, a.Labels)
	require.Equal(t, `telemetry of "worker" is lacking: 2 operations unknown`, a.Annotations["summary"])
}

func TestWhatAnotherProcessToldIsNoNews(t *testing.T) {
	e := event()
	e.Kind = incident.EventUpdated
	for _, cause := range []incident.Cause{incident.CauseRestored, incident.CauseHandedOver} {
		e.Cause, e.Incident.ParentID = cause, ""
		require.False(t, Framing{}.Of(&e).News)
		e.Incident.ParentID = "storm"
		require.False(t, Framing{}.Of(&e).News, "nor is it of a part")
	}
	e.Cause = incident.CauseRefresh
	require.True(t, Framing{}.Of(&e).News, "to whoever is not told of the storm")
}
