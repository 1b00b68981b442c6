package operationsreceiver

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/confmap/xconfmap"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/operation"
)

func load(t *testing.T, name string) *Config {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	sub, err := conf.Sub(name)
	require.NoError(t, err)
	require.NoError(t, sub.Unmarshal(cfg))
	return cfg
}

func TestConfiguration(t *testing.T) {
	empty := load(t, "operations")
	require.NoError(t, xconfmap.Validate(empty))
	require.Equal(t, createDefaultConfig(), component.Config(empty))
	all := load(t, "operations/all")
	require.NoError(t, xconfmap.Validate(all))
	require.Equal(t, &Config{
		Operations: component.MustNewIDWithName("operations", "payments"), Traces: TracesConfig{MaxSpans: 50, Detail: DetailSpans, MaxInnerSpans: 20, MaxKeptBytes: 2_000_000, Completed: CompletedConfig{SamplingPercentage: 12.5}},
		Metrics: MetricsConfig{
			Interval: time.Minute, Temporality: TemporalityDelta, Histograms: HistogramsExponential, MaxSeries: 500, ServiceGraph: true,
		},
	}, all)
	err := xconfmap.Validate(load(t, "operations/bad"))
	for _, want := range []string{
		"`traces::max_spans` is 1", "`traces::max_events` is -1", "`traces::completed::sampling_percentage` is 101", "`traces::detail` is \"all\"", "`traces::max_inner_spans` is 0",
		"`traces::max_kept_bytes` is 1", "`metrics::interval` is 1ms",
		"`metrics::temporality` is \"both\"", "`metrics::histograms` is \"none\"", "`metrics::max_series` is 1", "`metrics::expiration` is 500µs",
	} {
		require.ErrorContains(t, err, want)
	}
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// extension starts a real operations extension, without sweeping yet.
func extension(t *testing.T) (operationsextension.Operations, host) {
	factory := operationsextension.NewFactory()
	e, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig())
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	return e.(operationsextension.Operations), host{operationsextension.DefaultID: e}
}

func begin(t *testing.T, c component.Component, h host) {
	require.NoError(t, c.Start(t.Context(), h))
	t.Cleanup(func() { require.NoError(t, c.Shutdown(context.Background())) })
	watcher := h[operationsextension.DefaultID].(extensioncapabilities.PipelineWatcher)
	require.NoError(t, watcher.Ready())
}

// deal brings one operation that gets stuck and is processed two minutes later, and lets it settle.
func deal(o operationsextension.Operations) {
	now := time.Now().UnixNano()
	send := operation.Fact{
		Kind: operation.KindSend, ID: "o-1", Trace: operation.TraceID{1}, Span: operation.SpanID{1}, At: now, End: now, Service: "api", Destination: "orders",
	}
	o.Apply(time.Now(), []operation.Fact{send}, nil)
	time.Sleep(2 * time.Minute) // synctest: fake time
	now = time.Now().UnixNano()
	o.Apply(time.Now(), []operation.Fact{{
		Kind: operation.KindProcess, Remote: true, Trace: operation.TraceID{1}, Span: operation.SpanID{2}, Parent: operation.SpanID{1},
		At: now, End: now + 1e9, Service: "worker", Destination: "orders",
	}}, nil)
	time.Sleep(time.Minute) // synctest: fake time
	synctest.Wait()
}

func TestTracesOfTheEndAndOfBeingStuck(t *testing.T) {
	for _, snapshots := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			o, h := extension(t)
			sink := &consumertest.TracesSink{}
			cfg := createDefaultConfig().(*Config)
			cfg.Traces.Snapshots = snapshots
			r, err := NewFactory().CreateTraces(t.Context(), receivertest.NewNopSettings(NewFactory().Type()), cfg, sink)
			require.NoError(t, err)
			begin(t, r, h)
			deal(o)
			traces := map[string]int{}
			for _, td := range sink.AllTraces() {
				for _, rs := range td.ResourceSpans().All() {
					for _, ss := range rs.ScopeSpans().All() {
						for _, s := range ss.Spans().All() {
							traces[s.TraceID().String()]++
						}
					}
				}
			}
			want := 1
			if snapshots {
				want = 2
			}
			require.Len(t, traces, want)
		})
	}
}

