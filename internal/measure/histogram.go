package measure

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

// bounds are the upper bounds of the buckets, in seconds: from the handling of one message in a millisecond to a message that
// waited for a week.
var bounds = [...]float64{
	0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 14_400, 43_200, 86_400, 259_200, 604_800,
}

// histogram is one series. Its buckets are either explicit ones or, if there are any, exponential ones.
type histogram struct {
	buckets     [len(bounds) + 1]uint64
	exponential *exponential
	count       uint64
	sum         float64
	min, max    float64
	// exemplars are one for each explicit bucket in both cases, so that they are of all magnitudes.
	exemplars [len(bounds) + 1]exemplar
}

// exemplar is the latest observation of a bucket; none if at is 0.
type exemplar struct {
	at    int64
	value float64
	trace operation.TraceID
}

// observe counts a duration in nanoseconds; trace is the derived trace that shows it, zero if there is none.
func (h *histogram) observe(nanos, at int64, trace operation.TraceID) {
	value := time.Duration(nanos).Seconds()
	bucket, _ := slices.BinarySearch(bounds[:], value)
	if h.exponential != nil {
		h.exponential.add(value)
	} else {
		h.buckets[bucket]++
	}
	if h.count == 0 || value < h.min {
		h.min = value
	}
	h.max = max(h.max, value)
	h.count++
	h.sum += value
	if trace != (operation.TraceID{}) {
		h.exemplars[bucket] = exemplar{at: max(1, at), value: value, trace: trace}
	}
}

// merge adds what another one counted later.
func (h *histogram) merge(later *histogram) {
	if later.count == 0 {
		return
	}
	for i := range h.buckets {
		h.buckets[i] += later.buckets[i]
		if later.exemplars[i].at != 0 {
			h.exemplars[i] = later.exemplars[i]
		}
	}
	if later.exponential != nil {
		if h.exponential == nil {
			h.exponential = newExponential()
		}
		h.exponential.merge(later.exponential)
	}
	if h.count == 0 || later.min < h.min {
		h.min = later.min
	}
	h.max = max(h.max, later.max)
	h.count += later.count
	h.sum += later.sum
}

// write fills a data point with explicit buckets.
func (h *histogram) write(p pmetric.HistogramDataPoint) {
	p.SetCount(h.count)
	p.SetSum(h.sum)
	p.SetMin(h.min)
	p.SetMax(h.max)
	p.ExplicitBounds().FromRaw(bounds[:])
	p.BucketCounts().FromRaw(h.buckets[:])
	h.writeExemplars(p.Exemplars())
}

// writeExponential fills a data point with exponential buckets.
func (h *histogram) writeExponential(p pmetric.ExponentialHistogramDataPoint) {
	p.SetCount(h.count)
	p.SetSum(h.sum)
	p.SetMin(h.min)
	p.SetMax(h.max)
	h.exponential.write(p)
	h.writeExemplars(p.Exemplars())
}

func (h *histogram) writeExemplars(to pmetric.ExemplarSlice) {
	for i := range h.exemplars {
		e := &h.exemplars[i]
		if e.at == 0 {
			continue
		}
		one := to.AppendEmpty()
		one.SetTimestamp(pcommon.Timestamp(e.at))
		one.SetDoubleValue(e.value)
		one.SetTraceID(pcommon.TraceID(e.trace))
		one.SetSpanID(pcommon.SpanID(stitch.RootSpanID(e.trace)))
	}
}

// forgetExemplars lets go of those from before a time, in nanoseconds since 1970.
func (h *histogram) forgetExemplars(then int64) {
	for i := range h.exemplars {
		if h.exemplars[i].at < then {
			h.exemplars[i] = exemplar{}
		}
	}
}

// exemplarAge is for how long an exemplar is told: whoever scrapes less often than metrics are emitted is to see it, too.
const exemplarAge = 5 * time.Minute
