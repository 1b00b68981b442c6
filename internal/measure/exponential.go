package measure

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// maxScale is the finest resolution, as the schemas of Prometheus' native histograms have it: each bucket is 0.3 % wide.
const maxScale = 8

// maxBuckets is what the OpenTelemetry SDKs allow, too. From one nanosecond to the longest duration there is, that leaves a scale of
// 1 at least, which Prometheus can hold.
const maxBuckets = 160

// exponential counts values in buckets whose bounds are powers of 2^(2^-scale), the upper one included (OpenTelemetry metrics data
// model, ExponentialHistogram). It begins as fine as can be and gets coarser as values are further apart.
type exponential struct {
	scale  int
	zero   uint64
	first  int // the index of counts[0]
	counts []uint64
}

func newExponential() *exponential { return &exponential{scale: maxScale} }

// add counts a value, which is not negative.
func (e *exponential) add(value float64) {
	if value <= 0 {
		e.zero++
		return
	}
	index := bucketOf(value, e.scale)
	for !e.cover(index, index) {
		e.coarsen()
		index = bucketOf(value, e.scale)
	}
	e.counts[index-e.first]++
}

// bucketOf is the index of the bucket (base^index, base^(index+1)] in which a positive value is.
func bucketOf(value float64, scale int) int {
	fraction, exponent := math.Frexp(value)
	if fraction == 0.5 {
		// A power of two is the bound of a bucket at any scale, where a logarithm need not be exact.
		return (exponent-1)<<scale - 1
	}
	within := int(math.Ceil(math.Log2(fraction)*float64(int(1)<<scale))) - 1
	// The logarithm of what is next to a power of two may be rounded to that.
	within = min(-1, max(-1<<scale, within))
	return exponent<<scale + within
}

// cover makes room for the buckets from one index to another; false if that would be too many.
func (e *exponential) cover(from, to int) bool {
	if len(e.counts) > 0 {
		from, to = min(from, e.first), max(to, e.first+len(e.counts)-1)
	}
	n := to - from + 1
	if n > maxBuckets {
		return false
	}
	if n == len(e.counts) {
		return true
	}
	counts := make([]uint64, n)
	if len(e.counts) > 0 {
		copy(counts[e.first-from:], e.counts)
	}
	e.first, e.counts = from, counts
	return true
}

// coarsen halves the resolution.
func (e *exponential) coarsen() {
	first := e.first >> 1
	for i, n := range e.counts {
		at := (e.first+i)>>1 - first
		if at != i {
			e.counts[i] = 0
			e.counts[at] += n
		}
	}
	if len(e.counts) > 0 {
		e.counts = e.counts[:(e.first+len(e.counts)-1)>>1-first+1]
	}
	e.first = first
	e.scale--
}

// merge adds what another one counted.
func (e *exponential) merge(other *exponential) {
	e.zero += other.zero
	if len(other.counts) == 0 {
		return
	}
	for e.scale > other.scale {
		e.coarsen()
	}
	by := other.scale - e.scale
	for !e.cover(other.first>>by, (other.first+len(other.counts)-1)>>by) {
		e.coarsen()
		by++
	}
	for i, n := range other.counts {
		e.counts[(other.first+i)>>by-e.first] += n
	}
}

func (e *exponential) write(p pmetric.ExponentialHistogramDataPoint) {
	p.SetScale(int32(e.scale))
	p.SetZeroCount(e.zero)
	p.Positive().SetOffset(int32(e.first))
	p.Positive().BucketCounts().FromRaw(e.counts)
}
