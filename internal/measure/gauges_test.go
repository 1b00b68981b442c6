package measure

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/throughline/throughline/internal/gap"
	"github.com/throughline/throughline/internal/operation"
)

func stuck(reason operation.StuckReason) operation.Verdict {
	return operation.Verdict{State: operation.StateStuck, Reason: reason, Hop: -1, Consumer: -1}
}

var inProgress = operation.Verdict{Hop: -1, Consumer: -1}

func TestGaugesOfWhatIsOpen(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	g := m.NewGauges()
	waiting := view("order-1", hop(1, operation.HopWaiting), hop(4, operation.HopWaiting))
	g.Add("order.fulfil", waiting, stuck(operation.StuckWaiting))
	// The first delivery died; only the second is at work. Another group is done.
	processing := view("order-2", hop(2, operation.HopProcessing,
		consumer("billing", operation.HopProcessing, 1, attempt(3, 0, 0), attempt(6, 0, 0)), consumer("mail", operation.HopDone, 1, attempt(3, 4, 0))))
	processing.StartedAt = sec(2)
	g.Add("order.fulfil", processing, inProgress)
	g.Add("report", view("report-1", hop(2, operation.HopFailed)), inProgress)
	g.Add("order.fulfil", waiting, operation.Verdict{State: operation.StateCompleted})
	requireLines(t, m.Collect(at(30), g),
		"async.operation.active{operation=order.fulfil} 2",
		"async.operation.active{operation=report} 1",
		"async.operation.stuck{operation=order.fulfil,reason=waiting} 1",
		"async.operation.oldest.age{operation=order.fulfil} 30",
		"async.operation.oldest.age{operation=report} 30",
		"async.queue.depth{destination=orders,system=kafka} 2",
		"async.queue.oldest.age{destination=orders,system=kafka} 29",
		"async.process.active{destination=orders,group=billing,system=kafka} 1",
	)
}

// A message waits for each group that is known to consume there, one that is to be tried again for its group alone, and a
// scheduled one not before it is due.
func TestQueuesByGroup(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	g := m.NewGauges()
	fresh := hop(1, operation.HopWaiting)
	fresh.Usual = []string{"billing", "mail"}
	half := hop(4, operation.HopDone, consumer("billing", operation.HopDone, 1, attempt(5, 6, 0)))
	half.Awaited = []string{"mail"}
	scheduled := hop(2, operation.HopWaiting)
	scheduled.Destination, scheduled.DueAt = "reports", sec(25)
	future := hop(2, operation.HopWaiting)
	future.Destination, future.DueAt = "later", sec(99)
	g.Add("order.fulfil", view("order-1", fresh, half, scheduled, future), inProgress)
	text := render(m.Collect(at(30), g))
	for _, want := range []string{
		"async.queue.depth{destination=orders,group=billing,system=kafka} 1\n", "async.queue.depth{destination=orders,group=mail,system=kafka} 2\n",
		"async.queue.depth{destination=reports,system=kafka} 1\n", "async.queue.depth{destination=later,system=kafka} 1\n",
		"async.queue.oldest.age{destination=orders,group=billing,system=kafka} 29\n", "async.queue.oldest.age{destination=orders,group=mail,system=kafka} 29\n",
		"async.queue.oldest.age{destination=reports,system=kafka} 5\n", "async.queue.oldest.age{destination=later,system=kafka} 0\n",
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "async.queue.depth{destination=orders,system=kafka}", "nobody else is known to consume there")
}

func TestWhatWasOpenFallsToZero(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	g := m.NewGauges()
	g.Add("order.fulfil", view("order-1", hop(1, operation.HopWaiting)), stuck(operation.StuckWaiting))
	m.Collect(at(30), g)
	requireLines(t, m.Collect(at(60), m.NewGauges()),
		"async.operation.active{operation=order.fulfil} 0",
		"async.operation.stuck{operation=order.fulfil,reason=waiting} 0",
		"async.operation.oldest.age{operation=order.fulfil} 0",
		"async.queue.depth{destination=orders,system=kafka} 0",
		"async.queue.oldest.age{destination=orders,system=kafka} 0",
	)
}

