package measure

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

// bounds are the upper bounds of the buckets, in seconds: from the handling of one message to a job that takes a day.
var bounds = [...]float64{
	0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 14_400, 86_400,
}

// histogram is one series.
type histogram struct {
	buckets   [len(bounds) + 1]uint64
	count     uint64
	sum       float64
	min, max  float64
	exemplars [len(bounds) + 1]exemplar
}

// exemplar is the latest observation of a bucket since the last collection; none if at is 0.
type exemplar struct {
	at    int64
	value float64
	trace operation.TraceID
}

// observe counts a duration in nanoseconds that belongs to an operation's derived trace.
func (h *histogram) observe(nanos, at int64, trace operation.TraceID) {
	value := time.Duration(nanos).Seconds()
	bucket, _ := slices.BinarySearch(bounds[:], value)
	h.buckets[bucket]++
	if h.count == 0 || value < h.min {
		h.min = value
	}
	h.max = max(h.max, value)
	h.count++
	h.sum += value
	h.exemplars[bucket] = exemplar{at: max(1, at), value: value, trace: trace}
}

// write fills a data point and forgets the exemplars, which belong to one collection.
func (h *histogram) write(p pmetric.HistogramDataPoint) {
	p.SetCount(h.count)
	p.SetSum(h.sum)
	p.SetMin(h.min)
	p.SetMax(h.max)
	p.ExplicitBounds().FromRaw(bounds[:])
	p.BucketCounts().FromRaw(h.buckets[:])
	for i := range h.exemplars {
		e := &h.exemplars[i]
		if e.at == 0 {
			continue
		}
		to := p.Exemplars().AppendEmpty()
		to.SetTimestamp(pcommon.Timestamp(e.at))
		to.SetDoubleValue(e.value)
		to.SetTraceID(pcommon.TraceID(e.trace))
		to.SetSpanID(pcommon.SpanID(stitch.RootSpanID(e.trace)))
		*e = exemplar{}
	}
}
