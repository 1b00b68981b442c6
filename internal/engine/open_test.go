package engine

import (
	"cmp"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/measure"
	"github.com/throughline/throughline/internal/operation"
)

// collected is what two meters that observed nothing say of the same engine: by what was noted, and by looking at each
// operation.
func collected(t require.TestingT, e *Engine, noting, looking *measure.Meter, board *measure.Board, seconds float64) (noted, seen string) {
	gauges := noting.NewGauges()
	e.RefreshOpen()
	board.Fill(gauges)
	noted = metricsText(t, noting, gauges, seconds)
	gauges = looking.NewGauges()
	for summary := range e.Summaries() {
		if s, ok := e.Snapshot(summary); ok {
			gauges.Add(s.Name, s.View, s.Verdict)
		}
	}
	return noted, metricsText(t, looking, gauges, seconds)
}

func metricsText(t require.TestingT, m *measure.Meter, gauges *measure.Gauges, seconds float64) string {
	text, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(m.Collect(time.Unix(0, at(seconds)), gauges))
	require.NoError(t, err)
	return string(text)
}

func newMeter(t require.TestingT) *measure.Meter {
	m, err := measure.New(measure.Settings{Start: start, MaxSeries: measure.DefaultMaxSeries})
	require.NoError(t, err)
	return m
}

// TestWhatIsNotedIsWhatIsOpen whatever operations merge, split, give way, go on and end.
func TestWhatIsNotedIsWhatIsOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		noting, looking := newMeter(t), newMeter(t)
		board := measure.NewBoard()
		e := newEngine(t, func(s *Settings) {
			s.MaxOperations = rapid.IntRange(1, 20).Draw(t, "operations")
			s.MaxFacts = rapid.IntRange(1, 60).Draw(t, "facts")
			s.Retention = time.Duration(rapid.IntRange(0, 100).Draw(t, "retention")) * time.Second
			s.Open = board
		})
		batches := make([][]operation.Fact, rapid.IntRange(1, 30).Draw(t, "batches"))
		for i := range batches {
			if rapid.Bool().Draw(t, "whole") {
				batches[i] = drawOperation(t, rapid.IntRange(0, 3).Draw(t, "operation"))
			} else {
				batches[i] = rapid.SliceOfN(rapid.Custom(drawFact), 1, 8).Draw(t, "facts")
			}
			// What services do is known beforehand, and nothing is presumed of messages without an ID: an operation that was
			// judged with less, or other, knowledge of others is not looked at again.
			for k := range batches[i] {
				f := &batches[i][k]
				e.habits.learn(f)
				if f.Kind == operation.KindSend || f.Kind == operation.KindInsert {
					f.MessageID = cmp.Or(f.MessageID, fmt.Sprint("m-", i, "-", k))
				}
			}
		}
		now := 0.0
		for _, facts := range batches {
			now += float64(rapid.IntRange(0, 40).Draw(t, "pause"))
			apply(e, now, facts...)
			if rapid.Bool().Draw(t, "sweep") {
				now += float64(rapid.IntRange(0, 40).Draw(t, "pause"))
				sweep(e, now)
			}
			if rapid.Bool().Draw(t, "collect") {
				noted, seen := collected(t, e, noting, looking, board, now)
				require.Equal(t, seen, noted)
			}
		}
		sweep(e, now+1e6)
		noted, seen := collected(t, e, noting, looking, board, now+1e6)
		require.Equal(t, seen, noted)
		for i := range e.shards {
			require.Empty(t, e.shards[i].stale)
		}
	})
}

// defective is an Open that fails for operations of one name.
type defective struct{ noted int }

func (d *defective) Note(_ uint32, name string, _ *operation.View, _ *operation.Verdict) uint32 {
	if name == "bad" {
		panic("a defect")
	}
	d.noted++
	return 1
}

func (d *defective) Forget(uint32) { d.noted-- }

func TestADefectLeavesOtherOperationsNoted(t *testing.T) {
	d := &defective{}
	e := newEngine(t, func(s *Settings) { s.Open = d })
	bad, _ := hop(1, 1, "bad", "trace", 0)
	good, _ := hop(2, 2, "good", "trace", 0)
	apply(e, 1, withID(bad, "o-1"), withID(good, "o-2"))
	e.RefreshOpen()
	require.Equal(t, 1, d.noted)
	require.Equal(t, uint64(1), e.Stats().Drops[DropDefect.String()])
	e.RefreshOpen()
	require.Equal(t, uint64(1), e.Stats().Drops[DropDefect.String()], "it is left as it is until something new comes of it")
}

// TestWhatNobodyRefreshesIsBounded: sweeps let go of what they judged, though not each of them.
func TestWhatNobodyRefreshesIsBounded(t *testing.T) {
	e := newEngine(t, func(s *Settings) { s.Open = measure.NewBoard() })
	for n := range 2 * seldom {
		send, process := hop(n, n*2, "orders", "trace", float64(n))
		apply(e, float64(n), withID(send, "o-1"), process)
		sweep(e, float64(n))
		for i := range e.shards {
			require.LessOrEqual(t, len(e.shards[i].stale), seldom)
		}
	}
}
