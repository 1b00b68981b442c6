package days

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// config is what nobody can find out by watching: when the report is expected. Sweeps are as far apart as a verdict may be late.
var config = fmt.Sprintf("sweep_interval: %ds\n", sweepSeconds) + `
storage: disk
rules:
  - name: nightly-report
    match: {operation: [nightly-report]}
    expect: {cron: "30 2 * * *", grace: 20m}
`

const (
	sweep = sweepSeconds * second
	// floor is the least threshold that is learned.
	floor = 30 * second
	// missedNight is the one in which the report does not run.
	missedNight = 4
)

// week is a shop in which a service is deployed on the second day, another one loses its telemetry on the third; on the fourth a consumer
// group is renamed and the collector restarted, on the fifth a consumer does nothing for an hour. Then comes a weekend.
type week struct {
	*shop
	redeployed, lost, renamed, restart, outage window
}

func newWeek() *week {
	// Time begins on a Saturday.
	s := newShop(time.Date(2000, 1, 3, 0, 0, 0, 0, time.UTC), 9)
	w := &week{
		shop:       s,
		redeployed: window{s.on(2, 11, 0), s.on(2, 11, 0) + 75*second},
		lost:       window{s.on(3, 10, 0), s.on(3, 10, 40)},
		renamed:    window{s.on(4, 16, 0), s.on(4, 16, 3)},
		restart:    window{s.on(4, 20, 0), s.on(4, 20, 2)},
		outage:     window{s.on(5, 14, 0), s.on(5, 15, 0)},
	}
	s.idle["payment-service"] = []window{w.redeployed}
	s.idle["refund-service"] = []window{w.outage}
	s.lost["shipping-service"] = []window{w.lost}
	s.away = []window{w.restart}
	s.orders()
	s.refunds()
	s.reminders()
	s.prices(w.renamed)
	s.nightly(missedNight)
	for _, service := range []string{
		"checkout", "desk", "order-service", "refund-service", "mailer", "pricing", "search-service", "cache-service", "shipping-service",
	} {
		s.probe(service)
	}
	s.probe("payment-service", w.redeployed)
	return w
}

func TestNineDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWeek()
		until(w.monday)
		c := &collector{config: config, disk: &disk{data: map[string][]byte{}}}
		c.start(t)
		var soon, before, after, end []stage
		w.deliver(t, c, []happening{
			{w.on(3, 0, 0), func() { soon = c.learned(t) }},
			{w.restart.from, func() { before = c.learned(t); c.stop() }},
			{w.restart.until, func() { c.start(t); after = c.learned(t) }},
			{w.end, func() { end = c.learned(t); c.stop() }},
		})
		t.Logf("%d operations, %d spans and lines, %d changes", len(w.operations), len(w.records), len(c.said))
		w.requireTrue(t, c.said)
		w.requireEveryOutage(t, c.said)
		w.requireEnds(t, c.said)
		w.requireMissed(t, c.said)
		w.requireGaps(t, c.gaps)
		w.requireIncidents(t, c.incidents)

		require.NotEmpty(t, before)
		require.Equal(t, before, after, "what was learned outlives the restart")
		payments := stage{Stage: "processing", Operation: "order-fulfilment", Destination: "payments", Group: "payment-service-group"}
		require.Greater(t, find(end, payments).Threshold, 1.1*find(soon, payments).Threshold, "what takes longer from day to day is learned")
	})
}

// stage is what was learned of one.
type stage struct {
	Stage       string  `json:"stage"`
	Operation   string  `json:"operation"`
	Destination string  `json:"destination"`
	Group       string  `json:"group"`
	Next        string  `json:"next"`
	Threshold   float64 `json:"threshold_seconds"`
	Samples     int     `json:"samples"`
	Always      bool    `json:"always"`
}

func (c *collector) learned(tb testing.TB) []stage {
	tb.Helper()
	var all struct {
		Stages []stage `json:"stages"`
	}
	c.get(tb, "/api/v1/learned?limit=1000", &all)
	return all.Stages
}

// find returns the stage of that name.
func find(all []stage, name stage) stage {
	for _, s := range all {
		if s.Stage == name.Stage && s.Operation == name.Operation && s.Destination == name.Destination && s.Group == name.Group && s.Next == name.Next {
			return s
		}
	}
	return stage{}
}
