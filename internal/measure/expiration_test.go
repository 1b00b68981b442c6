package measure

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/throughline/throughline/internal/operation"
)

func withExpiration(s *Settings) { s.Expiration = time.Minute }

// observed is a change of an operation of that name at so many seconds.
func observed(name string, seconds float64) *operation.Change {
	c := first(view(name), operation.StateCompleted, 0)
	c.View.Name, c.At = name, sec(seconds)
	return c
}

func TestIdleSeriesLeave(t *testing.T) {
	m := meterWith(t, withExpiration)
	m.Observe(observed("order", 20))
	m.Observe(observed("report", 50))
	requireLines(t, m.Collect(at(60), nil),
		"async.operation.duration{operation=order,outcome=completed} count=1 sum=10",
		"async.operation.duration{operation=report,outcome=completed} count=1 sum=10",
		"async.operation.outcomes{operation=order,outcome=completed} 1",
		"async.operation.outcomes{operation=report,outcome=completed} 1")
	requireLines(t, m.Collect(at(90), nil),
		"async.operation.duration{operation=report,outcome=completed} count=1 sum=10",
		"async.operation.outcomes{operation=report,outcome=completed} 1",
		"async.operation.duration{operation=order,outcome=completed} gone",
		"async.operation.outcomes{operation=order,outcome=completed} gone",
		"async.operation.outcomes{operation=order,outcome=dead_lettered} gone",
		"async.operation.outcomes{operation=order,outcome=failed} gone")
	requireLines(t, m.Collect(at(100), nil),
		"async.operation.duration{operation=report,outcome=completed} count=1 sum=10",
		"async.operation.outcomes{operation=report,outcome=completed} 1")
}

// A series that is back counts from nothing, and says so: from when it was known to be absent on.
func TestASeriesThatIsBackBeginsAnew(t *testing.T) {
	m := meterWith(t, withExpiration)
	m.Observe(observed("order", 20))
	require.Equal(t, start, durationsOf(m.Collect(at(60), nil)).At(0).StartTimestamp().AsTime())
	gone := durationsOf(m.Collect(at(120), nil)).At(0)
	require.True(t, gone.Flags().NoRecordedValue())
	require.Equal(t, at(120).UTC(), gone.Timestamp().AsTime())
	m.Observe(observed("order", 125))
	m.Observe(observed("order", 126))
	back := durationsOf(m.Collect(at(130), nil)).At(0)
	require.Equal(t, at(120).UTC(), back.StartTimestamp().AsTime())
	require.EqualValues(t, 2, back.Count())
	again := durationsOf(m.Collect(at(140), nil)).At(0)
	require.Equal(t, at(120).UTC(), again.StartTimestamp().AsTime())
}

func durationsOf(metrics pmetric.Metrics) pmetric.HistogramDataPointSlice {
	return metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Histogram().DataPoints()
}

// Each is in a metric of its own, behind all others: an exporter may read no further in a metric after the first.
func TestSeriesThatLeaveAreToldLast(t *testing.T) {
	for _, buckets := range []Buckets{BucketsExplicit, BucketsExponential} {
		m := meterWith(t, func(s *Settings) { s.Expiration, s.Buckets, s.ServiceGraph = time.Minute, buckets, true })
		old := first(retried(), operation.StateCompleted, operation.FlagRetried)
		m.Observe(old)
		g := m.NewGauges()
		g.Add("order.fulfil", retried(), stuck(operation.StuckWaiting))
		before := lines(m.Collect(at(30), g))
		m.Observe(observed("report", 100))
		all := m.Collect(at(110), m.NewGauges()).ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
		var gone []string
		for i, line := range lines(m.Collect(at(300), m.NewGauges())) {
			require.True(t, strings.HasSuffix(line, "gone"), "%d %s", i, line)
		}
		for _, one := range all.All() {
			if line := alone(one); strings.HasSuffix(line, " gone") {
				gone = append(gone, line)
			} else {
				require.Empty(t, gone, "behind those that leave: %s", line)
			}
		}
		require.Len(t, gone, len(before), "each that was there")
	}
}

// alone is the line of a metric that has one data point, else nothing.
func alone(one pmetric.Metric) string {
	metrics := pmetric.NewMetrics()
	one.CopyTo(metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty())
	if all := lines(metrics); len(all) == 1 {
		return all[0]
	}
	return ""
}

func TestGaugesSayZeroForAWhileAndLeave(t *testing.T) {
	m := meterWith(t, withExpiration)
	require.Equal(t, map[string]int64{"{operation=order}": 1}, active(m.Collect(at(30), names(m, "order"))))
	require.Equal(t, map[string]int64{"{operation=order}": 0}, active(m.Collect(at(90), names(m))))
	requireLines(t, m.Collect(at(91), m.NewGauges()),
		"async.operation.outcomes{operation=order,outcome=completed} gone", "async.operation.outcomes{operation=order,outcome=dead_lettered} gone",
		"async.operation.outcomes{operation=order,outcome=failed} gone",
		"async.operation.active{operation=order} gone", "async.operation.oldest.age{operation=order} gone")
	require.Empty(t, lines(m.Collect(at(92), m.NewGauges())))
	require.Equal(t, map[string]int64{"{operation=order}": 1}, active(m.Collect(at(100), names(m, "order"))), "and are back")
}

