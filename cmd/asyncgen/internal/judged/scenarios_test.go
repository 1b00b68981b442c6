package judged

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
	"github.com/throughline/throughline/test/verdict"
)

// flows are what the operations pass, declared hop by hop.
const flows = tight + `
rules:
  - name: order-fulfilment
    match: {operation: [order-fulfilment]}
    hops:
      - {destination: [orders], then: [payments]}
      - {destination: [payments], then: [shipments]}
  - name: refund
    match: {operation: [refund]}
    hops:
      - {destination: [refunds], then: [ledger-entries]}
      - {destination: [ledger-entries], then: [receipts]}
  - name: signup
    match: {operation: [signup]}
    hops:
      - {destination: [signups], then: [welcome-mails]}
      - {destination: [welcome-mails], then: [crm-updates]}
destinations:
  - destination: [price-changes]
    groups: [search, cache, audit]
`

// TestEveryScenarioLate: telemetry that is late and out of order changes no verdict.
func TestEveryScenarioLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCollector(t, flows)
		defer c.close()
		var mix plan.Mix
		for scenario := range mix {
			mix[scenario] = 1
		}
		truths := c.traffic(t, plan.Settings{Seed: 72, Operations: 1400, Hops: 3, Mix: mix, TimeScale: 1, Long: 30 * time.Second}, rate)
		c.mu.Lock()
		defer c.mu.Unlock()
		var matrix verdict.Matrix
		for _, want := range truths {
			v := c.last[want.ID].Verdict
			truth, judged := verdict.Of(want.State, want.Reason, want.Flags), verdict.Of(v.State.String(), v.Reason.String(), v.Flags.Names())
			matrix.Add(truth, judged, truth == judged)
		}
		t.Log(&matrix)
		require.Equal(t, len(truths), matrix.Right(), "%s", &matrix)
		require.Len(t, c.last, len(truths), "operations that did not take place")
	})
}
