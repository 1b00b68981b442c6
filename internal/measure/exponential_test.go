package measure

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

func TestBucketsOfPowersOfTwo(t *testing.T) {
	for scale := range maxScale + 1 {
		for _, exponent := range []int{-30, -1, 0, 1, 33} {
			index := bucketOf(math.Ldexp(1, exponent), scale)
			require.Equal(t, exponent<<scale-1, index, "a bound belongs to the bucket below")
			require.Equal(t, index+1, bucketOf(math.Nextafter(math.Ldexp(1, exponent), math.Inf(1)), scale))
			require.Equal(t, index, bucketOf(math.Nextafter(math.Ldexp(1, exponent), 0), scale))
		}
	}
}

var drawNanos = rapid.OneOf(rapid.Int64Range(0, math.MaxInt64), rapid.Int64Range(0, 5), rapid.Int64Range(1e9, 2e9), rapid.Just(int64(time.Hour)))

// Every value is in the bucket whose bounds enclose it, however far apart they are and whichever histograms were merged.
func TestPropertyEveryValueIsInItsBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := []*exponential{newExponential(), newExponential()}
		values := rapid.SliceOfN(drawNanos, 1, 40).Draw(t, "nanoseconds")
		for _, n := range values {
			parts[rapid.IntRange(0, 1).Draw(t, "part")].add(time.Duration(n).Seconds())
		}
		e := parts[0]
		e.merge(parts[1])
		require.LessOrEqual(t, len(e.counts), maxBuckets)
		require.GreaterOrEqual(t, e.scale, 1, "coarser than Prometheus can hold")
		want, zero := map[int]uint64{}, uint64(0)
		for _, n := range values {
			if n == 0 {
				zero++
				continue
			}
			v, index := time.Duration(n).Seconds(), 0
			index = bucketOf(v, e.scale)
			want[index]++
			base := math.Exp2(math.Exp2(float64(-e.scale)))
			require.LessOrEqual(t, v, math.Pow(base, float64(index+1))*(1+1e-9))
			require.Greater(t, v, math.Pow(base, float64(index))*(1-1e-9))
		}
		got := map[int]uint64{}
		for i, n := range e.counts {
			if n > 0 {
				got[e.first+i] = n
			}
		}
		require.Equal(t, want, got)
		require.Equal(t, zero, e.zero)
	})
}

// As long as the values are close to each other, the buckets are as narrow as can be.
func TestResolutionFollowsTheSpread(t *testing.T) {
	e := newExponential()
	for _, v := range []float64{1, 1.2, 1.5} {
		e.add(v)
	}
	require.Equal(t, maxScale, e.scale)
	e.add(60)
	require.Equal(t, 4, e.scale, "6 doublings in 160 buckets")
	e.add(86_400)
	require.Equal(t, 3, e.scale)
}

func TestExponentialHistogramAsWritten(t *testing.T) {
	m := meterWith(t, func(s *Settings) { s.Buckets = BucketsExponential })
	c := first(retried(), operation.StateCompleted, 0)
	m.Observe(c)
	c.View.StartedAt = sec(10)
	m.Observe(c)
	metric := m.Collect(at(30), nil).ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	require.Equal(t, "async.operation.duration", metric.Name())
	require.Equal(t, pmetric.AggregationTemporalityCumulative, metric.ExponentialHistogram().AggregationTemporality())
	p := metric.ExponentialHistogram().DataPoints().At(0)
	require.Equal(t, start, p.StartTimestamp().AsTime())
	require.Equal(t, at(30).UTC(), p.Timestamp().AsTime())
	require.EqualValues(t, 2, p.Count())
	require.EqualValues(t, 1, p.ZeroCount())
	require.InDelta(t, 10, p.Sum(), 0)
	require.InDelta(t, 0, p.Min(), 0)
	require.InDelta(t, 10, p.Max(), 0)
	require.EqualValues(t, maxScale, p.Scale())
	require.Equal(t, []uint64{1}, p.Positive().BucketCounts().AsRaw())
	require.EqualValues(t, int(math.Ceil(math.Log2(10)*256))-1, p.Positive().Offset())
	require.Equal(t, 2, p.Exemplars().Len())
	trace := stitch.TraceID("order-1", "", 1)
	require.Equal(t, pcommon.TraceID(trace), p.Exemplars().At(1).TraceID())
	require.InDelta(t, 10, p.Exemplars().At(1).DoubleValue(), 0)
}

// There is no exemplar of a trace that nobody draws.
func TestExemplarsOfTracesThatExist(t *testing.T) {
	for name, drawn := range map[string]func(*operation.Change) operation.TraceID{
		"none at all": nil, "not this one": func(*operation.Change) operation.TraceID { return operation.TraceID{} },
	} {
		m := meterWith(t, func(s *Settings) { s.Drawn = drawn })
		m.Observe(first(retried(), operation.StateCompleted, 0))
		p := durationsOf(m.Collect(at(30), nil)).At(0)
		require.EqualValues(t, 1, p.Count(), name)
		require.Zero(t, p.Exemplars().Len(), name)
	}
}
