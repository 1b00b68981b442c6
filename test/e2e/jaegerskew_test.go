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
	s := startJaegers(t)
	truths := s.generate(t, "--operations", "40", "--rate", "20", "--seed", "75", "--mix", "completed=4,retried=1", "--skew", "-3s")
	judged := s.awaitVerdicts(t, skewed(truths))
	marked := 0
	for i := range judged {
		op := &judged[i]
		var texts []string
		for _, j := range s.all {
			var fine, rough []shownSpan
			await(t, traceTimeout, "derived trace of "+op.ID, func() (err error) {
				if fine, err = spansV3(t, j.URL, op.TraceID); err != nil {
					return err
				}
				rough, err = spansV1(t, j.URL, op.TraceID)
				return err
			})
			require.Empty(t, treeDiff(treeText(coarse(fine), everything), treeText(rough, everything)), "%s, %s", j.name, op.ID)
			texts = append(texts, treeText(unreasoned(fine), everything))
			for k := range fine {
				if fine[k].attributes["async.operation.skewed"] == "true" {
					marked++
				}
			}
		}
		for k := range texts {
			require.Empty(t, treeDiff(texts[0], texts[k]), "%s, %s", s.all[k].name, op.ID)
		}
	}
	require.NotZero(t, marked, "no derived span says that clocks disagree")
	s.checkAdjusted(t, truths)
	s.checkHealthy(t)
}
