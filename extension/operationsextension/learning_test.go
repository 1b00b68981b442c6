package operationsextension

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap/xconfmap"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/throughline/throughline/extension/operationsextension/internal/metadatatest"
	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/operation"
)

func TestLearnConfig(t *testing.T) {
	cfg := load(t, "operations/learn")
	require.NoError(t, xconfmap.Validate(cfg))
	require.Equal(t, LearnConfig{
		Quantile: 0.99, Factor: 2, Floor: 10 * time.Second, MinSamples: 50, HalfLife: 12 * time.Hour, MaxStages: 100,
	}, cfg.Learn)
	err := xconfmap.Validate(load(t, "operations/bad_learn"))
	for _, want := range []string{
		"`learn::quantile` is 1: must be above 0",
		"`learn::factor` is 0.5: must be between 1",
		"`learn::floor` is -1s: must be between 0s",
		"`learn::min_samples` is 0: must be between 1",
		"`learn::half_life` is 1s: must be between 1m",
		"`learn::max_stages` is 0: must be between 1",
	} {
		require.ErrorContains(t, err, want)
	}
}

// learns is a start whose habits are made by 20 operations.
func learns(cfg *Config) { cfg.Learn.MinSamples = 20 }

// complete lets an operation wait and be processed for a while, and lets it settle. Each takes a span number of its own.
func complete(o *operations, n byte, wait, took time.Duration) {
	at := time.Now()
	o.Apply(at, []operation.Fact{sent(fmt.Sprint("o-", n), n)}, nil)
	f := processed(n)
	f.At, f.End = at.Add(wait).UnixNano(), at.Add(wait+took).UnixNano()
	time.Sleep(wait + took) // synctest: fake time
	o.Apply(time.Now(), []operation.Fact{f}, nil)
	time.Sleep(20 * time.Second) // synctest: fake time
}

func TestLearnedThresholdsApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, telemetry := start(t, learns)
		for n := range byte(20) {
			complete(o, n+1, 20*time.Second, 2*time.Second)
		}
		s := o.Subscribe()
		defer s.Close()
		began := time.Now()
		o.Apply(began, []operation.Fact{sent("late", 200)}, nil)
		stuck := next(t, s).Changes[0].Verdict
		require.Equal(t, operation.StuckWaiting, stuck.Reason)
		require.Equal(t, operation.SourceLearned, stuck.Source)
		require.Equal(t, 20, stuck.Usual.Samples)
		require.InEpsilon(t, time.Minute, stuck.Threshold, 0.05)
		require.InEpsilon(t, time.Minute, time.Since(began), 0.05)

		learned, err := o.Console().Learned(t.Context())
		require.NoError(t, err)
		require.True(t, learned.Enabled)
		require.Len(t, learned.Stages, 4)
		require.Equal(t, stuck.Usual, learned.Stages[2].Usual)
		require.EqualValues(t, 20, learned.Stats.Learned)
		stats, err := o.Console().Stats(context.Background())
		require.NoError(t, err)
		require.Contains(t, stats.Dropped, "learned_refused")
		require.EqualValues(t, 10_000, stats.Limits["learn.max_stages"])
		metadatatest.AssertEqualOperationsLearnedOperations(t, telemetry, []metricdata.DataPoint[int64]{{Value: 20}}, metricdatatest.IgnoreTimestamp())
		metadatatest.AssertEqualOperationsLearnedStages(t, telemetry, []metricdata.DataPoint[int64]{{Value: 4}}, metricdatatest.IgnoreTimestamp())
	})
}

func TestWhatIsDeclaredIsNotLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, func(cfg *Config) {
			learns(cfg)
			cfg.Defaults.Stuck.Waiting = new(40 * time.Second)
		})
		for n := range byte(20) {
			complete(o, n+1, 20*time.Second, 2*time.Second)
		}
		s := o.Subscribe()
		defer s.Close()
		o.Apply(time.Now(), []operation.Fact{sent("late", 200)}, nil)
		stuck := next(t, s).Changes[0].Verdict
		require.Equal(t, operation.SourceDefaults, stuck.Source)
		require.Equal(t, int64(40*time.Second), stuck.Threshold)
	})
}

// TestOnlyWhatCompletedTeaches, and only once.
func TestOnlyWhatCompletedTeaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, learns)
		complete(o, 1, time.Second, time.Second)
		again := processed(1)
		again.Span = operation.SpanID{1, 2}
		o.Apply(time.Now(), []operation.Fact{again}, nil)
		time.Sleep(time.Minute) // synctest: fake time
		record, err := o.Console().Operation(t.Context(), "", "o-1")
		require.NoError(t, err)
		require.Equal(t, operation.FlagDuplicated, record.Verdict.Flags&operation.FlagDuplicated, "its verdict changed once more")
		o.Apply(time.Now(), []operation.Fact{sent("o-2", 2)}, nil)
		failed := processed(2)
		failed.Outcome = operation.OutcomeError
		o.Apply(time.Now(), []operation.Fact{failed}, nil)
		time.Sleep(time.Hour) // synctest: fake time
		require.EqualValues(t, 1, o.learning.stats().Learned)
	})
}

func TestLearningCanBeSwitchedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, func(cfg *Config) {
			learns(cfg)
			cfg.Learn.Enabled = false
		})
		for n := range byte(20) {
			complete(o, n+1, 20*time.Second, 2*time.Second)
		}
		require.Zero(t, o.learning.stats())
		learned, err := o.Console().Learned(t.Context())
		require.NoError(t, err)
		require.Equal(t, console.Learned{}, learned)
		s := o.Subscribe()
		defer s.Close()
		o.Apply(time.Now(), []operation.Fact{sent("late", 200)}, nil)
		require.Equal(t, operation.SourceDefault, next(t, s).Changes[0].Verdict.Source)
	})
}
