package plan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Scenario is the fate an operation is planned to meet.
type Scenario uint8

// The scenarios, in the order in which they are documented and counted.
const (
	// ScenarioCompleted: every hop is processed at the first attempt.
	ScenarioCompleted Scenario = iota
	// ScenarioRetried: one hop fails once or twice and then succeeds.
	ScenarioRetried
	// ScenarioFailed: one hop fails at its last attempt (of one to three), and nothing follows.
	ScenarioFailed
	// ScenarioNeverConsumed: one message is sent and nobody consumes it.
	ScenarioNeverConsumed
	// ScenarioKilled: one handler starts and its process dies before the span ends.
	ScenarioKilled
	// ScenarioDuplicated: one message is processed successfully twice by the same group.
	ScenarioDuplicated
	// ScenarioDeadLettered: one message fails at every attempt there is. In half of the cases the consumer then sends it to a
	// dead-letter queue, in the others its broker gives it up without a trace of it.
	ScenarioDeadLettered
	// ScenarioStalled: one hop but the last ends well and does not send the message that always follows.
	ScenarioStalled
	// ScenarioDelayed: one message is scheduled for later; half of them say so.
	ScenarioDelayed
	// ScenarioFanout: an operation whose only message goes to several consumer groups.
	ScenarioFanout
	// ScenarioGroupMissing: the same, and one of the groups does not consume it.
	ScenarioGroupMissing
	// ScenarioCancelled: the operation is declared cancelled while one of its messages waits, which nobody consumes any more.
	ScenarioCancelled
	// ScenarioProgress: one attempt takes long, and tells from time to time how far it has come.
	ScenarioProgress
	// ScenarioProgressKilled: the same, and its process dies in the middle.
	ScenarioProgressKilled
	scenarioCount
)

var scenarioNames = [scenarioCount]string{
	"completed", "retried", "failed", "never_consumed", "killed", "duplicated", "dead_lettered",
	"stalled", "delayed", "fanout", "group_missing", "cancelled", "progress", "progress_killed",
}

// String returns the name used by the --mix flag.
func (s Scenario) String() string { return scenarioNames[s] }

// ScenarioNames returns the names of all scenarios, as the --mix flag takes them.
func ScenarioNames() []string { return slices.Clone(scenarioNames[:]) }

// Mix holds the weight of each scenario. Weights need not add up to 100.
type Mix [scenarioCount]float64

// ParseMix reads "completed=80,retried=8,...". Scenarios that are not named get no share; the error names the offending
// part and what is allowed.
func ParseMix(text string) (Mix, error) {
	var mix Mix
	var named [scenarioCount]bool
	for part := range strings.SplitSeq(text, ",") {
		name, value, found := strings.Cut(part, "=")
		if !found {
			return Mix{}, fmt.Errorf("%q is not of the form scenario=weight", part)
		}
		scenario := slices.Index(scenarioNames[:], strings.TrimSpace(name))
		if scenario < 0 {
			return Mix{}, fmt.Errorf("unknown scenario %q; allowed are %s", name, strings.Join(scenarioNames[:], ", "))
		}
		if named[scenario] {
			return Mix{}, fmt.Errorf("scenario %q is given twice", name)
		}
		weight, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(weight >= 0 && weight <= maxWeight) {
			return Mix{}, fmt.Errorf("weight %q of %q is not a number from 0 to %g", value, name, float64(maxWeight))
		}
		mix[scenario], named[scenario] = weight, true
	}
	if mix.total() <= 0 {
		return Mix{}, fmt.Errorf("at least one weight must be greater than 0")
	}
	return mix, nil
}

// maxWeight keeps the sum of the weights times the number of operations exact enough to apportion.
const maxWeight = 1e6

// String returns the mix in the form that ParseMix reads.
func (m Mix) String() string {
	parts := make([]string, 0, len(m))
	for scenario, weight := range m {
		if weight > 0 {
			parts = append(parts, scenarioNames[scenario]+"="+strconv.FormatFloat(weight, 'g', -1, 64))
		}
	}
	return strings.Join(parts, ",")
}

func (m Mix) total() float64 {
	var sum float64
	for _, weight := range m {
		sum += weight
	}
	return sum
}

// Counts apportions n operations to the scenarios by the method of the largest remainder, so that every count is less than
// one away from its exact share and the counts add up to n. Scenarios without weight get none.
func (m Mix) Counts(n int) [scenarioCount]int {
	var counts [scenarioCount]int
	var remainders [scenarioCount]float64
	left, total := n, m.total()
	for scenario, weight := range m {
		share := float64(n) * weight / total
		whole := math.Floor(share)
		counts[scenario], remainders[scenario] = int(whole), share-whole
		left -= counts[scenario]
	}
	order := make([]int, 0, len(m))
	for scenario, weight := range m {
		if weight > 0 {
			order = append(order, scenario)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case remainders[a] > remainders[b]:
			return -1
		case remainders[a] < remainders[b]:
			return 1
		}
		return 0
	})
	for i := 0; i < left; i++ {
		counts[order[i%len(order)]]++
	}
	return counts
}

// deck deals n scenarios in the proportions of the mix, in random order.
func (m Mix) deck(n int, random *rand.Rand) []Scenario {
	deck := make([]Scenario, 0, n)
	for scenario, count := range m.Counts(n) {
		for range count {
			deck = append(deck, Scenario(scenario))
		}
	}
	random.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	return deck
}
