package engine

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

var start = time.Unix(1_700_000_000, 0)

func newEngine(t require.TestingT, change func(*Settings)) *Engine {
	settings := DefaultSettings()
	if change != nil {
		change(&settings)
	}
	e, err := New(settings)
	require.NoError(t, err)
	return e
}

func at(seconds float64) int64 { return start.UnixNano() + int64(seconds*1e9) }

func trace(b int) operation.TraceID { return operation.TraceID{byte(b), byte(b >> 8), 1} }
func spanID(b int) operation.SpanID { return operation.SpanID{byte(b), byte(b >> 8), 1} }

// hop builds the records of one message: a send in trace t and its processing, by the given way of propagation.
func hop(t, n int, destination, propagation string, from float64) (send, process operation.Fact) {
	send = operation.Fact{
		Kind: operation.KindSend, Trace: trace(t), Span: spanID(n), At: at(from), End: at(from + 0.1), Service: "api", Destination: destination,
	}
	process = operation.Fact{
		Kind: operation.KindProcess, Consumer: true, Trace: trace(t), Span: spanID(n + 1), At: at(from + 1), End: at(from + 2),
		Service: destination + "-worker", Destination: destination,
	}
	switch propagation {
	case "trace":
		process.Parent, process.Remote = send.Span, true
	case "link":
		process.Trace = trace(t + 100)
		process.LinkTrace, process.LinkSpan = send.Trace, send.Span
	case "message":
		process.Trace = trace(t + 200)
		send.MessageID = "message-" + string(rune('a'+n%26)) + string(rune('a'+n/26))
		process.MessageID = send.MessageID
	}
	return send, process
}

func apply(e *Engine, seconds float64, facts ...operation.Fact) []Assignment {
	return e.Apply(time.Unix(0, at(seconds)), facts, nil)
}

func sweep(e *Engine, seconds float64) []operation.Change { return e.Sweep(time.Unix(0, at(seconds))) }

func withID(f operation.Fact, id string) operation.Fact {
	f.ID = id
	return f
}

func get(t require.TestingT, e *Engine, id string) Snapshot {
	s, ok := e.Get("", id)
	require.True(t, ok, id)
	return s
}

func TestIdentityIsFoundWhicheverRecordComesFirst(t *testing.T) {
	for _, propagation := range []string{"trace", "link", "message"} {
		send, process := hop(1, 1, "orders", propagation, 0)
		line := operation.Fact{Kind: operation.KindLog, Trace: process.Trace, Span: process.Span, At: at(1.5), Service: process.Service, Name: "working"}
		for name, facts := range map[string][]operation.Fact{
			"ID on the send":    {withID(send, "o-1"), process, line},
			"ID on the process": {send, withID(process, "o-1"), line},
			"ID on a log line":  {send, process, withID(line, "o-1")},
		} {
			t.Run(propagation+", "+name, func(t *testing.T) {
				for range 20 {
					shuffle(rand.New(rand.NewPCG(1, 2)), facts)
					e := newEngine(t, nil)
					for _, f := range facts {
						apply(e, 3, f)
					}
					require.Equal(t, 1, e.Stats().Operations)
					s := get(t, e, "o-1")
					require.Len(t, s.View.Hops, 1)
					require.Equal(t, operation.HopDone, s.View.Hops[0].State)
					require.Equal(t, 3, s.View.Facts)
				}
			})
		}
	}
}

func shuffle(r *rand.Rand, facts []operation.Fact) {
	r.Shuffle(len(facts), func(i, k int) { facts[i], facts[k] = facts[k], facts[i] })
}

// TestOperationsStayWholeAndApart builds operations of several hops over links, messages and traces, with the ID on one
// record only, and requires each to be found whole in any order, with any duplication.
func TestOperationsStayWholeAndApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var facts []operation.Fact
		want := map[string]int{}
		for o := range rapid.IntRange(1, 4).Draw(t, "operations") {
			own := drawOperation(t, o)
			id := "op-" + string(rune('a'+o))
			i := rapid.IntRange(0, len(own)-1).Draw(t, "identified")
			own[i].ID = id
			want[id] = len(own)
			facts = append(facts, own...)
		}
		facts = append(facts, rapid.SliceOfN(rapid.SampledFrom(facts), 0, 5).Draw(t, "again")...)
		shuffle(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), facts)
		e := newEngine(t, nil)
		for _, f := range facts {
			apply(e, 10, f)
		}
		require.Equal(t, len(want), e.Stats().Operations)
		for id, n := range want {
			require.Equal(t, n, get(t, e, id).View.Facts, id)
		}
		requireSound(t, e)
	})
}

