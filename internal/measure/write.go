package measure

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// writer writes metrics of one collection. Metrics without any series are left out.
type writer struct {
	to         pmetric.MetricSlice
	start, now pcommon.Timestamp
}

func (w *writer) histogram(i *instrument, s *series[histogram]) {
	if len(s.byKey) == 0 {
		return
	}
	h := i.metric(w.to).SetEmptyHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for _, k := range s.keys() {
		p := h.DataPoints().AppendEmpty()
		p.SetStartTimestamp(w.start)
		p.SetTimestamp(w.now)
		i.put(p.Attributes(), k)
		s.byKey[k].write(p)
	}
}

func (w *writer) counter(i *instrument, s *series[uint64]) {
	if len(s.byKey) == 0 {
		return
	}
	sum := i.metric(w.to).SetEmptySum()
	w.cumulative(sum, true)
	for _, k := range s.keys() {
		w.number(sum.DataPoints().AppendEmpty(), i, k).SetIntValue(int64(*s.byKey[k]))
	}
}

func (w *writer) cumulative(sum pmetric.Sum, monotonic bool) {
	sum.SetIsMonotonic(monotonic)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
}

func (w *writer) number(p pmetric.NumberDataPoint, i *instrument, k key) pmetric.NumberDataPoint {
	p.SetStartTimestamp(w.start)
	return w.instant(p, i, k)
}

// instant is number for what has no start: a gauge.
func (w *writer) instant(p pmetric.NumberDataPoint, i *instrument, k key) pmetric.NumberDataPoint {
	p.SetTimestamp(w.now)
	i.put(p.Attributes(), k)
	return p
}

// age is the time in seconds since then, 0 if it is unknown or yet to come.
func (w *writer) age(since int64) float64 {
	now := int64(w.now)
	if since <= 0 || since > now {
		return 0
	}
	return time.Duration(now - since).Seconds()
}
