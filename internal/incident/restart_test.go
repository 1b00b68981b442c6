package incident

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// world is what lives outside of a tracker: the operations with what was committed of them, the gaps, and what was told.
type world struct {
	tracker *Tracker
	output  int64
	told    int64
	// states and saved are what was committed, gaps the services whose telemetry is lacking.
	states map[string]Member
	saved  map[string]Saved
	gaps   []string
	// heard are the events that somebody heard, by incident, at the numbers of the outputs they were in.
	heard map[string][]Event
	at    map[int64]int64
}

func newWorld(t require.TestingT, change func(*Settings)) *world {
	w := &world{tracker: newTracker(t, change), states: map[string]Member{}, saved: map[string]Saved{}, heard: map[string][]Event{}, at: map[int64]int64{}}
	require.NoError(t, w.tracker.Restore(nil, 0))
	return w
}

// step is one sweep: what happened, and where the process is killed if it is.
type step struct {
	now     time.Time
	changes []operation.Change
	gaps    []Gap
	killed  kill
	// behind is how many outputs are not known to have been dealt with.
	behind int64
}

type kill uint8

const (
	killNone kill = iota
	killBeforeCommit
	killBeforeTelling
	killAfterTelling
)

// run carries out a step; what was killed before the commit is judged again by the process that follows.
func (w *world) run(t require.TestingT, s *step, change func(*Settings)) {
	events, states := w.sweep(s)
	if s.killed == killBeforeCommit {
		w.restart(t, change)
		events, states = w.sweep(s)
	}
	w.output++
	saved, err := w.tracker.Save(w.output, w.told)
	require.NoError(t, err)
	for _, one := range saved {
		before, known := w.saved[one.ID]
		require.True(t, !known || one.Revision >= before.Revision, "a store takes no lower revision")
		w.saved[one.ID] = one
	}
	maps.Copy(w.states, states)
	if s.killed == killBeforeTelling {
		w.restart(t, change)
		return
	}
	w.hear(t, events)
	w.told = max(w.told, w.output-s.behind)
	if s.killed == killAfterTelling {
		w.restart(t, change)
	}
}

func (w *world) sweep(s *step) ([]Event, map[string]Member) {
	changes := s.changes
	events := slices.Concat(w.tracker.ObserveGaps(s.now, s.gaps), w.tracker.Observe(s.now, changes), w.tracker.Sweep(s.now))
	states := map[string]Member{}
	for i := range changes {
		c := &changes[i]
		in, _ := w.tracker.Of(c.View)
		states[c.View.ID] = Member{ID: c.View.ID, Incident: in, UpdatedAt: s.now.UnixNano(), Policy: c.Policy}
	}
	return events, states
}

func (w *world) restart(t require.TestingT, change func(*Settings)) {
	w.tracker = newTracker(t, change)
	// A follower does it more than once.
	for range 2 {
		require.NoError(t, w.tracker.Restore(slices.Collect(maps.Values(w.saved)), w.told))
	}
	w.tracker.Rejoin(maps.Values(w.states), w.gaps)
}

func (w *world) hear(t require.TestingT, events []Event) {
	for _, e := range events {
		all := w.heard[e.Incident.ID]
		if i := slices.IndexFunc(all, func(o Event) bool { return o.Incident.Revision == e.Incident.Revision }); i >= 0 {
			require.Equal(t, all[i], e, "what is told again is told as it was")
			require.Greater(t, w.at[e.Incident.Revision], w.told, "and only if it was not certain that everybody was told")
			w.at[e.Incident.Revision] = w.output
			continue
		}
		if len(all) > 0 {
			require.Greater(t, e.Incident.Revision, all[len(all)-1].Incident.Revision)
		}
		w.heard[e.Incident.ID] = append(all, e)
		w.at[e.Incident.Revision] = w.output
	}
}

// news are the events that are told at the same points of the life of an incident, however often the process was started anew.
func news(events []Event) (out []string) {
	for _, e := range events {
		i := &e.Incident
		switch e.Cause {
		case CauseCount, CauseRefresh, CauseRestored, CauseHint:
			continue
		}
		out = append(out, fmt.Sprintln(e.Kind, e.Cause, i.State, i.Severity, i.Priority, i.Active, i.Total, i.Lost, i.ParentID, i.Reopened, i.QuietNanos, i.FirstSeen))
	}
	return out
}

// withoutTelling leaves out what a restart changes by being told.
func withoutTelling(i Incident) Incident {
	i.Revision, i.UpdatedAt = 0, 0
	i.Rate, i.Operations = 0, nil
	return i
}

var words = []string{"acme", "globex", "hooli"}