// drawOperation draws a chain of hops: the consumer's trace goes on with the next send.
func drawOperation(t *rapid.T, o int) []operation.Fact {
	var facts []operation.Fact
	in := o*1000 + 1
	for h := range rapid.IntRange(1, 4).Draw(t, "hops") {
		way := rapid.SampledFrom([]string{"trace", "link", "message"}).Draw(t, "way")
		send, process := hop(in, o*100+h*2+1, "q"+string(rune('0'+h)), way, float64(h*3))
		if process.Trace != send.Trace {
			in += 300
			process.Trace = trace(in)
		}
		facts = append(facts, send, process)
		if rapid.Bool().Draw(t, "line") {
			facts = append(facts, operation.Fact{Kind: operation.KindLog, Trace: process.Trace, Span: process.Span, At: process.At + 5, Service: process.Service})
		}
	}
	return facts
}

// requireSound checks that the engine's indices agree with each other.
func requireSound(t require.TestingT, e *Engine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	requireNodesSound(t, &e.identity)
	held, finished := 0, 0
	for i := range e.shards {
		s := &e.shards[i]
		s.mu.Lock()
		for n := s.open.oldest; n != nil; n = n.newer {
			require.Same(t, n, n.find())
			held++
		}
		for n := s.finished.oldest; n != nil; n = n.newer {
			require.True(t, n.finished)
			held++
			finished++
		}
		for k, d := range s.deadlines {
			require.EqualValues(t, k, d.entry.place)
			require.LessOrEqual(t, s.deadlines[max(0, k-1)/heapChildren].due, d.due)
		}
		s.mu.Unlock()
	}
	require.EqualValues(t, held, e.counts.entries.Load())
	require.EqualValues(t, finished, e.counts.finished.Load())
}

// TestAnythingGoes applies facts that contradict each other to an engine with tight bounds: nothing may break.
func TestAnythingGoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := newEngine(t, func(s *Settings) {
			s.MaxOperations = rapid.IntRange(1, 6).Draw(t, "operations")
			s.MaxFacts = rapid.IntRange(1, 30).Draw(t, "facts")
			s.MaxWaiting = rapid.IntRange(1, 300).Draw(t, "waiting")
			s.Retention = time.Duration(rapid.IntRange(0, 100).Draw(t, "retention")) * time.Second
		})
		now := 0.0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += float64(rapid.IntRange(0, 40).Draw(t, "pause"))
			if rapid.IntRange(0, 4).Draw(t, "what") == 0 {
				sweep(e, now)
				requireSound(t, e)
				continue
			}
			apply(e, now, rapid.SliceOfN(rapid.Custom(drawFact), 1, 8).Draw(t, "facts")...)
			require.LessOrEqual(t, e.Stats().Operations, e.settings.MaxOperations)
		}
		sweep(e, now+1e6)
		sweep(e, now+1e6+1)
		for s := range e.Summaries() {
			snapshot, ok := e.Snapshot(s)
			require.True(t, ok)
			require.Equal(t, s.ID, snapshot.View.ID)
		}
		requireSound(t, e)
	})
}

func drawFact(t *rapid.T) operation.Fact {
	small := rapid.IntRange(0, 4)
	f := operation.Fact{
		Kind:        operation.Kind(rapid.IntRange(1, int(operation.KindAlive)).Draw(t, "kind")),
		Outcome:     operation.Outcome(rapid.IntRange(0, 2).Draw(t, "outcome")),
		Remote:      rapid.Bool().Draw(t, "remote"),
		Batch:       rapid.Bool().Draw(t, "batch"),
		At:          at(float64(rapid.IntRange(0, 100).Draw(t, "at"))),
		ID:          rapid.SampledFrom([]string{"", "", "a", "b", "c"}).Draw(t, "id"),
		Service:     rapid.SampledFrom([]string{"x", "y"}).Draw(t, "service"),
		Destination: rapid.SampledFrom([]string{"", "q", "r"}).Draw(t, "destination"),
		MessageID:   rapid.SampledFrom([]string{"", "1", "2", "unmistakable-message"}).Draw(t, "message"),
		Span:        spanID(small.Draw(t, "span")),
		Parent:      spanID(small.Draw(t, "parent")),
	}
	f.End = f.At + int64(time.Second)
	if n := small.Draw(t, "trace"); n > 0 {
		f.Trace = trace(n)
	}
	if f.ID != "" && rapid.IntRange(0, 9).Draw(t, "aliased") == 0 {
		f.Alias, f.AliasRank = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "alias"), 1
	}
	if n := small.Draw(t, "link"); n > 2 {
		f.LinkTrace, f.LinkSpan = trace(n), spanID(small.Draw(t, "linkSpan"))
	}
	return f
}

