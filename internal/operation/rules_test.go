package operation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
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

func TestARuleCoversAnother(t *testing.T) {
	wide := Rule{Destination: []string{"ord*", "payments"}}
	for name, tc := range map[string]struct {
		narrow Rule
		covers bool
	}{
		"the same":                       {wide, true},
		"one of its names":               {Rule{Destination: []string{"payments"}}, true},
		"a name that the glob matches":   {Rule{Destination: []string{"orders"}}, true},
		"a narrower glob":                {Rule{Destination: []string{"order*s"}}, true},
		"further criteria":               {Rule{Destination: []string{"orders"}, Service: []string{"shop"}}, true},
		"a wider glob":                   {Rule{Destination: []string{"or*"}}, false},
		"any name":                       {Rule{Destination: []string{"*"}}, false},
		"one name more":                  {Rule{Destination: []string{"orders", "mails"}}, false},
		"another criterion in its stead": {Rule{Service: []string{"shop"}}, false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.covers, wide.Covers(&tc.narrow)) })
	}
}

func TestWhatIsCoveredNeverApplies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.StringMatching(`[ab*]{1,3}`), 0, 2)
		draw := func(label string) Rule {
			return Rule{Operation: names.Draw(t, label+" operation"), Destination: names.Draw(t, label+" destination"), Policy: Policy{Rule: label}}
		}
		first, second := draw("first"), draw("second")
		v := &View{
			Name: rapid.StringMatching(`[ab]{0,3}`).Draw(t, "name"),
			Hops: []Hop{{Destination: rapid.StringMatching(`[ab]{1,3}`).Draw(t, "one")}, {Destination: rapid.StringMatching(`[ab]{1,3}`).Draw(t, "other")}},
		}
		if first.Covers(&second) {
			require.NotEqual(t, "second", NewRules([]Rule{first, second}, Policy{}).Policy(v).Rule)
		}
	})
}

func TestSoonest(t *testing.T) {
	second := func(n int) Threshold { return Threshold{Limit: time.Duration(n) * time.Second} }
	hop := 5 * time.Second
	never := time.Duration(0)
	base := Policy{Waiting: second(60), Processing: second(0), Stalled: second(30), Settle: 10 * time.Second}
	for _, test := range []struct {
		change          func(*Policy)
		soonest, settle time.Duration
	}{
		{func(*Policy) {}, 30 * time.Second, 10 * time.Second},
		{func(p *Policy) { p.Waiting, p.Settle = second(20), 0 }, 20 * time.Second, 0},
		{func(p *Policy) { p.Hops = []HopPolicy{{Processing: &hop, Stalled: &never}} }, hop, 10 * time.Second},
		{func(p *Policy) { p.Deadline = second(100) }, 0, 10 * time.Second},
		{func(p *Policy) { p.CompletesOn = "shipments" }, 0, 10 * time.Second},
		{func(p *Policy) { p.Waiting, p.Processing, p.Stalled = second(0), second(0), second(0) }, 30 * time.Second, 10 * time.Second},
	} {
		p := base
		test.change(&p)
		soonest, settle := NewRules([]Rule{{Policy: p}}, base).Soonest()
		require.Equal(t, test.soonest, soonest)
		require.Equal(t, test.settle, settle)
	}
}
