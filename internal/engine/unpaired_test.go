package engine

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// job is a message of the type gift that the operation sent, of which the producer tells neither the destination nor the ID.
func job(n int, id string, sent float64) operation.Fact {
	return operation.Fact{
		Kind: operation.KindSend, Trace: trace(n), Span: spanID(n), At: at(sent), End: at(sent + 0.1), Service: "api", Type: "gift", ID: id,
	}
}

// run is the consumption of such a message, to which nothing leads.
func run(n int, began float64) operation.Fact {
	return operation.Fact{
		Kind: operation.KindProcess, Consumer: true, Trace: trace(1000 + n), Span: spanID(n), At: at(began), End: at(began + 1),
		Service: "wrapper", Type: "gift", Destination: "critical", MessageID: strconv.Itoa(n), Name: "river.work",
	}
}

// settled sweeps often enough for whatever has an effect on other operations to have it.
func settled(e *Engine, seconds float64) {
	for range 3 {
		sweep(e, seconds)
	}
}

func requireState(t require.TestingT, e *Engine, id string, state operation.State, reason operation.StuckReason) {
	s := get(t, e, id)
	require.Equal(t, state.String(), s.Verdict.State.String(), id)
	require.Equal(t, reason.String(), s.Verdict.Reason.String(), id)
}

func TestAsManyConsumedAsSent(t *testing.T) {
	e := newEngine(t, nil)
	apply(e, 10, job(1, "a", 0), job(2, "b", 1), run(1, 5), run(2, 6))
	settled(e, 100)
	requireState(t, e, "a", operation.StateCompleted, operation.StuckNone)
	requireState(t, e, "b", operation.StateCompleted, operation.StuckNone)
	snapshot := get(t, e, "a")
	require.Equal(t, operation.HopDone, snapshot.View.Hops[0].State)
	require.Equal(t, at(6), snapshot.View.Hops[0].Consumers[0].Attempts[0].EndedAt, "by then both were")
}

func TestFewerConsumedThanSent(t *testing.T) {
	e := newEngine(t, nil)
	apply(e, 10, job(1, "a", 0), job(2, "b", 1), run(1, 5))
	settled(e, 59)
	requireState(t, e, "a", operation.StateInProgress, operation.StuckNone)
	settled(e, 100)
	requireState(t, e, "a", operation.StateUnknown, operation.StuckTelemetryGap)
	requireState(t, e, "b", operation.StateUnknown, operation.StuckTelemetryGap)
}

func TestSentAfterTheLastConsumption(t *testing.T) {
	e := newEngine(t, nil)
	apply(e, 10, job(1, "a", 0), run(1, 2), job(2, "b", 5))
	settled(e, 100)
	requireState(t, e, "a", operation.StateCompleted, operation.StuckNone)
	requireState(t, e, "b", operation.StateStuck, operation.StuckWaiting)
}

func TestConsumedBeforeItWasSentIsAnother(t *testing.T) {
	e := newEngine(t, nil)
	apply(e, 10, run(1, 2), job(2, "b", 5))
	settled(e, 100)
	requireState(t, e, "b", operation.StateStuck, operation.StuckWaiting)
}

func TestALateConsumptionIsHeardOf(t *testing.T) {
	e := newEngine(t, nil)
	apply(e, 10, job(1, "a", 0))
	settled(e, 61)
	requireState(t, e, "a", operation.StateStuck, operation.StuckWaiting)
	apply(e, 70, run(1, 65))
	settled(e, 71)
	settled(e, 90)
	requireState(t, e, "a", operation.StateCompleted, operation.StuckNone)
}

func TestWhichConsumptionsCount(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(sent, consumed *operation.Fact)
		state  operation.State
	}{
		"of the same type":            {func(_, _ *operation.Fact) {}, operation.StateCompleted},
		"of another type":             {func(_, c *operation.Fact) { c.Type = "pack" }, operation.StateStuck},
		"that are named for the type": {func(_, c *operation.Fact) { c.Type, c.Name = "", "gift" }, operation.StateCompleted},
		"of the same destination, where no type is known": {
			func(s, _ *operation.Fact) { s.Type, s.Destination = "", "critical" }, operation.StateCompleted,
		},
		"of another destination":      {func(s, _ *operation.Fact) { s.Type, s.Destination = "", "low" }, operation.StateStuck},
		"none for a named message":    {func(s, _ *operation.Fact) { s.MessageID = "another-one" }, operation.StateStuck},
		"none that failed":            {func(_, c *operation.Fact) { c.Outcome = operation.OutcomeError }, operation.StateStuck},
		"none that have a parent":     {func(_, c *operation.Fact) { c.Parent = spanID(99) }, operation.StateStuck},
		"none that belong to another": {func(_, c *operation.Fact) { c.ID = "other" }, operation.StateStuck},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, nil)
			sent, consumed := job(1, "a", 0), run(1, 5)
			tc.change(&sent, &consumed)
			apply(e, 10, sent, consumed)
			settled(e, 100)
			require.Equal(t, tc.state.String(), get(t, e, "a").Verdict.State.String())
		})
	}
}

