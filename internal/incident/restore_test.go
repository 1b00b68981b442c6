package incident

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/operation"
)

// durable is a tracker of which everything was saved, with that.
func durable(t require.TestingT, changes ...operation.Change) (*world, []Event) {
	w := newWorld(t, nil)
	s := step{now: start, changes: changes}
	events, states := w.sweep(&s)
	w.output++
	w.commit(t, states)
	w.hear(t, events)
	w.told = w.output
	return w, events
}

func (w *world) commit(t require.TestingT, states map[string]Member) {
	saved, err := w.tracker.Save(w.output, w.told)
	require.NoError(t, err)
	for _, one := range saved {
		w.saved[one.ID] = one
	}
	maps.Copy(w.states, states)
}

func TestARestoredIncidentGoesOn(t *testing.T) {
	w, events := durable(t, change("a", inProgress, failed), change("b", inProgress, failed))
	before := events[0].Incident
	_, err := w.tracker.Act(before.ID, ActionAcknowledge, Mark{By: "ann", Note: "on it"}, start.Add(time.Second))
	require.NoError(t, err)
	w.commit(t, nil)
	w.restart(t, nil)

	got, ok := w.tracker.Get(before.ID)
	require.True(t, ok)
	require.Equal(t, before.Key, got.Key)
	require.Equal(t, int64(2), got.Active)
	require.Equal(t, &Mark{By: "ann", Note: "on it", At: start.Add(time.Second).UnixNano()}, got.Acknowledged)
	require.Equal(t, before.Operations, got.Operations)
	require.Equal(t, before.Error, got.Error)

	events = w.tracker.Sweep(start.Add(time.Minute))
	require.Len(t, events, 1)
	require.Equal(t, CauseMarked, events[0].Cause, "nobody was told of the acknowledgement")
	require.Greater(t, events[0].Incident.Revision, before.Revision)
	require.Empty(t, w.tracker.Sweep(start.Add(time.Minute+time.Second)), "once")

	// Who failed is still a member, so another one is no news, and quiet is counted from the last failure.
	require.Empty(t, w.tracker.Observe(start.Add(2*time.Minute), []operation.Change{change("c", inProgress, failed)}))
	got, _ = w.tracker.Get(before.ID)
	require.Equal(t, int64(3), got.Total)
	events = w.tracker.Sweep(start.Add(7*time.Minute + time.Second))
	require.Len(t, events, 1)
	require.Equal(t, CauseQuiet, events[0].Cause)
}

func TestARestartIsToldOnceOfEachOpenIncident(t *testing.T) {
	w, events := durable(t, change("a", inProgress, waiting), change("b", inProgress, failed))
	require.Len(t, events, 2)
	w.restart(t, nil)
	at := start.Add(time.Second)
	events = slices.Concat(w.tracker.ObserveGaps(at, nil), w.tracker.Observe(at, nil), w.tracker.Sweep(at))
	require.Len(t, events, 2)
	for _, e := range events {
		require.Equal(t, EventUpdated, e.Kind)
		require.Equal(t, CauseRestored, e.Cause)
		require.Equal(t, int64(1), e.Incident.Active)
	}
}

func TestWhatWasNotToldIsToldFirst(t *testing.T) {
	w, _ := durable(t, change("a", inProgress, waiting))
	w.told = 0
	w.restart(t, nil)
	at := start.Add(time.Second)
	events := w.tracker.ObserveGaps(at, nil)
	require.Len(t, events, 1)
	require.Equal(t, EventOpened, events[0].Kind)
	require.Equal(t, start.UnixNano(), events[0].At)
	// It is not certain that this one arrives either.
	w.output++
	w.commit(t, nil)
	w.restart(t, nil)
	require.Equal(t, events, w.tracker.Observe(at, nil))
	events = w.tracker.Observe(at, []operation.Change{change("a", waiting, completed)})
	require.Len(t, events, 1)
	require.Equal(t, EventResolved, events[0].Kind)
	require.Empty(t, w.tracker.Sweep(at))
}