func TestSweepReportsEachTransitionOnce(t *testing.T) {
	e := newEngine(t, nil)
	send, process := hop(1, 1, "orders", "trace", 0)
	apply(e, 1, withID(send, "o-1"))
	require.Empty(t, sweep(e, 2))
	require.Empty(t, sweep(e, 59))
	changes := sweep(e, 61)
	require.Len(t, changes, 1)
	require.Equal(t, operation.StuckWaiting, changes[0].Verdict.Reason)
	require.Equal(t, "o-1", changes[0].View.ID)
	require.Empty(t, sweep(e, 62))

	process.At, process.End = at(63), at(64)
	apply(e, 64.5, process)
	changes = sweep(e, 65)
	require.Len(t, changes, 1)
	require.Equal(t, operation.StateInProgress, changes[0].Verdict.State)
	require.Equal(t, operation.StateStuck, changes[0].Before.State)
	require.EqualValues(t, 0b1, changes[0].WasStuck)
	changes = sweep(e, 75)
	require.Len(t, changes, 1)
	require.Equal(t, operation.StateCompleted, changes[0].Verdict.State)
	require.EqualValues(t, 1, changes[0].FinalRevision)
	require.EqualValues(t, 0b10, changes[0].WasStuck)
	require.Empty(t, sweep(e, 1000))
	require.Equal(t, 1, e.Stats().Finished)
	sweep(e, 4000)
	require.Zero(t, e.Stats().Operations)
	require.Zero(t, e.identity.index.live)
}

func TestOldTelemetryIsNotJudgedWhileItArrives(t *testing.T) {
	e := newEngine(t, nil)
	send, process := hop(1, 1, "orders", "trace", 0)
	apply(e, 3600, withID(send, "o-1"))
	require.Empty(t, sweep(e, 3601), "an hour old, but the rest may be on its way")
	apply(e, 3604, process)
	changes := sweep(e, 3610)
	require.Len(t, changes, 1)
	require.Equal(t, operation.StateCompleted, changes[0].Verdict.State)
}

func TestALateRecordDoesNotReopen(t *testing.T) {
	e := newEngine(t, nil)
	send, process := hop(1, 1, "orders", "trace", 0)
	apply(e, 1, withID(send, "o-1"), process)
	require.Len(t, sweep(e, 20), 1)
	apply(e, 21, operation.Fact{Kind: operation.KindLog, Trace: process.Trace, Span: process.Span, At: at(20), Service: "orders-worker"})
	require.Empty(t, sweep(e, 22))
	require.Equal(t, operation.StateCompleted, get(t, e, "o-1").Verdict.State)
}

func TestABatchNeverMergesOperations(t *testing.T) {
	a, _ := hop(1, 1, "orders", "link", 0)
	b, _ := hop(2, 5, "orders", "link", 0)
	batch := operation.Fact{
		Kind: operation.KindProcess, Batch: true, Trace: trace(9), Span: spanID(90), At: at(1), End: at(2), Service: "w", Destination: "orders",
	}
	onA, onB := batch, batch
	onA.LinkTrace, onA.LinkSpan = a.Trace, a.Span
	onB.LinkTrace, onB.LinkSpan = b.Trace, b.Span
	facts := []operation.Fact{withID(a, "a"), withID(b, "b"), onA, onB}
	for seed := range uint64(24) {
		shuffle(rand.New(rand.NewPCG(seed, 1)), facts)
		e := newEngine(t, nil)
		for _, f := range facts {
			apply(e, 3, f)
		}
		require.Equal(t, 2, e.Stats().Operations)
		for _, id := range []string{"a", "b"} {
			require.Equal(t, operation.HopDone, get(t, e, id).View.Hops[0].State, "seed %d", seed)
		}
	}
}