func TestEventsOfTheOperationAndItsIncident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, h := extension(t)
		sink := &consumertest.LogsSink{}
		set := receivertest.NewNopSettings(NewFactory().Type())
		set.ID = component.NewID(NewFactory().Type())
		r, err := NewFactory().CreateLogs(t.Context(), set, createDefaultConfig(), sink)
		require.NoError(t, err)
		begin(t, r, h)
		deal(o)
		var names []string
		for _, ld := range sink.AllLogs() {
			for _, record := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
				names = append(names, record.EventName())
			}
		}
		require.Equal(t, []string{
			"async.operation.stuck", "async.incident.opened", "async.operation.recovered", "async.incident.resolved",
		}, names)
		self, err := o.(interface{ Console() console.Source }).Console().Self(t.Context())
		require.NoError(t, err)
		require.Len(t, self.Outputs, 1)
		require.Equal(t, "operations logs", self.Outputs[0].Name)
	})
}

func TestMetricsComeAtTheirInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, h := extension(t)
		sink := &consumertest.MetricsSink{}
		r, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(NewFactory().Type()), createDefaultConfig(), sink)
		require.NoError(t, err)
		begin(t, r, h)
		deal(o)
		require.Len(t, sink.AllMetrics(), 18, "three minutes, one in ten seconds")
		require.NoError(t, r.Shutdown(t.Context()))
		require.Len(t, sink.AllMetrics(), 19, "and one at the end")
	})
}

// refusing refuses a number of times.
type refusing struct {
	consumertest.TracesSink
	times int
	err   error
	tries int
}

func (r *refusing) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	r.tries++
	if r.tries <= r.times {
		return r.err
	}
	return r.TracesSink.ConsumeTraces(ctx, td)
}

func TestAPipelineThatRefuses(t *testing.T) {
	for _, tc := range []struct {
		name         string
		next         *refusing
		tries, spans int
		refused      int64
	}{
		{"is asked again", &refusing{times: 3, err: errors.New("queue is full")}, 5, 2, 0},
		{"for good is not", &refusing{times: 1, err: consumererror.NewPermanent(errors.New("bad"))}, 2, 1, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, h := extension(t)
				set, telemetry := settings(t)
				begin(t, newTraces(t, set, nil, tc.next), h)
				deal(o)
				refused, err := telemetry.GetMetric("otelcol_receiver_refused_spans")
				require.NoError(t, err)
				require.Equal(t, tc.refused, refused.Data.(metricdata.Sum[int64]).DataPoints[0].Value, "given up and counted")
				require.Equal(t, tc.tries, tc.next.tries)
				require.Len(t, tc.next.AllTraces(), tc.spans)
			})
		})
	}
}

func TestShutdownWhileThePipelineRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, h := extension(t)
		next := &refusing{times: 1 << 30, err: errors.New("down")}
		r, err := NewFactory().CreateTraces(t.Context(), receivertest.NewNopSettings(NewFactory().Type()), createDefaultConfig(), next)
		require.NoError(t, err)
		begin(t, r, h)
		deal(o)
		began := time.Now()
		require.NoError(t, r.Shutdown(t.Context()))
		require.Less(t, time.Since(began), time.Second)
		require.Positive(t, next.tries)
	})
}

func TestAMissingExtensionIsExplained(t *testing.T) {
	set, factory, cfg := receivertest.NewNopSettings(NewFactory().Type()), NewFactory(), createDefaultConfig()
	traces, err := factory.CreateTraces(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	metrics, err := factory.CreateMetrics(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	logs, err := factory.CreateLogs(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	for _, r := range []component.Component{traces, metrics, logs} {
		require.ErrorContains(t, r.Start(t.Context(), componenttest.NewNopHost()), "`operations` is \"operations\": no such extension is running")
		require.NoError(t, r.Shutdown(t.Context()))
	}
}
