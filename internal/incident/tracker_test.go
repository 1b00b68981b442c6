package incident

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newTracker(t require.TestingT, change func(*Settings)) *Tracker {
	settings := DefaultSettings()
	if change != nil {
		change(&settings)
	}
	tracker, err := New(settings)
	require.NoError(t, err)
	return tracker
}

// view is an operation of one hop.
func view(id, destination string) *operation.View {
	return &operation.View{
		ID: id, Name: "fulfil", Traces: []operation.TraceID{{1, 2}},
		Hops: []operation.Hop{{
			System: "kafka", Destination: destination,
			Sends: []operation.Send{{Origin: operation.Origin{Service: "shop", Trace: operation.TraceID{9}, Span: operation.SpanID{8}}}},
			Consumers: []operation.Consumer{{
				Group: "packers", Service: "warehouse",
				Attempts: []operation.Attempt{{Error: &operation.Error{Type: "Timeout", Message: "no answer", At: 5}}},
			}},
		}},
	}
}

func policy(severity operation.Severity) *operation.Policy {
	p := operation.DefaultPolicy()
	p.Severity, p.Priority, p.Owner, p.Runbook = severity, int(severity)+1, "team-"+severity.String(), "https://runbooks.example/"
	return &p
}

func verdict(state operation.State, reason operation.StuckReason) operation.Verdict {
	v := operation.Verdict{State: state, Reason: reason, Hop: -1, Consumer: -1}
	if state.Troubled() {
		v.Hop, v.Since = 0, start.Add(-time.Minute).UnixNano()
	}
	if reason == operation.StuckProcessing || state.Bad() {
		v.Consumer = 0
	}
	return v
}

var (
	waiting    = verdict(operation.StateStuck, operation.StuckWaiting)
	processing = verdict(operation.StateStuck, operation.StuckProcessing)
	failed     = verdict(operation.StateFailed, operation.StuckNone)
	dead       = verdict(operation.StateDeadLettered, operation.StuckNone)
	completed  = verdict(operation.StateCompleted, operation.StuckNone)
	inProgress = verdict(operation.StateInProgress, operation.StuckNone)
)

func change(id string, before, after operation.Verdict) operation.Change {
	return operation.Change{View: view(id, "orders"), Before: before, Verdict: after, Policy: policy(operation.SeverityError)}
}

func TestManyOperationsAreOneIncident(t *testing.T) {
	tracker := newTracker(t, nil)
	var stuck, recovered []operation.Change
	for i := range 2000 {
		stuck = append(stuck, change(strconv.Itoa(i), inProgress, waiting))
		recovered = append(recovered, change(strconv.Itoa(i), waiting, completed))
	}
	events := tracker.Observe(start, stuck)
	require.Len(t, events, 1)
	opened := events[0].Incident
	require.Equal(t, EventOpened, events[0].Kind)
	require.Equal(t, CauseNew, events[0].Cause)
	require.Equal(t, int64(2000), opened.Active)
	require.Equal(t, int64(2000), opened.Total)
	require.Equal(t, StateOpen, opened.State)
	require.Len(t, opened.Operations, 10)
	require.Equal(t, Sample{ID: "0", Trace: operation.TraceID{1, 2}}, opened.Operations[0])
	require.Equal(t, Hop{Index: 0, System: "kafka", Destination: "orders", Producer: "shop"}, opened.Hop)
	require.Equal(t, start.UnixNano(), opened.OpenedAt)
	require.Equal(t, start.Add(-time.Minute).UnixNano(), opened.FirstSeen)
	require.Equal(t, "team-error", opened.Owner)

	require.Empty(t, tracker.Observe(start.Add(20*time.Second), recovered[:900]), "less than half is no news")
	events = tracker.Observe(start.Add(40*time.Second), recovered[900:1999])
	require.Len(t, events, 1)
	require.Equal(t, CauseCount, events[0].Cause)
	require.Equal(t, int64(1), events[0].Incident.Active)

	events = tracker.Observe(start.Add(time.Minute), recovered[1999:])
	require.Len(t, events, 1)
	resolved := events[0].Incident
	require.Equal(t, EventResolved, events[0].Kind)
	require.Equal(t, CauseRecovered, events[0].Cause)
	require.Equal(t, StateResolved, resolved.State)
	require.Equal(t, int64(0), resolved.Active)
	require.Equal(t, int64(2000), resolved.Total)
	require.Equal(t, opened.ID, resolved.ID)
	require.Greater(t, resolved.Revision, opened.Revision)
	require.Equal(t, Stats{Resolved: 1}, tracker.Stats())
}