func TestASharedTraceNeverMergesOperations(t *testing.T) {
	// One bulk send, whose messages belong to two operations; their consumers are its children, and only log lines tell.
	bulk := operation.Fact{Kind: operation.KindSend, Trace: trace(1), Span: spanID(1), At: at(0), End: at(0.1), Service: "api", Destination: "jobs"}
	facts := []operation.Fact{bulk}
	for i, id := range []string{"a", "b"} {
		p := operation.Fact{
			Kind: operation.KindProcess, Remote: true, Trace: trace(1), Span: spanID(10 + i), Parent: bulk.Span,
			At: at(1), End: at(2), Service: "worker", Destination: "jobs",
		}
		line := operation.Fact{Kind: operation.KindLog, Trace: trace(1), Span: p.Span, At: at(1.5), Service: "worker", ID: id}
		facts = append(facts, p, line)
	}
	for seed := range uint64(120) {
		shuffle(rand.New(rand.NewPCG(seed, 1)), facts)
		e := newEngine(t, nil)
		for _, f := range facts {
			apply(e, 3, f)
		}
		for _, id := range []string{"a", "b"} {
			s := get(t, e, id)
			require.Equal(t, 3, s.View.Facts, "seed %d: send, process and line of %s", seed, id)
			require.Len(t, s.View.Hops, 1)
			require.Len(t, s.View.Hops[0].Consumers, 1)
			require.Len(t, s.View.Hops[0].Consumers[0].Attempts, 1)
		}
	}
}

func TestAliasesNameOneOperation(t *testing.T) {
	order := operation.Fact{Kind: operation.KindLog, Trace: trace(1), Span: spanID(1), At: at(0), ID: "order-1", IDRank: 1}
	corr := operation.Fact{Kind: operation.KindSend, Trace: trace(2), Span: spanID(2), At: at(1), ID: "corr-1", IDRank: 0, Destination: "q"}
	both := operation.Fact{Kind: operation.KindLog, Trace: trace(3), Span: spanID(3), At: at(2), ID: "corr-1", Alias: "order-1", AliasRank: 1}
	facts := []operation.Fact{order, corr, both}
	for seed := range uint64(12) {
		shuffle(rand.New(rand.NewPCG(seed, 1)), facts)
		e := newEngine(t, nil)
		for _, f := range facts {
			apply(e, 3, f)
		}
		require.Equal(t, 1, e.Stats().Operations)
		for _, id := range []string{"order-1", "corr-1"} {
			s := get(t, e, id)
			require.Equal(t, "corr-1", s.View.ID)
			require.Equal(t, []string{"order-1"}, s.View.Aliases)
		}
	}
}

func TestNamespacesKeepEqualIDsApart(t *testing.T) {
	e := newEngine(t, nil)
	for i, tenant := range []string{"red", "blue"} {
		send, _ := hop(1+i, 1, "orders", "trace", 0)
		send.Namespace = tenant
		apply(e, 1, withID(send, "order-1"))
	}
	require.Equal(t, 2, e.Stats().Operations)
	_, ok := e.Get("", "order-1")
	require.False(t, ok)
	_, ok = e.Get("blue", "order-1")
	require.True(t, ok)
}

func TestOperationsWithoutAnyID(t *testing.T) {
	e := newEngine(t, nil)
	send, process := hop(1, 1, "orders", "link", 0)
	assigned := apply(e, 3, process, send)
	require.Equal(t, []Assignment{{Name: "orders"}, {Name: "orders"}}, assigned)
	changes := sweep(e, 20)
	require.Len(t, changes, 1)
	id := changes[0].View.ID
	require.Equal(t, operation.ImplicitID(send.Trace, send.Span), id)
	require.Equal(t, operation.StateCompleted, get(t, e, id).Verdict.State)
}

func TestAnOperationThatTurnsOutToBeAnotherTakesItsVerdictBack(t *testing.T) {
	e := newEngine(t, nil)
	send, process := hop(1, 1, "orders", "message", 0)
	apply(e, 1, send)
	require.Len(t, sweep(e, 61), 1)
	apply(e, 62, withID(process, "o-1"))
	changes := sweep(e, 63)
	require.Len(t, changes, 1)
	require.True(t, changes[0].Gone)
	require.Equal(t, operation.StateStuck, changes[0].Before.State)
	require.Equal(t, operation.StateInProgress, changes[0].Verdict.State)
}

