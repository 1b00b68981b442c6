package measure

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

func withDelta(s *Settings) { s.Temporality = TemporalityDelta }

func TestDeltaTellsWhatIsNew(t *testing.T) {
	m := meterWith(t, withDelta)
	m.Observe(first(retried(), operation.StateCompleted, operation.FlagRetried))
	md := m.Collect(at(30), nil)
	requireLines(t, md, retriedLines...)
	require.NotContains(t, lines(md), "total=0")
	p := durationsOf(md).At(0)
	require.Equal(t, start, p.StartTimestamp().AsTime())
	require.Equal(t, 1, p.Exemplars().Len())
	for _, one := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		if one.Type() == pmetric.MetricTypeSum {
			require.Equal(t, pmetric.AggregationTemporalityDelta, one.Sum().AggregationTemporality())
		} else {
			require.Equal(t, pmetric.AggregationTemporalityDelta, one.Histogram().AggregationTemporality())
		}
	}
	m.Delivered()
	require.Empty(t, lines(m.Collect(at(40), nil)))
	m.Delivered()
	m.Observe(first(retried(), operation.StateCompleted, operation.FlagRetried))
	md = m.Collect(at(50), nil)
	requireLines(t, md, retriedLines...)
	require.Equal(t, at(40).UTC(), durationsOf(md).At(0).StartTimestamp().AsTime())
}

func TestDeltaTellsAgainWhatDidNotArrive(t *testing.T) {
	m := meterWith(t, withDelta)
	m.Observe(first(retried(), operation.StateCompleted, 0))
	m.Collect(at(30), nil)
	m.Observe(observed("report", 35))
	m.Observe(first(retried(), operation.StateCompleted, 0))
	md := m.Collect(at(40), nil)
	text := render(md)
	require.Contains(t, text, "async.operation.duration{operation=order.fulfil,outcome=completed} count=2 sum=20\n")
	require.Contains(t, text, "async.operation.duration{operation=report,outcome=completed} count=1 sum=10\n")
	require.Contains(t, text, "async.process.attempts{destination=orders,group=billing,outcome=error,system=kafka} 2\n")
	require.Equal(t, start, durationsOf(md).At(0).StartTimestamp().AsTime())
	require.Equal(t, 1, durationsOf(md).At(0).Exemplars().Len())
	m.Delivered()
	require.Empty(t, lines(m.Collect(at(50), nil)))
}

func TestGaugesAreNoDeltas(t *testing.T) {
	m := meterWith(t, withDelta)
	m.Collect(at(20), names(m, "order"))
	m.Delivered()
	md := m.Collect(at(30), names(m, "order"))
	sum := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum()
	require.Equal(t, "async.operation.active", md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Name())
	require.Equal(t, pmetric.AggregationTemporalityCumulative, sum.AggregationTemporality())
	require.Equal(t, start, sum.DataPoints().At(0).StartTimestamp().AsTime())
	require.EqualValues(t, 1, sum.DataPoints().At(0).IntValue())
}

// Whatever is observed when, and whichever collections do not arrive: the deltas that did arrive add up to what a cumulative
// meter counted.
func TestPropertyDeltasAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(2, 30).Draw(t, "limit")
		buckets := rapid.SampledFrom([]Buckets{BucketsExplicit, BucketsExponential}).Draw(t, "buckets")
		delta := meterWith(t, func(s *Settings) {
			s.MaxSeries, s.Temporality, s.Buckets, s.ServiceGraph = limit, TemporalityDelta, buckets, true
		})
		whole := meterWith(t, func(s *Settings) { s.MaxSeries, s.Buckets, s.ServiceGraph = limit, buckets, true })
		arrived := map[string]amount{}
		for round := range rapid.IntRange(1, 6).Draw(t, "rounds") {
			for range rapid.IntRange(0, 4).Draw(t, "operations") {
				c := first(drawView(t), rapid.SampledFrom([]operation.State{operation.StateCompleted, operation.StateFailed}).Draw(t, "state"), 0)
				delta.Observe(c)
				whole.Observe(c)
			}
			md := delta.Collect(at(float64(30+round)), nil)
			if rapid.Bool().Draw(t, "arrives") {
				delta.Delivered()
				amounts(t, md, arrived)
			}
		}
		amounts(t, delta.Collect(at(99), nil), arrived)
		want := map[string]amount{}
		amounts(t, whole.Collect(at(99), nil), want)
		for name, w := range want {
			require.Equal(t, w.count, arrived[name].count, name)
			require.InDelta(t, w.sum, arrived[name].sum, 1e-6, name)
		}
	})
}

type amount struct {
	count uint64
	sum   float64
}

// amounts adds up all series of each metric.
func amounts(t require.TestingT, md pmetric.Metrics, all map[string]amount) {
	for _, m := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		a := all[m.Name()]
		switch m.Type() {
		case pmetric.MetricTypeSum:
			for _, p := range m.Sum().DataPoints().All() {
				a.count += uint64(p.IntValue())
			}
		case pmetric.MetricTypeHistogram:
			for _, p := range m.Histogram().DataPoints().All() {
				a.count, a.sum = a.count+p.Count(), a.sum+p.Sum()
			}
		case pmetric.MetricTypeExponentialHistogram:
			for _, p := range m.ExponentialHistogram().DataPoints().All() {
				a.count, a.sum = a.count+p.Count(), a.sum+p.Sum()
				n := p.ZeroCount()
				for _, c := range p.Positive().BucketCounts().AsRaw() {
					n += c
				}
				require.Equal(t, p.Count(), n, "each in one bucket")
			}
		default:
			require.Fail(t, fmt.Sprint("unexpected ", m.Type()))
		}
		all[m.Name()] = a
	}
}
