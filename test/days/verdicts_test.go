package days

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/event"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// requireTrue checks that nothing is called stuck, unknown or failed but what is.
func (w *week) requireTrue(t *testing.T, said []saying) {
	unknown := map[string]bool{}
	for i := range said {
		if s := &said[i]; s.verdict.State == operation.StateUnknown {
			unknown[s.id] = true
		}
	}
	for i := range said {
		s := &said[i]
		if s.verdict.State == operation.StateInProgress || s.verdict.State == operation.StateCompleted || s.verdict.Reason == operation.StuckMissed {
			continue
		}
		truth := w.operations[s.id]
		require.NotNil(t, truth, "%+v", s)
		if truth.hidden && s.destination == "shipments" {
			// Until the gap shows, what nobody is seen to consume looks stuck.
			require.True(t, unknown[s.id], "%+v", s)
			continue
		}
		require.Equal(t, operation.StateStuck, s.verdict.State, "%+v", s)
		require.Equal(t, operation.StuckWaiting, s.verdict.Reason, "%+v", s)
		wait, waited := truth.waits[s.destination]
		require.True(t, waited, "%+v", s)
		require.Equal(t, wait.from, s.verdict.Since, "%+v", s)
		require.Equal(t, operation.SourceLearned, s.verdict.Source, "%+v", s)
	}
}

// requireEveryOutage checks that what waited for longer than usual was called stuck, at the latest a sweep after its threshold, until it was
// consumed.
func (w *week) requireEveryOutage(t *testing.T, said []saying) {
	stuck := map[string]*saying{}
	for i := range said {
		if s := &said[i]; s.verdict.State == operation.StateStuck {
			stuck[s.id] = s
		}
	}
	found := 0
	for id, truth := range w.operations {
		for destination, wait := range truth.waits {
			due := wait.from + floor
			if due > wait.until {
				require.Nil(t, stuck[id], id)
				continue
			}
			s := stuck[id]
			require.NotNil(t, s, "%s waited in %s from %s until %s", id, destination, moment(wait.from), moment(wait.until))
			require.Equal(t, floor, s.verdict.Threshold, id)
			require.GreaterOrEqual(t, s.at, due, id)
			require.LessOrEqual(t, s.at, due+sweep, id)
			found++
		}
	}
	t.Logf("%d waited for too long", found)
	require.Greater(t, found, int(50*traffic))
}

// requireEnds checks that everything is known to have completed, but for what was not recorded and what the restart made the collector forget.
func (w *week) requireEnds(t *testing.T, said []saying) {
	last := map[string]*saying{}
	for i := range said {
		last[said[i].id] = &said[i]
	}
	hidden, forgotten := 0, 0
	for id, truth := range w.operations {
		s := last[id]
		switch {
		case truth.hidden:
			hidden++
			require.Equal(t, operation.StateUnknown, s.verdict.State, id)
			require.Equal(t, "shipping-service", s.verdict.Silent, id)
			require.Equal(t, "shipments", s.destination, id)
		case truth.began < w.restart.until && truth.ended > w.restart.from-minute:
			forgotten++
		default:
			require.NotNil(t, s, id)
			require.Equal(t, operation.StateCompleted, s.verdict.State, id)
			require.Equal(t, truth.retried, s.verdict.Flags&operation.FlagRetried != 0, id)
			require.Equal(t, truth.name == "reminder", s.verdict.Flags&operation.FlagDelayed != 0, id)
		}
	}
	t.Logf("%d were hidden by the gap, %d were open when the collector was restarted", hidden, forgotten)
	require.Greater(t, hidden, int(50*traffic))
}

// requireMissed checks that the one report that did not start is missed when its grace is over, and that the next one makes up for it.
func (w *week) requireMissed(t *testing.T, said []saying) {
	due := w.on(missedNight, 2, 30)
	id := "missed:nightly-report:" + moment(due)
	var first, last *saying
	for i := range said {
		s := &said[i]
		if s.verdict.Reason == operation.StuckMissed {
			require.Equal(t, id, s.id)
		}
		if s.id == id {
			if first == nil {
				first = s
			}
			last = s
		}
	}
	require.NotNil(t, first)
	require.Equal(t, operation.StuckMissed, first.verdict.Reason)
	// Telemetry of a start in time may still be on its way.
	require.LessOrEqual(t, first.at, due+20*minute+int64(exports)+2*sweep)
	require.Equal(t, operation.StateCompleted, last.verdict.State)
	require.LessOrEqual(t, last.at, w.on(missedNight+1, 2, 31))
}

func moment(at int64) string { return time.Unix(0, at).UTC().Format(time.RFC3339) }

// firstQuiet are the services that are quiet at night or on weekends, and when that was so for the first time: that is a gap.
func (w *week) firstQuiet() map[string][]window {
	nights := []window{{w.on(1, 3, 0), w.on(2, 4, 0)}}
	weekend := []window{{w.on(5, 20, 0), w.on(8, 8, 0)}}
	return map[string][]window{"billing": nights, "billing-worker": nights, "ledger-service": weekend, "payment-service": weekend}
}

// requireGaps checks that the lost telemetry and the restart are one gap each, and that nobody else is missed but who is quiet for the first time.
func (w *week) requireGaps(t *testing.T, gaps []event.Gap) {
	var began, over, down int
	for i := range gaps {
		g := &gaps[i]
		switch g.Service {
		case "":
			down++
			require.Equal(t, w.restart.from, g.From)
			require.Equal(t, w.restart.until, g.Until)
		case "shipping-service":
			if g.Until == 0 {
				began++
				require.LessOrEqual(t, g.At, w.lost.from+3*minute)
			} else {
				over++
				require.LessOrEqual(t, g.At, w.lost.until+minute)
			}
		default:
			quiet := w.firstQuiet()[g.Service]
			require.True(t, within(quiet, g.From) && within(quiet, g.At), "%s is missed from %s until %s", g.Service, moment(g.From), moment(g.Until))
		}
	}
	require.Equal(t, 1, down)
	require.Equal(t, 1, began)
	require.Equal(t, 1, over)
}

// requireIncidents checks that each trouble is one incident that is over when the trouble is.
func (w *week) requireIncidents(t *testing.T, events []incident.Event) {
	opened, resolved := map[string][]int64{}, map[string][]int64{}
	for i := range events {
		e := &events[i]
		key := e.Incident.Reason.String() + " " + e.Incident.Destination + e.Incident.Service
		switch e.Kind {
		case incident.EventOpened:
			opened[key] = append(opened[key], e.At)
		case incident.EventResolved:
			resolved[key] = append(resolved[key], e.At)
		}
	}
	for service := range w.firstQuiet() {
		delete(opened, "telemetry_gap "+service)
	}
	for key, during := range map[string]window{
		"waiting payments":               {w.redeployed.from, w.redeployed.until + minute},
		"waiting shipments":              {w.lost.from, w.lost.from + 4*minute},
		"telemetry_gap shipping-service": {w.lost.from, w.lost.until + minute},
		"waiting refunds":                {w.outage.from, w.outage.until + 2*minute},
	} {
		require.Len(t, opened[key], 1, key)
		require.Len(t, resolved[key], 1, key)
		require.True(t, during.holds(opened[key][0]) && during.holds(resolved[key][0]), key)
		delete(opened, key)
	}
	// The collector says again after its restart what is still missed.
	require.Len(t, opened["missed "], 2)
	require.Len(t, resolved["missed "], 1)
	delete(opened, "missed ")
	require.Empty(t, opened)
}