func TestRunawaysAndFloodsAreBounded(t *testing.T) {
	e := newEngine(t, func(s *Settings) { s.MaxFacts, s.MaxOperations, s.MaxWaiting = 50, 100, 256 })
	for i := range 500 {
		apply(e, 1, operation.Fact{Kind: operation.KindLog, Trace: trace(i), Span: spanID(i), At: at(float64(i)), ID: "runaway"})
	}
	s := get(t, e, "runaway")
	require.True(t, s.Runaway)
	require.Equal(t, 50, s.View.Facts)
	require.EqualValues(t, 450, e.Stats().Drops["runaway"])
	require.Equal(t, 1, e.Stats().Runaways)

	for i := range 300 {
		send, _ := hop(1000+i, i, "orders", "trace", 0)
		apply(e, 2, withID(send, "flood-"+string(rune(i))))
	}
	require.Equal(t, 100, e.Stats().Operations)
	require.EqualValues(t, 201, e.Stats().Drops["evicted_open"])
	require.Zero(t, e.Stats().Runaways, "it has left")

	for i := range 300 {
		apply(e, 3, operation.Fact{Kind: operation.KindLog, Trace: trace(5000 + i), Span: spanID(i), At: at(1)})
	}
	require.Equal(t, 256, e.Stats().Waiting)
	require.EqualValues(t, 44, e.Stats().Drops["waiting_full"])
	sweep(e, 100)
	require.Zero(t, e.Stats().Waiting)
	requireSound(t, e)
}

func TestFinishedOperationsLeaveFirst(t *testing.T) {
	e := newEngine(t, func(s *Settings) { s.MaxOperations = 3 })
	for i, id := range []string{"open", "done"} {
		send, process := hop(1+i, 1+i*10, "orders", "trace", 0)
		apply(e, 1, withID(send, id))
		if id == "done" {
			apply(e, 1, process)
		}
	}
	sweep(e, 20)
	for i, id := range []string{"x", "y"} {
		send, _ := hop(20+i, 50+i*10, "orders", "trace", 20)
		apply(e, 21, withID(send, id))
	}
	_, ok := e.Get("", "done")
	require.False(t, ok)
	for _, id := range []string{"open", "x", "y"} {
		get(t, e, id)
	}
}

func TestRulesAreToldOnceOfEachOperation(t *testing.T) {
	told := map[string]int{}
	mails := operation.DefaultPolicy()
	mails.Rule = "mails"
	rules := operation.NewRules([]operation.Rule{{Destination: []string{"mails"}, Policy: mails}}, operation.DefaultPolicy())
	e := newEngine(t, func(s *Settings) {
		s.Policy = rules.Policy
		s.Matched = func(p *operation.Policy, at int64) { told[p.Rule]++ }
	})
	for i, destination := range []string{"orders", "mails", "mails"} {
		send, process := hop(1+i, 1+i*10, destination, "trace", 0)
		apply(e, 1, withID(send, destination+string(rune('0'+i))))
		sweep(e, 2)
		apply(e, 3, process)
		sweep(e, 4)
		sweep(e, 100)
	}
	require.Equal(t, map[string]int{"mails": 2}, told)
	send, _ := hop(1, 50, "mails", "trace", 3)
	apply(e, 101, send)
	sweep(e, 110)
	require.Equal(t, map[string]int{"mails": 3}, told, "more is known of what matched no rule before")
}

func TestSettingsAreValidated(t *testing.T) {
	_, err := New(Settings{MaxOperations: -1})
	require.ErrorContains(t, err, "MaxOperations is -1")
	require.ErrorContains(t, err, "policies")
}

func TestSummariesAndStats(t *testing.T) {
	e := newEngine(t, nil)
	send, process := hop(1, 1, "orders", "trace", 0)
	apply(e, 1, withID(send, "o-1"), process)
	ids := []string{}
	for s := range e.Summaries() {
		ids = append(ids, s.ID)
	}
	require.True(t, slices.Equal([]string{"o-1"}, ids))
	stats := e.Stats()
	require.EqualValues(t, 1, stats.Facts["send"])
	require.EqualValues(t, 1, stats.Reasons["correlation_id"])
	require.EqualValues(t, 1, stats.Reasons["trace"])
}

func TestADefectInOneVerdictHarmsNoOther(t *testing.T) {
	policy := operation.DefaultPolicy()
	e := newEngine(t, func(s *Settings) {
		s.Policy = func(v *operation.View) *operation.Policy {
			if v.ID == "bad" {
				panic("defect")
			}
			return &policy
		}
	})
	for i, id := range []string{"bad", "good"} {
		send, _ := hop(1+i, 1+i*10, "orders", "trace", 0)
		apply(e, 1, withID(send, id))
	}
	for i := range 3 {
		sweep(e, float64(2+i))
	}
	changes := sweep(e, 100)
	require.Len(t, changes, 1)
	require.Equal(t, "good", changes[0].View.ID)
	require.EqualValues(t, 1, e.Stats().Drops["defect"])
}
