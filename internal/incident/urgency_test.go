package incident

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// stuckChanges are changes by which so many operations get stuck, from the first number on.
func stuckChanges(p *operation.Policy, from, to int) []operation.Change {
	var changes []operation.Change
	for i := from; i < to; i++ {
		c := change(fmt.Sprint("op-", i), inProgress, waiting)
		c.Policy = p
		changes = append(changes, c)
	}
	return changes
}

func recoveredChanges(p *operation.Policy, from, to int) []operation.Change {
	changes := stuckChanges(p, from, to)
	for i := range changes {
		changes[i].Before, changes[i].Verdict = waiting, completed
	}
	return changes
}

func causes(events []Event) []Cause {
	var all []Cause
	for i := range events {
		all = append(all, events[i].Cause)
	}
	return all
}

func TestManyOperationsEscalate(t *testing.T) {
	tracker := newTracker(t, nil)
	p := policy(operation.SeverityWarning)
	p.Priority = 3
	p.Escalations = []operation.Escalation{
		{Operations: 10, Severity: operation.SeverityCritical, Priority: 1}, {After: time.Hour, Severity: operation.SeverityError},
	}
	events := tracker.Observe(start, stuckChanges(p, 0, 9))
	require.Equal(t, operation.SeverityWarning, events[0].Incident.Severity)
	events = tracker.Observe(start.Add(time.Second), stuckChanges(p, 9, 10))
	require.Equal(t, []Cause{CauseEscalated}, causes(events))
	require.Equal(t, operation.SeverityCritical, events[0].Incident.Severity)
	require.Equal(t, 1, events[0].Incident.Priority)
	require.Empty(t, tracker.Observe(start.Add(2*time.Second), recoveredChanges(p, 0, 5)), "half of them are left")
	events = tracker.Observe(start.Add(3*time.Second), recoveredChanges(p, 5, 6))
	require.Equal(t, []Cause{CauseReduced}, causes(events))
	require.Equal(t, 3, events[0].Incident.Priority)
	require.Empty(t, tracker.Observe(start.Add(4*time.Second), stuckChanges(p, 20, 25)), "9 are too few again")

	tracker.Sweep(start.Add(time.Hour - time.Second))
	events = tracker.Sweep(start.Add(time.Hour))
	require.Equal(t, []Cause{CauseEscalated}, causes(events), "it is old by now")
	require.Equal(t, operation.SeverityError, events[0].Incident.Severity)
	require.Equal(t, 3, events[0].Incident.Priority, "which is left as it is")
}

func TestAnEscalationNeedsNumberAndAge(t *testing.T) {
	tracker := newTracker(t, nil)
	p := policy(operation.SeverityError)
	p.Priority = 2
	p.Escalations = []operation.Escalation{{Operations: 2, After: time.Minute, Priority: 1}}
	tracker.Observe(start, stuckChanges(p, 0, 1))
	require.Empty(t, tracker.Sweep(start.Add(time.Minute)))
	events := tracker.Observe(start.Add(2*time.Minute), stuckChanges(p, 1, 2))
	require.Equal(t, []Cause{CauseEscalated}, causes(events), "the priority alone is raised")
	require.Equal(t, operation.SeverityError, events[0].Incident.Severity)

	tracker.Observe(start.Add(3*time.Minute), recoveredChanges(p, 0, 2))
	events = tracker.Observe(start.Add(4*time.Minute), stuckChanges(p, 0, 2))
	require.Equal(t, 2, events[0].Incident.Priority, "a new opening begins anew")
}

func TestRates(t *testing.T) {
	tracker := newTracker(t, nil)
	p := policy(operation.SeverityError)
	at := start
	for i := range 3600 {
		at = start.Add(time.Duration(i) * time.Second)
		tracker.Observe(at, stuckChanges(p, i, i+1))
	}
	i := tracker.List()[0]
	require.InDelta(t, 60, i.Rate, 1, "one a second")
	tracker.Observe(at.Add(5*time.Minute), recoveredChanges(p, 0, 1))
	require.InDelta(t, 60/2.718, tracker.List()[0].Rate, 1)
}

func TestMarks(t *testing.T) {
	tracker := newTracker(t, nil)
	p := policy(operation.SeverityError)
	id := tracker.Observe(start, stuckChanges(p, 0, 1))[0].Incident.ID

	_, err := tracker.Act("nonsense", ActionMute, Mark{}, start)
	require.ErrorIs(t, err, ErrUnknown)
	_, err = tracker.Act(id, ActionMute, Mark{Until: start.UnixNano()}, start)
	require.ErrorIs(t, err, ErrPast)

	i, err := tracker.Act(id, ActionAcknowledge, Mark{By: "ann", Note: "on it"}, start)
	require.NoError(t, err)
	require.Equal(t, Mark{By: "ann", Note: "on it", At: start.UnixNano()}, *i.Acknowledged)
	events := tracker.Sweep(start)
	require.Equal(t, []Cause{CauseMarked}, causes(events))
	require.Equal(t, "ann", events[0].Incident.Acknowledged.By)
	require.Empty(t, tracker.Sweep(start), "it is told once")

	until := start.Add(time.Minute)
	_, err = tracker.Act(id, ActionMute, Mark{Until: until.UnixNano()}, start)
	require.NoError(t, err)
	require.Len(t, tracker.Sweep(until.Add(-1)), 1)
	events = tracker.Sweep(until)
	require.Equal(t, []Cause{CauseMarked}, causes(events), "its time is over")
	require.Nil(t, events[0].Incident.Muted)

	later := until.Add(time.Hour)
	_, err = tracker.Act(id, ActionMute, Mark{By: "bob", Until: later.UnixNano()}, until)
	require.NoError(t, err)
	tracker.Observe(until, recoveredChanges(p, 0, 1))
	_, err = tracker.Act(id, ActionAcknowledge, Mark{}, until)
	require.ErrorIs(t, err, ErrResolved)
	events = tracker.Observe(until, stuckChanges(p, 0, 1))
	require.Nil(t, events[0].Incident.Acknowledged, "who took care of it last time need not know")
	require.Equal(t, "bob", events[0].Incident.Muted.By, "muting lasts")
	for _, action := range []Action{ActionUnmute, ActionUnacknowledge} {
		i, err = tracker.Act(id, action, Mark{}, until)
		require.NoError(t, err)
	}
	require.Nil(t, i.Muted)

	_, err = tracker.Act(id, ActionMute, Mark{By: "bob"}, until)
	require.NoError(t, err)
	tracker.Observe(until, recoveredChanges(p, 0, 1))
	require.Nil(t, tracker.List()[0].Muted, "without a time it ends with the incident")
}
