package engine

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// looks counts how often operations are looked at.
func looks(change func(*Settings), n *int) func(*Settings) {
	return func(s *Settings) {
		policy := operation.DefaultPolicy()
		policy.Settle = s.ArrivalGrace
		s.Policy = func(*operation.View) *operation.Policy {
			*n++
			return &policy
		}
		if change != nil {
			change(s)
		}
	}
}

// An operation that simply completes is looked at once, and named before.
func TestOneLookIsEnough(t *testing.T) {
	n := 0
	e := newEngine(t, looks(nil, &n))
	send, process := hop(1, 1, "orders", "message", 0)
	line := operation.Fact{Kind: operation.KindLog, Trace: process.Trace, Span: process.Span, At: at(1.5), Service: process.Service, Name: "working"}
	require.Equal(t, "orders", apply(e, 2, withID(send, "order-1"), withID(process, "order-1"))[0].Name)
	for seconds := 2.5; seconds < 7; seconds += 0.5 {
		require.Empty(t, sweep(e, seconds))
	}
	require.Equal(t, "orders", apply(e, 6.5, line)[0].Name)
	require.Zero(t, n)
	require.Empty(t, sweep(e, 11))
	changes := sweep(e, 11.5)
	require.Len(t, changes, 1)
	require.Equal(t, operation.StateCompleted, changes[0].Verdict.State)
	require.Equal(t, 1, n)
	require.Empty(t, sweep(e, 100))
	require.Equal(t, 1, n)
}

// One that may be stuck before it can have completed is looked at by then, and one of which more may come when it is quiet.
func TestTheLookIsPutOffAsLongAsNothingCanCome(t *testing.T) {
	policy := operation.DefaultPolicy()
	policy.Waiting.Limit = 8 * time.Second
	n := 0
	change := func(s *Settings) {
		s.Soonest, s.Settle = operation.NewRules(nil, policy).Soonest()
		s.Policy = func(*operation.View) *operation.Policy {
			n++
			return &policy
		}
	}
	send, process := hop(1, 1, "orders", "message", 0)
	send, process = withID(send, "order-1"), withID(process, "order-1")
	failed, open := process, process
	failed.Outcome, open.End = operation.OutcomeError, 0
	slow := process
	slow.End = at(4)
	given := send
	given.Destination = "orders.dlq"
	for name, test := range map[string]struct {
		facts []operation.Fact
		look  float64
	}{
		"completes":      {[]operation.Fact{send, process}, 8},
		"soon":           {[]operation.Fact{send}, 8},
		"failed":         {[]operation.Fact{send, failed}, 6},
		"has not ended":  {[]operation.Fact{send, open}, 6},
		"dead-lettered":  {[]operation.Fact{given}, 6},
		"the other way":  {[]operation.Fact{slow, send}, 8},
		"without a name": {[]operation.Fact{{Kind: operation.KindLog, Trace: trace(1), At: at(0.5), Service: "worker", Name: "working", ID: "order-1"}, send, process}, 6},
	} {
		n = 0
		e := newEngine(t, change)
		apply(e, 1, test.facts...)
		for _, seconds := range []float64{1.5, 5.9, test.look - 0.1} {
			sweep(e, seconds)
			require.Zero(t, n, "%s: %v", name, seconds)
		}
		sweep(e, test.look)
		require.Equal(t, 1, n, name)
	}
	policy.Waiting.Limit = time.Minute
	e := newEngine(t, change)
	apply(e, 1, slow, send)
	n = 0
	sweep(e, 13.9)
	require.Zero(t, n)
	require.Equal(t, operation.StateCompleted, sweep(e, 14)[0].Verdict.State)
	require.Equal(t, 1, n)
}

