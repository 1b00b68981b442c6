package incident

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// ofType is a change of an operation that failed with an error of a type of its own.
func ofType(id, destination, errorType string) operation.Change {
	c := change(id, inProgress, failed)
	c.View = view(id, destination)
	c.View.Hops[0].Consumers[0].Attempts[0].Error.Type = errorType
	return c
}

func storming(t require.TestingT, n int) *Tracker {
	return newTracker(t, func(s *Settings) { s.Storm = n })
}

// ofStorm returns the events of the incidents that stand for many, and the others.
func ofStorm(events []Event) (parents, others []Event) {
	for _, e := range events {
		if e.Incident.Storm {
			parents = append(parents, e)
		} else {
			others = append(others, e)
		}
	}
	return parents, others
}

func TestManyIncidentsAreOneStorm(t *testing.T) {
	tracker := storming(t, 5)
	var four, more, again []operation.Change
	for i := range 4 {
		four = append(four, ofType(fmt.Sprint("a", i), "orders", fmt.Sprint("E", i)))
	}
	for i := range 6 {
		more = append(more, ofType(fmt.Sprint("b", i), "orders", fmt.Sprint("E", 4+i%2)))
	}
	more = append(more, ofType("else", "payments", "E"))
	parents, others := ofStorm(tracker.Observe(start, four))
	require.Empty(t, parents)
	require.Len(t, others, 4)

	events := tracker.Observe(start.Add(time.Minute), more)
	require.True(t, events[0].Incident.Storm, "it is told first")
	parents, others = ofStorm(events)
	require.Len(t, parents, 1)
	p := parents[0].Incident
	require.Equal(t, EventOpened, parents[0].Kind)
	require.Equal(t, CauseNew, parents[0].Cause)
	require.Equal(t, StormKey("", "orders").ID(), p.ID)
	require.Equal(t, int64(6), p.Children)
	require.Equal(t, int64(10), p.Active)
	require.Equal(t, int64(10), p.Total)
	require.Len(t, p.Operations, 6, "one of each")
	require.Equal(t, `6 incidents at "orders" with 10 operations`, p.Summary())
	require.Equal(t, operation.SeverityError, p.Severity)
	require.Equal(t, "team-error", p.Owner)
	require.Equal(t, "orders", p.Hop.Destination)
	require.Len(t, others, 7)
	for _, e := range others {
		switch i := e.Incident; {
		case i.Destination == "payments":
			require.Empty(t, i.ParentID)
		case e.Kind == EventOpened:
			require.Equal(t, p.ID, i.ParentID, "it was never told of by itself")
		default:
			require.Equal(t, CauseJoined, e.Cause)
			require.Equal(t, p.ID, i.ParentID)
		}
	}

	again = append(again, ofType("c", "orders", "E9"))
	parents, others = ofStorm(tracker.Observe(start.Add(2*time.Minute), again))
	require.Empty(t, parents, "one more is no news")
	require.Len(t, others, 1)
	require.Equal(t, p.ID, others[0].Incident.ParentID)
	got, _ := tracker.Get(p.ID)
	require.Equal(t, int64(7), got.Children)
	require.Equal(t, int64(11), got.Active)

	parents, others = ofStorm(tracker.Sweep(start.Add(5*time.Minute + time.Second)))
	require.Empty(t, parents, "not half of the operations are gone")
	got, _ = tracker.Get(p.ID)
	require.Equal(t, int64(7), got.Active, "four incidents have been quiet for long enough")
	require.Equal(t, int64(3), got.Children)
	parted := 0
	for _, e := range others {
		require.NotEqual(t, CauseParted, e.Cause, "three are left")
		if e.Kind == EventResolved {
			parted++
		}
	}
	require.Equal(t, 4, parted)
}

func TestWhatIsLeftOfAStormStandsForItself(t *testing.T) {
	tracker := storming(t, 3)
	var many, well []operation.Change
	for i := range 3 {
		c := change(fmt.Sprint("o", i), inProgress, waiting)
		c.View.Name = fmt.Sprint("fulfil-", i)
		many = append(many, c)
		if i > 0 {
			c.Before, c.Verdict = waiting, completed
			well = append(well, c)
		}
	}
	parents, _ := ofStorm(tracker.Observe(start, many))
	require.Len(t, parents, 1)
	_, err := tracker.Act(parents[0].Incident.ID, ActionAcknowledge, Mark{By: "ann"}, start)
	require.NoError(t, err)
	parents, _ = ofStorm(tracker.Sweep(start.Add(time.Second)))
	require.Len(t, parents, 1)
	require.Equal(t, CauseMarked, parents[0].Cause)

	parents, others := ofStorm(tracker.Observe(start.Add(time.Minute), well))
	require.Len(t, parents, 1)
	require.Equal(t, EventResolved, parents[0].Kind)
	require.Equal(t, CauseParted, parents[0].Cause)
	require.Equal(t, `resolved: many incidents at "orders"`, parents[0].Incident.Summary())
	require.Len(t, others, 3)
	left := others[slices.IndexFunc(others, func(e Event) bool { return e.Kind == EventUpdated })]
	require.Equal(t, CauseParted, left.Cause)
	require.Empty(t, left.Incident.ParentID)
	require.Equal(t, "fulfil-0", left.Incident.OperationName)

	for i := range many[1:] {
		many[i+1].View.ID += "-again"
	}
	parents, _ = ofStorm(tracker.Observe(start.Add(2*time.Minute), many[1:]))
	require.Len(t, parents, 1)
	require.Equal(t, CauseReopened, parents[0].Cause)
	require.Equal(t, int64(time.Minute), parents[0].Incident.QuietNanos)
}

