package judged

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/operation"
)

// causeTarget is in how many of a hundred runs the right attribute must be named first, or none.
const causeTarget = 95

// TestTheCauseIsNamed: where one process, one version or one partition is bad, the incident names it first; where operations fail here and there,
// nothing is named. `make e2e` runs a hundred runs of each.
func TestTheCauseIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		bad plan.Bad
		// at is the destination whose messages fail.
		at   string
		want cause.Trait
	}{
		"instance": {
			plan.Bad{Attribute: plan.BadInstance, Of: "payment-worker", Number: 2, Share: 0.8}, "orders",
			cause.Trait{Attribute: cause.AttributeInstance, Value: "payment-worker-2"},
		},
		"version": {
			plan.Bad{Attribute: plan.BadVersion, Of: "payment-worker", Version: "1.5.0", Share: 0.8, From: causeOperations / 4}, "orders",
			cause.Trait{Attribute: cause.AttributeVersion, Value: "1.5.0"},
		},
		"partition": {
			plan.Bad{Attribute: plan.BadPartition, Of: "payments", Number: 4, Share: 0.8}, "payments",
			cause.Trait{Attribute: cause.AttributePartition, Value: "4"},
		},
		"none": {},
	} {
		t.Run(name, func(t *testing.T) {
			right := 0
			for seed := range causeRuns {
				if got := causeRun(t, uint64(seed)+1, c.bad, c.at, c.want.Value); got == c.want {
					right++
				} else {
					t.Logf("seed %d: %+v", seed+1, got)
				}
			}
			t.Logf("right in %d of %d runs", right, causeRuns)
			require.GreaterOrEqual(t, 100*right, causeTarget*causeRuns)
		})
	}
}

// causeOperations pass in one run, by six processes of each service.
const (
	causeOperations = 600
	causeInstances  = 6
)

// causeRun returns the strongest hint of the incident of what fails, or any hint of any incident if nothing is bad.
func causeRun(t *testing.T, seed uint64, bad plan.Bad, at, value string) (strongest cause.Trait) {
	synctest.Test(t, func(t *testing.T) {
		c := startCollector(t, tight)
		defer c.close()
		var mix plan.Mix
		mix[plan.ScenarioCompleted], mix[plan.ScenarioFailed] = 95, 5
		if bad.Attribute == plan.BadNone {
			mix[plan.ScenarioCompleted], mix[plan.ScenarioFailed] = 70, 30
		}
		truths := c.traffic(t, plan.Settings{
			Seed: seed, Operations: causeOperations, Hops: 3, Mix: mix, TimeScale: 1, Instances: causeInstances, Bad: bad,
		}, rate)
		failed := 0
		for _, op := range truths {
			if op.Cause != nil {
				failed++
				require.Equal(t, value, op.Cause.Value)
			}
		}
		require.Equal(t, bad.Attribute != plan.BadNone, failed > 0)
		for _, i := range c.incidents(t) {
			if len(i.Hints.Traits) > 0 && (bad.Attribute == plan.BadNone || (i.Kind == operation.StateFailed && i.Destination == at)) {
				strongest = i.Hints.Traits[0].Trait
			}
		}
	})
	return strongest
}

// incidents returns all incidents, the largest last.
func (c *collector) incidents(t *testing.T) []incident.Incident {
	t.Helper()
	page, err := c.extension.(interface{ Console() console.Source }).Console().Incidents(t.Context(), console.IncidentQuery{Limit: 100})
	require.NoError(t, err)
	require.NotEmpty(t, page.Incidents)
	slices.SortFunc(page.Incidents, func(a, b incident.Incident) int { return int(a.Total - b.Total) })
	return page.Incidents
}
