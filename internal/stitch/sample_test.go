package stitch

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

func TestWhatIsSimple(t *testing.T) {
	facts := []operation.Fact{send(2, 0, "orders", 0, 0.1), process(3, 2, "orders", "worker", 1, 2)}
	require.True(t, Simple(change(facts, 60)))
	for name, twist := range map[string]func(*operation.Change){
		"retried":   func(c *operation.Change) { c.Verdict.Flags = operation.FlagRetried },
		"was stuck": func(c *operation.Change) { c.WasStuck = 0b10 },
		"corrected": func(c *operation.Change) { c.FinalRevision = 2 },
		"failed":    func(c *operation.Change) { c.Verdict.State = operation.StateFailed },
		"stuck":     func(c *operation.Change) { c.Verdict.State = operation.StateStuck },
	} {
		c := change(facts, 60)
		twist(c)
		require.False(t, Simple(c), name)
	}
}

func TestSampledShare(t *testing.T) {
	for _, percentage := range []float64{0, 1, 10, 50, 99, 100} {
		sampled := 0
		for i := range 20_000 {
			if Sampled(TraceID(fmt.Sprint("order-", i), "", 1), percentage) {
				sampled++
			}
		}
		tolerance := 200.
		if percentage == 0 || percentage == 100 {
			tolerance = 0
		}
		require.InDelta(t, percentage*200, sampled, tolerance)
	}
}

// Who takes more takes all that somebody takes who takes less.
func TestSamplingIsConsistent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var trace operation.TraceID
		copy(trace[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "trace"))
		less := rapid.Float64Range(0, 100).Draw(t, "less")
		more := rapid.Float64Range(less, 100).Draw(t, "more")
		if Sampled(trace, less) {
			require.True(t, Sampled(trace, more))
		}
		other := trace
		other[0] ^= 0xff
		other[8] ^= 0xff
		require.Equal(t, Sampled(trace, less), Sampled(other, less), "only the random bits count")
	})
}
