package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawSettings(t *rapid.T) Settings {
	return Settings{
		Seed: rapid.Uint64().Draw(t, "seed"), Long: 10 * time.Second, Operations: rapid.IntRange(0, 300).Draw(t, "operations"),
		Hops: rapid.IntRange(2, MaxHops).Draw(t, "hops"), Mix: drawMix(t),
		TimeScale:    rapid.Float64Range(0.001, 50).Draw(t, "scale"),
		RecoverAfter: rapid.SampledFrom([]time.Duration{0, 20 * time.Second}).Draw(t, "recover"),
	}
}

func TestSameSeedSamePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings := drawSettings(t)
		index := rapid.IntRange(0, 2*cycle).Draw(t, "index")
		if settings.Operations > 0 {
			index %= settings.Operations
		}
		// The second plan is asked for something else first: the answer must not depend on what was asked before.
		first, second := New(settings), New(settings)
		second.Operation(0)
		require.Equal(t, first.Operation(index), second.Operation(index))
	})
}

func TestOtherSeedOtherPlan(t *testing.T) {
	settings := Settings{Seed: 1, Operations: 50, Hops: 3, Mix: Mix{1, 1, 1, 1, 1, 1, 1}, TimeScale: 1}
	other := settings
	other.Seed = 2
	a, b := New(settings).Operation(7), New(other).Operation(7)
	require.NotEqual(t, a.ID[len(a.ID)-8:], b.ID[len(b.ID)-8:])
	require.NotEqual(t, a.Hops[0].MessageID, b.Hops[0].MessageID)
}

func TestMixIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings := drawSettings(t)
		n := settings.Operations
		if n == 0 {
			n = cycle
		}
		p, counts := New(settings), [scenarioCount]int{}
		for index := range n {
			counts[p.Operation(index).Scenario]++
		}
		require.Equal(t, settings.Mix.Counts(n), counts)
	})
}

func TestIDsAreDistinct(t *testing.T) {
	p := New(Settings{Seed: 9, Operations: 2000, Hops: 3, Mix: Mix{1}, TimeScale: 1})
	operations, messages, workflows := map[string]bool{}, map[string]bool{}, map[string]int{}
	for index := range 2000 {
		op := p.Operation(index)
		operations[op.ID] = true
		workflows[op.Workflow.Name]++
		require.Regexp(t, fmt.Sprintf(`^(ord|ref|sgn)-%06d-[0-9a-f]{8}$`, index), op.ID)
		for _, hop := range op.Hops {
			messages[hop.MessageID] = true
		}
	}
	require.Len(t, operations, 2000)
	require.Len(t, messages, 6000)
	require.Len(t, workflows, 3)
	require.Greater(t, workflows["signup"], 300)
}

// outcomes writes a hop's attempts as a string: S, F or K for each.
func outcomes(hop *Hop) string {
	var text strings.Builder
	for _, attempt := range hop.Attempts {
		text.WriteByte("SFK"[attempt.Outcome])
	}
	return text.String()
}

// takeDeadLetter removes the message to a dead-letter queue from the hops and returns it, nil if there is none.
func takeDeadLetter(op *Operation) *Hop {
	last := len(op.Hops) - 1
	if !op.Hops[last].Stage.DeadLetters {
		return nil
	}
	hop := &op.Hops[last]
	op.Hops = op.Hops[:last]
	return hop
}

