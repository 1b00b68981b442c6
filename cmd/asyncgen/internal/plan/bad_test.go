package plan

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestProcessesChangeNothingElse: an operation is the same on however many processes, and as long as nothing is bad.
func TestProcessesChangeNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings := drawSettings(t)
		many := settings
		many.Instances = rapid.IntRange(2, MaxInstances).Draw(t, "instances")
		index := rapid.IntRange(0, 100).Draw(t, "index")
		if settings.Operations > 0 {
			index %= settings.Operations
		}
		one, other := New(settings).Operation(index), New(many).Operation(index)
		voices := map[string]bool{}
		for _, p := range New(many).Processes() {
			require.False(t, voices[p.Voice()], "each has a voice of its own")
			voices[p.Voice()] = true
		}
		require.True(t, voices[other.Entry.Voice()])
		for h := range other.Hops {
			for a := range other.Hops[h].Attempts {
				process := &other.Hops[h].Attempts[a].Process
				require.True(t, voices[process.Voice()])
				require.Equal(t, other.Hops[h].Stage.Service, process.Service)
				*process = one.Hops[h].Attempts[a].Process
			}
			for b := range other.Hops[h].Further {
				for a := range other.Hops[h].Further[b].Attempts {
					other.Hops[h].Further[b].Attempts[a].Process = one.Hops[h].Further[b].Attempts[a].Process
				}
			}
		}
		other.Entry = one.Entry
		require.Equal(t, one, other)
	})
}

func TestWhatIsBadFails(t *testing.T) {
	for name, bad := range map[string]Bad{
		"instance":  {Attribute: BadInstance, Of: "payment-worker", Number: 2, Share: 0.8},
		"version":   {Attribute: BadVersion, Of: "payment-worker", Version: "1.5.0", Share: 0.8, From: 1000},
		"partition": {Attribute: BadPartition, Of: "payments", Number: 4, Share: 0.8},
	} {
		t.Run(name, func(t *testing.T) {
			p := New(Settings{Seed: 5, Operations: 4000, Hops: 3, Mix: Mix{ScenarioCompleted: 1}, TimeScale: 1, Instances: 6, Bad: bad})
			passed, failed := 0, 0
			for index := range 4000 {
				op := p.Operation(index)
				hit := false
				for h := range op.Hops {
					hit = hit || p.bad(&op.Hops[h], index)
				}
				last := &op.Hops[len(op.Hops)-1]
				if op.Bad == BadNone {
					require.Equal(t, ScenarioCompleted, op.Scenario)
					require.True(t, op.Hops[len(op.Hops)-1].continues())
				} else {
					require.True(t, hit)
					require.Equal(t, ScenarioFailed, op.Scenario)
					require.Equal(t, OutcomeFails, last.Attempts[0].Outcome)
					require.GreaterOrEqual(t, index, bad.From)
					failed++
				}
				if hit {
					passed++
				}
			}
			require.Greater(t, failed, 100)
			require.InDelta(t, 0.8, float64(failed)/float64(passed), 0.07)
		})
	}
}
