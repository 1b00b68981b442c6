package main

import (
	"context"
	"flag"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/xconfmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
	"go.uber.org/goleak"

	"github.com/throughline/throughline/extension/consoleextension"
	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/processor/correlationprocessor"
	"github.com/throughline/throughline/receiver/operationsreceiver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options parses flags.
func parsed(tb testing.TB, args ...string) options {
	var o options
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	o.register(flags)
	require.NoError(tb, flags.Parse(args))
	return o
}

func TestFlags(t *testing.T) {
	o := parsed(t)
	require.NoError(t, o.validate(), "the defaults")
	for want, args := range map[string][]string{
		"-open is 9999: must be at least 10000": {"-open=9999"},
		"-open is 99: must be at least 100":     {"-open=99", "-measure=engine"},
		"-rate is 0: must be at least 1000":     {"-rate=0"},
		"-rounds is 0: must be at least 1":      {"-rounds=0"},
		"-threshold is 1s: must be at least 2s": {"-threshold=1s"},
		"-load is 15s: must be at least 16s":    {"-load=15s"},
		"-idle is 1ms: must be at least 1s":     {"-idle=1ms"},
		"-round is -1s: must be at least 1s":    {"-round=-1s"},
		"-seconds is 0s: must be at least 1s":   {"-seconds=0"},
		"-calm is -1s: must be at least 0s":     {"-calm=-1s"},
		"-flood is 499: must be at least 500":   {"-flood=499"},
		`-about is "all": must be engine or`:    {"-about=all"},
	} {
		o := parsed(t, args...)
		require.ErrorContains(t, o.validate(), want)
	}
	require.ErrorContains(t, child(t.Context(), "all", o), `-measure is "all"`)
}

// TestLive runs the whole measurement in a bubble, where a second of load takes no time: no verdict may be missing, and each
// comes with the next sweep after its threshold.
func TestLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found, err := measureLive(t.Context(), parsed(t, "-open=220", "-rate=7500", "-load=12s", "-threshold=4s", "-idle=3s", "-calm=1s"))
		require.NoError(t, err)
		require.Equal(t, 220, int(found["open"]))
		require.Equal(t, 8*5*perProbes, int(found["probes"]), "five batches a second, until a threshold before the end")
		require.Zero(t, found["probes_missing"])
		require.GreaterOrEqual(t, found[delayName(1)], 0.0)
		require.LessOrEqual(t, found[delayName(100)], 0.5, "the interval of sweeps")
		require.InDelta(t, 7600, found["rate"], 100, "with the probes")
		require.Zero(t, found["behind_seconds"])
		require.Positive(t, found["bytes_per_operation"])
	})
}

func TestNoVerdictIsNoDelay(t *testing.T) {
	at := time.Unix(100, 0)
	due := map[string]time.Time{"a": at, "b": at, "c": at}
	found := figures{}
	require.ErrorContains(t, noteDelays(due, nil, found), "no verdict was told on any of 3 probes")
	require.ErrorContains(t, noteDelays(due, map[string]time.Time{"a": at.Add(-time.Second)}, found), "1.000 s before")
	require.NoError(t, noteDelays(due, map[string]time.Time{"a": at.Add(time.Second), "b": at.Add(3 * time.Second), "x": at}, found))
	require.Equal(t, 1, int(found["probes_missing"]))
	require.InDelta(t, 1, found[delayName(50)], 1e-9)
	require.InDelta(t, 3, found[delayName(100)], 1e-9)
}

func TestEngineHoldsWhatIsOpen(t *testing.T) {
	tracker, err := newTracker(1000)
	require.NoError(t, err)
	s := &stream{tracker: tracker, now: time.Now()}
	require.NoError(t, s.populate(t.Context(), 120))
	n, err := tracker.inProgress()
	require.NoError(t, err)
	require.Equal(t, 120, n)
	require.Equal(t, 120*12, s.account.spans)
	whole, err := newTemplate(shapeWhole, perBatch)
	require.NoError(t, err)
	for range 100 {
		require.NoError(t, s.fresh(whole))
	}
	n, err = tracker.inProgress()
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, 120, "those that are open stay while finished ones come and go")
	require.NotZero(t, s.account.unmarshalling)
	require.NotZero(t, s.account.taking)
	require.NotZero(t, s.account.sweeping)
}

func TestAllocationsAreCounted(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tracker, err := newTracker(20_000)
	require.NoError(t, err)
	s := &stream{tracker: tracker, now: time.Now()}
	whole, err := newTemplate(shapeWhole, perBatch)
	require.NoError(t, err)
	found := figures{}
	require.NoError(t, s.countAllocations(whole, found))
	require.Positive(t, found["allocations_new"])
	require.Less(t, found["allocations_known"], found["allocations_new"])
	require.Less(t, found["allocations_resent"], found["allocations_new"])
	require.Equal(t, 3*countedBatches*perBatch, int(s.next))
}

