package measure

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/throughline/throughline/internal/operation"
)

// counter is a metric that only goes up.
type counter struct {
	*instrument
	series series[uint64]
	// fromZero says that a series is told before there is anything to count.
	fromZero bool
}

func (m *Meter) counter(i *instrument) counter {
	return counter{
		i, newSeries[uint64](m.settings.MaxSeries, m.settings.Start.UnixNano()), m.settings.Temporality == TemporalityCumulative,
	}
}

// begin tells a series before there is anything to count: Prometheus sees no increase in a series that begins with 1.
func (c *counter) begin(k key, now int64) {
	if c.fromZero {
		c.series.begin(k, now)
	}
}

func (c *counter) add(k key, n uint64, now int64) { *c.series.at(k, now) += n }

func (c *counter) overflow() (string, uint64) { return c.name, c.series.overflowed }

func (c *counter) delivered() { c.series.delivered() }

func (c *counter) write(w *writer) {
	shape := func(m pmetric.Metric) pmetric.NumberDataPointSlice {
		sum := m.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(w.aggregation())
		return sum.DataPoints()
	}
	all, gone := handOut(w, &c.series, func(to, from *uint64) { *to += *from })
	for _, k := range gone {
		w.number(shape(c.metric(w.stale)).AppendEmpty(), c.instrument, k).SetFlags(noValue)
	}
	if len(all) == 0 {
		return
	}
	points := shape(c.metric(w.to))
	points.EnsureCapacity(len(all))
	for _, k := range sorted(all) {
		p := w.number(points.AppendEmpty(), c.instrument, k)
		p.SetStartTimestamp(w.startOf(all[k].since))
		p.SetIntValue(int64(all[k].state))
	}
}

// distribution is a metric of durations.
type distribution struct {
	*instrument
	series series[histogram]
	// exponential says how the histograms are divided.
	exponential bool
}

func (m *Meter) distribution(i *instrument) distribution {
	return distribution{i, newSeries[histogram](m.settings.MaxSeries, m.settings.Start.UnixNano()), m.settings.Buckets == BucketsExponential}
}

// observe counts a duration in nanoseconds; a negative one, which clocks that disagree make, as none.
func (d *distribution) observe(k key, nanos, now int64, trace operation.TraceID) {
	h := d.series.at(k, now)
	if d.exponential && h.exponential == nil {
		h.exponential = newExponential()
	}
	h.observe(max(0, nanos), now, trace)
}

func (d *distribution) overflow() (string, uint64) { return d.name, d.series.overflowed }

func (d *distribution) delivered() { d.series.delivered() }

func (d *distribution) write(w *writer) {
	all, gone := handOut(w, &d.series, (*histogram).merge)
	for _, k := range gone {
		d.writeStale(w, k)
	}
	if len(all) == 0 {
		return
	}
	if w.temporality == TemporalityCumulative {
		for _, e := range all {
			e.state.forgetExemplars(int64(w.now) - int64(exemplarAge))
		}
	}
	m := d.metric(w.to)
	if d.exponential {
		d.writeExponential(w, m, all)
	} else {
		d.writeExplicit(w, m, all)
	}
}

func (d *distribution) writeExplicit(w *writer, m pmetric.Metric, all map[key]*entry[histogram]) {
	h := m.SetEmptyHistogram()
	h.SetAggregationTemporality(w.aggregation())
	h.DataPoints().EnsureCapacity(len(all))
	for _, k := range sorted(all) {
		p := h.DataPoints().AppendEmpty()
		w.attributes(p, d.instrument, k)
		p.SetStartTimestamp(w.startOf(all[k].since))
		all[k].state.write(p)
	}
}

func (d *distribution) writeExponential(w *writer, m pmetric.Metric, all map[key]*entry[histogram]) {
	h := m.SetEmptyExponentialHistogram()
	h.SetAggregationTemporality(w.aggregation())
	h.DataPoints().EnsureCapacity(len(all))
	for _, k := range sorted(all) {
		p := h.DataPoints().AppendEmpty()
		w.attributes(p, d.instrument, k)
		p.SetStartTimestamp(w.startOf(all[k].since))
		all[k].state.writeExponential(p)
	}
}

func (d *distribution) writeStale(w *writer, k key) {
	m := d.metric(w.stale)
	if d.exponential {
		h := m.SetEmptyExponentialHistogram()
		h.SetAggregationTemporality(w.aggregation())
		p := h.DataPoints().AppendEmpty()
		w.attributes(p, d.instrument, k)
		p.SetFlags(noValue)
		return
	}
	h := m.SetEmptyHistogram()
	h.SetAggregationTemporality(w.aggregation())
	p := h.DataPoints().AppendEmpty()
	w.attributes(p, d.instrument, k)
	p.SetFlags(noValue)
}

// handOut returns what is to be written of a metric, and the series that have left.
func handOut[T any](w *writer, s *series[T], merge func(to, from *T)) (all map[key]*entry[T], gone []key) {
	if w.temporality == TemporalityDelta {
		return s.settle(merge), nil
	}
	gone = s.expire(w.expired)
	s.since = int64(w.now)
	return s.byKey, gone
}

// noValue says that a series has left (OpenTelemetry metrics data model, "no recorded value"): Prometheus marks it as stale.
var noValue = pmetric.DefaultDataPointFlags.WithNoRecordedValue(true)

// point is what all data points have in common.
type point interface {
	Attributes() pcommon.Map
	SetTimestamp(pcommon.Timestamp)
}
