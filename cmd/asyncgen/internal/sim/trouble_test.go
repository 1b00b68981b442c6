package sim

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
	"github.com/throughline/throughline/cmd/asyncgen/internal/truth"
)

// gapAt is a gap of the mail service, 3 s from the start and 4 s long.
func gapAt(start int64) Gap {
	begin := time.Unix(start, 0)
	return Gap{Service: "notify-worker", From: begin.Add(3 * time.Second), Until: begin.Add(7 * time.Second)}
}

// troubled runs 30 operations of one scenario.
func troubled(t *testing.T, scenario plan.Scenario, how Settings, see func(*recorder, *plan.Operation, *truth.Operation)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		settings := plan.Settings{Seed: 12, Operations: 30, Hops: 3, Mix: mixOf(scenario), TimeScale: 1, Long: 12 * time.Second}
		how.Rate, how.Propagation = 50, PropagationTrace
		r, p := perform(t, settings, how), plan.New(settings)
		require.Len(t, r.truth, 30)
		for index := range 30 {
			op := p.Operation(index)
			see(r, op, r.truth[op.ID])
		}
	})
}

// lines returns how many log records with an event name and the operation's correlation ID there are.
func (r *recorder) named(event, id string) int {
	n := 0
	for _, l := range r.lines {
		if l.EventName() == event && l.attr(keyConversationID) == id {
			n++
		}
	}
	return n
}

func TestStalled(t *testing.T) {
	troubled(t, plan.ScenarioStalled, Settings{}, func(r *recorder, op *plan.Operation, done *truth.Operation) {
		require.Equal(t, []string{"stuck", "stalled"}, []string{done.State, done.Reason})
		last := done.Hops[len(done.Hops)-1]
		require.Equal(t, truth.StateDone, last.State)
		require.Less(t, len(done.Hops), 3)
		require.Len(t, r.spansOf(last.MessageID, opProcess), 1)
	})
}

func TestDelayed(t *testing.T) {
	declared := 0
	troubled(t, plan.ScenarioDelayed, Settings{}, func(r *recorder, op *plan.Operation, done *truth.Operation) {
		require.Equal(t, truth.StateCompleted, done.State)
		for i := range op.Hops {
			hop, got := &op.Hops[i], &done.Hops[i]
			require.Equal(t, hop.Declared, !got.DueAt.IsZero())
			send := r.spansOf(hop.MessageID, opSend)[0]
			require.Equal(t, hop.Declared, send.has(keyDueTime))
			if hop.Delay == 0 {
				continue
			}
			want := hop.Attempts[0].Wait
			if hop.Declared {
				declared++
				want -= hop.Delay
				require.Equal(t, []string{truth.FlagDelayed}, done.Flags)
			} else {
				require.Empty(t, done.Flags)
			}
			require.InDelta(t, want.Seconds(), *got.WaitSeconds, 0.001)
		}
	})
	require.Positive(t, declared)
}

