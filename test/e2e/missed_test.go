//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/verdict"
)

// dueTolerance is how far a due time, counted from the start before it, may be from the one that was planned: a busy
// machine starts late. Runs that are missed are 24 s apart.
const dueTolerance = 4 * time.Second

// TestMissedRuns: of six reports, one every 8 s, the third and the sixth do not start. The first of the two is over when the next
// report starts; after the other nothing comes.
func TestMissedRuns(t *testing.T) {
	t.Parallel()
	s := start(t, setup{overlays: []string{"testdata/expected.yaml"}})
	truths := s.generate(t, "--for", "43s", "--rate", "1", "--seed", "63", "--mix", "completed=1", "--periodic", "8s", "--periodic-missed", "3")
	missed := keep(truths, func(op truth) bool { return op.Reason == "missed" })
	ran := keep(truths, func(op truth) bool { return op.Reason != "missed" })
	require.Len(t, missed, 2)
	require.Len(t, keep(ran, func(op truth) bool { return op.Name == "nightly-report" }), 4)
	states := []string{verdict.Of("completed", "", nil), verdict.Of(stateStuck, "missed", nil)}
	await(t, verdictTimeout, "verdicts equal to the truth", func() error {
		judged, err := s.api.Operations(t.Context())
		if err != nil {
			return err
		}
		var rest []verdict.Operation
		for i := range judged {
			k := runOf(&judged[i], missed)
			if k < 0 {
				rest = append(rest, judged[i])
				continue
			}
			if got := judged[i].Verdict(); got != states[k] || judged[i].Name != "nightly-report" || len(judged[i].Hops) > 0 {
				return fmt.Errorf("missed run %d is not %s: %s", k, states[k], asJSON(judged[i]))
			}
		}
		if len(rest)+len(missed) != len(judged) {
			return fmt.Errorf("%d of %d missed runs are known: %s", len(judged)-len(rest), len(missed), asJSON(judged))
		}
		return compare(ran, rest).err()
	})
	s.checkHealthy(t)
}

// runOf returns which of the missed runs an operation stands for, -1 for none.
func runOf(op *verdict.Operation, missed []truth) int {
	for k := range missed {
		if op.Missed != nil && op.Missed.FirstDueAt.Sub(missed[k].DueAt).Abs() < dueTolerance {
			return k
		}
	}
	return -1
}
