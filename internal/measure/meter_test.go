package measure

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

func TestImpossibleSettingsAreRefused(t *testing.T) {
	for _, n := range []int{-1, 0, 1, MaxMaxSeries + 1} {
		_, err := New(Settings{Start: start, MaxSeries: n})
		require.ErrorContains(t, err, fmt.Sprintf("MaxSeries is %d", n))
	}
	_, err := New(Settings{Start: start, MaxSeries: 2, Expiration: -1})
	require.ErrorContains(t, err, "Expiration is -1ns")
}

// total is what all series of one metric sum up to.
type total struct {
	series, count int64
	sum           float64
	buckets       [len(bounds) + 1]uint64
}

func totals(t require.TestingT, metrics pmetric.Metrics) map[string]total {
	all := map[string]total{}
	for _, m := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		sum := all[m.Name()]
		seen := map[string]bool{}
		add := func(attributes pcommon.Map) {
			sum.series++
			id := fmt.Sprint(attributes.AsRaw())
			require.False(t, seen[id], "a series twice")
			seen[id] = true
		}
		switch m.Type() {
		case pmetric.MetricTypeHistogram:
			for _, p := range m.Histogram().DataPoints().All() {
				add(p.Attributes())
				sum.count += int64(p.Count())
				sum.sum += p.Sum()
				for i := range sum.buckets {
					sum.buckets[i] += p.BucketCounts().At(i)
				}
			}
		case pmetric.MetricTypeSum:
			for _, p := range m.Sum().DataPoints().All() {
				// Where counters begin depends on the room there is.
				if p.Flags().NoRecordedValue() || (m.Sum().IsMonotonic() && p.IntValue() == 0) {
					continue
				}
				add(p.Attributes())
				sum.count += p.IntValue()
			}
		case pmetric.MetricTypeGauge:
			for _, p := range m.Gauge().DataPoints().All() {
				if p.Flags().NoRecordedValue() {
					continue
				}
				add(p.Attributes())
				sum.sum = max(sum.sum, p.DoubleValue())
			}
		}
		all[m.Name()] = sum
	}
	return all
}

func drawView(t *rapid.T) *operation.View {
	name := func(label string) string { return rapid.StringMatching(`[a-d]?`).Draw(t, label) }
	v := view(name("id"))
	v.Name = name("name")
	for range rapid.IntRange(0, 3).Draw(t, "hops") {
		h := hop(float64(rapid.IntRange(1, 9).Draw(t, "sent")), operation.HopState(rapid.IntRange(0, 3).Draw(t, "state")))
		h.System, h.Destination = name("system"), name("destination")
		for range rapid.IntRange(0, 2).Draw(t, "consumers") {
			c := consumer(name("group"), operation.HopState(rapid.IntRange(0, 3).Draw(t, "state")), float64(rapid.IntRange(-1, 50).Draw(t, "waited")))
			for range rapid.IntRange(1, 3).Draw(t, "attempts") {
				c.Attempts = append(c.Attempts, attempt(1, float64(rapid.IntRange(0, 9).Draw(t, "ended")), operation.Outcome(rapid.IntRange(0, 2).Draw(t, "outcome"))))
			}
			h.Consumers = append(h.Consumers, c)
		}
		v.Hops = append(v.Hops, h)
	}
	return v
}

func TestOverflowLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(2, 6).Draw(t, "limit")
		bounded, free := newMeter(t, limit), newMeter(t, MaxMaxSeries)
		for round := range rapid.IntRange(1, 3).Draw(t, "rounds") {
			boundedGauges, freeGauges := bounded.NewGauges(), free.NewGauges()
			for range rapid.IntRange(0, 20).Draw(t, "operations") {
				v := drawView(t)
				c := first(v, rapid.SampledFrom([]operation.State{operation.StateCompleted, operation.StateFailed}).Draw(t, "state"),
					operation.Flags(rapid.IntRange(0, 7).Draw(t, "flags")))
				bounded.Observe(c)
				free.Observe(c)
				verdict := rapid.SampledFrom([]operation.Verdict{inProgress, stuck(operation.StuckWaiting), stuck(operation.StuckOverdue)}).Draw(t, "verdict")
				boundedGauges.Add(v.Name, v, verdict)
				freeGauges.Add(v.Name, v, verdict)
			}
			now := at(float64(100 * (round + 1)))
			got, want := totals(t, bounded.Collect(now, boundedGauges)), totals(t, free.Collect(now, freeGauges))
			require.Len(t, got, len(want))
			for name, w := range want {
				g := got[name]
				require.LessOrEqual(t, g.series, int64(limit), name)
				if w.series < int64(limit) {
					require.Equal(t, w.series, g.series, name)
					require.Zero(t, bounded.Overflowed()[name], name)
				}
				g.series, w.series = 0, 0
				require.Equal(t, w, g, name)
			}
		}
	})
}

func TestAttributesAreBoundedAndValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Repeat("x", rapid.IntRange(0, 300).Draw(t, "before")) + string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		got := clip(text)
		require.LessOrEqual(t, len(got), maxValue)
		require.True(t, utf8.ValidString(got))
		if len(text) <= maxValue && utf8.ValidString(text) {
			require.Equal(t, text, got)
		}
	})
}

func TestMeterIsSafeForConcurrentUse(t *testing.T) {
	m, deltas := newMeter(t, DefaultMaxSeries), meterWith(t, withDelta)
	var all sync.WaitGroup
	const workers, each = 4, 50
	for worker := range workers {
		all.Go(func() {
			for i := range each {
				m.Observe(first(retried(), operation.StateCompleted, 0))
				deltas.Observe(first(retried(), operation.StateCompleted, 0))
				if i%10 == worker {
					g := m.NewGauges()
					g.Add("order.fulfil", retried(), inProgress)
					m.Collect(at(30), g)
					m.Overflowed()
				}
			}
		})
	}
	told := map[string]amount{}
	all.Go(func() {
		// One reader, as the receiver is: what was handed out before the next collection is what arrives.
		for i := range each {
			amounts(t, deltas.Collect(at(float64(30+i)), nil), told)
			deltas.Delivered()
		}
	})
	all.Wait()
	amounts(t, deltas.Collect(at(99), nil), told)
	require.EqualValues(t, workers*each, totals(t, m.Collect(at(30), nil))["async.operation.outcomes"].count)
	require.EqualValues(t, workers*each, told["async.operation.outcomes"].count, "each once")
	require.EqualValues(t, workers*each, told["async.operation.duration"].count)
}

func BenchmarkObserve(b *testing.B) {
	m := newMeter(b, DefaultMaxSeries)
	c := first(retried(), operation.StateCompleted, operation.FlagRetried)
	b.ReportAllocs()
	for b.Loop() {
		m.Observe(c)
	}
}

// BenchmarkObserveWithGraph is the same with all that can be asked for.
func BenchmarkObserveWithGraph(b *testing.B) {
	m := meterWith(b, func(s *Settings) { s.ServiceGraph, s.Buckets = true, BucketsExponential })
	v := retried()
	v.Hops[0] = from("api", v.Hops[0])
	c := first(v, operation.StateCompleted, operation.FlagRetried)
	b.ReportAllocs()
	for b.Loop() {
		m.Observe(c)
	}
}

func BenchmarkGaugesAdd(b *testing.B) {
	m := newMeter(b, DefaultMaxSeries)
	g := m.NewGauges()
	v := retried()
	b.ReportAllocs()
	for b.Loop() {
		g.Add("order.fulfil", v, inProgress)
	}
}

// Collecting at the limit of series is the worst a meter can be asked for.
func BenchmarkCollectAtLimit(b *testing.B) {
	m := newMeter(b, DefaultMaxSeries)
	for i := range 2 * DefaultMaxSeries {
		v := retried()
		v.Name, v.Hops[0].Destination = fmt.Sprint("name ", i), fmt.Sprint("queue ", i)
		m.Observe(first(v, operation.StateCompleted, operation.FlagRetried))
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Collect(at(30), nil)
	}
}

// BenchmarkCollect is what one collection of an ordinary system costs: 10 operations, 30 queues with a group each.
func BenchmarkCollect(b *testing.B) {
	for _, buckets := range []Buckets{BucketsExplicit, BucketsExponential} {
		b.Run([]string{"explicit", "exponential"}[buckets], func(b *testing.B) {
			m := meterWith(b, func(s *Settings) { s.Buckets = buckets })
			g := m.NewGauges()
			for i := range 3_000 {
				v := retried()
				v.Name, v.Hops[0].Destination = fmt.Sprint("operation ", i%10), fmt.Sprint("queue ", i%30)
				v.StartedAt += int64(i) * 3_000_000
				m.Observe(first(v, operation.StateCompleted, operation.FlagRetried))
				g.Add(v.Name, v, inProgress)
			}
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				size = (&pmetric.ProtoMarshaler{}).MetricsSize(m.Collect(at(30), g))
			}
			b.ReportMetric(float64(size), "B/collection")
		})
	}
}