func TestMembersThatDidNotComeBack(t *testing.T) {
	w, _ := durable(t, change("a", inProgress, waiting), change("b", inProgress, waiting), change("c", inProgress, failed))
	delete(w.states, "b")
	delete(w.states, "c")
	w.restart(t, nil)
	events := w.tracker.Sweep(start.Add(time.Second))
	require.Len(t, events, 2)
	for _, e := range events {
		if e.Incident.Kind == operation.StateFailed {
			require.Equal(t, CauseQuiet, e.Cause, "it failed, that is known")
			require.Zero(t, e.Incident.Lost)
			continue
		}
		require.Equal(t, CauseRestored, e.Cause)
		require.Equal(t, int64(1), e.Incident.Active)
		require.Equal(t, int64(1), e.Incident.Lost)
		require.Equal(t, "a", e.Incident.Operations[0].ID)
	}
}

func TestMembersOfAnEarlierOpeningStayOut(t *testing.T) {
	w, events := durable(t, change("a", inProgress, failed))
	id := events[0].Incident.ID
	require.Len(t, w.tracker.Sweep(start.Add(5*time.Minute)), 1, "quiet")
	b := step{now: start.Add(10 * time.Minute), changes: []operation.Change{change("b", inProgress, failed)}}
	w.run(t, &b, nil)
	w.restart(t, nil)
	got, _ := w.tracker.Get(id)
	require.Equal(t, int64(1), got.Active, "only b failed since it was opened again")
	require.Equal(t, int64(2), got.Total)
}

func TestWithoutAPolicyMembersCountAsTheWorst(t *testing.T) {
	w, events := durable(t, change("a", inProgress, waiting))
	m := w.states["a"]
	m.Policy = nil
	w.states["a"] = m
	w.restart(t, nil)
	after := w.tracker.Sweep(start.Add(time.Second))
	require.Equal(t, events[0].Incident.Severity, after[0].Incident.Severity)
	require.Equal(t, events[0].Incident.Priority, after[0].Incident.Priority)
	require.Equal(t, events[0].Incident.Owner, after[0].Incident.Owner)
}

func TestAGapThatIsOverMeanwhile(t *testing.T) {
	w := newWorld(t, nil)
	w.gaps = []string{"shop"}
	s := step{now: start, gaps: []Gap{{Service: "shop", Since: 1, Policy: policy(operation.SeverityError)}}}
	w.run(t, &s, nil)
	w.restart(t, nil)
	events := w.tracker.Sweep(start.Add(time.Second))
	require.Len(t, events, 1)
	require.Equal(t, CauseRestored, events[0].Cause)
	require.Equal(t, operation.SeverityError, events[0].Incident.Severity)

	w.gaps = nil
	w.restart(t, nil)
	events = w.tracker.Sweep(start.Add(time.Second))
	require.Equal(t, EventResolved, events[len(events)-1].Kind)
}

func TestAStormThatIsRestoredPagesNobody(t *testing.T) {
	w := newWorld(t, nil)
	var many []operation.Change
	for i := range 6 {
		many = append(many, ofType(fmt.Sprint("o", i), "orders", fmt.Sprint("E", i)))
	}
	s := step{now: start, changes: many}
	w.run(t, &s, nil)
	w.restart(t, nil)
	parents, others := ofStorm(w.tracker.Sweep(start.Add(time.Second)))
	require.Len(t, parents, 1)
	require.Equal(t, CauseRestored, parents[0].Cause)
	require.Equal(t, int64(6), parents[0].Incident.Children)
	require.Equal(t, int64(6), parents[0].Incident.Active)
	require.Len(t, others, 6)
	for _, e := range others {
		require.Equal(t, parents[0].Incident.ID, e.Incident.ParentID)
	}

	// Where nothing stands for many any more, each stands for itself.
	w.restart(t, func(s *Settings) { s.Storm = 0 })
	parents, others = ofStorm(w.tracker.Sweep(start.Add(time.Second)))
	require.Equal(t, EventResolved, parents[len(parents)-1].Kind)
	for _, e := range others {
		require.Equal(t, CauseParted, e.Cause)
		require.Empty(t, e.Incident.ParentID)
	}
}