func TestWithoutAThresholdThereAreNoStorms(t *testing.T) {
	tracker := storming(t, 0)
	for i := range 20 {
		parents, others := ofStorm(tracker.Observe(start, []operation.Change{ofType(strconv.Itoa(i), "orders", fmt.Sprint("E", i))}))
		require.Empty(t, parents)
		require.Len(t, others, 1)
	}
	require.Empty(t, tracker.storms)
}

// TestPropertyStorms: whatever happens, what the events said last of each incident is how it is, those that stand for many are the
// sum of what they stand for, and there is one exactly where there are many.
func TestPropertyStorms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		threshold := rapid.IntRange(2, 4).Draw(t, "threshold")
		room := rapid.Bool().Draw(t, "room")
		tracker := newTracker(t, func(s *Settings) {
			s.Storm = threshold
			if !room {
				s.MaxIncidents = 5
			}
		})
		m := stormModel{revisions: map[string]int64{}, told: map[string]Event{}, verdicts: map[string]operation.Verdict{}}
		now := start
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(4*time.Minute)).Draw(t, "pause")))
			if rapid.IntRange(0, 4).Draw(t, "sweep") == 0 {
				m.take(t, tracker.Sweep(now))
			} else {
				m.take(t, tracker.Observe(now, m.batch(t)))
			}
			m.check(t, tracker, threshold, room)
		}
	})
}

type stormModel struct {
	revisions map[string]int64
	told      map[string]Event
	verdicts  map[string]operation.Verdict
}

func (m *stormModel) batch(t *rapid.T) []operation.Change {
	var changes []operation.Change
	seen := map[string]bool{}
	for range rapid.IntRange(1, 8).Draw(t, "changes") {
		id := fmt.Sprint("op-", rapid.IntRange(0, 15).Draw(t, "operation"))
		if seen[id] {
			continue
		}
		seen[id] = true
		c := ofType(id, fmt.Sprint("queue-", rapid.IntRange(0, 1).Draw(t, "destination")), fmt.Sprint("E", rapid.IntRange(0, 5).Draw(t, "error")))
		before, known := m.verdicts[id]
		if !known {
			before = inProgress
		}
		c.Before = before
		c.Verdict = rapid.SampledFrom([]operation.Verdict{waiting, failed, failed, dead, completed}).Draw(t, "verdict")
		c.Verdict.Since += rapid.Int64Range(0, 3).Draw(t, "since")
		c.Policy = policy(operation.Severity(rapid.IntRange(0, 3).Draw(t, "severity")))
		if c.Gone = rapid.IntRange(0, 9).Draw(t, "gone") == 0; c.Gone {
			c.Verdict = inProgress
		}
		m.verdicts[id] = c.Verdict
		changes = append(changes, c)
	}
	return changes
}

func (m *stormModel) take(t *rapid.T, events []Event) {
	for _, e := range events {
		i := &e.Incident
		require.Greater(t, i.Revision, m.revisions[i.ID])
		last, known := m.told[i.ID]
		open := known && last.Kind != EventResolved
		require.Equal(t, e.Kind == EventOpened, !open, "opened once, then updated or resolved")
		require.Equal(t, e.Kind == EventResolved, i.State == StateResolved)
		m.revisions[i.ID], m.told[i.ID] = i.Revision, e
	}
}

func (m *stormModel) check(t *rapid.T, tracker *Tracker, threshold int, room bool) {
	places := map[place][]*record{}
	parents := map[place]*record{}
	for _, r := range tracker.incidents {
		told := m.told[r.ID]
		require.Equal(t, r.State, told.Incident.State)
		if r.State != StateOpen {
			continue
		}
		require.Equal(t, r.ParentID, told.Incident.ParentID, "the last event said so")
		at := place{r.Namespace, r.Destination}
		if r.Storm {
			parents[at] = r
		} else {
			require.NotEmpty(t, r.members)
			places[at] = append(places[at], r)
		}
	}
	require.Len(t, tracker.storms, len(places))
	for at, children := range places {
		p := parents[at]
		delete(parents, at)
		if p == nil {
			for _, r := range children {
				require.Empty(t, r.ParentID)
			}
			if room {
				require.Less(t, len(children), threshold)
			}
			continue
		}
		require.Greater(t, len(children), (threshold-1)/2)
		sum := int64(0)
		for _, r := range children {
			require.Equal(t, p.ID, r.ParentID)
			require.GreaterOrEqual(t, p.Severity, r.Severity)
			require.LessOrEqual(t, p.Priority, r.Priority)
			sum += r.Active
		}
		require.Equal(t, sum, p.Active)
		require.LessOrEqual(t, p.Active, p.Total)
		require.Equal(t, int64(len(children)), p.Children)
	}
	require.Empty(t, parents, "each stands for something")
}
