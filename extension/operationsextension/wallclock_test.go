package operationsextension

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/throughline/throughline/extension/operationsextension/internal/metadatatest"
	"github.com/throughline/throughline/internal/gap"
	"github.com/throughline/throughline/internal/operation"
)

func TestStepsOfTheClock(t *testing.T) {
	var c wallClock
	now := time.Unix(1_700_000_000, 0)
	require.Zero(t, c.step(now, time.Hour), "the first time")
	require.Zero(t, c.step(now.Add(time.Second), time.Hour+time.Second))
	require.Zero(t, c.step(now.Add(time.Minute), time.Hour+time.Minute), "a long sweep")
	require.Zero(t, c.step(now.Add(time.Minute+3*time.Second), time.Hour+time.Minute), "it is synchronised")
	last := now.Add(time.Minute + 3*time.Second)
	require.Equal(t, time.Hour, c.step(last.Add(time.Hour+time.Second), time.Hour+time.Minute+time.Second))
	require.Equal(t, -time.Hour, c.step(last.Add(2*time.Second), time.Hour+time.Minute+2*time.Second))
	require.Zero(t, c.step(last.Add(3*time.Second), time.Hour+time.Minute+3*time.Second))
}

// shifted lets time go on by a clock that is wrong, with a service that is heard of each second by the right one.
func shifted(t *testing.T, o *operations, sub *Subscription, by, d time.Duration) (told []string) {
	t.Helper()
	l := &listening{operations: o, sub: sub}
	for end := time.Now().Add(d); time.Now().Before(end); {
		at := time.Now()
		wrong := at.Round(0).Add(by)
		for _, service := range []string{"api", "orders-worker"} {
			o.Arrived(service, gap.SignalTraces, at.UnixNano(), at.UnixNano(), wrong.UnixNano())
		}
		o.sweepAt(wrong, time.Since(o.startedAt))
		l.take(t)
		time.Sleep(time.Second) // synctest: fake time
	}
	return l.told()
}

func TestAClockThatIsSetMakesNothingStuck(t *testing.T) {
	for name, by := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, telemetry, logs := stored(t, func(c *Config) {
					c.Storage, c.TelemetryGaps.Enabled, c.TelemetryGaps.MinWatched = nil, true, time.Minute
				})
				sub := o.Subscribe()
				defer sub.Close()
				require.Empty(t, shifted(t, o, sub, 0, 10*time.Minute))
				for n := range byte(100) {
					f := sent(string([]byte{'o', '-', 'a' + n/10, 'a' + n%10}), n+1)
					f.At = time.Now().UnixNano()
					f.End = f.At
					o.Apply(time.Now(), []operation.Fact{f}, nil)
				}
				require.Empty(t, shifted(t, o, sub, 0, 2*time.Second))
				for _, line := range shifted(t, o, sub, by, 20*time.Second) {
					require.NotContains(t, line, "stuck")
				}
				require.Equal(t, 1, logs.FilterMessageSnippet("The clock of the collector was set "+name).Len())
				metadatatest.AssertEqualOperationsClockSteps(t, telemetry, []metricdata.DataPoint[int64]{
					{Value: 1, Attributes: attribute.NewSet(attribute.String("kind", name))},
				}, metricdatatest.IgnoreTimestamp())

				// It is right again, and nobody was silent.
				shifted(t, o, sub, 0, time.Minute)
				for _, line := range shifted(t, o, sub, 0, 10*time.Minute) {
					require.NotContains(t, line, "telemetry of")
				}
				require.NoError(t, o.Shutdown(t.Context()))
			})
		})
	}
}