func TestAgeIsNeverNegative(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	g := m.NewGauges()
	ahead := view("order-1")
	ahead.StartedAt = sec(99)
	g.Add("ahead", ahead, inProgress)
	unknown := view("order-2")
	unknown.StartedAt = 0
	g.Add("unknown", unknown, inProgress)
	requireLines(t, m.Collect(at(30), g),
		"async.operation.active{operation=ahead} 1", "async.operation.active{operation=unknown} 1",
		"async.operation.oldest.age{operation=ahead} 0", "async.operation.oldest.age{operation=unknown} 0")
}

func TestTypesOfGauges(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	g := m.NewGauges()
	g.Add("order.fulfil", view("order-1"), inProgress)
	metrics := m.Collect(at(30), g)
	count := metricOf(metrics, "async.operation.active")
	require.Equal(t, pmetric.MetricTypeSum, count.Type())
	require.False(t, count.Sum().IsMonotonic())
	require.Equal(t, pmetric.AggregationTemporalityCumulative, count.Sum().AggregationTemporality())
	age := metricOf(metrics, "async.operation.oldest.age")
	require.Equal(t, pmetric.MetricTypeGauge, age.Type())
	require.Equal(t, "s", age.Unit())
}

// names fills gauges with one operation for each name, in the given order.
func names(m *Meter, all ...string) *Gauges {
	g := m.NewGauges()
	for _, name := range all {
		g.Add(name, view(name), inProgress)
	}
	return g
}

func active(metrics pmetric.Metrics) map[string]int64 {
	values := map[string]int64{}
	for _, p := range metricOf(metrics, "async.operation.active").Sum().DataPoints().All() {
		values[labels(p.Attributes())] = p.IntValue()
	}
	return values
}

func TestGaugeSeriesDoNotChangePlaces(t *testing.T) {
	m := newMeter(t, 3)
	want := map[string]int64{"{operation=b}": 1, "{operation=c}": 1, "{overflow=true}": 2}
	require.Equal(t, map[string]int64{"{operation=b}": 1, "{operation=c}": 1}, active(m.Collect(at(101), names(m, "c", "b"))))
	require.Equal(t, want, active(m.Collect(at(102), names(m, "a", "b", "c", "d"))))
	require.Equal(t, want, active(m.Collect(at(103), names(m, "d", "c", "b", "a"))))
	require.Equal(t, uint64(4), m.Overflowed()["async.operation.active"])
	require.Equal(t, map[string]int64{"{operation=b}": 1, "{operation=a}": 1, "{overflow=true}": 0}, active(m.Collect(at(104), names(m, "b", "a"))),
		"a series that is zero gives way to one that is not")
	require.Equal(t, map[string]int64{"{operation=b}": 0, "{operation=a}": 0, "{overflow=true}": 0}, active(m.Collect(at(105), names(m))))
}

func TestGaugesAreBoundedWhileTheyAreFilled(t *testing.T) {
	m := newMeter(t, 3)
	g := m.NewGauges()
	for i := range 1000 {
		g.Add(fmt.Sprint("name ", i), view("order"), inProgress)
	}
	require.Len(t, g.active.byKey, gaugeRoom*3)
	values := active(m.Collect(at(101), g))
	require.Len(t, values, 3)
	require.Equal(t, int64(998), values["{overflow=true}"])
}

func TestGaugesOfGaps(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	g := m.NewGauges()
	g.AddGap("worker", gap.KindSilent)
	g.AddGap("", gap.KindSilent)
	g.AddGap("mailer", gap.KindLate)
	requireLines(t, m.Collect(at(30), g),
		"async.telemetry.gaps{kind=silent} 1",
		"async.telemetry.gaps{kind=late,service=mailer} 1",
		"async.telemetry.gaps{kind=silent,service=worker} 1",
	)
	requireLines(t, m.Collect(at(40), m.NewGauges()),
		"async.telemetry.gaps{kind=silent} 0",
		"async.telemetry.gaps{kind=late,service=mailer} 0",
		"async.telemetry.gaps{kind=silent,service=worker} 0",
	)
}

func TestGaugesOfClocks(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	g := m.NewGauges()
	g.AddClocks("api", "worker", 1_500_000_000)
	g.AddClocks("worker", "mailer", 250_000_000)
	requireLines(t, m.Collect(at(30), g), "async.clock.offset{from=api,to=worker} 1.5", "async.clock.offset{from=mailer,to=worker} -0.25")
	g = m.NewGauges()
	g.AddClocks("worker", "api", 1_000_000_000)
	requireLines(t, m.Collect(at(40), g), "async.clock.offset{from=api,to=worker} -1", "async.clock.offset{from=mailer,to=worker} 0")
}