func TestReopenedSaysHowLongItWasQuiet(t *testing.T) {
	tracker := newTracker(t, nil)
	tracker.Observe(start, []operation.Change{change("a", inProgress, waiting)})
	tracker.Observe(start.Add(time.Minute), []operation.Change{change("a", waiting, completed)})
	events := tracker.Observe(start.Add(time.Hour), []operation.Change{change("b", inProgress, waiting)})
	require.Len(t, events, 1)
	i := events[0].Incident
	require.Equal(t, CauseReopened, events[0].Cause)
	require.Equal(t, int64(1), i.Reopened)
	require.Equal(t, 59*time.Minute, time.Duration(i.QuietNanos))
	require.Equal(t, start.Add(time.Hour).UnixNano(), i.OpenedAt)
	require.Equal(t, int64(2), i.Total)
	require.Equal(t, []Sample{{ID: "b", Trace: operation.TraceID{1, 2}}}, i.Operations)
}

func TestAnOperationIsInOneIncident(t *testing.T) {
	tracker := newTracker(t, nil)
	opened := tracker.Observe(start, []operation.Change{change("a", inProgress, waiting)})
	id, ok := tracker.Of(view("a", "orders"))
	require.True(t, ok)
	require.Equal(t, opened[0].Incident.ID, id)

	events := tracker.Observe(start, []operation.Change{change("a", waiting, failed)})
	require.Len(t, events, 2)
	require.Equal(t, EventResolved, events[0].Kind)
	require.Equal(t, operation.StuckWaiting, events[0].Incident.Reason)
	require.Equal(t, EventOpened, events[1].Kind)
	require.Equal(t, operation.StateFailed, events[1].Incident.Kind)
	require.Equal(t, "Timeout", events[1].Incident.ErrorType)
	require.Equal(t, "no answer", events[1].Incident.Error.Message)
	require.Equal(t, "packers", events[1].Incident.Group)
	require.Equal(t, "warehouse", events[1].Incident.Hop.Service)
	id, ok = tracker.Of(view("a", "orders"))
	require.True(t, ok)
	require.Equal(t, events[1].Incident.ID, id)
}

func TestFailuresResolveWhenQuiet(t *testing.T) {
	tracker := newTracker(t, nil)
	tracker.Observe(start, []operation.Change{change("a", inProgress, failed)})
	tracker.Observe(start.Add(4*time.Minute), []operation.Change{change("b", inProgress, failed)})
	for _, e := range tracker.Sweep(start.Add(8 * time.Minute)) {
		require.NotEqual(t, EventResolved, e.Kind)
	}
	events := tracker.Sweep(start.Add(9 * time.Minute))
	require.Len(t, events, 1)
	require.Equal(t, EventResolved, events[0].Kind)
	require.Equal(t, CauseQuiet, events[0].Cause)
	require.Equal(t, int64(0), events[0].Incident.Active)

	late := change("a", failed, failed)
	late.Verdict.Flags = operation.FlagDuplicated
	require.Empty(t, tracker.Observe(start.Add(10*time.Minute), []operation.Change{late}), "an old failure opens nothing")
	again := change("a", failed, failed)
	again.Verdict.Since++
	require.Len(t, tracker.Observe(start.Add(11*time.Minute), []operation.Change{again}), 1, "a new one does")
}

