//go:build e2e

package judged

// operations are how many of them each configuration has to judge.
var operations = map[string]int{"declared": 5_000, "learned": 100_000}

// causeRuns is how many runs there are of each cause.
const causeRuns = 100
