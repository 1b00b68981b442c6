package alert

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

func TestMatches(t *testing.T) {
	a := Alert{
		Routing: Routing{Severity: operation.SeverityError, Priority: 2, Owner: "team-a"},
		Labels:  map[string]string{LabelKind: "stuck", LabelOperation: "order.fulfil", LabelDestination: "orders\nnew"},
	}
	for name, test := range map[string]struct {
		match Matches
		want  bool
	}{
		"nothing asked":       {nil, true},
		"empty element":       {Matches{{}}, true},
		"all":                 {Matches{{Severities: []operation.Severity{operation.SeverityError}, Priorities: []int{1, 2}, Kinds: []string{"stuck"}, Owners: NewPatterns([]string{"team-a"})}}, true},
		"one is wrong":        {Matches{{Severities: []operation.Severity{operation.SeverityError}, Priorities: []int{1}}}, false},
		"another element":     {Matches{{Priorities: []int{1}}, {Kinds: []string{"failed", "stuck"}}}, true},
		"wrong kind":          {Matches{{Kinds: []string{"failed"}}}, false},
		"pattern":             {Matches{{Operations: NewPatterns([]string{"order.*"})}}, true},
		"a dot is a dot":      {Matches{{Operations: NewPatterns([]string{"order-*", "order?fulfil"})}}, false},
		"a whole, not a part": {Matches{{Operations: NewPatterns([]string{"order", "fulfil"})}}, false},
		"several lines":       {Matches{{Destinations: NewPatterns([]string{"orders*"})}}, true},
		"alternatives":        {Matches{{Owners: NewPatterns([]string{"x", "*-a"})}}, true},
		"no owner":            {Matches{{Owners: NewPatterns([]string{""})}}, false},
	} {
		require.Equal(t, test.want, test.match.Match(&a), name)
	}
}
