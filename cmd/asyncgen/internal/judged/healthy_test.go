package judged

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
	"github.com/throughline/throughline/cmd/asyncgen/internal/sim"
	"github.com/throughline/throughline/cmd/asyncgen/internal/truth"
	"github.com/throughline/throughline/internal/operation"
)

// lateness is how late telemetry comes at most, besides the second for which a service collects it.
const lateness = 10 * time.Second

// rate is that of operations a second: low, so that services are watched for long enough to be missed if they fell silent.
const rate = 100

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// healthy are operations of which 5 % are tried again and 5 % wait for longer, half of them on purpose.
func healthy() plan.Mix {
	var mix plan.Mix
	mix[plan.ScenarioCompleted], mix[plan.ScenarioRetried], mix[plan.ScenarioDelayed] = 90, 5, 5
	return mix
}

// tight are thresholds just above what happens: a message that does not say that it is due later waits 3.2 s at most, and its
// telemetry comes 11 s later at most. Nothing settles before then: what settled on its first log line alone would have to be corrected.
const tight = `
max_operations: 200000
defaults:
  stuck: {waiting: 15s, processing: 15s, stalled: 15s}
  retry_within: 15s
  settle: 12s
`

// TestNoFalseAlarms: of healthy operations, telemetry of which comes late and out of order, none is called stuck at any time,
// by declared thresholds or by what the collector learns by itself. `make e2e` runs it with 100,000 operations.
func TestNoFalseAlarms(t *testing.T) {
	for name, config := range map[string]string{"declared": tight, "learned": "max_operations: 200000"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				c := startCollector(t, config)
				defer c.close()
				truths := c.traffic(t, plan.Settings{Seed: 71, Operations: operations[name], Hops: 3, Mix: healthy(), TimeScale: 1}, rate)
				c.requireCompleted(t, truths)
				t.Logf("%d operations in %s of simulated time", len(truths), time.Since(begun).Round(time.Second))
			})
		})
	}
}

// traffic carries out a plan and returns the truth when all verdicts must be there.
func (c *collector) traffic(t *testing.T, settings plan.Settings, rate float64) []*truth.Operation {
	t.Helper()
	p := plan.New(settings)
	all := newServices(c, p.Processes(), lateness)
	var mu sync.Mutex
	var truths []*truth.Operation
	write := func(op *truth.Operation) error {
		mu.Lock()
		defer mu.Unlock()
		truths = append(truths, op)
		return nil
	}
	simulator := sim.New(p, sim.Settings{Rate: rate, Propagation: sim.PropagationTrace, Instance: instanceOf}, all, write)
	require.NoError(t, simulator.Run(t.Context(), t.Context()))
	require.NoError(t, all.finish())
	time.Sleep(time.Minute) // synctest: fake time
	return truths
}

// requireCompleted checks that every operation completed, with the flags that it should have, and that nothing else was said.
func (c *collector) requireCompleted(t *testing.T, truths []*truth.Operation) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.trouble) > 0 {
		first := &c.trouble[0]
		require.Failf(t, "false alarms", "%d; the first: %s was %s %s, hop %d", len(c.trouble),
			first.View.ID, first.Verdict.State, first.Verdict.Reason, first.Verdict.Hop)
	}
	counts := map[string]int{}
	for _, want := range truths {
		got, ok := c.last[want.ID]
		require.True(t, ok, "%s is not known", want.ID)
		require.Equal(t, operation.StateCompleted, got.Verdict.State, want.ID)
		require.ElementsMatch(t, want.Flags, got.Verdict.Flags.Names(), want.ID)
		require.Len(t, got.View.Hops, len(want.Hops), want.ID)
		counts[want.Scenario]++
	}
	require.Len(t, c.last, len(truths), "operations that did not take place")
	require.Empty(t, c.operations(t, operation.StateInProgress))
	t.Log(counts)
}
