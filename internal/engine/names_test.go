package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// said is a log record that carries the value of a key, told by its rank.
func said(n, trace_ int, rank uint8, value string) operation.Fact {
	return operation.Fact{Kind: operation.KindLog, Trace: trace(trace_), Span: spanID(n), At: at(float64(n)), Service: "s", ID: value, IDRank: rank}
}

// groups lists the IDs that name one operation together, and the number of its facts.
func groups(t require.TestingT, e *Engine, values []string) map[string][]string {
	together := map[string][]string{}
	for _, value := range values {
		s := get(t, e, value)
		together[s.View.ID] = append(together[s.View.ID], value)
	}
	for _, ids := range together {
		slices.Sort(ids)
	}
	return together
}

func applied(t require.TestingT, facts []operation.Fact) *Engine {
	e := newEngine(t, nil)
	for _, f := range facts {
		apply(e, 100, f)
	}
	return e
}

// inAnyOrder calls see with an engine for each of some orders of the facts.
func inAnyOrder(t *testing.T, facts []operation.Fact, see func(e *Engine)) {
	for seed := range uint64(60) {
		shuffle(rand.New(rand.NewPCG(seed, 1)), facts)
		e := applied(t, facts)
		see(e)
		requireSound(t, e)
	}
}

func TestKeysOfOneTraceNameOneOperation(t *testing.T) {
	inAnyOrder(t, []operation.Fact{said(1, 1, 0, "order-1"), said(2, 1, 1, "corr-1"), said(3, 2, 1, "corr-1"), said(4, 2, 2, "task-1")}, func(e *Engine) {
		require.Equal(t, map[string][]string{"order-1": {"corr-1", "order-1", "task-1"}}, groups(t, e, []string{"order-1", "corr-1", "task-1"}))
		require.Equal(t, 1, e.Stats().Operations)
		require.Equal(t, 4, get(t, e, "order-1").View.Facts)
	})
}

func TestATraceThatContradictsItselfNamesNothing(t *testing.T) {
	values := []string{"order-1", "order-2", "corr-1"}
	inAnyOrder(t, []operation.Fact{said(1, 1, 0, "order-1"), said(2, 1, 1, "corr-1"), said(3, 1, 0, "order-2")}, func(e *Engine) {
		require.Equal(t, map[string][]string{"order-1": {"order-1"}, "order-2": {"order-2"}, "corr-1": {"corr-1"}}, groups(t, e, values))
		for _, value := range values {
			require.Equal(t, 1, get(t, e, value).View.Facts, value)
		}
	})
}

func TestWhatAnotherTraceJoinedOutlivesAContradiction(t *testing.T) {
	values := []string{"order-1", "order-2", "corr-1", "task-1"}
	inAnyOrder(t, []operation.Fact{
		said(1, 1, 0, "order-1"), said(2, 1, 1, "corr-1"), said(3, 1, 0, "order-2"), said(4, 2, 1, "corr-1"), said(5, 2, 2, "task-1"),
	}, func(e *Engine) {
		require.Equal(t, map[string][]string{"order-1": {"order-1"}, "order-2": {"order-2"}, "corr-1": {"corr-1", "task-1"}}, groups(t, e, values))
	})
}

func TestOneKeyWithTwoValuesNeverJoins(t *testing.T) {
	inAnyOrder(t, []operation.Fact{said(1, 1, 0, "order-1"), said(2, 1, 0, "order-2")}, func(e *Engine) {
		require.Equal(t, 2, e.Stats().Operations)
	})
}

// TestTakingApartKeepsAllFacts: what followed the trace without an ID of its own is told by its span, or by its parent.
func TestTakingApartKeepsAllFacts(t *testing.T) {
	send, process := hop(1, 1, "orders", "trace", 0)
	line := operation.Fact{Kind: operation.KindLog, Trace: trace(1), Span: process.Span, At: at(1.5), Service: "w", Name: "line"}
	send.IDRank = 1
	inAnyOrder(t, []operation.Fact{withID(send, "corr-1"), process, line, said(8, 1, 0, "order-1"), said(9, 1, 0, "order-2")}, func(e *Engine) {
		require.Equal(t, 3, get(t, e, "corr-1").View.Facts, "send, process and line")
		require.Equal(t, operation.HopDone, get(t, e, "corr-1").View.Hops[0].State)
		require.Equal(t, 3, e.Stats().Operations)
		sweep(e, 100)
		require.Zero(t, e.Stats().Waiting)
	})
}

// TestNamesDoNotDependOnTheOrder compares which IDs name one operation, and how many facts there are, over orders of records
// that name up to three traces with up to three keys, each trace with values of its own.
func TestNamesDoNotDependOnTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var facts []operation.Fact
		values := map[string]struct{}{}
		for n := range rapid.IntRange(2, 8).Draw(t, "records") {
			rank := uint8(rapid.IntRange(0, 2).Draw(t, "rank"))
			in := rapid.IntRange(1, 3).Draw(t, "trace")
			value := fmt.Sprintf("%c%s-%d", 'a'+rank, rapid.SampledFrom([]string{"1", "2"}).Draw(t, "value"), in)
			values[value] = struct{}{}
			facts = append(facts, said(n+1, in, rank, value))
		}
		var names []string
		for value := range values {
			names = append(names, value)
		}
		slices.Sort(names)
		want := groups(t, applied(t, facts), names)
		total := 0
		for id := range want {
			total += get(t, applied(t, facts), id).View.Facts
		}
		require.Equal(t, len(facts), total, "facts were lost")
		shuffle(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), facts)
		e := applied(t, facts)
		require.Equal(t, want, groups(t, e, names))
		requireSound(t, e)
	})
}

func TestNamesAreBounded(t *testing.T) {
	e := newEngine(t, nil)
	const keys = 3 * maxIDs
	for i := range keys {
		apply(e, 1, said(i+1, 1, uint8(i), fmt.Sprint("id-", i)))
	}
	e.identity.index.each(func(n *node) {
		require.LessOrEqual(t, int(e.identity.entries.at(n.holder).ids), maxIDs)
	})
	facts := 0
	seen := map[string]struct{}{}
	for s := range e.Summaries() {
		if _, ok := seen[s.ID]; !ok {
			seen[s.ID] = struct{}{}
			snapshot, _ := e.Snapshot(s)
			facts += snapshot.View.Facts
		}
	}
	require.Equal(t, keys, facts)
	requireSound(t, e)
}
