package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// drawTangle draws the records of operations that are found to be one, or to be several, as they come: an ID on one record only, aliases,
// traces of several operations, batches, and records that wait. They come in any order.
func drawTangle(t *rapid.T) []operation.Fact {
	var facts []operation.Fact
	for o := range rapid.IntRange(1, 4).Draw(t, "operations") {
		own := drawOperation(t, o)
		own[rapid.IntRange(0, len(own)-1).Draw(t, "identified")].ID = "op-" + string(rune('a'+o))
		if rapid.IntRange(0, 2).Draw(t, "aliased") == 0 {
			corr := "corr-" + string(rune('a'+o))
			for i := range own {
				if own[i].ID != "" {
					own[i].Alias, own[i].AliasRank = corr, 1
				}
			}
			if f := &own[rapid.IntRange(0, len(own)-1).Draw(t, "alias")]; f.ID == "" {
				f.ID, f.IDRank = corr, 1
			}
		}
		if rapid.IntRange(0, 2).Draw(t, "unfinished") == 0 {
			own = slices.DeleteFunc(own, func(f operation.Fact) bool { return f.Kind == operation.KindProcess && f.ID == "" && f.At > at(4) })
		}
		facts = append(facts, own...)
	}
	if rapid.Bool().Draw(t, "shared") {
		// A trace in which several operations occur.
		for i := range 2 {
			f, _ := hop(900, 900+2*i, "bulk", "trace", 1)
			facts = append(facts, withID(f, "op-"+string(rune('a'+i))))
		}
		facts = append(facts, operation.Fact{Kind: operation.KindLog, Trace: trace(900), Span: spanID(900), At: at(2), Service: "api"})
	}
	if rapid.Bool().Draw(t, "batch") {
		for i := range 2 {
			facts = append(facts, operation.Fact{
				Kind: operation.KindProcess, Batch: true, Trace: trace(950), Span: spanID(950), At: at(3), End: at(4), Service: "w", Destination: "q0",
				LinkTrace: trace(i*1000 + 1), LinkSpan: spanID(i*100 + 1),
			})
		}
	}
	shuffle(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 1)), facts)
	return facts
}

// held lists what an engine holds: each operation with its facts and verdict.
func held(e *Engine) []string {
	var all []string
	for s := range e.Summaries() {
		snapshot, ok := e.Snapshot(s)
		if !ok {
			continue
		}
		facts := e.Facts(s.Namespace, s.ID)
		var records []string
		for _, f := range facts {
			records = append(records, fmt.Sprintf("%v %x %s%s", f.Kind, f.Span[:2], f.ID, f.MessageID))
		}
		all = append(all, fmt.Sprintf("%s %v %v %v: %v", s.ID, s.Aliases, s.Verdict.State, snapshot.View.Facts, records))
	}
	slices.Sort(all)
	return all
}

// believed is what a receiver takes to be in trouble in the end, by names that are still good: what an operation was called before, a
// receiver finds out by itself.
func (j *journal) believed() []string {
	last := map[address]operation.Change{}
	for key, c := range j.heard {
		if known, ok := last[key.address]; !ok || known.Revision < c.Revision {
			last[key.address] = c
		}
	}
	var all []string
	for key, c := range last {
		if s, ok := j.engine.Get(key.namespace, key.id); ok && s.View.ID != key.id {
			continue
		}
		if !c.Gone && c.Verdict.State.Troubled() {
			all = append(all, fmt.Sprintf("%s %v %v", key.id, c.Verdict.State, c.Verdict.Reason))
		}
	}
	slices.Sort(all)
	return all
}

// TestRestartsDisentangleTheSame: whatever operations turn out to be one or several, with restarts between and with everything written
// anew, the same operations result, receivers take the same ones to be in trouble, and no revision is told of two things. The stories are
// always the same ones.
func TestRestartsDisentangleTheSame(t *testing.T) {
	for seed := range tangles {
		// A generator tries again whatever fails, so that it is noted here.
		failed := false
		rapid.Custom(func(t *rapid.T) bool {
			same := false
			defer func() { failed = failed || !same }()
			disentangle(t)
			same = true
			return true
		}).Example(seed)
		require.False(t, failed, "seed %d", seed)
	}
}

// tangles is the number of stories.
const tangles = 110

