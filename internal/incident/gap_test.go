package incident

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// unknownBy is a verdict on an operation whose end the silence of a service may hide.
func unknownBy(service string) operation.Verdict {
	return operation.Verdict{
		State: operation.StateUnknown, Reason: operation.StuckTelemetryGap, Consumer: -1, Silent: service, Since: start.UnixNano(),
	}
}

func gapOf(service string, over bool) []Gap {
	return []Gap{{Service: service, Since: start.UnixNano(), Over: over, Policy: policy(operation.SeverityWarning)}}
}

func TestAGapIsAnIncidentWithTheOperationsItHides(t *testing.T) {
	tracker := newTracker(t, nil)
	require.Empty(t, tracker.Observe(start, []operation.Change{change("early", inProgress, unknownBy("worker"))}), "no gap was told of")

	opened := tracker.ObserveGaps(start, gapOf("worker", false))
	require.Len(t, opened, 1)
	require.Equal(t, EventOpened, opened[0].Kind)
	i := opened[0].Incident
	require.Equal(t, operation.StateUnknown, i.Kind)
	require.Equal(t, operation.StuckTelemetryGap, i.Reason)
	require.Equal(t, "worker", i.Service)
	require.Equal(t, operation.SeverityWarning, i.Severity)
	require.Equal(t, "team-warning", i.Owner)
	require.Zero(t, i.Active)
	require.Equal(t, start.UnixNano(), i.FirstSeen)
	require.Empty(t, tracker.ObserveGaps(start, gapOf("worker", false)), "it is known")
	require.Empty(t, tracker.Sweep(start.Add(time.Minute)), "nothing happens to it")

	at := start.Add(time.Minute)
	updated := tracker.Observe(at, []operation.Change{
		change("a", inProgress, unknownBy("worker")), change("b", waiting, unknownBy("worker")), change("other", inProgress, unknownBy("mailer")),
	})
	require.Len(t, updated, 1)
	require.Equal(t, EventUpdated, updated[0].Kind)
	require.EqualValues(t, 2, updated[0].Incident.Active)
	require.Equal(t, `telemetry of "worker" is lacking: 2 operations unknown`, updated[0].Incident.Summary())
	id, ok := tracker.Of(view("a", "orders"))
	require.True(t, ok)
	require.Equal(t, i.ID, id)

	tracker.Observe(at, []operation.Change{change("a", unknownBy("worker"), completed)})
	left, _ := tracker.Get(i.ID)
	require.EqualValues(t, 1, left.Active)
	require.Equal(t, StateOpen, left.State)

	resolved := tracker.ObserveGaps(at.Add(time.Minute), gapOf("worker", true))
	require.Len(t, resolved, 1)
	require.Equal(t, EventResolved, resolved[0].Kind)
	require.Equal(t, CauseRecovered, resolved[0].Cause)
	require.Zero(t, tracker.Stats().Members)
	require.Empty(t, tracker.ObserveGaps(at.Add(time.Minute), gapOf("worker", true)), "once is enough")

	again := tracker.ObserveGaps(at.Add(time.Hour), gapOf("worker", false))
	require.Equal(t, CauseReopened, again[0].Cause)
	require.Equal(t, i.ID, again[0].Incident.ID)
}

func TestAGapOfEverybodyHidesAll(t *testing.T) {
	tracker := newTracker(t, nil)
	tracker.ObserveGaps(start, gapOf("", false))
	tracker.Observe(start, []operation.Change{change("a", inProgress, unknownBy("worker")), change("b", inProgress, unknownBy(""))})
	i, ok := tracker.Get(GapKey("").ID())
	require.True(t, ok)
	require.EqualValues(t, 2, i.Active)
	require.Equal(t, "telemetry of all services is lacking: 2 operations unknown", i.Summary())
	gone := gapOf("", true)
	gone[0].Gone = true
	events := tracker.ObserveGaps(start, gone)
	require.Equal(t, CauseLost, events[0].Cause, "given up")
}

func TestGapsKeepWithinTheBounds(t *testing.T) {
	tracker := newTracker(t, func(s *Settings) { s.MaxIncidents = 1 })
	require.Len(t, tracker.ObserveGaps(start, append(gapOf("a", false), gapOf("b", false)...)), 1)
	require.EqualValues(t, 1, tracker.Stats().Overflow)
	require.Empty(t, tracker.ObserveGaps(start, gapOf("b", true)), "it was not told of")
}

func TestIDsOfOtherKindsAreWhatTheyWere(t *testing.T) {
	key := Key{Kind: operation.StateStuck, Reason: operation.StuckWaiting, OperationName: "fulfil", Destination: "orders"}
	before := key.ID()
	key.Service = "worker"
	require.NotEqual(t, before, key.ID())
	require.NotEqual(t, GapKey("a").ID(), GapKey("b").ID())
}

func TestNobodyEndsAMissedStartByItsID(t *testing.T) {
	tracker := newTracker(t, nil)
	missed := operation.Change{
		View: &operation.View{ID: "missed:nightly:1", Name: "nightly", Missed: 1}, Before: inProgress,
		Verdict: verdict(operation.StateStuck, operation.StuckMissed), Policy: policy(operation.SeverityCritical),
	}
	missed.Verdict.Hop = -1
	opened := tracker.Observe(start, []operation.Change{missed})
	require.Len(t, opened, 1)
	require.Equal(t, `1 operation of "nightly" stuck (missed)`, opened[0].Incident.Summary())
	id, ok := tracker.Of(missed.View)
	require.True(t, ok)
	require.Equal(t, opened[0].Incident.ID, id)

	require.Empty(t, tracker.Observe(start, []operation.Change{change("missed:nightly:1", waiting, completed)}), "an operation that took the ID")
	ended := missed
	ended.Before, ended.Verdict = missed.Verdict, completed
	require.Equal(t, EventResolved, tracker.Observe(start, []operation.Change{ended})[0].Kind)
}