func TestScenarioShapes(t *testing.T) {
	faults := map[Scenario][]string{
		ScenarioCompleted: {"S"}, ScenarioRetried: {"FS", "FFS"}, ScenarioFailed: {"F", "FF", "FFF"},
		ScenarioNeverConsumed: {""}, ScenarioKilled: {"K"}, ScenarioDuplicated: {"SS"}, ScenarioDeadLettered: {"FFF"},
		ScenarioCancelled: {""}, ScenarioProgressKilled: {"K"},
	}
	// These go well by their attempts.
	well := []Scenario{ScenarioCompleted, ScenarioStalled, ScenarioDelayed, ScenarioFanout, ScenarioGroupMissing, ScenarioProgress}
	rapid.Check(t, func(t *rapid.T) {
		settings := drawSettings(t)
		settings.RecoverAfter = 0
		op := New(settings).Operation(0)
		if parked := takeDeadLetter(op); parked != nil {
			require.Equal(t, ScenarioDeadLettered, op.Scenario)
			require.Equal(t, op.Hops[len(op.Hops)-1].Stage.Destination+".dlq", parked.Stage.Destination)
			require.Empty(t, parked.Attempts, "nobody consumes from it")
		}
		faulty := 0
		for i := range op.Hops {
			shape := outcomes(&op.Hops[i])
			require.False(t, op.Hops[i].Stage.DeadLetters)
			if shape == "S" {
				continue
			}
			faulty++
			require.Contains(t, faults[op.Scenario], shape)
			if op.Scenario != ScenarioRetried && op.Scenario != ScenarioDuplicated {
				require.Equal(t, len(op.Hops)-1, i, "nothing follows a hop that did not end well")
			}
		}
		if slices.Contains(well, op.Scenario) {
			require.Zero(t, faulty)
		} else {
			require.Equal(t, 1, faulty)
		}
		switch op.Scenario {
		case ScenarioCompleted, ScenarioDelayed, ScenarioProgress:
			require.Len(t, op.Hops, settings.Hops)
		case ScenarioStalled:
			require.Less(t, len(op.Hops), settings.Hops)
		case ScenarioFanout, ScenarioGroupMissing:
			require.Len(t, op.Hops, 1)
			require.Len(t, op.Hops[0].Further, 2)
			require.NotEmpty(t, op.Hops[0].Further[0].Attempts)
			require.Equal(t, op.Scenario == ScenarioFanout, len(op.Hops[0].Further[1].Attempts) == 1)
		}
	})
}

func TestEveryShapeOccurs(t *testing.T) {
	p := New(Settings{Seed: 3, Operations: 3500, Hops: 3, Mix: Mix{1, 1, 1, 1, 1, 1, 1}, TimeScale: 1})
	shapes, faultyHops, stepsDone, parked := map[string]int{}, map[int]int{}, map[int]int{}, map[bool]int{}
	for index := range 3500 {
		op := p.Operation(index)
		if deadLetter := takeDeadLetter(op); op.Scenario == ScenarioDeadLettered {
			parked[deadLetter != nil]++
		}
		for i := range op.Hops {
			shape := outcomes(&op.Hops[i])
			shapes[shape]++
			if shape != "S" {
				faultyHops[i]++
			}
			if shape == "K" {
				stepsDone[op.Hops[i].Attempts[0].StepsDone]++
			}
		}
	}
	for _, shape := range []string{"S", "FS", "FFS", "F", "FF", "FFF", "", "K", "SS"} {
		require.Greater(t, shapes[shape], 100, shape)
	}
	require.Len(t, faultyHops, 3)
	require.Greater(t, parked[true], 200, "half of 500")
	require.Greater(t, parked[false], 200)
	require.Len(t, stepsDone, 3)
}

func TestRecoveredOperationsGoOn(t *testing.T) {
	p := New(Settings{Seed: 4, Operations: 100, Hops: 3, Mix: Mix{ScenarioNeverConsumed: 1}, TimeScale: 0.1, RecoverAfter: 20 * time.Second})
	for index := range 100 {
		op, comebacks := p.Operation(index), 0
		require.Len(t, op.Hops, 3)
		for _, hop := range op.Hops {
			require.Equal(t, "S", outcomes(&hop))
			if hop.Attempts[0].Comeback {
				comebacks++
				require.Equal(t, 20*time.Second, hop.Attempts[0].Wait, "the time scale leaves it alone")
			}
		}
		require.Equal(t, 1, comebacks)
	}
}