func disentangle(t *rapid.T) {
	steady, killed := newJournal(t, nil), newJournal(t, nil)
	story := drawTangle(t)
	now := 5.0
	for len(story) > 0 {
		now += float64(rapid.IntRange(0, 20).Draw(t, "pause"))
		n := rapid.IntRange(1, len(story)).Draw(t, "some")
		steady.apply(now, slices.Clone(story[:n]))
		killed.apply(now, slices.Clone(story[:n]))
		story = story[n:]
		step(t, steady, killed, now)
	}
	for _, later := range []float64{1, 10, 31, 32, 70, 100, 101} {
		step(t, steady, killed, now+later)
	}
	require.Equal(t, held(steady.engine), held(killed.engine))
	require.Equal(t, steady.believed(), killed.believed())
}

// TestAnExportMissesNothing that goes from one operation to another, or finds its own, while it is under way.
func TestAnExportMissesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, again := newEngine(t, nil), newEngine(t, nil)
		story := drawTangle(t)
		n := rapid.IntRange(0, len(story)).Draw(t, "before")
		apply(e, 5, slices.Clone(story[:n])...)
		if rapid.Bool().Draw(t, "sweep") {
			sweep(e, 6)
		}
		rest := story[n:]
		// What comes meanwhile is replayed after the export.
		var meanwhile []operation.Fact
		come := func() {
			if len(rest) > 0 {
				meanwhile = append(meanwhile, rest[0])
				apply(e, 7, rest[0])
				rest = rest[1:]
			}
		}
		e.chunkSize = 1
		var unknown []State
		for c := range e.Export() {
			again.Replay(c.At, cloneFacts(c.Facts))
			unknown = again.Adopt(append(unknown, c.States...), 0)
			if rapid.Bool().Draw(t, "come") {
				come()
			}
			if rapid.IntRange(0, 3).Draw(t, "sweep meanwhile") == 0 {
				sweep(e, 8)
			}
		}
		for len(rest) > 0 {
			come()
		}
		again.Replay(at(7), meanwhile)
		// What becomes known of one operation may have others looked at again, and what is unpaired excuses others for a while.
		for _, seconds := range []float64{9, 100, 200, 300, 400} {
			sweep(e, seconds)
			sweep(again, seconds)
		}
		require.Equal(t, held(e), held(again))
		requireSound(t, again)
	})
}

// TestOneWhoFellBehindBeginsAnew with nothing that is held, and nothing to tell.
func TestOneWhoFellBehindBeginsAnew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, fresh := newEngine(t, nil), newEngine(t, nil)
		before, after := drawTangle(t), drawTangle(t)
		apply(e, 5, before...)
		e.States(sweep(e, 200), 1, func(int) string { return "" })
		e.Reset()
		requireSound(t, e)
		require.Zero(t, e.Stats().Operations)
		require.Zero(t, e.Stats().Waiting)
		require.Zero(t, e.Usage().Leads)
		require.Empty(t, sweep(e, 201), "nobody is told")
		for _, engine := range []*Engine{e, fresh} {
			engine.Replay(at(210), slices.Clone(after))
			sweep(engine, 300)
		}
		require.Equal(t, held(fresh), held(e))
	})
}

// TestTidyKeepsWithinBounds: who follows for long neither keeps what is over nor lists of what left.
func TestTidyKeepsWithinBounds(t *testing.T) {
	const many, room = 2000, 100
	e := newEngine(t, func(s *Settings) { s.MaxOperations, s.Retention = room, time.Minute })
	for n := range many {
		send, process := hop(n, n*2, "orders", "trace", float64(n))
		id := fmt.Sprint("o-", n)
		e.Replay(at(float64(n)+2), []operation.Fact{withID(send, id), process})
		unknown := e.Adopt([]State{{
			ID: id, Revision: 1, FinalRevision: 1, Verdict: operation.Verdict{State: operation.StateFailed, Hop: -1, Consumer: -1}, Ended: operation.StateFailed,
			UpdatedAt: at(float64(n) + 3), Output: int64(n) + 1,
		}}, int64(n))
		require.Empty(t, unknown)
		e.Tidy(time.Unix(0, at(float64(n)+4)))
		unknown = e.Adopt([]State{{ID: fmt.Sprint("o-", n-70), Revision: 2, Gone: true, Left: true}}, int64(n))
		require.Empty(t, unknown)
	}
	require.LessOrEqual(t, e.Stats().Operations, 80)
	e.untold.mu.Lock()
	defer e.untold.mu.Unlock()
	require.LessOrEqual(t, len(e.untold.states), 2)
	require.LessOrEqual(t, len(e.untold.left), 80)
	for i := range e.shards {
		require.LessOrEqual(t, cap(e.shards[i].dirty), many/10)
		require.Empty(t, e.shards[i].gone)
	}
}
