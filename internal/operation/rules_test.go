package operation

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRules(t *testing.T) {
	named := send(1, "orders", 1, 2)
	named.OperationName, named.Name = "order-fulfilment", "send orders"
	v := build([]Fact{named, process(2, 1, "q.orders", "worker-7", 3, 4)}).View(NoHabits{})
	require.Equal(t, []string{"api", "worker-7"}, v.Services())
	require.Equal(t, []string{"orders", "q.orders"}, v.Destinations())

	for _, tc := range []struct {
		name  string
		rule  Rule
		match bool
	}{
		{"no criterion", Rule{}, true},
		{"destination", Rule{Destination: []string{"payments", "orders"}}, true},
		{"the consumer's name of the destination", Rule{Destination: []string{"q.orders"}}, true},
		{"another destination", Rule{Destination: []string{"payments"}}, false},
		{"a glob", Rule{Service: []string{"worker-*"}}, true},
		{"a glob is no regular expression", Rule{Service: []string{"worker.*"}}, false},
		{"a glob must match from end to end", Rule{Service: []string{"orker*"}}, false},
		{"operation", Rule{Operation: []string{"order-*"}}, true},
		{"span name", Rule{SpanName: []string{"send orders"}}, true},
		{"all criteria", Rule{Destination: []string{"orders"}, Service: []string{"api"}}, true},
		{"one of them not met", Rule{Destination: []string{"orders"}, Service: []string{"mailer"}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.rule.Policy.Rule = "it"
			rules := NewRules([]Rule{{Service: []string{"nobody"}}, tc.rule}, DefaultPolicy())
			require.Equal(t, tc.match, rules.Policy(v).Rule == "it")
		})
	}
}
