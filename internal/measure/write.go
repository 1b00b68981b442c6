package measure

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// writer writes metrics of one collection. Metrics without any series are left out.
type writer struct {
	to pmetric.MetricSlice
	// stale are written last, each with one point: the Prometheus exporter reads no further in a metric once it saw that a
	// series of it has left.
	stale pmetric.MetricSlice
	now   pcommon.Timestamp
	// expired is the time before which a series was last touched that leaves; delivered is that of the last collection that
	// arrived, start that from which what goes up and down counts; all in nanoseconds since 1970.
	expired, delivered, start int64
	temporality               Temporality
}

func (w *writer) aggregation() pmetric.AggregationTemporality {
	if w.temporality == TemporalityDelta {
		return pmetric.AggregationTemporalityDelta
	}
	return pmetric.AggregationTemporalityCumulative
}

// startOf is from when on a point counts whose series began at a time.
func (w *writer) startOf(since int64) pcommon.Timestamp {
	if w.temporality == TemporalityDelta {
		since = w.delivered
	}
	return pcommon.Timestamp(since)
}

// attributes writes what a point belongs to.
func (w *writer) attributes(p point, i *instrument, k key) {
	p.SetTimestamp(w.now)
	i.put(p.Attributes(), k)
}

func (w *writer) number(p pmetric.NumberDataPoint, i *instrument, k key) pmetric.NumberDataPoint {
	w.attributes(p, i, k)
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