func TestTheOverflowLeavesToo(t *testing.T) {
	m := meterWith(t, func(s *Settings) { s.MaxSeries, s.Expiration = 2, time.Minute })
	for i := range 3 {
		m.Observe(observed(fmt.Sprint("name ", i), 20))
	}
	require.Contains(t, lines(m.Collect(at(30), names(m, "a", "b", "c"))), "async.operation.outcomes{overflow=true} total=2")
	text := lines(m.Collect(at(200), m.NewGauges()))
	for _, name := range []string{"async.operation.duration", "async.operation.outcomes", "async.operation.active", "async.operation.oldest.age"} {
		require.Contains(t, text, name+"{overflow=true} gone")
	}
	m.Observe(observed("name 2", 210))
	require.Contains(t, lines(m.Collect(at(220), nil)), "async.operation.outcomes{operation=name 2,outcome=completed} total=1", "there is room again")
}

// Prometheus sees no increase in a series that begins with 1.
func TestCountersBeginAtZero(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	m.Observe(first(retried(), operation.StateCompleted, 0))
	var zero []string
	for _, line := range lines(m.Collect(at(30), nil)) {
		if name, ok := strings.CutSuffix(line, " total=0"); ok {
			zero = append(zero, name)
		}
	}
	require.Equal(t, []string{
		"async.operation.outcomes{operation=order.fulfil,outcome=dead_lettered}", "async.operation.outcomes{operation=order.fulfil,outcome=failed}",
		"async.message.duplicated{destination=orders,group=billing,system=kafka}",
		"async.message.dead_lettered{destination=orders,group=billing,system=kafka}",
	}, zero)
}

// The first dead letter of an operation that is new is an increase, too.
func TestCountersBeginWhileOperationsAreOpen(t *testing.T) {
	m := meterWith(t, withExpiration)
	for _, seconds := range []float64{30, 80, 130} {
		g := m.NewGauges()
		known := hop(1, operation.HopWaiting)
		known.Destination, known.Usual = "mails", []string{"mail"}
		g.Add("order.fulfil", view("a", hop(1, operation.HopWaiting), known,
			hop(1, operation.HopProcessing, consumer("billing", operation.HopProcessing, 0, attempt(1, 0, 0)))), inProgress)
		all := lines(m.Collect(at(seconds), g))
		for _, want := range []string{
			"async.operation.outcomes{operation=order.fulfil,outcome=dead_lettered}", "async.operation.outcomes{operation=order.fulfil,outcome=failed}",
			"async.operation.outcomes{operation=order.fulfil,outcome=completed}",
			"async.message.dead_lettered{destination=orders,group=billing,system=kafka}", "async.message.dead_lettered{destination=mails,group=mail,system=kafka}",
			"async.process.attempts{destination=orders,group=billing,outcome=error,system=kafka}",
		} {
			require.Contains(t, all, want+" total=0", "as long as it is open")
		}
		require.NotContains(t, all, "async.message.dead_lettered{destination=orders,system=kafka} total=0", "by nobody")
	}
}

// An operation that has just been seen may turn out to have another name.
func TestNamesThatMayNotLastAreHeldBack(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	open := func(name string, seconds float64) []string { return lines(m.Collect(at(seconds), names(m, name))) }
	require.Empty(t, open("orders", 9))
	require.Contains(t, open("order", 10), "async.operation.active{operation=order} 1")
	m.Observe(observed("report", 5))
	require.Contains(t, open("report", 5), "async.operation.active{operation=report} 1", "its name is known")
	require.Contains(t, open("order", 5), "async.operation.active{operation=order} 1", "it was told before")
	require.NotContains(t, strings.Join(open("order", 11), "\n"), "operation=orders", "nothing of it is left")
}

// What only might happen must not take the room of what did.
func TestZerosGiveWay(t *testing.T) {
	m := newMeter(t, 10)
	m.Observe(observed("name 0", 20))
	require.Contains(t, lines(m.Collect(at(30), nil)), "async.operation.outcomes{operation=name 0,outcome=failed} total=0")
	for i := range 9 {
		m.Observe(observed(fmt.Sprint("name ", i), 40))
	}
	all := lines(m.Collect(at(50), nil))
	require.Empty(t, slices.DeleteFunc(slices.Clone(all), func(line string) bool { return !strings.HasSuffix(line, " total=0") }))
	require.Contains(t, all, "async.operation.outcomes{operation=name 0,outcome=failed} gone")
	require.Empty(t, m.Overflowed())
}