// draw makes the changes of one sweep.
func draw(t *rapid.T, verdicts map[string]operation.Verdict, s *step) {
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 11), 0, 6, rapid.ID[int]).Draw(t, "operations") {
		id := fmt.Sprint("op-", n)
		before, known := verdicts[id]
		if !known {
			before = inProgress
		}
		c := change(id, before, rapid.SampledFrom([]operation.Verdict{waiting, processing, failed, dead, completed, unknown, inProgress}).Draw(t, "verdict"))
		c.Verdict.Since += rapid.Int64Range(0, 1).Draw(t, "since")
		c.View = view(id, fmt.Sprint("queue-", rapid.IntRange(0, 1).Draw(t, "destination")))
		c.View.Hops[0].Consumers[0].Attempts[0].Error.Message = "tenant " + rapid.SampledFrom(words).Draw(t, "tenant") + " has no active subscription"
		c.View.Hops[0].Consumers[0].Attempts[0].Error.Type = fmt.Sprint("E", rapid.IntRange(0, 3).Draw(t, "error"))
		c.Policy = policy(operation.Severity(n % 4))
		c.Policy.Escalations = []operation.Escalation{{Operations: 3, Severity: operation.SeverityCritical, Priority: 1}}
		c.At = s.now.UnixNano()
		if c.Gone = rapid.IntRange(0, 9).Draw(t, "gone") == 0; c.Gone {
			c.Verdict = inProgress
		}
		verdicts[id] = c.Verdict
		s.changes = append(s.changes, c)
	}
}

var unknown = func() operation.Verdict {
	v := verdict(operation.StateUnknown, operation.StuckTelemetryGap)
	v.Silent = "shop"
	return v
}()

// TestPropertyARestartChangesNothing: whenever the process is killed, the same is told of each incident as if it had not been, once or again
// with the same revision, and in the end the incidents are the same.
func TestPropertyARestartChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		threshold := rapid.SampledFrom([]int{0, 2, 3}).Draw(t, "storm")
		settings := func(s *Settings) { s.Storm = threshold }
		plain, killed := newWorld(t, settings), newWorld(t, settings)
		verdicts, now := map[string]operation.Verdict{}, start
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(4*time.Minute)).Draw(t, "pause")))
			s := step{now: now, killed: kill(rapid.IntRange(0, 3).Draw(t, "kill")), behind: rapid.Int64Range(0, 3).Draw(t, "behind")}
			draw(t, verdicts, &s)
			if rapid.IntRange(0, 3).Draw(t, "gap") == 0 {
				over := len(plain.gaps) > 0
				s.gaps = []Gap{{Service: "shop", Since: now.UnixNano() - 5, Over: over, Policy: policy(operation.SeverityWarning)}}
				plain.gaps, killed.gaps = []string{"shop"}, []string{"shop"}
				if over {
					plain.gaps, killed.gaps = nil, nil
				}
			}
			mark(t, now, plain, killed)
			undisturbed := s
			undisturbed.killed = killNone
			before := killed.gaps
			if len(s.gaps) > 0 && s.killed == killBeforeCommit {
				// The gap was not committed either.
				killed.gaps = nil
				if s.gaps[0].Over {
					killed.gaps = []string{"shop"}
				}
			}
			plain.run(t, &undisturbed, settings)
			killed.run(t, &s, settings)
			killed.gaps = before
		}
		now = now.Add(time.Millisecond)
		last := step{now: now}
		plain.run(t, &last, settings)
		killed.run(t, &last, settings)
		for id, events := range plain.heard {
			require.Equal(t, news(events), news(killed.heard[id]), id)
		}
		require.Len(t, killed.heard, len(plain.heard))
		for _, want := range plain.tracker.List() {
			got, ok := killed.tracker.Get(want.ID)
			require.True(t, ok)
			require.Equal(t, withoutTelling(want), withoutTelling(got))
			a, b := plain.tracker.incidents[want.ID], killed.tracker.incidents[want.ID]
			require.InDelta(t, a.joins.perMinute(now.UnixNano()), b.joins.perMinute(now.UnixNano()), 1e-9)
		}
		require.Len(t, killed.tracker.List(), len(plain.tracker.List()))
		require.Len(t, killed.tracker.members, len(plain.tracker.members))
	})
}

// mark lets somebody say something of an incident, now and then.
func mark(t *rapid.T, now time.Time, worlds ...*world) {
	open := slices.DeleteFunc(worlds[0].tracker.List(), func(i Incident) bool { return i.State != StateOpen })
	if len(open) == 0 || rapid.IntRange(0, 3).Draw(t, "act") > 0 {
		return
	}
	slices.SortFunc(open, func(a, b Incident) int { return cmpText(a.ID, b.ID) })
	id := open[rapid.IntRange(0, len(open)-1).Draw(t, "incident")].ID
	action := Action(rapid.IntRange(0, int(ActionUnmute)).Draw(t, "action"))
	m := Mark{By: "ann", Note: "looking", Until: rapid.SampledFrom([]int64{0, now.Add(time.Minute).UnixNano()}).Draw(t, "until")}
	for _, w := range worlds {
		_, err := w.tracker.Act(id, action, m, now)
		require.NoError(t, err)
		// What somebody said is committed before it is confirmed.
		saved, err := w.tracker.Save(w.output, w.told)
		require.NoError(t, err)
		for _, one := range saved {
			w.saved[one.ID] = one
		}
	}
}

func cmpText(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}
