package operationsextension

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/operation"
)

func TestRulesTellHowManyOperationsTheyApplyTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, func(c *Config) {
			c.Rules = []RuleConfig{
				{Name: "mails", Match: MatchConfig{Destination: []string{"mails"}}, Stuck: StuckConfig{Waiting: new(time.Second)}},
				{Name: "never", Match: MatchConfig{Destination: []string{"nowhere"}}, RetryWithin: new(time.Second)},
			}
		})
		for i, destination := range []string{"mails", "mails", "orders"} {
			o.Apply(time.Now(), []operation.Fact{{
				Kind: operation.KindSend, ID: destination + string(rune('0'+i)), Destination: destination, Service: "shop",
				Trace: operation.TraceID{byte(i + 1)}, Span: operation.SpanID{1}, At: time.Now().UnixNano(), End: time.Now().UnixNano(),
			}}, nil)
		}
		time.Sleep(10 * time.Second) // synctest: fake time
		rules, err := o.Console().Rules(t.Context())
		require.NoError(t, err)
		require.True(t, rules.Learning)
		require.Len(t, rules.Rules.All(), 2)
		require.Equal(t, uint64(2), rules.Operations["mails"][operation.StateStuck])
		require.Equal(t, uint64(1), rules.Operations[""][operation.StateInProgress])
		require.Nil(t, rules.Operations["never"])
		require.Equal(t, uint64(2), rules.Matches["mails"].Count)
		require.InDelta(t, time.Now().UnixNano(), rules.Matches["mails"].At, float64(10*time.Second))
		require.Zero(t, rules.Matches["never"])
		require.Equal(t, operation.SourceRule, rules.Rules.All()[1].Policy.RetrySource)
		require.Equal(t, operation.SourceDefault, rules.Rules.Fallback().RetrySource)

		page, err := o.Console().Operations(t.Context(), console.Query{Rule: "mails", Limit: 10})
		require.NoError(t, err)
		require.Len(t, page.Items, 2)
		stats, err := o.Console().Stats(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[operation.ThresholdSource]uint64{operation.SourceRule: 2}, stats.Operations.Sources)
		require.Equal(t, map[string]uint64{"finished": 0, "open": 0, "missed": 0}, stats.Evicted)

		record, err := o.Console().Operation(t.Context(), "", "mails0")
		require.NoError(t, err)
		conditions := operation.Conditions(record.View, record.Policy, record.Circumstances, time.Now().UnixNano())
		require.Len(t, conditions, 1)
		require.Equal(t, operation.SourceRule, conditions[0].Threshold.Source)
	})
}

func TestARuleThatNeverAppliesIsWarnedOf(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	cfg := createDefaultConfig().(*Config)
	cfg.Rules = []RuleConfig{
		{Name: "all mails", Match: MatchConfig{Destination: []string{"mail*"}}},
		{Name: "mails", Match: MatchConfig{Destination: []string{"mails"}}},
		{Name: "orders", Match: MatchConfig{Destination: []string{"orders"}}},
	}
	_, err := newRulebook(cfg, zap.New(core))
	require.NoError(t, err)
	require.Equal(t, 1, logs.Len())
	require.Equal(t, map[string]any{"rule": "mails", "before": "all mails"}, logs.All()[0].ContextMap())
}
