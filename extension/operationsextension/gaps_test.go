package operationsextension

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap/xconfmap"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/throughline/throughline/extension/operationsextension/internal/metadatatest"
	"github.com/throughline/throughline/internal/event"
	"github.com/throughline/throughline/internal/gap"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// listening is an extension that hears services, and everything that it told.
type listening struct {
	*operations
	sub      *Subscription
	measured Measurement
	// heard are the services that send something each second.
	heard   map[string]bool
	outputs []Output
}

func listen(t *testing.T, services ...string) *listening {
	o, _ := start(t, func(c *Config) { c.TelemetryGaps.MinWatched = time.Minute })
	l := &listening{operations: o, sub: o.Subscribe(), measured: measureAll(t, o), heard: map[string]bool{}}
	t.Cleanup(l.sub.Close)
	for _, s := range services {
		l.heard[s] = true
	}
	return l
}

// pass lets time go by.
func (l *listening) pass(t *testing.T, d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		for service, heard := range l.heard {
			if heard {
				now := time.Now().UnixNano()
				l.Arrived(service, gap.SignalTraces, now, now, now)
			}
		}
		time.Sleep(time.Second) // synctest: fake time
		synctest.Wait()
		l.take(t)
	}
}

func (l *listening) take(t *testing.T) {
	for {
		l.sub.mu.Lock()
		n := len(l.sub.queue)
		l.sub.mu.Unlock()
		if n == 0 {
			return
		}
		l.outputs = append(l.outputs, next(t, l.sub))
	}
}

// told returns and forgets what was told, in words, but for incidents that are still there and operations that left.
func (l *listening) told() (lines []string) {
	for _, o := range l.outputs {
		for _, g := range o.Gaps {
			lines = append(lines, fmt.Sprintf("gap %q %s over=%t", g.Service, g.Kind, g.Until != 0))
		}
		for _, c := range o.Changes {
			if !c.Gone {
				lines = append(lines, fmt.Sprintf("%s %s %s", c.View.ID, c.Verdict.State, c.Verdict.Reason))
			}
		}
		for _, e := range o.Incidents {
			if e.Cause != incident.CauseRefresh {
				lines = append(lines, fmt.Sprintf("incident %s: %s", e.Kind, e.Incident.Summary()))
			}
		}
	}
	l.outputs = nil
	return lines
}

// begun is processing that has not ended.
func begun(id string, n byte) []operation.Fact {
	send, process := sent(id, n), processed(n)
	process.End = 0
	return []operation.Fact{send, process}
}

func TestAGapIsToldOnceAndHidesWhatItMayHide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := listen(t, "api", "worker")
		l.pass(t, 3*time.Minute)
		l.Apply(time.Now(), begun("stuck before", 1), nil)
		l.pass(t, 6*time.Minute)
		require.Equal(t, []string{"stuck before stuck processing", `incident opened: 1 operation of "orders" stuck (processing) at "orders", consumer group "worker"`}, l.told())

		l.Apply(time.Now(), begun("hidden", 2), nil)
		ended := processed(2)
		l.heard["worker"] = false
		l.pass(t, 9*time.Minute)
		require.Equal(t, []string{
			`gap "worker" silent over=false`,
			`incident opened: telemetry of "worker" is lacking`,
			"hidden unknown telemetry_gap",
			`incident updated: telemetry of "worker" is lacking: 1 operation unknown`,
		}, l.told(), "what was stuck before the gap stays stuck; what may have ended in it is unknown")

		of, ok := l.incidents.Of(&operation.View{ID: "hidden"})
		require.True(t, ok)
		require.Equal(t, incident.GapKey("worker").ID(), of)
		require.Equal(t, 1, measured(l, "async.telemetry.gaps"))
		var seen struct {
			Services []struct{ Service, State string }
			Gaps     []struct{ Service, Kind string }
		}
		shown(t, l.operations, "/api/v1/telemetry", &seen)
		require.Equal(t, []struct{ Service, State string }{{"worker", "silent"}, {"api", "heard"}}, seen.Services)
		require.Equal(t, []struct{ Service, Kind string }{{"worker", "silent"}}, seen.Gaps)

		l.heard["worker"] = true
		l.Apply(time.Now(), []operation.Fact{ended}, nil)
		l.pass(t, time.Minute)
		told := l.told()
		require.Contains(t, told, `gap "worker" silent over=true`)
		require.Contains(t, told, `incident resolved: resolved: telemetry of "worker" was lacking`)
		require.Contains(t, told, "hidden completed ")
		require.Zero(t, measured(l, "async.telemetry.gaps"))
	})
}

