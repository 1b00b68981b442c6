package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// TestBatchPutsFactsOfOneTraceTogether: each fact is in one group, that of its trace, those with an ID first; otherwise the
// order is that in which they came.
func TestBatchPutsFactsOfOneTraceTogether(t *testing.T) {
	var b batch
	var x index
	x.init()
	kinds := rapid.SampledFrom([]operation.Kind{operation.KindSend, operation.KindProcess, operation.KindPoll})
	facts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) operation.Fact {
		return operation.Fact{
			Kind: kinds.Draw(t, "kind"), Trace: operation.TraceID{byte(rapid.IntRange(0, 40).Draw(t, "trace"))},
			ID: rapid.SampledFrom([]string{"", "", "order-1"}).Draw(t, "id"), Batch: rapid.Bool().Draw(t, "batch"),
		}
	}), 0, window)
	rapid.Check(t, func(t *rapid.T) {
		all := facts.Draw(t, "facts")
		b.fill(&x, all)
		seen := map[int16]bool{}
		traces := map[key]bool{}
		for _, g := range b.groups {
			require.False(t, traces[g.trace], "one group for each trace")
			traces[g.trace] = !g.trace.isZero()
			before, last := int16(none), int16(none)
			for i := g.first; i != none; i = b.next[i] {
				f := &all[i]
				require.False(t, seen[i])
				require.NotEqual(t, operation.KindPoll, f.Kind)
				alone := f.IsAlone() || f.Trace.IsZero()
				require.Equal(t, alone, g.trace.isZero())
				if !alone {
					require.Equal(t, traceKey(f.Trace), g.trace)
				}
				if last != none {
					require.False(t, alone, "a fact that follows no trace is by itself")
					named := f.ID != ""
					require.False(t, named && all[last].ID == "", "those with an ID come first")
					require.False(t, before != none && (all[before].ID != "") == named && before > i, "the order is kept")
				}
				seen[i], before, last = true, i, i
			}
			require.Equal(t, last, g.last)
		}
		for i := range all {
			require.Equal(t, all[i].Kind != operation.KindPoll, seen[int16(i)])
		}
	})
}

// TestBatchesOfAnySize: what one call brings may be more than what is taken at a time.
func TestBatchesOfAnySize(t *testing.T) {
	e := newEngine(t, func(*Settings) {})
	const operations = 200
	var facts []operation.Fact
	for n := range operations {
		facts = append(facts, benchOperation(n)...)
	}
	require.Greater(t, len(facts), 3*window)
	out := e.Apply(start, facts, []Assignment{{ID: "before"}})
	require.Len(t, out, len(facts)+1)
	require.Equal(t, "before", out[0].ID)
	known := 0
	for i := range facts {
		if a := out[i+1]; a.ID != "" {
			known++
			require.Equal(t, benchOperation(i * operations / len(facts))[len(facts)/operations-1].ID, a.ID)
		}
	}
	require.Greater(t, known, len(facts)-3*len(facts)/operations, "but for the last of each window, whose ID comes with the next")
	require.Equal(t, operations, e.Stats().Operations)
	require.Equal(t, uint64(operations), e.Stats().Facts[operation.KindWork.String()])
	requireNodesSound(t, &e.identity)
}
