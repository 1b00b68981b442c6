package operation

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestAnEndedSpanSpeaksForItself: whatever it said while it was open, in parts or in error, the hops are those of its end.
func TestAnEndedSpanSpeaksForItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(values ...string) string { return rapid.SampledFrom(values).Draw(t, "text") }
		kinds := rapid.SampledFrom([]Kind{KindSend, KindReceive, KindProcess, KindSettle, KindWork})
		ended := Fact{
			Kind: kinds.Draw(t, "kind"), At: 100, End: 200, Trace: TraceID{1}, Span: SpanID{1}, Service: "s", ID: "o",
			Batch: rapid.Bool().Draw(t, "batch"), Consumer: rapid.Bool().Draw(t, "consumer"), Remote: rapid.Bool().Draw(t, "remote"),
			Parent: rapid.SampledFrom([]SpanID{{}, {7}}).Draw(t, "parent"), LinkSpan: rapid.SampledFrom([]SpanID{{}, {8}}).Draw(t, "link"),
			Destination: draw("", "d"), MessageID: draw("", "m"), Group: draw("", "g"),
			Outcome: rapid.SampledFrom([]Outcome{OutcomeUnset, OutcomeOK, OutcomeError}).Draw(t, "outcome"),
		}
		consumed := Fact{
			Kind: KindProcess, Consumer: true, Remote: true, At: 300, End: 400, Trace: TraceID{1}, Span: SpanID{2}, Parent: SpanID{1},
			Service: "t", ID: "o", Destination: "d", MessageID: "m",
		}
		want, got := New(NewSymbols(10)), New(NewSymbols(10))
		want.Add(&ended)
		want.Add(&consumed)
		for range rapid.IntRange(1, 3).Draw(t, "signs") {
			early := ended
			early.Kind, early.End, early.Outcome = kinds.Draw(t, "kind"), 0, OutcomeUnset
			early.Destination, early.MessageID, early.Batch = draw("", ended.Destination), draw("", ended.MessageID), rapid.Bool().Draw(t, "batch")
			got.Add(&early)
		}
		got.Merge(&want)
		wanted, view := want.View(NoHabits{}), got.View(NoHabits{})
		require.Equal(t, wanted.Hops, view.Hops)
		require.Equal(t, wanted.Works, view.Works)
	})
}

func TestWithoutAnEndWhatASpanSaidCounts(t *testing.T) {
	o := New(NewSymbols(10))
	for i := range byte(2) {
		o.Add(&Fact{Kind: KindProcess, Batch: true, At: 100, Trace: TraceID{1}, Span: SpanID{1}, LinkSpan: SpanID{8, i}, LinkTrace: TraceID{8, i}, Service: "s", ID: "o"})
	}
	view := o.View(NoHabits{})
	require.Len(t, view.Hops, 2)
	for i := range view.Hops {
		require.Equal(t, HopProcessing, view.Hops[i].State)
	}
}
