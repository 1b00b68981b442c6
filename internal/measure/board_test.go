package measure

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

var drawVerdict = rapid.SampledFrom([]operation.Verdict{
	inProgress, stuck(operation.StuckWaiting), stuck(operation.StuckOverdue),
	{State: operation.StateStuck, Reason: operation.StuckStalled, Since: sec(3)},
	{State: operation.StateUnknown}, {State: operation.StateCompleted}, {State: operation.StateFailed},
})

// Whatever is noted, noted anew and forgotten, the board tells what looking at each operation tells.
func TestBoardTellsTheSameAsEachOperation(t *testing.T) {
	type noted struct {
		number  uint32
		view    *operation.View
		verdict operation.Verdict
	}
	rapid.Check(t, func(t *rapid.T) {
		m, other := newMeter(t, MaxMaxSeries), newMeter(t, MaxMaxSeries)
		b := NewBoard()
		var all [6]noted
		for round := range rapid.IntRange(1, 4).Draw(t, "rounds") {
			for range rapid.IntRange(0, 12).Draw(t, "steps") {
				n := &all[rapid.IntRange(0, len(all)-1).Draw(t, "operation")]
				if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
					b.Forget(n.number)
					*n = noted{}
					continue
				}
				n.view, n.verdict = drawView(t), drawVerdict.Draw(t, "verdict")
				n.number = b.Note(n.number, n.view.Name, n.view, &n.verdict)
				require.Equal(t, n.verdict.State.Final(), n.number == 0)
			}
			got, want := m.NewGauges(), other.NewGauges()
			b.Fill(got)
			for _, n := range all {
				if n.view != nil {
					want.Add(n.view.Name, n.view, n.verdict)
				}
			}
			now := at(float64(20 * (round + 1)))
			require.Equal(t, render(other.Collect(now, want)), render(m.Collect(now, got)))
		}
		for _, n := range all {
			b.Forget(n.number)
		}
		require.Empty(t, b.labels.byKey)
		require.Equal(t, [gaugeCount]int{}, b.labels.named)
		require.Len(t, b.labels.unused, len(b.labels.all)-1)
	})
}

func TestBoardIsBounded(t *testing.T) {
	m := newMeter(t, 3)
	b := newBoard(gaugeRoom * 3)
	var numbers []uint32
	for i := range 1000 {
		v := view("order")
		numbers = append(numbers, b.Note(0, fmt.Sprint("name ", i), v, &inProgress))
	}
	require.Len(t, b.labels.byKey, gaugeRoom*3)
	g := m.NewGauges()
	b.Fill(g)
	require.Equal(t, int64(998), active(m.Collect(at(101), g))["{overflow=true}"])
	for _, n := range numbers {
		b.Forget(n)
	}
	require.Empty(t, b.labels.byKey)
	used := b.used
	for i := range 1000 {
		b.Note(0, fmt.Sprint("other ", i), view("order"), &inProgress)
	}
	require.Equal(t, used, b.used, "records are used again")
}

// A series of which nothing is left while a collection is at work keeps its number until that is done.
func TestSeriesThatEndDuringACollection(t *testing.T) {
	b := NewBoard()
	b.labels.keep(&b.mu)
	first := b.Note(0, "ends", view("order-1"), &inProgress)
	label := b.record(first).label
	b.Forget(first)
	second := b.Note(0, "begins", view("order-2"), &inProgress)
	require.NotEqual(t, label, b.record(second).label)
	third := b.Note(0, "ends", view("order-3"), &inProgress)
	require.Equal(t, label, b.record(third).label)
	b.labels.unkeep()
	require.Len(t, b.labels.byKey, 2, "one of them came back")
	b.Forget(third)
	require.Len(t, b.labels.byKey, 1)
}

func TestBoardIsSafeForConcurrentUse(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	b := NewBoard()
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			var number uint32
			for i := range 200 {
				number = b.Note(number, fmt.Sprint("name ", worker, i%3), view("order", hop(1, operation.HopWaiting)), &inProgress)
				if i%20 == 0 {
					g := m.NewGauges()
					b.Fill(g)
					m.Collect(at(30), g)
				}
			}
			b.Forget(number)
		})
	}
	all.Wait()
	g := m.NewGauges()
	b.Fill(g)
	require.Empty(t, g.active.byKey)
	require.Zero(t, b.labels.kept)
}

// BenchmarkGauges measures what a collection adds up when so many operations are open, one message of each waiting.
func BenchmarkGauges(b *testing.B) {
	for _, operations := range []int{100_000, 1_000_000} {
		b.Run(strconv.Itoa(operations), func(b *testing.B) {
			m := newMeter(b, DefaultMaxSeries)
			board := NewBoard()
			v := view("order", hop(1, operation.HopDone), hop(2, operation.HopDone), hop(3, operation.HopWaiting))
			for i := range operations {
				v.Hops[2].Destination = fmt.Sprint("queue ", i%50)
				board.Note(0, "order.fulfil", v, &inProgress)
			}
			b.ReportAllocs()
			for b.Loop() {
				g := m.NewGauges()
				board.Fill(g)
				m.Collect(at(30), g)
			}
		})
	}
}

// BenchmarkBoardNote measures noting an operation anew, which each judgement does.
func BenchmarkBoardNote(b *testing.B) {
	board := NewBoard()
	v := view("order", hop(1, operation.HopDone), hop(2, operation.HopDone), hop(3, operation.HopWaiting))
	number := board.Note(0, "order.fulfil", v, &inProgress)
	b.ReportAllocs()
	for b.Loop() {
		number = board.Note(number, "order.fulfil", v, &inProgress)
	}
}
