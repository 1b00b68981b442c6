package plan

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseMix(t *testing.T) {
	mix, err := ParseMix("completed=78,retried=8,failed=4,never_consumed=4,killed=2,duplicated=2,dead_lettered=2")
	require.NoError(t, err)
	require.Equal(t, Mix{78, 8, 4, 4, 2, 2, 2}, mix)

	mix, err = ParseMix(" killed = 0.5 ,completed=1")
	require.NoError(t, err)
	require.Equal(t, Mix{ScenarioCompleted: 1, ScenarioKilled: 0.5}, mix)
}

func TestParseMixRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                       `"" is not of the form scenario=weight`,
		"completed":              `"completed" is not of the form scenario=weight`,
		"completed=1,":           `"" is not of the form scenario=weight`,
		"lost=1":                 `unknown scenario "lost"; allowed are completed, retried, failed, never_consumed, killed, duplicated, dead_lettered, stalled, delayed, fanout, group_missing, cancelled, progress, progress_killed`,
		"killed=1,killed=2":      `scenario "killed" is given twice`,
		"killed=-1":              `weight "-1" of "killed" is not a number from 0 to 1e+06`,
		"killed=NaN":             `weight "NaN" of "killed" is not a number from 0 to 1e+06`,
		"killed=1e9":             `weight "1e9" of "killed" is not a number from 0 to 1e+06`,
		"killed=x":               `weight "x" of "killed" is not a number from 0 to 1e+06`,
		"killed=0,completed=0.0": "at least one weight must be greater than 0",
	} {
		_, err := ParseMix(text)
		require.EqualError(t, err, want, text)
	}
}

func TestCountsExample(t *testing.T) {
	mix := Mix{80, 8, 4, 4, 2, 2}
	require.Equal(t, [scenarioCount]int{800, 80, 40, 40, 20, 20, 0}, mix.Counts(1000))
	// 7 operations: shares 5.6, 0.56, 0.28, 0.28, 0.14, 0.14; the two left over go to the largest remainders.
	require.Equal(t, [scenarioCount]int{6, 1, 0, 0, 0, 0, 0}, mix.Counts(7))
}

func drawMix(t *rapid.T) Mix {
	var mix Mix
	for i := range mix {
		mix[i] = rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 100)).Draw(t, "weight")
	}
	if mix.total() <= 0 {
		mix[ScenarioKilled] = 1
	}
	return mix
}

func TestCountsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mix, n := drawMix(t), rapid.IntRange(0, 100_000).Draw(t, "n")
		sum := 0
		for scenario, count := range mix.Counts(n) {
			exact := float64(n) * mix[scenario] / mix.total()
			require.Less(t, math.Abs(float64(count)-exact), 1+1e-6)
			if mix[scenario] == 0 {
				require.Zero(t, count)
			}
			sum += count
		}
		require.Equal(t, n, sum)
	})
}

func FuzzParseMix(f *testing.F) {
	f.Add("completed=80,retried=8,failed=4,never_consumed=4,killed=2,duplicated=2")
	f.Add("killed=1e-320")
	f.Add("killed=,=1")
	f.Fuzz(func(t *testing.T, text string) {
		mix, err := ParseMix(text)
		if err != nil {
			return
		}
		again, err := ParseMix(mix.String())
		require.NoError(t, err)
		require.Equal(t, mix, again)
		sum := 0
		for _, count := range mix.Counts(1000) {
			require.GreaterOrEqual(t, count, 0)
			sum += count
		}
		require.Equal(t, 1000, sum)
	})
}
