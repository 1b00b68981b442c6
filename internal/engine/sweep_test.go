package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// TestASweepInPartsFindsWhatASweepDoes: in parts however small, and each of them is small.
func TestASweepInPartsFindsWhatASweepDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings := DefaultSettings()
		settings.ArrivalGrace = 0
		whole, err := New(settings)
		require.NoError(t, err)
		parted, err := New(settings)
		require.NoError(t, err)
		parted.sweepMost = rapid.IntRange(1, 100).Draw(t, "most")
		now := time.Unix(1_795_255_200, 0)
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			var facts []operation.Fact
			for range rapid.IntRange(0, 60).Draw(t, "operations") {
				which := rapid.IntRange(0, 400).Draw(t, "which")
				whole := wholeOperation(which, now.UnixNano(), nil)
				facts = append(facts, whole[:rapid.IntRange(1, len(whole)).Draw(t, "facts")]...)
			}
			whole.Apply(now, facts, nil)
			parted.Apply(now, facts, nil)
			now = now.Add(time.Duration(rapid.IntRange(0, 1200).Draw(t, "seconds")) * time.Second)
			var got []operation.Change
			for more := true; more; {
				var some []operation.Change
				some, more = parted.SweepSome(now)
				require.LessOrEqual(t, len(some), parted.sweepMost+atOnce)
				got = append(got, some...)
			}
			require.Equal(t, outcomes(whole.Sweep(now)), outcomes(got))
			require.Empty(t, parted.Sweep(now), "nothing is left")
		}
	})
}

func outcomes(changes []operation.Change) []string {
	told := make([]string, len(changes))
	for i := range changes {
		told[i] = fmt.Sprint(changes[i].View.ID, " ", changes[i].Verdict.State, "/", changes[i].Revision)
	}
	slices.Sort(told)
	return told
}
