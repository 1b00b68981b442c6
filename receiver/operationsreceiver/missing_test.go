package operationsreceiver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/expect"
	"github.com/throughline/throughline/internal/gap"
)

// watching is an extension that expects an operation each hour, and knows a service after a minute.
func watching(t *testing.T) (operationsextension.Operations, host) {
	factory := operationsextension.NewFactory()
	cfg := factory.CreateDefaultConfig().(*operationsextension.Config)
	cfg.TelemetryGaps.MinWatched = time.Minute
	cfg.Rules = []operationsextension.RuleConfig{{
		Name: "import", Match: operationsextension.MatchConfig{Destination: []string{"orders"}}, Expect: &expect.Config{Every: time.Hour},
	}}
	e, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	return e.(operationsextension.Operations), host{operationsextension.DefaultID: e.(component.Component)}
}

// hear lets a service send something each second.
func hear(o operationsextension.Operations, service string, d time.Duration) {
	for range int(d / time.Second) {
		now := time.Now().UnixNano()
		o.Arrived(service, gap.SignalTraces, now, now, now)
		time.Sleep(time.Second) // synctest: fake time
	}
	synctest.Wait()
}

func TestEventsOfWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, h := watching(t)
		sink := &consumertest.LogsSink{}
		r, err := NewFactory().CreateLogs(t.Context(), receivertest.NewNopSettings(NewFactory().Type()), createDefaultConfig(), sink)
		require.NoError(t, err)
		begin(t, r, h)
		names := func() (got []string) {
			for _, ld := range sink.AllLogs() {
				for _, record := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
					got = append(got, record.EventName())
					require.Equal(t, pcommon.TraceID{}, record.TraceID())
				}
			}
			sink.Reset()
			return got
		}
		hear(o, "worker", 5*time.Minute)
		time.Sleep(2 * time.Minute) // synctest: fake time
		hear(o, "worker", time.Minute)
		require.Equal(t, []string{"async.telemetry.gap", "async.incident.opened", "async.telemetry.gap_over", "async.incident.resolved"}, names())
		hear(o, "worker", 59*time.Minute)
		require.Equal(t, []string{"async.operation.missed", "async.incident.opened"}, names())
	})
}

func TestWhatDidNotStartHasNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := watching(t)
		sink := &consumertest.TracesSink{}
		set, telemetry := settings(t)
		begin(t, newTraces(t, set, nil, sink), h)
		time.Sleep(2 * time.Hour) // synctest: fake time
		synctest.Wait()
		require.Zero(t, sink.SpanCount())
		_, err := telemetry.GetMetric("otelcol_operations_receiver_failures")
		require.Error(t, err, "nothing failed")
	})
}
