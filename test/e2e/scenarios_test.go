//go:build e2e

package e2e

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/verdict"
)

// everyScenario has each of asyncgen's scenarios at least 50 times in 5,000 operations.
const everyScenario = "completed=60,retried=5,failed=3,never_consumed=3,killed=3,duplicated=3,dead_lettered=3," +
	"stalled=4,delayed=5,fanout=3,group_missing=2,cancelled=3,progress=2,progress_killed=1"

// TestEveryScenario: what the API says of 5,000 operations is what happened.
func TestEveryScenario(t *testing.T) {
	s := start(t, setup{overlays: []string{"testdata/scenarios.yaml"}})
	truths := s.generate(t, "--operations", "5000", "--rate", "150", "--seed", "51", "--mix", everyScenario, "--long", "12s")
	require.Len(t, truths, 5000)
	s.awaitVerdicts(t, truths)
	s.checkNeverStuck(t, truths)
	s.checkHealthy(t)
}

// checkNeverStuck checks that no other operation was called stuck than those that are, at any time: none joined an incident.
func (s *stand) checkNeverStuck(t *testing.T, truths []truth) {
	t.Helper()
	want, got := map[string]int{}, map[string]int{}
	for _, op := range keep(truths, func(op truth) bool { return op.State == stateStuck }) {
		want[op.Name+" "+op.Reason]++
	}
	incidents, err := s.incidents(t)
	require.NoError(t, err)
	for _, i := range incidents {
		if i.Kind == stateStuck {
			got[i.Operation+" "+i.Reason] += i.Total
		}
	}
	require.Equal(t, want, got)
}

// TestTrouble has what befalls services rather than operations. Each part has a collector of its own.
func TestTrouble(t *testing.T) {
	t.Run("skew", func(t *testing.T) {
		t.Parallel()
		s := start(t, setup{})
		truths := s.generate(t, "--operations", "600", "--rate", "40", "--seed", "52", "--mix", "completed=9,retried=1", "--skew", "-3s")
		waits := map[string]float64{}
		for _, op := range truths {
			for _, h := range op.Hops {
				if h.Destination == "payments" {
					waits[op.ID] = *h.WaitSeconds
				}
			}
		}
		var errors []float64
		for _, op := range s.awaitVerdicts(t, skewed(truths)) {
			for _, h := range op.Hops {
				if h.Destination == "payments" {
					errors = append(errors, math.Abs(*h.WaitSeconds-waits[op.ID]))
				}
			}
		}
		slices.Sort(errors)
		t.Logf("%d corrected waits, error of the median %.3f s, worst %.3f s", len(errors), errors[len(errors)/2], errors[len(errors)-1])
		// Before the correction each of them was wrong by all that it had waited: the clocks said that it had not waited at all.
		require.Less(t, errors[len(errors)/2], 0.1)
	})
	for how, seed := range map[string]string{"--gap-late=false": "53", "--gap-late": "54"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{overlays: []string{"testdata/gap.yaml"}})
			// notify-worker, the last to deal with an order, tells nothing for 20 s.
			truths := s.generate(t, "--for", "45s", "--rate", "20", "--seed", seed, "--mix", "completed=1",
				"--gap-after", "14s", "--gap-for", "20s", how)
			s.awaitStates(t, truths)
			unknown := keep(truths, func(op truth) bool { return op.State == "unknown" })
			require.Equal(t, how == "--gap-late", len(unknown) == 0)
			s.checkOneGap(t)
			s.checkHealthy(t)
		})
	}
}

// checkOneGap checks that one gap was told, and nothing else.
func (s *stand) checkOneGap(t *testing.T) {
	t.Helper()
	require.InDelta(t, 1, s.metrics(t).sum("otelcol_operations_telemetry_gaps", `kind="silent"`), 0)
	var page struct {
		Incidents []struct {
			Kind string `json:"kind"`
		} `json:"incidents"`
	}
	require.NoError(t, verdict.GetJSON(t.Context(), s.collector.ConsoleURL+"/api/v1/incidents", &page))
	require.Len(t, page.Incidents, 1, "no operation was called stuck")
	require.Equal(t, "unknown", page.Incidents[0].Kind)
}

// skewed leaves out what clocks cannot tell to the millisecond, and what they cannot tell at all: how long the messages waited that
// the skewed service received, and those that it sent.
func skewed(truths []truth) []truth {
	for i := range truths {
		for k := range truths[i].Hops {
			if h := &truths[i].Hops[k]; h.Producer.Service == "shipping-worker" || h.Destination == "payments" {
				h.WaitSeconds = nil
			}
		}
	}
	return truths
}

// awaitStates waits until the API shows every operation in the state in which it was. Of what was hidden the API cannot tell
// more than that.
func (s *stand) awaitStates(t *testing.T, truths []truth) {
	t.Helper()
	await(t, verdictTimeout, "states equal to the truth", func() error {
		judged, err := s.api.Operations(t.Context())
		if err != nil {
			return err
		}
		var matrix verdict.Matrix
		byID := map[string]string{}
		for i := range judged {
			byID[judged[i].ID] = verdict.Of(judged[i].State, judged[i].Reason, nil)
		}
		wrong := len(judged) - len(truths)
		for i := range truths {
			want, got := verdict.Of(truths[i].State, truths[i].Reason, nil), byID[truths[i].ID]
			matrix.Add(want, got, want == got)
			if want != got {
				wrong++
			}
		}
		if wrong != 0 {
			return fmt.Errorf("%d operations are not as they were\n%s", wrong, &matrix)
		}
		return nil
	})
}
