package console

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

func TestRules(t *testing.T) {
	fallback := operation.DefaultPolicy()
	fallback.Hops = []operation.HopPolicy{operation.HopPolicy{
		Destination: []string{"mails"}, Source: operation.SourceDestination, Waiting: new(10 * time.Minute), Groups: []string{"mailer"},
	}.Compiled()}
	rule := fallback
	rule.Rule, rule.OperationName, rule.CompletesOn, rule.Owner = "orders <b>", "fulfilment", "shipments", "team-a"
	rule.Waiting, rule.Deadline = operation.Threshold{Limit: 2 * time.Minute, Source: operation.SourceRule}, operation.Threshold{Limit: time.Hour, Source: operation.SourceRule}
	rule.Hops = append([]operation.HopPolicy{operation.HopPolicy{
		Destination: []string{"orders"}, Group: []string{"payments"}, Source: operation.SourceHop, Processing: new(time.Minute), Then: []string{},
	}.Compiled()}, fallback.Hops...)
	hidden := fallback
	hidden.Rule, hidden.RetrySource = "never", operation.SourceDefaults
	m := &memory{judging: Rules{
		Rules: operation.NewRules([]operation.Rule{
			{Destination: []string{"ord*"}, Service: []string{"shop"}, Policy: rule},
			{Destination: []string{"orders"}, Service: []string{"shop"}, Operation: []string{"x"}, Policy: hidden},
			{Destination: []string{"payments"}, Policy: operation.Policy{Rule: "no match"}},
		}, fallback),
		Learning:  true,
		Matches:   map[string]Matches{"orders <b>": {Count: 17, At: ago(time.Minute)}},
		Schedules: map[string]string{"orders <b>": "every 24h0m0s"},
		Operations: map[string]StateCounts{
			"": {operation.StateCompleted: 5}, "orders <b>": {operation.StateStuck: 2, operation.StateInProgress: 1},
		},
	}}
	w := do(t, handler(m), http.MethodGet, "/api/v1/rules")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	requireGolden(t, "rules", w.Body.Bytes())
	requireSchema(t, "Rules", w.Body.Bytes())

	m.judging.Rules = operation.NewRules(nil, operation.DefaultPolicy())
	w = do(t, handler(m), http.MethodGet, "/api/v1/rules")
	requireGolden(t, "rules_none", w.Body.Bytes())
	requireSchema(t, "Rules", w.Body.Bytes())
	require.Equal(t, http.StatusBadRequest, do(t, handler(m), http.MethodGet, "/api/v1/rules?limit=1").Code)
}

func TestConditions(t *testing.T) {
	r := stuckRecord()
	r.Policy = nil
	r.View.Hops[0].Consumers[0].State, r.View.Hops[0].State = operation.HopFailed, operation.HopFailed
	w := do(t, handler(&memory{records: []Record{r}}), http.MethodGet, "/api/v1/operations/order-42")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	requireGolden(t, "operation_conditions", w.Body.Bytes())
	requireSchema(t, "OperationDetail", w.Body.Bytes())
}