func TestSeverityIsTheHighestOfThoseAffected(t *testing.T) {
	tracker := newTracker(t, nil)
	critical := change("b", inProgress, waiting)
	critical.Policy = policy(operation.SeverityCritical)
	tracker.Observe(start, []operation.Change{change("a", inProgress, waiting)})
	events := tracker.Observe(start, []operation.Change{critical})
	require.Len(t, events, 1)
	require.Equal(t, CauseEscalated, events[0].Cause)
	require.Equal(t, operation.SeverityCritical, events[0].Incident.Severity)
	require.Equal(t, "team-critical", events[0].Incident.Owner)
	require.Equal(t, 4, events[0].Incident.Priority)

	events = tracker.Observe(start, []operation.Change{change("b", waiting, completed)})
	require.Len(t, events, 1)
	require.Equal(t, CauseReduced, events[0].Cause)
	require.Equal(t, operation.SeverityError, events[0].Incident.Severity)
	require.Equal(t, "team-error", events[0].Incident.Owner)
}

func TestUpdatesAreRareAndComplete(t *testing.T) {
	tracker := newTracker(t, nil)
	tracker.Observe(start, []operation.Change{change("0", inProgress, waiting)})
	for i := 1; i < 10; i++ {
		now := start.Add(time.Duration(i) * time.Second)
		require.Empty(t, tracker.Observe(now, []operation.Change{change(strconv.Itoa(i), inProgress, waiting)}))
	}
	events := tracker.Sweep(start.Add(15 * time.Second))
	require.Len(t, events, 1)
	require.Equal(t, CauseCount, events[0].Cause)
	require.Equal(t, int64(10), events[0].Incident.Active)
	require.Empty(t, tracker.Sweep(start.Add(5*time.Minute)))
	events = tracker.Sweep(start.Add(15*time.Second + 5*time.Minute))
	require.Len(t, events, 1)
	require.Equal(t, CauseRefresh, events[0].Cause)
}

func TestARenamedOperationKeepsItsMembership(t *testing.T) {
	trace, span := operation.TraceID{9}, operation.SpanID{8}
	for name, former := range map[string]string{
		"alias": "order-1", "implicit": operation.ImplicitID(trace, span),
	} {
		t.Run(name, func(t *testing.T) {
			tracker := newTracker(t, nil)
			tracker.Observe(start, []operation.Change{change(former, inProgress, waiting)})
			renamed := change("correlation-1", waiting, completed)
			renamed.View.Aliases, renamed.View.Namespace = []string{"order-1"}, "tenant"
			events := tracker.Observe(start, []operation.Change{renamed})
			require.Len(t, events, 1)
			require.Equal(t, EventResolved, events[0].Kind)
			require.Equal(t, "correlation-1", events[0].Incident.Operations[0].ID)
			require.Zero(t, tracker.Stats().Members)
		})
	}
}

func TestGoneOperations(t *testing.T) {
	gone := func(before operation.Verdict) operation.Change {
		c := change("a", before, inProgress)
		c.Gone = true
		return c
	}
	t.Run("stuck and lost", func(t *testing.T) {
		tracker := newTracker(t, nil)
		tracker.Observe(start, []operation.Change{change("a", inProgress, waiting)})
		events := tracker.Observe(start, []operation.Change{gone(waiting)})
		require.Len(t, events, 1)
		require.Equal(t, CauseLost, events[0].Cause, "never silently called recovered")
		require.Equal(t, int64(1), events[0].Incident.Lost)
	})
	t.Run("failed and forgotten", func(t *testing.T) {
		tracker := newTracker(t, nil)
		tracker.Observe(start, []operation.Change{change("a", inProgress, failed)})
		events := tracker.Observe(start, []operation.Change{gone(failed)})
		require.Len(t, events, 1)
		require.Equal(t, CauseQuiet, events[0].Cause)
		require.Zero(t, events[0].Incident.Lost)
	})
	t.Run("part of another one of the same name", func(t *testing.T) {
		tracker := newTracker(t, nil)
		tracker.Observe(start, []operation.Change{change("a", inProgress, waiting)})
		events := tracker.Observe(start, []operation.Change{change("a", inProgress, waiting), gone(waiting)})
		require.Empty(t, events)
		require.Equal(t, 1, tracker.Stats().Members)
	})
}