func TestAConsumptionOfAnotherOperationDoesNotCount(t *testing.T) {
	e := newEngine(t, nil)
	other, consumed := job(3, "other", 7), run(1, 5)
	other.Type, consumed.ID = "pack", "other"
	apply(e, 10, job(1, "a", 0), other, consumed)
	settled(e, 100)
	requireState(t, e, "a", operation.StateStuck, operation.StuckWaiting)
}

func TestTheUnpairedAreLetGoOf(t *testing.T) {
	e := newEngine(t, func(s *Settings) { s.MaxOperations = 2 })
	apply(e, 10, job(1, "a", 0))
	settled(e, 20)
	require.Len(t, e.unpaired.flows["type gift"].pending, 1)
	for i := range 2 * shardCount {
		apply(e, 21, said(5+i, 5+i, 0, fmt.Sprint("x", i)))
	}
	settled(e, 22)
	require.Empty(t, e.unpaired.flows, "evicted")

	e = newEngine(t, nil)
	apply(e, 10, job(1, "", 0))
	settled(e, 20)
	require.Len(t, e.unpaired.flows["type gift"].pending, 1)
	both := said(3, 3, 0, "a")
	both.Service, both.Alias, both.AliasRank = "api", "b", 1
	line := said(1, 1, 0, "b")
	line.Service = "api"
	apply(e, 21, both, line)
	settled(e, 30)
	require.Len(t, e.unpaired.flows["type gift"].pending, 1, "merged")
	for n := range e.unpaired.flows["type gift"].pending {
		require.Same(t, n, n.find())
	}

	paired := run(1, 5)
	paired.LinkTrace, paired.LinkSpan = trace(1), spanID(1)
	apply(e, 31, paired)
	settled(e, 40)
	require.Empty(t, e.unpaired.flows, "something leads to its consumption now")

	e = newEngine(t, nil)
	apply(e, 10, run(1, 5))
	settled(e, 20)
	require.Len(t, e.unpaired.flows["type gift"].consumed, 1)
	sweep(e, 20+e.settings.Retention.Seconds()+1)
	require.Empty(t, e.unpaired.flows, "past its retention")
}

func TestTheUnpairedAreBounded(t *testing.T) {
	var u unpaired
	u.init()
	for i := range maxFlows + 10 {
		u.note(&entry{}, fmt.Sprint("type ", i), 1, false)
	}
	require.Len(t, u.flows, maxFlows)
	u.init()
	for i := range maxUnpaired + 10 {
		u.note(&entry{}, "type gift", int64(i), false)
	}
	require.Len(t, u.flows["type gift"].pending, maxUnpaired)
	for range 3 {
		u.note(&entry{}, "type gift", maxUnpaired+100, true)
	}
	require.LessOrEqual(t, len(u.again), maxUnpaired+maxUnpaired)
	u.note(&entry{}, "", 1, false)
	require.NotContains(t, u.flows, "")
}

func TestTooManyToMatchAreInDoubt(t *testing.T) {
	match := func(n int) (int64, bool) {
		f := flowState{pending: map[*entry]int64{}, consumed: map[*entry]int64{}}
		for i := range n {
			f.pending[&entry{}], f.consumed[&entry{}] = int64(i), int64(n+i)
		}
		return f.consumedAt(0)
	}
	when, sure := match(maxMatched)
	require.True(t, sure)
	require.EqualValues(t, 2*maxMatched-1, when)
	when, sure = match(maxMatched + 1)
	require.False(t, sure)
	require.EqualValues(t, maxMatched+1, when)
}

// TestUnpairedAtOnce is for the race detector: messages and consumptions come, merge and are evicted while sweeps and readers
// ask about them.
func TestUnpairedAtOnce(t *testing.T) {
	e := newEngine(t, func(s *Settings) { s.MaxOperations = 50 })
	var work sync.WaitGroup
	for w := range 2 {
		work.Go(func() {
			for n := range 300 {
				id := ""
				if n%3 == w {
					id = fmt.Sprint("op-", n%40)
				}
				apply(e, float64(n), job(n%80, id, float64(n)), run(n%70, float64(n)+0.5))
			}
		})
	}
	work.Go(func() {
		for n := range 200 {
			sweep(e, float64(n*3))
		}
	})
	work.Go(func() {
		for range 200 {
			for s := range e.Summaries() {
				e.Snapshot(s)
			}
		}
	})
	work.Wait()
	requireSound(t, e)
	e.unpaired.mu.Lock()
	defer e.unpaired.mu.Unlock()
	for key, f := range e.unpaired.flows {
		for _, list := range []map[*entry]int64{f.pending, f.consumed} {
			for n := range list {
				require.Contains(t, e.unpaired.keys[n], key)
				require.Same(t, n, n.find(), "nobody is kept who left")
			}
		}
	}
}