// measured is the sum of the series of a metric.
func measured(l *listening, name string) (sum int) {
	for _, rm := range l.measured.Collect(time.Now()).ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if m.Name() != name {
					continue
				}
				for _, p := range m.Sum().DataPoints().All() {
					sum += int(p.IntValue())
				}
			}
		}
	}
	return sum
}

func TestAGapThatNothingFillsLeavesItUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := listen(t, "api", "worker")
		l.pass(t, 3*time.Minute)
		l.Apply(time.Now(), begun("hidden", 2), nil)
		l.heard["worker"] = false
		l.pass(t, 6*time.Minute)
		l.heard["worker"] = true
		l.Apply(time.Now(), begun("later", 3), nil)
		l.pass(t, 6*time.Minute)
		require.Equal(t, []string{
			`gap "worker" silent over=false`,
			`incident opened: telemetry of "worker" is lacking`,
			"hidden unknown telemetry_gap",
			`incident updated: telemetry of "worker" is lacking: 1 operation unknown`,
			`gap "worker" silent over=true`,
			`incident resolved: resolved: telemetry of "worker" was lacking`,
			"later stuck processing",
			`incident opened: 1 operation of "orders" stuck (processing) at "orders", consumer group "worker"`,
		}, l.told(), "nobody will ever know of the one; what was begun after the gap is judged as always")
	})
}

func TestOneGapForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := listen(t, "api", "worker", "mailer")
		l.pass(t, 3*time.Minute)
		l.Apply(time.Now(), []operation.Fact{sent("waiting", 1)}, nil)
		l.Apply(time.Now(), begun("processing", 2), nil)
		clear(l.heard)
		l.pass(t, 6*time.Minute)
		require.Equal(t, []string{
			`gap "" silent over=false`,
			"incident opened: telemetry of all services is lacking",
			"waiting unknown telemetry_gap",
			"incident updated: telemetry of all services is lacking: 1 operation unknown",
			"processing unknown telemetry_gap",
			"incident updated: telemetry of all services is lacking: 2 operations unknown",
		}, l.told(), "one gap, one incident, whoever consumes")
	})
}

func TestTheCollectorStoodStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := listen(t, "api", "worker")
		l.pass(t, 3*time.Minute)
		l.Apply(time.Now(), begun("hidden", 1), nil)
		l.pass(t, time.Minute)
		require.True(t, l.stop())
		l.sweepInParts(t.Context())
		time.Sleep(10 * time.Minute) // synctest: fake time
		l.sweepInParts(t.Context())
		l.take(t)
		require.Equal(t, []string{`gap "" collector_down over=true`, "hidden unknown telemetry_gap"}, l.told())
	})
}

func TestGapsSwitchedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, func(c *Config) { c.TelemetryGaps.Enabled = false })
		now := time.Now()
		o.Arrived("worker", gap.SignalTraces, 0, 0, now.UnixNano())
		require.Empty(t, o.gaps.sweep(now))
		require.Empty(t, o.gaps.sweep(now.Add(time.Hour)))
		require.Zero(t, o.gaps.services()["heard"])
		require.Zero(t, measureAll(t, o).Collect(now).DataPointCount())
		require.Nil(t, o.gaps.telemetry())
		var seen struct{ Enabled bool }
		shown(t, o, "/api/v1/telemetry", &seen)
		require.False(t, seen.Enabled)
	})
}

func TestRareSweepsAreNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, telemetry := start(t, func(c *Config) { c.SweepInterval = time.Minute })
		s := o.Subscribe()
		defer s.Close()
		o.Arrived("worker", gap.SignalTraces, 0, 0, time.Now().UnixNano())
		time.Sleep(10 * time.Minute) // synctest: fake time
		require.Zero(t, o.gaps.stats().Downs)
		metadatatest.AssertEqualOperationsTelemetryServices(t, telemetry, []metricdata.DataPoint[int64]{
			{Value: 1, Attributes: attribute.NewSet(attribute.String("state", "heard"))},
			{Value: 0, Attributes: attribute.NewSet(attribute.String("state", "idle"))},
			{Value: 0, Attributes: attribute.NewSet(attribute.String("state", "silent"))},
		}, metricdatatest.IgnoreTimestamp())
	})
}

func TestGapsAreToldByTheirSeverity(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Defaults.Severity, cfg.Defaults.Owner = "critical", "platform"
	g, err := newGaps(cfg)
	require.NoError(t, err)
	require.Equal(t, operation.SeverityCritical, g.policy.Severity)
	cfg.TelemetryGaps.Severity = "info"
	g, err = newGaps(cfg)
	require.NoError(t, err)
	require.Equal(t, operation.SeverityInfo, g.policy.Severity)
	require.Equal(t, "platform", g.policy.Owner)
	require.Equal(t, []incident.Gap{{Service: "a", Since: 1, Over: true, Gone: true, Policy: g.policy}}, incidentGaps([]event.Gap{
		{Gap: gap.Gap{Service: "a", From: 1, Until: 2, Gone: true}, Policy: g.policy},
		{Gap: gap.Gap{Kind: gap.KindCollectorDown, From: 1, Until: 2}, Policy: g.policy},
	}))
}