func TestHandingOverTellsNothingNew(t *testing.T) {
	w, events := durable(t, change("a", inProgress, waiting))
	handed := w.tracker.HandOver(start.Add(time.Second).UnixNano())
	require.Len(t, handed, 1)
	require.Equal(t, CauseHandedOver, handed[0].Cause)
	require.Equal(t, events[0].Incident.Revision, handed[0].Incident.Revision)
}

func TestWhatIsOpenIsRestoredWhateverTheBound(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 6 {
		c := change(fmt.Sprint("o", i), inProgress, waiting)
		c.View.Name = fmt.Sprint("fulfil-", i)
		s := step{now: start.Add(time.Duration(i) * time.Second), changes: []operation.Change{c}}
		w.run(t, &s, nil)
		if i >= 3 {
			c.Before, c.Verdict = waiting, completed
			s = step{now: s.now, changes: []operation.Change{c}}
			w.run(t, &s, nil)
		}
	}
	w.restart(t, func(s *Settings) { s.MaxIncidents = 4 })
	require.Equal(t, 3, w.tracker.Stats().Open)
	require.Equal(t, 1, w.tracker.Stats().Resolved)
	require.Equal(t, "fulfil-5", w.tracker.resolved.Front().Value.(*record).OperationName, "the one resolved last")
	w.restart(t, func(s *Settings) { s.MaxIncidents = 1 })
	require.Equal(t, 3, w.tracker.Stats().Open)
}

func TestWhatLeavesIsSavedOnceMore(t *testing.T) {
	one := func(s *Settings) { s.MaxIncidents = 1 }
	w := newWorld(t, one)
	a, b := change("a", inProgress, waiting), change("b", inProgress, failed)
	w.run(t, &step{now: start, changes: []operation.Change{a}}, one)
	a.Before, a.Verdict = waiting, completed
	w.tracker.Observe(start.Add(time.Second), []operation.Change{a})
	w.tracker.Observe(start.Add(time.Second), []operation.Change{b})
	w.output++
	w.commit(t, nil)
	require.Len(t, w.saved, 2)
	for _, s := range w.saved {
		i, err := Decode(s.Data)
		require.NoError(t, err)
		require.Equal(t, i.Kind == operation.StateFailed, s.Open)
		require.Equal(t, s.Open, i.State == StateOpen)
	}
}

func TestNothingChangedNothingSaved(t *testing.T) {
	w, _ := durable(t, change("a", inProgress, waiting))
	w.tracker.Sweep(start.Add(time.Second))
	saved, err := w.tracker.Save(2, 1)
	require.NoError(t, err)
	require.Empty(t, saved)
	w.tracker.SaveAgain()
	saved, err = w.tracker.Save(3, 2)
	require.NoError(t, err)
	require.Len(t, saved, 1)
	require.NotContains(t, string(saved[0].Data), "recent", "everybody was told")
}

func TestWithoutAStoreNothingIsKept(t *testing.T) {
	tracker := newTracker(t, nil)
	tracker.Observe(start, []operation.Change{change("a", inProgress, waiting)})
	saved, err := tracker.Save(1, 0)
	require.NoError(t, err)
	require.Empty(t, saved)
	for _, r := range tracker.incidents {
		require.Empty(t, r.recent)
	}
}

func TestRecentEventsAreBounded(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 40 {
		c := change("a", inProgress, waiting)
		if i%2 == 1 {
			c.Before, c.Verdict = waiting, completed
		}
		w.run(t, &step{now: start.Add(time.Duration(i) * time.Second), changes: []operation.Change{c}, behind: 100}, nil)
	}
	for _, r := range w.tracker.incidents {
		require.Len(t, r.recent, maxRecent)
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	w, _ := durable(t, change("a", inProgress, waiting), change("b", inProgress, failed))
	good := slices.Collect(maps.Values(w.saved))
	tracker := newTracker(t, nil)
	err := tracker.Restore(append(good, Saved{ID: "x", Data: []byte("{")}, Saved{ID: "y", Data: good[0].Data}), 0)
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, `"x"`)
	require.ErrorContains(t, err, `"y"`)
	require.Equal(t, 2, tracker.Stats().Open)

	err = tracker.Restore([]Saved{{ID: "z", Data: []byte(`{"version":2,"incident":"of another kind"}`)}}, 0)
	require.ErrorIs(t, err, ErrNewer)
	require.Equal(t, 2, tracker.Stats().Open, "nothing was replaced")

	for _, data := range []string{`{}`, `{"version":-1}`, `{"version":1}`, strings.Repeat(" ", maxSaved+1)} {
		_, err := Decode([]byte(data))
		require.ErrorIs(t, err, ErrCorrupt, data)
	}
}

