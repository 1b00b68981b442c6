package operationsextension

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/throughline/throughline/extension/operationsextension/internal/metadatatest"
	"github.com/throughline/throughline/internal/operation"
)

func value(n int64) []metricdata.DataPoint[int64] { return []metricdata.DataPoint[int64]{{Value: n}} }

// by are the points of a metric with one attribute, in which only some values are not zero.
func by(key string, all []string, counts map[string]int64) []metricdata.DataPoint[int64] {
	points := make([]metricdata.DataPoint[int64], len(all))
	for i, name := range all {
		points[i] = metricdata.DataPoint[int64]{Value: counts[name], Attributes: attribute.NewSet(attribute.String(key, name))}
	}
	return points
}

func TestItTellsWhatItHoldsAndWhatItLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, telemetry := start(t, func(c *Config) { c.MaxOperations, c.Incidents.Max = 3, 1 })
		slow := o.Subscribe()
		weak := operation.Fact{Kind: operation.KindLog, Trace: operation.TraceID{99}, At: time.Now().UnixNano()}
		other := sent("o-4", 4)
		other.Destination = "payments"
		o.Apply(time.Now(), []operation.Fact{sent("o-1", 1), other, sent("o-2", 2), processed(2), sent("o-3", 3), weak}, nil)
		time.Sleep(20 * time.Second) // synctest: fake time
		synctest.Wait()

		exact := []metricdatatest.Option{metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars()}
		metadatatest.AssertEqualOperationsActive(t, telemetry, value(2), exact...)
		metadatatest.AssertEqualOperationsFinished(t, telemetry, value(1), exact...)
		metadatatest.AssertEqualOperationsFactsWaiting(t, telemetry, value(1), exact...)
		metadatatest.AssertEqualOperationsDropped(t, telemetry, by("reason",
			[]string{"no_operation", "waiting_full", "runaway", "evicted_finished", "evicted_open", "defect", "untold"}, map[string]int64{"evicted_open": 1}), exact...)
		metadatatest.AssertEqualOperationsFactsAttached(t, telemetry, by("reason",
			[]string{"correlation_id", "trace", "link", "message_id", "parent"}, map[string]int64{"correlation_id": 4, "trace": 1}), exact...)
		metadatatest.AssertEqualOperationsIncidentsOpen(t, telemetry, value(0), exact...)

		time.Sleep(2 * time.Minute) // synctest: fake time
		synctest.Wait()
		metadatatest.AssertEqualOperationsFactsWaiting(t, telemetry, value(0), exact...)
		metadatatest.AssertEqualOperationsIncidentsOpen(t, telemetry, value(1), exact...)
		metadatatest.AssertEqualOperationsIncidentsDropped(t, telemetry, by("reason",
			[]string{"cause_evicted", "incident_evicted", "incident_overflow"}, map[string]int64{"incident_overflow": 1}), exact...)
		metadatatest.AssertEqualOperationsIncidentsMessagesDropped(t, telemetry, by("reason",
			[]string{"message_evicted", "message_overflow"}, map[string]int64{}), exact...)
		stats, err := o.Console().Stats(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, stats.Dropped["incident_overflow"])
		require.EqualValues(t, 1, stats.Dropped["evicted_open"])
		require.EqualValues(t, 1, stats.Dropped["no_operation"])

		slow.Close()
		taken := int64(1 + 2 + 1) // one completed, two stuck, one incident
		metadatatest.AssertEqualOperationsOutputsDropped(t, telemetry, value(taken), exact...)
		sweeps, err := telemetry.GetMetric("otelcol_operations_sweep_duration")
		require.NoError(t, err)
		require.EqualValues(t, 280, sweeps.Data.(metricdata.Histogram[float64]).DataPoints[0].Count, "two a second")
	})
}

func TestSeriesThatOverflowAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, telemetry := start(t, nil)
		measureAll(t, o)
		s := o.Subscribe()
		defer s.Close()
		var facts []operation.Fact
		for i := range 2_100 {
			f, p := sent(fmt.Sprintf("o-%d", i), 1), processed(1)
			f.OperationName = f.ID
			f.Trace[1], f.Trace[2] = byte(i), byte(i>>8)
			p.Trace = f.Trace
			facts = append(facts, f, p)
		}
		o.Apply(time.Now(), facts, nil)
		for told := 0; told < 2_100; {
			told += len(next(t, s).Changes)
		}
		synctest.Wait()
		counts := map[string]int64{"async.operation.duration": 101, "async.operation.outcomes": 101}
		m, err := telemetry.GetMetric("otelcol_operations_series_overflowed")
		require.NoError(t, err)
		got := map[string]int64{}
		for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
			name, _ := p.Attributes.Value("metric")
			got[name.AsString()] = p.Value
		}
		require.Equal(t, counts, got)
	})
}