// What others are judged by, or wait for, is not put off.
func TestSomeAreLookedAtEarly(t *testing.T) {
	unnamed, process := hop(1, 1, "orders", "trace", 0)
	orphan := process
	orphan.Parent, orphan.ID = operation.SpanID{}, ""
	line := operation.Fact{Kind: operation.KindLog, Trace: trace(1), Span: spanID(9), At: at(1.5), Service: "worker", Name: "working", ID: "order-1"}
	named := withID(unnamed, "order-1")
	named.MessageID = "message-1"
	for name, test := range map[string]struct {
		facts  []operation.Fact
		change func(*Settings)
	}{
		"a message that nothing names":            {facts: []operation.Fact{withID(unnamed, "order-1")}},
		"a consumption that nothing leads to":     {facts: []operation.Fact{orphan}},
		"an operation that nothing names":         {facts: []operation.Fact{line}},
		"policies name operations":                {facts: []operation.Fact{named}, change: func(s *Settings) { s.NamedByPolicy = true }},
		"somebody is told of all that are judged": {facts: []operation.Fact{named}, change: func(s *Settings) { s.Judged = func(*operation.View, *operation.Policy, int64) {} }},
	} {
		n := 0
		e := newEngine(t, looks(test.change, &n))
		apply(e, 2, test.facts...)
		sweep(e, 2.5)
		require.Equal(t, 1, n, name)
	}
}

// Whatever comes first, the name before the first look is that of the view, where messages have destinations.
func TestEarlyNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var facts []operation.Fact
		for h := range rapid.IntRange(1, 4).Draw(t, "hops") {
			send, process := hop(1, 1+2*h, string(rune('z'-h)), "message", float64(10*h))
			facts = append(facts, withID(send, "order-1"), withID(process, "order-1"))
		}
		if i := rapid.IntRange(-1, len(facts)-1).Draw(t, "explicit"); i >= 0 {
			facts[i].OperationName = "checkout"
		}
		shuffle(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), facts)
		e := newEngine(t, nil)
		var assigned []Assignment
		for _, f := range facts {
			assigned = apply(e, 60, f)
			sweep(e, 60)
		}
		require.Equal(t, get(t, e, "order-1").View.Name, assigned[0].Name)
	})
}

// Putting the first look off changes no verdict and no time: the same is told as where all operations are looked at early.
// Messages that nothing names are left out, and those that are known to be received alone: what is known of these depends on when
// others were looked at, or came.
func TestPuttingOffTheFirstLookChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settle := time.Duration(rapid.IntRange(0, 12).Draw(t, "settle")) * time.Second
		both := func(s *Settings) {
			policy := operation.DefaultPolicy()
			policy.Settle = settle
			policy.Waiting.Limit = time.Duration(rapid.IntRange(1, 20).Draw(t, "waiting")) * time.Second
			policy.Processing.Limit = time.Duration(rapid.IntRange(1, 20).Draw(t, "processing")) * time.Second
			if rapid.Bool().Draw(t, "said") {
				s.Soonest, s.Settle = operation.NewRules(nil, policy).Soonest()
			}
			s.Policy = func(*operation.View) *operation.Policy { return &policy }
		}
		put := newEngine(t, both)
		early := newEngine(t, func(s *Settings) {
			*s = put.settings
			s.Judged = func(*operation.View, *operation.Policy, int64) {}
		})
		var facts []operation.Fact
		for o := range rapid.IntRange(1, 4).Draw(t, "operations") {
			facts = append(facts, drawOperation(t, o)...)
		}
		facts = append(facts, rapid.SliceOfN(rapid.Custom(drawFact), 0, 6).Draw(t, "others")...)
		facts = slices.DeleteFunc(facts, func(f operation.Fact) bool { return mayBeUnpaired(&f) || f.Kind == operation.KindReceive })
		shuffle(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), facts)
		for now := 0.0; now < 120; now++ {
			if n := rapid.IntRange(0, 6).Draw(t, "arriving"); n > 3 && len(facts) > 0 {
				some := facts[:min(n, len(facts))]
				facts = facts[len(some):]
				apply(put, now, slices.Clone(some)...)
				apply(early, now, some...)
			}
			require.Equal(t, verdicts(sweep(early, now)), verdicts(sweep(put, now)), now)
		}
	})
}

// told is what outputs learn by a change.
type told struct {
	id, name string
	verdict  operation.Verdict
	at       int64
	gone     bool
}

// verdicts are the changes but for those of operations that are in progress, whose flags may be told later.
func verdicts(changes []operation.Change) []told {
	all := []told{}
	for i := range changes {
		c := &changes[i]
		if c.Verdict.State == operation.StateInProgress && c.Before.State == operation.StateInProgress {
			continue
		}
		all = append(all, told{c.View.ID, c.View.Name, c.Verdict, c.At, c.Gone})
	}
	slices.SortFunc(all, func(a, b told) int { return cmp.Compare(a.id, b.id) })
	return all
}