func TestBounds(t *testing.T) {
	at := func(id, destination string, before, after operation.Verdict) operation.Change {
		c := change(id, before, after)
		c.View = view(id, destination)
		return c
	}
	t.Run("incidents", func(t *testing.T) {
		tracker := newTracker(t, func(s *Settings) { s.MaxIncidents = 2 })
		var all []operation.Change
		for i := range 3 {
			all = append(all, at(strconv.Itoa(i), fmt.Sprint("queue-", i), inProgress, waiting))
		}
		require.Len(t, tracker.Observe(start, all), 2)
		require.Equal(t, Stats{Open: 2, Members: 2, Overflow: 1}, tracker.Stats())
		require.Empty(t, tracker.Observe(start, []operation.Change{at("2", "queue-2", waiting, completed)}))

		tracker.Observe(start, []operation.Change{at("1", "queue-1", waiting, completed)})
		tracker.Observe(start, []operation.Change{at("0", "queue-0", waiting, completed)})
		tracker.Observe(start.Add(time.Second), []operation.Change{at("3", "queue-3", inProgress, waiting)})
		require.Equal(t, Stats{Open: 1, Resolved: 1, Members: 1, Overflow: 1, Evicted: 1}, tracker.Stats())
		require.Equal(t, "queue-3", tracker.List()[0].Destination)
		require.Equal(t, "queue-0", tracker.List()[1].Destination, "the one resolved first leaves first")
	})
	t.Run("members", func(t *testing.T) {
		tracker := newTracker(t, func(s *Settings) { s.MaxMembers = 2 })
		for i := range 3 {
			tracker.Observe(start, []operation.Change{change(strconv.Itoa(i), inProgress, waiting)})
		}
		require.Equal(t, Stats{Open: 1, Members: 2, Overflow: 1}, tracker.Stats())
		require.Equal(t, int64(2), tracker.List()[0].Active)
	})
}

func TestTheSampleNamesThoseStillAffected(t *testing.T) {
	tracker := newTracker(t, func(s *Settings) { s.SampleSize = 2 })
	for i := range 3 {
		tracker.Observe(start, []operation.Change{change(strconv.Itoa(i), inProgress, waiting)})
	}
	ids := func() (ids []string) {
		for _, s := range tracker.List()[0].Operations {
			ids = append(ids, s.ID)
		}
		return ids
	}
	require.Equal(t, []string{"0", "1"}, ids())
	tracker.Observe(start, []operation.Change{change("0", waiting, completed)})
	require.Equal(t, []string{"1", "0"}, ids())
	tracker.Observe(start, []operation.Change{change("3", inProgress, waiting)})
	require.Equal(t, []string{"3", "1"}, ids())
}

func TestSettingsValidate(t *testing.T) {
	require.NoError(t, DefaultSettings().Validate())
	for name, breakIt := range map[string]func(*Settings){
		"MaxIncidents is 0":     func(s *Settings) { s.MaxIncidents = 0 },
		"MaxMembers is -1":      func(s *Settings) { s.MaxMembers = -1 },
		"SampleSize is 0":       func(s *Settings) { s.SampleSize = 0 },
		"ResolveAfter is 0s":    func(s *Settings) { s.ResolveAfter = 0 },
		"RefreshInterval is 0s": func(s *Settings) { s.RefreshInterval = 0 },
		"UpdateInterval is -1s": func(s *Settings) { s.UpdateInterval = -time.Second },
	} {
		settings := DefaultSettings()
		breakIt(&settings)
		_, err := New(settings)
		require.ErrorContains(t, err, name)
	}
}

func BenchmarkObserve(b *testing.B) {
	tracker := newTracker(b, nil)
	stuck, recovered := make([]operation.Change, 1000), make([]operation.Change, 1000)
	for i := range stuck {
		stuck[i] = change(strconv.Itoa(i), inProgress, waiting)
		recovered[i] = change(strconv.Itoa(i), waiting, completed)
	}
	b.ReportAllocs()
	for b.Loop() {
		tracker.Observe(start, stuck)
		tracker.Observe(start, recovered)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*2000), "ns/change")
}
