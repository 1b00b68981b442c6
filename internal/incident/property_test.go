package incident

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stack"
)

// model is what the tracker must agree with: for each operation the incident it is in, computed the plain way.
type model struct {
	verdicts map[string]operation.Verdict
	places   map[string]string
	// revisions is the last revision told of each incident, open what the events said about it last.
	revisions map[string]int64
	open      map[string]bool
}

func TestPropertyCountsAreMembers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := rapid.Bool().Draw(t, "small bounds")
		tracker := newTracker(t, func(s *Settings) {
			if small {
				s.MaxIncidents, s.MaxMembers = 3, 4
			}
		})
		m := model{
			verdicts: map[string]operation.Verdict{}, places: map[string]string{},
			revisions: map[string]int64{}, open: map[string]bool{},
		}
		now := start
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Minute)).Draw(t, "pause")))
			if rapid.IntRange(0, 4).Draw(t, "sweep") == 0 {
				m.told(t, tracker.Sweep(now))
			} else {
				m.told(t, tracker.Observe(now, m.batch(t)))
			}
			m.check(t, tracker, small)
		}
	})
}

func (m *model) batch(t *rapid.T) []operation.Change {
	var changes []operation.Change
	seen := map[string]bool{}
	for range rapid.IntRange(1, 5).Draw(t, "changes") {
		id := fmt.Sprint("op-", rapid.IntRange(0, 7).Draw(t, "operation"))
		if seen[id] {
			continue
		}
		seen[id] = true
		before, known := m.verdicts[id]
		if !known {
			before = inProgress
		}
		after := rapid.SampledFrom([]operation.Verdict{waiting, processing, failed, dead, completed, inProgress}).Draw(t, "verdict")
		after.Since += rapid.Int64Range(0, 1).Draw(t, "since")
		c := change(id, before, after)
		c.View = view(id, fmt.Sprint("queue-", rapid.IntRange(0, 1).Draw(t, "destination")))
		c.Policy = policy(operation.Severity(rapid.IntRange(0, 3).Draw(t, "severity")))
		c.Gone = rapid.IntRange(0, 9).Draw(t, "gone") == 0
		if c.Gone {
			c.Verdict = inProgress
		}
		m.apply(id, &c)
		changes = append(changes, c)
	}
	return changes
}

func (m *model) apply(id string, c *operation.Change) {
	m.verdicts[id] = c.Verdict
	key, ok := KeyOf(c, stack.Rules{})
	switch {
	case !ok:
		delete(m.places, id)
	case m.places[id] == "" && repeated(c):
	default:
		m.places[id] = key.ID()
	}
}

// told checks the life cycle that a reader of the events alone sees.
func (m *model) told(t *rapid.T, events []Event) {
	for _, e := range events {
		i := &e.Incident
		require.Greater(t, i.Revision, m.revisions[i.ID])
		m.revisions[i.ID] = i.Revision
		require.Equal(t, e.Kind == EventOpened, !m.open[i.ID], "opened once, then updated or resolved")
		m.open[i.ID] = e.Kind != EventResolved
		if e.Cause == CauseQuiet {
			m.release(i.ID)
		}
	}
}

func (m *model) release(incident string) {
	for id, place := range m.places {
		if place == incident {
			delete(m.places, id)
		}
	}
}

func (m *model) check(t *rapid.T, tracker *Tracker, small bool) {
	total := 0
	for _, r := range tracker.incidents {
		require.Equal(t, int64(len(r.members)), r.Active)
		require.Equal(t, len(r.members) == 0, r.State == StateResolved, "resolved exactly when it has no members")
		require.Equal(t, r.State == StateOpen, m.open[r.ID], "the events said so")
		require.Equal(t, r.State == StateResolved, r.place != nil)
		highest, count := operation.SeverityInfo, 0
		for key, severity := range r.members {
			require.Same(t, r, tracker.members[key])
			highest = max(highest, severity)
		}
		for _, n := range r.severities {
			require.GreaterOrEqual(t, n, 0)
			count += n
		}
		require.Equal(t, len(r.members), count)
		if len(r.members) > 0 {
			require.Equal(t, highest, r.Severity)
		}
		total += len(r.members)
	}
	require.Len(t, tracker.members, total)
	if small {
		require.LessOrEqual(t, total, 4)
		require.LessOrEqual(t, len(tracker.incidents), 3)
		return
	}
	require.Len(t, tracker.members, len(m.places))
	for id, place := range m.places {
		got, ok := tracker.Of(&operation.View{ID: id})
		require.True(t, ok)
		require.Equal(t, place, got)
	}
}

func TestPropertyFingerprint(t *testing.T) {
	draw := rapid.Custom(func(t *rapid.T) Key {
		name := rapid.SampledFrom([]string{"", "a", "b", "ab", "a\x00b"})
		k := Key{
			Namespace: name.Draw(t, "namespace"), OperationName: name.Draw(t, "operation"),
			Destination: name.Draw(t, "destination"), Group: name.Draw(t, "group"), Kind: operation.StateStuck,
			Reason: operation.StuckReason(rapid.IntRange(1, 3).Draw(t, "reason")),
		}
		if rapid.Bool().Draw(t, "failed") {
			k.Kind, k.Reason, k.ErrorType = operation.StateFailed, operation.StuckNone, name.Draw(t, "error")
			k.Culprit, k.Message = name.Draw(t, "culprit"), name.Draw(t, "message")
		}
		return k
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		require.Equal(t, a == b, a.ID() == b.ID())
		require.Regexp(t, "^[0-9a-f]{32}$", a.ID())
	})
}

// TestFingerprintIsStable pins the IDs of each version: whoever changes a rule makes a new version.
func TestFingerprintIsStable(t *testing.T) {
	stuck := Key{Kind: operation.StateStuck, Reason: operation.StuckWaiting, OperationName: "fulfil", Destination: "orders"}
	require.Equal(t, 1, stuck.Version())
	require.Equal(t, "0a11811307dae21f560338eb231960aa", stuck.ID())
	require.Equal(t, 1, GapKey("shop").Version())

	failed := Key{
		Kind: operation.StateFailed, OperationName: "fulfil", Destination: "orders", Group: "packers", ErrorType: "Timeout",
		Culprit: "com.acme.Gateway.charge", Message: "no answer within <*>",
	}
	require.Equal(t, 2, failed.Version())
	require.Equal(t, "5473b9ff78a1b36c6ec8cac00f36a1cf", failed.ID())
	failed.Kind = operation.StateDeadLettered
	require.Equal(t, 2, failed.Version())

	// Version 1 knew the type only; nothing is put into an incident that it opened.
	failed = Key{Kind: operation.StateFailed, OperationName: "fulfil", Destination: "orders", Group: "packers", ErrorType: "Timeout"}
	require.NotEqual(t, "61078a46207a76f953a2dc744c7b76f2", failed.ID())
}