func TestBadGapsAreRefused(t *testing.T) {
	require.NoError(t, xconfmap.Validate(load(t, "operations/gaps")))
	err := xconfmap.Validate(load(t, "operations/bad_gaps"))
	for _, want := range []string{
		"`telemetry_gaps::floor` is 1ms: must be between 1s and 24h0m0s",
		"`telemetry_gaps::min_watched` is 48h0m0s: must be between 1s and 24h0m0s",
		"`telemetry_gaps::factor` is 0.5: must be between 1 and 1000",
		"`telemetry_gaps::quantile` is 1: must be above 0 and below 1",
		"`telemetry_gaps::min_samples` is 0: must be at least 1 and at most 100000",
		"`telemetry_gaps::max_services` is -1: must be at least 1 and at most 1000000",
		"`telemetry_gaps::severity` is \"loud\": must be one of info, warning, error, critical",
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestARestartThatTookLongIsAGap(t *testing.T) {
	for away, want := range map[time.Duration][]string{
		10 * time.Second: nil,
		10 * time.Minute: {`gap "" collector_down over=true`},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemoryStorage()
			watching := func(cfg *Config) { cfg.TelemetryGaps.Enabled = true }
			first, _, _ := stored(t, watching)
			require.NoError(t, first.Start(t.Context(), hostOf{storageID: m}))
			require.NoError(t, first.Ready())
			time.Sleep(time.Hour) // synctest: fake time
			require.NoError(t, first.NotReady())
			require.NoError(t, first.Shutdown(t.Context()))
			time.Sleep(away) // synctest: fake time
			second, _, logs := stored(t, watching)
			l := &listening{operations: second, sub: second.Subscribe(), measured: measureAll(t, second)}
			require.NoError(t, second.Start(t.Context(), hostOf{storageID: m}))
			require.NoError(t, second.Ready())
			time.Sleep(time.Minute) // synctest: fake time
			require.Equal(t, want, l.news(t))
			require.Empty(t, logs.All())
			l.sub.Close()
			require.NoError(t, second.NotReady())
			require.NoError(t, second.Shutdown(t.Context()))
		})
	}
}

func TestAGapIsToldOnceOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryStorage()
		heard := func(o *operations, service string) {
			now := time.Now().UnixNano()
			o.Arrived(service, gap.SignalTraces, now, now, now)
		}
		run := func(services func(second int) []string, seconds int) []string {
			o, _, logs := stored(t, func(cfg *Config) { cfg.TelemetryGaps.Enabled = true })
			l := &listening{operations: o, sub: o.Subscribe(), measured: measureAll(t, o)}
			require.NoError(t, o.Start(t.Context(), hostOf{storageID: m}))
			require.NoError(t, o.Ready())
			for i := range seconds {
				for _, service := range services(i) {
					heard(o, service)
				}
				time.Sleep(time.Second) // synctest: fake time
			}
			news := slices.DeleteFunc(l.news(t), func(line string) bool { return !strings.HasPrefix(line, "gap") })
			l.sub.Close()
			require.Empty(t, logs.All())
			require.NoError(t, o.NotReady())
			require.NoError(t, o.Shutdown(t.Context()))
			return news
		}
		require.Equal(t, []string{`gap "worker" silent over=false`}, run(func(second int) []string {
			if second > 900 {
				return []string{"other"}
			}
			return []string{"other", "worker"}
		}, 1000))
		time.Sleep(10 * time.Second) // synctest: fake time
		require.Empty(t, run(func(int) []string { return []string{"other"} }, 300))
		require.Equal(t, []string{`gap "worker" silent over=true`}, run(func(int) []string { return []string{"other", "worker"} }, 60))
	})
}

func TestWhenTheCollectorRanLastIsRead(t *testing.T) {
	g, err := newGaps(createDefaultConfig().(*Config))
	require.NoError(t, err)
	now := time.Now()
	for data, want := range map[string]string{
		"nonsense":      "when the collector ran last: invalid character",
		`{"version":2}`: "version is 2: must be 1",
		`{"version":1}`: "is no time in the past",
		`{"version":1,"at":"` + now.Add(time.Hour).Format(time.RFC3339) + `"}`: "is no time in the past",
	} {
		require.ErrorContains(t, g.wasAlive([]byte(data), now), want)
	}
	require.Zero(t, g.stats().Downs)
}