func TestComparisonIsRoundByRound(t *testing.T) {
	found := compare([]*rival{
		{name: "without", rates: []float64{100, 50}, costs: []float64{10, 20}}, {name: "with", rates: []float64{90, 45}, costs: []float64{11, 22}, derived: []float64{0.7, 0.8}},
		{name: "without_plain", rates: []float64{200}}, {name: "with_plain", rates: []float64{100}}, {name: "correlation_plain", rates: []float64{150}},
	}, yardsticks)
	require.InDelta(t, 0.9, found["throughput_with"], 1e-9)
	require.InDelta(t, 1.1, found["cpu_with"], 1e-9)
	require.InDelta(t, 0.75, found["derived_with"], 1e-9)
	require.InDelta(t, 0.5, found["throughput_with_plain"], 1e-9)
	require.InDelta(t, 0.75, found["throughput_correlation_plain"], 1e-9)
	require.NotContains(t, found, "cpu_with_plain", "where processor time is unknown")
}

// loaded reads the configurations as the collector does that is told all of them, and makes sure that they are valid.
func loaded(tb testing.TB, configs ...[]byte) *otelcol.Config {
	for _, env := range []string{"THROUGHLINE_OTLP_GRPC_ENDPOINT", "THROUGHLINE_OTLP_HTTP_ENDPOINT", "THROUGHLINE_CONSOLE_ENDPOINT", "SCALE_SINK", "SCALE_DERIVED"} {
		tb.Setenv(env, "localhost:4317")
	}
	tb.Setenv("SCALE_COMPRESSION", "gzip")
	tb.Setenv("SCALE_STORE", filepath.Join(tb.TempDir(), "operations.db"))
	tb.Setenv("SCALE_DURABILITY", "batch")
	tb.Setenv("SCALE_OPERATIONS", "1000")
	factories := otelcol.Factories{Telemetry: otelconftelemetry.NewFactory()}
	var err error
	factories.Extensions, err = otelcol.MakeFactoryMap[extension.Factory](operationsextension.NewFactory(), consoleextension.NewFactory())
	require.NoError(tb, err)
	factories.Receivers, err = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory(), operationsreceiver.NewFactory())
	require.NoError(tb, err)
	factories.Processors, err = otelcol.MakeFactoryMap[processor.Factory](correlationprocessor.NewFactory(), batchprocessor.NewFactory())
	require.NoError(tb, err)
	factories.Exporters, err = otelcol.MakeFactoryMap[exporter.Factory](otlpexporter.NewFactory())
	require.NoError(tb, err)
	paths, err := writeConfigs(tb.TempDir(), configs...)
	require.NoError(tb, err)
	provider, err := otelcol.NewConfigProvider(otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
		URIs: paths, ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory(), envprovider.NewFactory()},
	}})
	require.NoError(tb, err)
	cfg, err := provider.Get(tb.Context(), factories)
	require.NoError(tb, err)
	require.NoError(tb, xconfmap.Validate(cfg))
	return cfg
}

func TestConfigurationsAreValid(t *testing.T) {
	for _, r := range append(newRivals(), newKeepers()...) {
		cfg := loaded(t, r.configs...)
		protocols := cfg.Receivers[component.MustNewID("otlp")].(*otlpreceiver.Config).Protocols
		require.True(t, protocols.GRPC.HasValue() && protocols.HTTP.HasValue(), "%s: a collector is ready when it listens for both", r.name)
		_, correlates := cfg.Processors[component.MustNewID("correlation")]
		require.Equal(t, !strings.HasPrefix(r.name, "without"), correlates, r.name)
		_, derives := cfg.Receivers[component.MustNewID("operations")]
		require.Equal(t, r.derives, derives, r.name)
		if operations, ok := cfg.Extensions[operationsextension.DefaultID]; ok {
			require.Equal(t, r.durability != "", operations.(*operationsextension.Config).Store.Path != "", r.name)
		}
	}
	cfg := loaded(t, configCorrelation, configStore, configRestore)
	operations := cfg.Extensions[operationsextension.DefaultID].(*operationsextension.Config)
	require.Equal(t, 1000, operations.MaxOperations)
	require.Equal(t, "batch", operations.Store.Durability)
	require.Len(t, cfg.Service.Extensions, 2)
}

func TestAnInterruptEndsAMeasurement(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, measure := range map[string]func(context.Context, options) (figures, error){"engine": measureEngine, "live": measureLive} {
		_, err := measure(ctx, parsed(t, "-open=100"))
		require.ErrorIs(t, err, context.Canceled, name)
	}
}
