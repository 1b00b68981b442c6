//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDerivedTracesOfSkewedClocks lets the clock of one service be behind, so that messages seem to arrive before they were
// sent: a Jaeger that adjusts clock skew shows the derived traces with the same times as one that does not.
func TestDerivedTracesOfSkewedClocks(t *testing.T) {
	t.Parallel()
	s := startJaegers(t, "testdata/scenarios.yaml")
	truths := s.generate(t, "--operations", "40", "--rate", "20", "--seed", "75", "--mix", "completed=4,retried=1", "--skew", "-3s")
	judged := s.awaitVerdicts(t, skewed(truths))
	marked := 0
	for i := range judged {
		op := &judged[i]
		shown, wrong := s.same(t, op.ID, op.TraceID)
		require.Empty(t, wrong, op.ID)
		for k := range shown {
			if shown[k].attributes["async.operation.skewed"] == "true" {
				marked++
			}
		}
	}
	require.NotZero(t, marked, "no derived span says that clocks disagree")
	s.checkAdjusted(t, truths)
	s.checkHealthy(t)
}
