package conformance

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/replay"
)

// bounds are generous: they fail when something breaks, not when a clock is read a little later.
const (
	medianBound = 5 * time.Millisecond
	// minFound is the share of consumed messages of which an attempt is known, in the recording that shows the least.
	minFound = 0.8
)

// unnamed are the queues whose name telemetry does not always have: consumers of RabbitMQ that write down the exchange, and
// hops of which the sender's spans alone were exported.
var unnamed = map[string][]string{
	"go-amqp091":    {"go.customs", "go.shipping"},
	"node-amqplib":  {"fulfilment"},
	"python-celery": {"py.crm", "py.tracking"},
}

// TestHops: destinations, services, attempts, waits and processing times are those that the applications wrote down.
// `go test -v -run TestHops` shows the table.
func TestHops(t *testing.T) {
	var reports []*replay.HopReport
	for _, name := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			r := load(t, name)
			j := observe(t, r, true, late)
			report := replay.CompareHops(r, j.operations, j.shift)
			reports = append(reports, report)
			t.Log("\n" + report.List())

			require.Empty(t, report.Unexplained(), "found where telemetry has all of it, with all attempts")
			require.GreaterOrEqual(t, float64(report.Found), minFound*float64(report.Consumed))
			require.Equal(t, report.Waiting, report.WaitingFound)
			require.Equal(t, report.Found, report.Served, "the service is always known")
			require.Subset(t, unnamed[name], slices.Collect(maps.Keys(report.Unnamed)))
			require.Equal(t, report.Whole, report.WholeEqual)
			for _, errors := range []*replay.Errors{&report.Wait, &report.Processing} {
				require.Greater(t, errors.Count(), report.Consumed/4)
				require.LessOrEqual(t, errors.Quantile(0.5), medianBound)
				require.Less(t, errors.Quantile(1), time.Second)
			}
		})
	}
	t.Log("\n" + replay.HopTable(reports))
}