// work is how long an attempt takes without telling of its progress.
func work(a Attempt) time.Duration { return a.Steps[0] + a.Steps[1] + a.Rest }

func TestTimingsStayInRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings := drawSettings(t)
		settings.RecoverAfter = 0
		scaled := func(d time.Duration) time.Duration { return time.Duration(float64(d) * settings.TimeScale) }
		for _, hop := range New(settings).Operation(0).Hops {
			for i, attempt := range hop.Attempts {
				low, high := scaled(minWait), scaled(maxWait)
				if i > 0 {
					low, high = scaled(minBackoff), scaled(maxBackoff)
				}
				if i == 0 {
					low, high = low+hop.Delay, high+hop.Delay
				}
				require.GreaterOrEqual(t, attempt.Wait, low)
				require.LessOrEqual(t, attempt.Wait, high)
				require.Equal(t, attempt.BeatsPlanned > 0, attempt.Duration() > work(attempt))
				require.GreaterOrEqual(t, work(attempt), scaled(minProcess))
				require.LessOrEqual(t, work(attempt), scaled(maxProcess))
				require.GreaterOrEqual(t, attempt.Rest, time.Duration(0))
			}
		}
	})
}

func TestEveryServiceBelongsToOneStage(t *testing.T) {
	for hops := 1; hops <= MaxHops; hops++ {
		services, destinations := map[string]bool{}, map[string]bool{}
		p := New(Settings{Hops: hops, Mix: Mix{1}, TimeScale: 1})
		for _, service := range p.Services() {
			require.False(t, services[service], service)
			services[service] = true
		}
		for i, workflow := range p.Workflows() {
			if i < fanout {
				require.Len(t, workflow.Stages, hops)
			}
			for _, stage := range workflow.Stages {
				require.False(t, destinations[stage.Destination], stage.Destination)
				destinations[stage.Destination] = true
				require.Equal(t, 1, strings.Count(stage.Failure.Message, "%d"), "a failure's message varies in one number")
			}
		}
	}
}

func TestEveryNewTroubleOccurs(t *testing.T) {
	var mix Mix
	for s := ScenarioStalled; s < scenarioCount; s++ {
		mix[s] = 1
	}
	settings := Settings{Seed: 9, Operations: 1400, Hops: 3, Mix: mix, TimeScale: 1, Long: 12 * time.Second}
	p := New(settings)
	stalledAfter, declared, beatsDone := map[int]int{}, map[bool]int{}, map[int]int{}
	for index := range settings.Operations {
		op := p.Operation(index)
		last := &op.Hops[len(op.Hops)-1]
		switch op.Scenario {
		case ScenarioStalled:
			stalledAfter[len(op.Hops)]++
		case ScenarioDelayed:
			for i := range op.Hops {
				if op.Hops[i].Delay > 0 {
					declared[op.Hops[i].Declared]++
				}
			}
		case ScenarioCancelled:
			require.Positive(t, last.CancelAfter)
		case ScenarioProgressKilled:
			a := last.Attempts[0]
			beatsDone[a.Beats]++
			require.Less(t, a.Beats, a.BeatsPlanned)
			require.Equal(t, 2*time.Second, a.Beat)
		}
	}
	require.Len(t, stalledAfter, 2, "after any hop but the last")
	require.Equal(t, 200, declared[true]+declared[false])
	require.Greater(t, declared[true], 60)
	require.Greater(t, declared[false], 60)
	require.Len(t, beatsDone, 5)
}

func TestPeriodic(t *testing.T) {
	p := New(Settings{Seed: 1, Hops: 3, Mix: Mix{1}, TimeScale: 1})
	first, second := p.Periodic(0), p.Periodic(1)
	require.Equal(t, "nightly-report", first.Workflow.Name)
	require.NotEqual(t, first.ID, second.ID)
	require.Equal(t, first, p.Periodic(0))
	require.NotEqual(t, first.ID, p.Operation(0).ID)
}
