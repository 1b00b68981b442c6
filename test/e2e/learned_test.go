//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/verdict"
)

// TestWhatIsUsualIsLearned: after a warm-up of healthy operations, what does not happen as usual is noticed, though nobody declared
// which message follows, which groups consume, and how long anything may take.
func TestWhatIsUsualIsLearned(t *testing.T) {
	t.Parallel()
	s := start(t, setup{overlays: []string{"testdata/learned.yaml"}})
	healthy := s.generate(t, "--operations", "800", "--rate", "100", "--seed", "61", "--mix", "completed=75,retried=5,fanout=20")
	s.awaitVerdicts(t, healthy)

	later := s.generate(t, "--operations", "400", "--rate", "100", "--seed", "62",
		"--mix", "completed=40,fanout=10,stalled=20,group_missing=15,never_consumed=8,killed=7")
	s.awaitVerdicts(t, append(healthy, later...))
	stuck := map[string]int{}
	for _, op := range keep(later, func(op truth) bool { return op.State == stateStuck }) {
		stuck[op.Scenario]++
		s.checkLearned(t, &op)
	}
	require.Equal(t, map[string]int{"stalled": 80, "group_missing": 60, "never_consumed": 32, "killed": 28}, stuck)
	s.checkHealthy(t)
}

// follows are the destinations that always follow.
var follows = map[string]string{
	"orders": "payments", "payments": "shipments", "refunds": "ledger-entries", "ledger-entries": "receipts",
	"signups": "welcome-mails", "welcome-mails": "crm-updates",
}

// checkLearned checks that the API says of a stuck operation that its threshold was learned, and where it stands.
func (s *stand) checkLearned(t *testing.T, op *truth) {
	t.Helper()
	var got struct {
		Threshold struct {
			Name    string  `json:"name"`
			Seconds float64 `json:"seconds"`
			Source  string  `json:"source"`
		} `json:"threshold"`
		DecidedBy struct {
			Hop         *int   `json:"hop"`
			Destination string `json:"destination"`
			Group       string `json:"group"`
			Awaited     string `json:"awaited"`
		} `json:"decided_by"`
	}
	require.NoError(t, verdict.GetJSON(t.Context(), s.collector.ConsoleURL+"/api/v1/operations/"+op.ID, &got))
	last := len(op.Hops) - 1
	require.Equal(t, "learned", got.Threshold.Source, op.ID)
	require.Equal(t, op.Reason, got.Threshold.Name, op.ID)
	require.InDelta(t, 4, got.Threshold.Seconds, 0.01, "%s: no stage takes so long that three times as long is more than the floor", op.ID)
	require.Equal(t, &last, got.DecidedBy.Hop, op.ID)
	require.Equal(t, op.Hops[last].Destination, got.DecidedBy.Destination, op.ID)
	switch op.Scenario {
	case "stalled":
		require.Equal(t, follows[op.Hops[last].Destination], got.DecidedBy.Awaited, op.ID)
	case "group_missing":
		require.Equal(t, "audit", got.DecidedBy.Group, op.ID)
	}
}
