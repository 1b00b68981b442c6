package operationsextension

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/throughline/throughline/internal/measure"
	"github.com/throughline/throughline/internal/operation"
)

// valueOf is the value of a gauge with one series, and whether it is there.
func valueOf(md pmetric.Metrics, name string) (float64, bool) {
	for _, m := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		if m.Name() != name {
			continue
		}
		if m.Type() == pmetric.MetricTypeGauge {
			return m.Gauge().DataPoints().At(0).DoubleValue(), true
		}
		return float64(m.Sum().DataPoints().At(0).IntValue()), true
	}
	return 0, false
}

// The consumer is dead and nothing arrives any more: what waits grows older by the clock all the same.
func TestAgesMoveWhileNothingHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, nil)
		m := measureAll(t, o)
		o.Apply(time.Now(), []operation.Fact{sent("o-1", 1)}, nil)
		began := time.Now()
		time.Sleep(30 * time.Second) // synctest: fake time
		o.Apply(time.Now(), []operation.Fact{sent("o-2", 2)}, nil)
		for range 20 {
			time.Sleep(17 * time.Second) // synctest: fake time
			synctest.Wait()
			md := m.Collect(time.Now())
			for _, name := range []string{"async.operation.oldest.age", "async.queue.oldest.age"} {
				age, ok := valueOf(md, name)
				require.True(t, ok, name)
				require.InDelta(t, time.Since(began).Seconds(), age, 1e-3, name)
			}
			depth, ok := valueOf(md, "async.queue.depth")
			require.True(t, ok)
			require.InDelta(t, 2, depth, 0)
		}
		stuck, ok := valueOf(m.Collect(time.Now()), "async.operation.stuck")
		require.True(t, ok)
		require.InDelta(t, 2, stuck, 0)
	})
}

// Each reader counts for itself, from when it began to read.
func TestReadersDoNotDisturbEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, nil)
		delta, err := o.Measure(measure.Settings{Start: time.Now(), MaxSeries: 10, Temporality: measure.TemporalityDelta})
		require.NoError(t, err)
		whole := measureAll(t, o)
		ends := func(id string, span byte) {
			end := processed(span)
			o.Apply(time.Now(), []operation.Fact{sent(id, span), end}, nil)
			time.Sleep(2 * time.Minute) // synctest: fake time
			synctest.Wait()
		}
		outcomes := func(m Measurement) float64 {
			n, _ := valueOf(m.Collect(time.Now()), "async.operation.outcomes")
			return n
		}
		ends("o-1", 1)
		require.InDelta(t, 1, outcomes(delta), 0)
		delta.Delivered()
		ends("o-2", 2)
		late := measureAll(t, o)
		require.InDelta(t, 1, outcomes(delta), 0)
		require.InDelta(t, 2, outcomes(whole), 0)
		require.Zero(t, outcomes(late))
		late.Close()
		late.Close()
		require.Len(t, o.measuring.current(), 2)
	})
}

func TestImpossibleMeasurementsAreRefused(t *testing.T) {
	o, _ := start(t, nil)
	_, err := o.Measure(measure.Settings{})
	require.ErrorContains(t, err, "MaxSeries is 0")
	require.Empty(t, o.measuring.current())
}

// What overflowed is told though its reader is gone.
func TestOverflowsAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, nil)
		m, err := o.Measure(measure.Settings{Start: time.Now(), MaxSeries: 2})
		require.NoError(t, err)
		for i, destination := range []string{"a", "b", "c"} {
			f := sent(strings.Repeat("o", i+3), byte(i+1))
			f.Destination = destination
			o.Apply(time.Now(), []operation.Fact{f}, nil)
		}
		m.Collect(time.Now())
		before := o.measuring.overflows()
		require.EqualValues(t, 2, before["async.queue.depth"])
		m.Close()
		require.Equal(t, before, o.measuring.overflows())
	})
}
