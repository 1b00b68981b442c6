//go:build !e2e

package judged

// operations are how many of them each configuration has to judge.
var operations = map[string]int{"declared": 2_000, "learned": 3_000}

// causeRuns is how many runs there are of each cause.
const causeRuns = 3
