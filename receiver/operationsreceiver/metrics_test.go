package operationsreceiver

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

func newMetrics(t *testing.T, change func(*Config), next consumer.Metrics) receiver.Metrics {
	cfg := createDefaultConfig().(*Config)
	change(cfg)
	require.NoError(t, cfg.Validate())
	r, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(NewFactory().Type()), cfg, next)
	require.NoError(t, err)
	return r
}

// emitted are all metrics of that name, in the order in which they came.
func emitted(all []pmetric.Metrics, name string) (found []pmetric.Metric) {
	for _, md := range all {
		for _, m := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			if m.Name() == name {
				found = append(found, m)
			}
		}
	}
	return found
}

// An operation whose trace is not drawn is counted and gives no exemplar.
func TestNoExemplarsOfTracesThatAreNotSampled(t *testing.T) {
	for percentage, want := range map[float64]operation.TraceID{0: {}, 100: stitch.TraceID("a", "", 1)} {
		d := newTraces(t, receivertest.NewNopSettings(NewFactory().Type()), func(c *Config) { c.Traces.Completed.SamplingPercentage = percentage }, consumertest.NewNop())
		completed := finished("a")
		require.Equal(t, want, d.drawn(&completed))
		completed.Verdict.State = operation.StateFailed
		require.Equal(t, stitch.TraceID("a", "", 1), d.drawn(&completed), "what failed is always drawn")
	}
}

func TestFormsOfMetrics(t *testing.T) {
	for name, tc := range map[string]struct {
		change      func(*Config)
		kind        pmetric.MetricType
		temporality pmetric.AggregationTemporality
		exemplars   int
		graph       bool
	}{
		"default": {func(*Config) {}, pmetric.MetricTypeHistogram, pmetric.AggregationTemporalityCumulative, 1, false},
		"exponential": {
			func(c *Config) { c.Metrics.Histograms = HistogramsExponential },
			pmetric.MetricTypeExponentialHistogram, pmetric.AggregationTemporalityCumulative, 1, false,
		},
		"delta": {
			func(c *Config) { c.Metrics.Temporality = TemporalityDelta },
			pmetric.MetricTypeHistogram, pmetric.AggregationTemporalityDelta, 1, false,
		},
		"graph without exemplars": {
			func(c *Config) { c.Metrics.ServiceGraph, c.Metrics.Exemplars = true, false },
			pmetric.MetricTypeHistogram, pmetric.AggregationTemporalityCumulative, 0, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, h := extension(t)
				sink := &consumertest.MetricsSink{}
				begin(t, newMetrics(t, tc.change, sink), h)
				deal(o)
				durations := emitted(sink.AllMetrics(), "async.operation.duration")
				require.NotEmpty(t, durations)
				first := durations[0]
				require.Equal(t, tc.kind, first.Type())
				var exemplars pmetric.ExemplarSlice
				if tc.kind == pmetric.MetricTypeHistogram {
					require.Equal(t, tc.temporality, first.Histogram().AggregationTemporality())
					exemplars = first.Histogram().DataPoints().At(0).Exemplars()
				} else {
					require.Equal(t, tc.temporality, first.ExponentialHistogram().AggregationTemporality())
					exemplars = first.ExponentialHistogram().DataPoints().At(0).Exemplars()
				}
				require.Equal(t, tc.exemplars, exemplars.Len())
				if tc.exemplars > 0 {
					require.Equal(t, pcommon.TraceID(stitch.TraceID("o-1", "", 1)), exemplars.At(0).TraceID(), "the trace that is emitted")
				}
				require.Equal(t, tc.graph, len(emitted(sink.AllMetrics(), "traces_service_graph_request_total")) > 0)
				if tc.temporality == pmetric.AggregationTemporalityDelta {
					require.Len(t, durations, 1, "told once")
				}
			})
		})
	}
}

// reluctant refuses metrics until a time.
type reluctant struct {
	consumertest.MetricsSink
	until   time.Time
	refused int
}

func (r *reluctant) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	if time.Now().Before(r.until) {
		r.refused++
		return errors.New("down")
	}
	return r.MetricsSink.ConsumeMetrics(ctx, md)
}

func TestRefusedDeltasAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, h := extension(t)
		began := time.Now()
		next := &reluctant{until: began.Add(10 * time.Minute)}
		begin(t, newMetrics(t, func(c *Config) { c.Metrics.Temporality = TemporalityDelta }, next), h)
		deal(o)
		require.Empty(t, next.AllMetrics())
		time.Sleep(10 * time.Minute) // synctest: fake time
		synctest.Wait()
		require.Positive(t, next.refused)
		outcomes := emitted(next.AllMetrics(), "async.operation.outcomes")
		require.Len(t, outcomes, 1)
		p := outcomes[0].Sum().DataPoints().At(0)
		require.EqualValues(t, 1, p.IntValue())
		require.Equal(t, began.UTC(), p.StartTimestamp().AsTime())
	})
}

func TestIdleSeriesLeaveThePipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, h := extension(t)
		sink := &consumertest.MetricsSink{}
		begin(t, newMetrics(t, func(c *Config) { c.Metrics.Expiration = 5 * time.Minute }, sink), h)
		deal(o)
		time.Sleep(10 * time.Minute) // synctest: fake time
		synctest.Wait()
		outcomes := emitted(sink.AllMetrics(), "async.operation.outcomes")
		last := outcomes[len(outcomes)-1].Sum().DataPoints().At(0)
		require.True(t, last.Flags().NoRecordedValue())
		sink.Reset()
		time.Sleep(10 * time.Minute) // synctest: fake time
		synctest.Wait()
		require.Empty(t, sink.AllMetrics(), "nothing is left to tell")
	})
}