func TestFanout(t *testing.T) {
	for scenario, groups := range map[plan.Scenario]int{plan.ScenarioFanout: 3, plan.ScenarioGroupMissing: 2} {
		troubled(t, scenario, Settings{}, func(r *recorder, op *plan.Operation, done *truth.Operation) {
			require.Len(t, done.Hops, 1)
			var names []string
			for _, span := range r.spansOf(done.Hops[0].MessageID, opProcess) {
				names = append(names, span.attr(keyGroup))
			}
			require.Len(t, names, groups)
			require.Len(t, done.Hops[0].Consumers, 3)
			for _, c := range done.Hops[0].Consumers {
				require.Equal(t, slices.Contains(names, c.Group), c.State == truth.StateDone)
			}
			if groups == 3 {
				require.Equal(t, truth.StateCompleted, done.State)
			} else {
				require.Equal(t, []string{"stuck", "waiting", "waiting"}, []string{done.State, done.Reason, done.Hops[0].State})
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	troubled(t, plan.ScenarioCancelled, Settings{}, func(r *recorder, op *plan.Operation, done *truth.Operation) {
		require.Equal(t, truth.StateCancelled, done.State)
		require.Empty(t, done.Reason)
		require.Equal(t, 1, r.named(EventCancelled, op.ID))
	})
}

func TestProgress(t *testing.T) {
	for scenario, want := range map[plan.Scenario][2]string{
		plan.ScenarioProgress: {"completed", ""}, plan.ScenarioProgressKilled: {"stuck", "processing"},
	} {
		troubled(t, scenario, Settings{}, func(r *recorder, op *plan.Operation, done *truth.Operation) {
			require.Equal(t, want, [2]string{done.State, done.Reason})
			for i := range op.Hops {
				attempt, lines := &op.Hops[i].Attempts[0], r.linesOf(op.Hops[i].MessageID, EventProgress)
				require.Len(t, lines, attempt.Beats)
				for k := 1; k < len(lines); k++ {
					require.Equal(t, 2*time.Second, lines[k].Timestamp().Sub(lines[k-1].Timestamp()))
				}
			}
		})
	}
}

func TestGap(t *testing.T) {
	for _, late := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			gap := gapAt(time.Now().Unix())
			gap.Late = late
			settings := plan.Settings{Seed: 13, Operations: 150, Hops: 3, Mix: mixOf(plan.ScenarioCompleted), TimeScale: 1}
			r := perform(t, settings, Settings{Rate: 15, Propagation: PropagationTrace, Gap: gap})
			states := map[string]int{}
			for _, done := range r.truth {
				states[done.State+"/"+done.Reason]++
				last := done.Hops[len(done.Hops)-1]
				hidden := false
				for _, s := range r.spansOf(last.MessageID, opProcess) {
					hidden = hidden || s.service == gap.Voice()
					overlaps := s.StartTime().Before(gap.Until) && s.EndTime().After(gap.From)
					require.Equal(t, overlaps && last.Consumers[0].Service == gap.Service, s.service == gap.Voice())
				}
				require.Equal(t, hidden && !late, done.State == truth.StateUnknown)
			}
			if late {
				require.Equal(t, map[string]int{"completed/": 150}, states)
			} else {
				require.Greater(t, states["unknown/telemetry_gap"], 15)
			}
		})
	}
}

func TestSkew(t *testing.T) {
	for by, skewed := range map[time.Duration]string{-3 * time.Second: "payments", 3 * time.Second: "shipments"} {
		troubled(t, plan.ScenarioCompleted, Settings{Skew: Skew{Service: "shipping-worker", By: by}}, func(r *recorder, op *plan.Operation, done *truth.Operation) {
			flags := []string{}
			for i := range op.Hops {
				hop, got := &op.Hops[i], &done.Hops[i]
				require.InDelta(t, hop.Attempts[0].Wait.Seconds(), *got.WaitSeconds, 1e-9, "the truth knows the time")
				recorded := r.spansOf(hop.MessageID, opProcess)[0].StartTime().Sub(r.spansOf(hop.MessageID, opSend)[0].StartTime())
				if hop.Stage.Destination == skewed {
					flags = append(flags, truth.FlagSkewed)
					require.Negative(t, recorded)
				}
			}
			require.Equal(t, flags, done.Flags)
		})
	}
}

func TestPeriodic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := plan.Settings{Seed: 14, Operations: 101, Hops: 3, Mix: mixOf(plan.ScenarioCompleted), TimeScale: 1}
		var all []*truth.Operation
		r := newRecorder(plan.New(settings))
		s := New(plan.New(settings), Settings{Rate: 1, Propagation: PropagationTrace, Periodic: Periodic{Every: 10 * time.Second, Missed: 3}}, r,
			func(op *truth.Operation) error {
				r.mu.Lock()
				defer r.mu.Unlock()
				all = append(all, op)
				return nil
			})
		begin := time.Now()
		require.NoError(t, s.Run(t.Context(), t.Context()))
		var missed, ran []time.Duration
		for _, op := range all {
			switch {
			case op.Name != "nightly-report":
			case op.Reason == truth.ReasonMissed:
				require.Equal(t, truth.StateStuck, op.State)
				require.Empty(t, op.ID)
				missed = append(missed, op.DueAt.Sub(begin))
			default:
				require.Equal(t, truth.StateCompleted, op.State)
				ran = append(ran, op.Hops[0].SentAt.Sub(begin).Truncate(time.Second))
			}
		}
		require.Equal(t, []time.Duration{20 * time.Second, 50 * time.Second, 80 * time.Second}, missed)
		require.Len(t, ran, 8)
	})
}
