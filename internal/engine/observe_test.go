package engine

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// ledger is an observer that knows each fact by its Detail, and refuses what an observer must not be told.
type ledger struct {
	t       require.TestingT
	known   map[string]string
	reasons map[operation.Reason]int
	lost    map[Drop]int
	waiting int
	late    int
}

func newLedger(t require.TestingT) *ledger {
	return &ledger{t: t, known: map[string]string{}, reasons: map[operation.Reason]int{}, lost: map[Drop]int{}}
}

func (l *ledger) end(f *operation.Fact, late bool, how string) {
	before := ""
	if late {
		before = "waiting"
		l.waiting--
		l.late++
	}
	require.Equal(l.t, before, l.known[f.Detail], "of %s: %s", f.Detail, how)
	l.known[f.Detail] = how
}

func (l *ledger) Attached(f *operation.Fact, late bool) {
	require.NotEqual(l.t, operation.ReasonUnknown, f.JoinedBy)
	l.end(f, late, "attached")
	l.reasons[f.JoinedBy]++
}

func (l *ledger) Lost(f *operation.Fact, late bool, why Drop) {
	l.end(f, late, "lost")
	l.lost[why]++
}

func (l *ledger) Waiting(f *operation.Fact) {
	require.Empty(l.t, l.known[f.Detail])
	l.known[f.Detail] = "waiting"
	l.waiting++
}

// TestAnObserverIsToldOfEachFactOnce whatever operations merge, split and give way.
func TestAnObserverIsToldOfEachFactOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLedger(t)
		e := newEngine(t, func(s *Settings) {
			s.MaxOperations = rapid.IntRange(1, 6).Draw(t, "operations")
			s.MaxFacts = rapid.IntRange(1, 30).Draw(t, "facts")
			s.MaxWaiting = rapid.IntRange(1, 300).Draw(t, "waiting")
			s.Observer = l
		})
		now, applied := 0.0, 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += float64(rapid.IntRange(0, 20).Draw(t, "pause"))
			facts := rapid.SliceOfN(rapid.Custom(drawFact), 1, 8).Draw(t, "facts")
			for i := range facts {
				facts[i].Detail = strconv.Itoa(applied)
				applied++
			}
			apply(e, now, facts...)
			require.Len(t, l.known, applied, "each fact is accounted for at once")
			require.LessOrEqual(t, l.waiting, e.Stats().Waiting)
			if rapid.Bool().Draw(t, "sweep") {
				sweep(e, now)
			}
		}
		sweep(e, now+1e6)
		require.Len(t, l.known, applied)
		require.Zero(t, l.waiting)
		for detail, end := range l.known {
			require.Contains(t, []string{"attached", "lost"}, end, detail)
		}
	})
}

func TestAnObserverLearnsWhyAndWhetherLate(t *testing.T) {
	l := newLedger(t)
	e := newEngine(t, func(s *Settings) { s.MaxFacts, s.Observer = 3, l })
	send, process := hop(1, 1, "orders", "link", 0)
	send.Detail, process.Detail = "send", "process"
	line := operation.Fact{Kind: operation.KindLog, Trace: process.Trace, Span: process.Span, At: at(1), Detail: "line"}
	stray := operation.Fact{Kind: operation.KindLog, Trace: trace(9), At: at(1), Detail: "stray"}
	nowhere := operation.Fact{Kind: operation.KindFailed, At: at(1), Detail: "nowhere"}
	apply(e, 1, line, stray, nowhere)
	require.Equal(t, 2, l.waiting)
	require.Equal(t, map[Drop]int{DropNoOperation: 1}, l.lost)

	apply(e, 2, withID(send, "o-1"), process)
	require.Equal(t, 1, l.late, "the line waited for its span")
	require.Equal(t, map[operation.Reason]int{operation.ReasonCorrelationID: 1, operation.ReasonLink: 1, operation.ReasonTrace: 1}, l.reasons)

	further := withID(line, "o-1")
	further.Detail = "further"
	apply(e, 3, further)
	require.Equal(t, map[Drop]int{DropNoOperation: 1, DropRunaway: 1}, l.lost)
	sweep(e, 100)
	require.Equal(t, map[Drop]int{DropNoOperation: 2, DropRunaway: 1}, l.lost)
	require.Equal(t, 2, l.late)
}

// silent is an observer that does nothing.
type silent struct{}

func (silent) Attached(*operation.Fact, bool)   {}
func (silent) Waiting(*operation.Fact)          {}
func (silent) Lost(*operation.Fact, bool, Drop) {}

// BenchmarkApplyKnownObserved is BenchmarkApplyKnown with somebody to tell.
func BenchmarkApplyKnownObserved(b *testing.B) {
	e := benchEngine(b, 1000)
	e.settings.Observer = silent{}
	facts := benchOperation(500)
	out := e.Apply(start, facts, nil)
	b.ReportAllocs()
	for b.Loop() {
		out = e.Apply(start, facts, out[:0])
	}
}
