//go:build !race

package days

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// seldom is how far apart sweeps are where the collector is restarted; commits are a minute apart, as nobody kills it.
const seldom = 30 * second

var restartsConfig = fmt.Sprintf(`
sweep_interval: %ds
store: {path: %%q, interval: 1m}
rules:
  - name: nightly-report
    match: {operation: [nightly-report]}
    expect: {cron: "30 2 * * *", grace: 20m}
`, seldom/second)

// restarts are days on which the collector is restarted: at night, while a consumer does nothing, and once more for a few seconds.
type restarts struct {
	*shop
	outage window
}

func newRestarts() *restarts {
	s := newShop(time.Date(2000, 1, 3, 0, 0, 0, 0, time.UTC), 2)
	r := &restarts{shop: s, outage: window{s.on(2, 10, 0), s.on(2, 11, 0)}}
	s.end = s.on(2, 12, 0)
	s.idle["refund-service"] = []window{r.outage}
	s.away = []window{
		{s.on(2, 4, 30), s.on(2, 4, 35)}, {s.on(2, 10, 20), s.on(2, 10, 23)}, {s.on(2, 11, 30), s.on(2, 11, 30) + 15*second},
	}
	s.refunds()
	s.reminders()
	s.nightly(0)
	for _, service := range []string{"desk", "refund-service", "mailer"} {
		s.probe(service)
	}
	return r
}

func TestRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRestarts()
		until(r.monday)
		c := &collector{config: fmt.Sprintf(restartsConfig, filepath.Join(t.TempDir(), "store.db"))}
		c.start(t)
		var events []happening
		for _, w := range r.away {
			events = append(events, happening{w.from, c.stop}, happening{w.until, func() { c.start(t) }})
		}
		r.deliver(t, c, append(events, happening{r.end, c.stop}))
		t.Logf("%d operations, %d spans and lines, %d changes", len(r.operations), len(r.records), len(c.said))
		r.requireTold(t, c.said)
		r.requireGaps(t, c)
		r.requireIncidents(t, c.incidents)
	})
}

// requireTold checks that nothing was forgotten, nothing is called stuck but what is, and nothing was told twice.
func (r *restarts) requireTold(t *testing.T, said []saying) {
	type change struct {
		id       string
		revision uint32
	}
	told, last, stuck := map[change]bool{}, map[string]*saying{}, map[string]int{}
	for i := range said {
		s := &said[i]
		require.False(t, told[change{s.id, s.revision}], "%s is told twice: %+v", s.id, s.verdict)
		told[change{s.id, s.revision}] = true
		last[s.id] = s
		if s.verdict.State != operation.StateInProgress && s.verdict.State != operation.StateCompleted {
			require.Equal(t, operation.StuckWaiting, s.verdict.Reason, "%+v", s)
			require.Equal(t, "refunds", s.destination, "%+v", s)
			wait := r.operations[s.id].waits["refunds"]
			require.Equal(t, wait.from, s.verdict.Since, "%+v", s)
			require.True(t, wait.from+floor <= s.at && s.at <= wait.until+seldom, "%+v", s)
			stuck[s.id]++
		}
	}
	waited := 0
	for id, truth := range r.operations {
		require.NotNil(t, last[id], id)
		require.Equal(t, operation.StateCompleted, last[id].verdict.State, id)
		if w, ok := truth.waits["refunds"]; ok && w.until-w.from > 5*minute {
			waited++
			require.Equal(t, 1, stuck[id], "%s waited from %s until %s", id, moment(w.from), moment(w.until))
		}
	}
	require.Greater(t, waited, int(20*traffic))
}

// requireGaps checks that who is quiet at night is known after a restart, and that each time without the collector is one gap if it was long.
func (r *restarts) requireGaps(t *testing.T, c *collector) {
	var down []window
	for i := range c.gaps {
		if g := &c.gaps[i]; g.Service == "" {
			down = append(down, window{g.From, g.Until})
		} else {
			require.Less(t, g.From, r.on(1, 12, 0), "%s is quiet as it was a day before", g.Service)
		}
	}
	require.Len(t, down, 2)
	for i, w := range r.away[:2] {
		require.InDelta(t, w.from, down[i].from, float64(2*minute))
		require.Equal(t, w.until, down[i].until)
	}
}

// requireIncidents checks that the outage is one incident, whoever was restarted in the middle of it.
func (r *restarts) requireIncidents(t *testing.T, events []incident.Event) {
	told := map[incident.EventKind]int{}
	for i := range events {
		if e := &events[i]; e.Incident.Reason == operation.StuckWaiting {
			told[e.Kind]++
			require.True(t, r.outage.holds(e.At) || e.At-r.outage.until < 10*minute)
		}
	}
	require.Equal(t, 1, told[incident.EventOpened])
	require.Equal(t, 1, told[incident.EventResolved])
}
