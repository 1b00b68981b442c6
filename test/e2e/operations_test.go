//go:build e2e

package e2e

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// verdictTimeout is how long after the end of the traffic the last verdict may come: the longest threshold and the
	// grace add up to 10 s; the rest is for slow machines.
	verdictTimeout = 5 * time.Minute
	// traceTimeout is how long after a verdict its trace may reach Jaeger.
	traceTimeout = 3 * time.Minute
	// sampled is how many operations are looked at where looking at all of them would take too long.
	sampled = 50
)

// TestOperationsAreJudgedAsTheyWere runs 1,000 operations for each way in which messages carry their context.
func TestOperationsAreJudgedAsTheyWere(t *testing.T) {
	for _, tc := range []struct{ propagation, seed string }{{"trace", "11"}, {"link", "12"}, {"none", "13"}} {
		t.Run(tc.propagation, func(t *testing.T) {
			rawPath := filepath.Join(t.TempDir(), "raw.jsonl")
			s := start(t, setup{overlays: []string{shortThresholds, rawTraces}, env: []string{"E2E_RAW_TRACES=" + rawPath}})
			truths := s.generate(t, "--operations", "1000", "--rate", "200", "--seed", tc.seed, "--propagation", tc.propagation)
			require.Len(t, truths, 1000)

			judged := s.awaitVerdicts(t, truths)
			s.checkFinalTraces(t, truths, judged)
			s.checkDerivedOnce(t, sample(truths, func(op truth) bool { return op.final() }))
			s.checkDerivedOnce(t, keep(truths, func(op truth) bool { return !op.final() }))
			s.checkOriginals(t, rawPath, sample(truths, func(truth) bool { return true }))

			judged, err := s.api.Operations(t.Context())
			require.NoError(t, err)
			require.NoError(t, compare(truths, judged).err(), "verdicts changed afterwards")
			s.checkHealthy(t)
		})
	}
}

func keep(truths []truth, matches func(truth) bool) []truth {
	var kept []truth
	for _, op := range truths {
		if matches(op) {
			kept = append(kept, op)
		}
	}
	return kept
}

// sample is a part of the operations that match, spread over the whole run.
func sample(truths []truth, matches func(truth) bool) []truth {
	kept := keep(truths, matches)
	if len(kept) <= sampled {
		return kept
	}
	var picked []truth
	for i := range sampled {
		picked = append(picked, kept[i*len(kept)/sampled])
	}
	return picked
}
