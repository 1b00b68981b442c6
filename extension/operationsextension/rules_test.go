package operationsextension

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

func TestRulesTellHowManyOperationsTheyApplyTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, func(c *Config) {
			c.Rules = []RuleConfig{
				{Name: "mails", Match: MatchConfig{Destination: []string{"mails"}}, Stuck: StuckConfig{Waiting: new(time.Second)}},
				{Name: "never", Match: MatchConfig{Destination: []string{"nowhere"}}},
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

		record, err := o.Console().Operation(t.Context(), "", "mails0")
		require.NoError(t, err)
		conditions := operation.Conditions(record.View, record.Policy, record.Circumstances, time.Now().UnixNano())
		require.Len(t, conditions, 1)
		require.Equal(t, operation.SourceRule, conditions[0].Threshold.Source)
	})
}
