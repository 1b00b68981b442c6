package incident

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/operation"
)

// at makes a change of an operation that an instance of the warehouse processed.
func at(c operation.Change, worker int, when time.Time) operation.Change {
	a := &c.View.Hops[0].Consumers[0].Attempts[0]
	a.Service, a.Instance = "warehouse", fmt.Sprint("worker-", worker)
	a.StartedAt, a.EndedAt = when.UnixNano(), when.UnixNano()+1
	if c.Verdict.State == operation.StateCompleted {
		a.Error = nil
	}
	c.Verdict.Since = when.UnixNano()
	return c
}

func versions(_, instance string) cause.Resource {
	if instance == "worker-3" {
		return cause.Resource{Version: "2"}
	}
	return cause.Resource{Version: "1"}
}

func TestAnIncidentNamesItsLikelyCause(t *testing.T) {
	silent := int64(0)
	tracker := newTracker(t, func(s *Settings) {
		s.Resources = versions
		s.SilentSince = func(service string, _ int64) int64 {
			if service == "warehouse" {
				return silent
			}
			return 0
		}
	})
	var fine, broken []operation.Change
	for i := range 90 {
		fine = append(fine, at(change("fine-"+strconv.Itoa(i), inProgress, completed), i%3, start))
	}
	require.Empty(t, tracker.Observe(start, fine))
	later := start.Add(20 * time.Minute)
	for i := range 12 {
		broken = append(broken, at(change("broken-"+strconv.Itoa(i), inProgress, failed), 3, later))
	}
	events := tracker.Observe(later, broken[:1])
	require.Len(t, events, 1)
	require.Empty(t, events[0].Incident.Hints.Traits, "one failure is no pattern")
	require.Equal(t, cause.Deployment{Service: "warehouse", Version: "2", Previous: "1", At: later.UnixNano()}, events[0].Incident.Hints.Deployment)

	events = tracker.Observe(later.Add(time.Minute), broken[1:8])
	require.Len(t, events, 1)
	require.Equal(t, EventUpdated, events[0].Kind)
	require.Equal(t, CauseHint, events[0].Cause)
	hints := events[0].Incident.Hints
	require.Len(t, hints.Traits, 2, "one instance runs the version")
	require.Equal(t, "version 2 (8 of 8 failing, 0 of 90 healthy)", hints.Traits[0].String())
	require.Equal(t, "instance worker-3 (8 of 8 failing, 0 of 90 healthy)", hints.Traits[1].String())
	require.Zero(t, hints.Silent)

	silent = 7
	tracker.Observe(later.Add(2*time.Minute), broken[8:])
	got, ok := tracker.Get(events[0].Incident.ID)
	require.True(t, ok)
	require.Equal(t, Silence{Service: "warehouse", Since: 7}, got.Hints.Silent)
	require.Equal(t, int64(8), hints.Traits[0].Failing, "what was returned never changes")

	require.NotEmpty(t, tracker.Sweep(later.Add(time.Hour)))
	events = tracker.Observe(later.Add(2*time.Hour), []operation.Change{at(change("again", inProgress, failed), 1, later.Add(2*time.Hour))})
	require.Len(t, events, 1)
	require.Equal(t, CauseReopened, events[0].Cause)
	require.Empty(t, events[0].Incident.Hints.Traits, "another opening may have another cause")
}

func TestAnIncidentSaysWhoConsumedLast(t *testing.T) {
	tracker := newTracker(t, nil)
	c := change("a", inProgress, waiting)
	c.Seen = operation.Sighting{Group: "packers", Service: "warehouse", At: 5}
	earlier := change("b", inProgress, waiting)
	earlier.Seen = operation.Sighting{Group: "packers", Service: "old", At: 4}
	events := tracker.Observe(start, []operation.Change{c, earlier})
	require.Len(t, events, 1)
	require.Equal(t, c.Seen, events[0].Incident.Hints.LastConsumer)
}

func TestOfManyHealthyOperationsSomeAreLookedAt(t *testing.T) {
	tracker := newTracker(t, nil)
	var fine []operation.Change
	for i := range 10 * maxLearned {
		fine = append(fine, at(change(strconv.Itoa(i), inProgress, completed), 0, start))
	}
	tracker.Observe(start, fine)
	var broken []operation.Change
	for i := range 6 {
		broken = append(broken, at(change(fmt.Sprint("broken-", i), inProgress, failed), 3, start))
	}
	events := tracker.Observe(start, broken)
	require.Len(t, events, 1)
	require.NotEmpty(t, events[0].Incident.Hints.Traits)
	require.Equal(t, int64(maxLearned), events[0].Incident.Hints.Traits[0].HealthyOf)
	require.Equal(t, 2, tracker.CauseStats().Places)
}