// TestTheFormatIsStable reads what the first version of the format wrote.
func TestTheFormatIsStable(t *testing.T) {
	const first = `{"version":1,"incident":{"id":"0a","fingerprint":2,"kind":"failed","operation":"fulfil","destination":"orders","group":"packers",
		"error_type":"Timeout","message":"no answer","state":"open","revision":7,"severity":"error","priority":3,"owner":"team","active":1,"total":2,
		"acknowledged":{"by":"ann","at":5},"hints":{"traits":[{"attribute":"instance","value":"w-1","side":"consumer","destination":"orders","group":"packers",
		"failing":9,"failing_of":9,"healthy":1,"healthy_of":80}],"deployment":{"service":"packer","version":"2","previous":"1","at":3},
		"silent":{"service":"packer","since":4},"last_consumer":{"service":"packer","at":2}},"hop":{"index":0,"destination":"orders"},
		"first_seen":1,"last_seen":2,"opened_at":3,"updated_at":4,"operations":[{"id":"a","trace":"01020000000000000000000000000000"}],
		"error":{"type":"Timeout","message":"no answer","at":1}},"joined_at":3,"weight":1.5,"weight_at":3,"ending":"recovered","moved":"joined","marked":true,
		"told":{"at":4,"active":1,"severity":"error","priority":3,"trait":{"attribute":"instance","value":"w-1"}},
		"policies":[{"severity":"error","priority":3,"owner":"team","escalations":[{"operations":10,"after":60,"severity":"critical","priority":1}]}],
		"in_force":{"error":1},"recent":[{"output":4,"kind":"opened","cause":"new","at":3}]}`
	r, err := decode([]byte(first))
	require.NoError(t, err)
	require.Equal(t, cause.Trait{Attribute: cause.AttributeInstance, Value: "w-1"}, r.toldTrait)
	require.Equal(t, uint64(1), r.escalated[operation.SeverityError])
	require.Equal(t, operation.TraceID{1, 2}, r.sample[0].Trace)
	require.Equal(t, EventOpened, r.recent[0].Kind)
	data, err := r.encode()
	require.NoError(t, err)
	var want, got any
	require.NoError(t, json.Unmarshal([]byte(first), &want))
	require.NoError(t, json.Unmarshal(data, &got))
	require.Equal(t, want, got)
}

// FuzzDecode: whatever is in the store, a tracker takes it or refuses it, and what it takes it can go on with.
func FuzzDecode(f *testing.F) {
	w, _ := durable(f, change("a", inProgress, waiting), change("b", inProgress, failed))
	w.tracker.ObserveGaps(start, []Gap{{Service: "shop", Since: 1, Policy: policy(operation.SeverityError)}})
	w.commit(f, nil)
	for _, s := range w.saved {
		f.Add(s.Data)
	}
	f.Add([]byte(`{"version":1,"incident":{"id":"0a","kind":"unknown","storm":true,"state":"open","severity":"info","destination":"orders"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		i, err := Decode(data)
		if err != nil {
			return
		}
		tracker := newTracker(t, nil)
		require.NoError(t, tracker.Restore([]Saved{{ID: i.ID, Data: data}}, 0))
		tracker.Rejoin(slices.Values([]Member{{ID: "a", Incident: i.ID, UpdatedAt: start.UnixNano()}}), []string{i.Service})
		now := start.Add(time.Minute)
		tracker.Sweep(now)
		tracker.Observe(now, []operation.Change{change("a", waiting, completed), change("b", inProgress, failed)})
		saved, err := tracker.Save(1, 0)
		require.NoError(t, err)
		for _, s := range saved {
			_, err := Decode(s.Data)
			require.NoError(t, err)
		}
	})
}
