package stitch

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

func TestEveryTraceIsWellFormed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, settings := drawChange(t), drawSettings(t)
		traces, report := Trace(c, settings)
		if !Gives(c) {
			require.Zero(t, traces.SpanCount())
			require.Equal(t, Report{}, report)
			return
		}
		all := flatten(traces)
		requireTree(t, all)
		requireBounded(t, traces, settings)
		requireReport(t, c, all, &report)
	})
}

// requireTree requires one root that envelops everything, parents that envelop their children, and IDs that are unique.
func requireTree(t *rapid.T, all []placed) {
	byID := map[pcommon.SpanID]placed{}
	for _, s := range all {
		require.False(t, s.SpanID().IsEmpty())
		require.NotContains(t, byID, s.SpanID(), "a span ID twice")
		byID[s.SpanID()] = s
	}
	root := all[0]
	require.True(t, root.ParentSpanID().IsEmpty())
	for _, s := range all {
		require.Equal(t, root.TraceID(), s.TraceID())
		require.Less(t, s.StartTimestamp(), s.EndTimestamp(), "Jaeger takes a span without length for one of negative length")
		require.Positive(t, int64(s.StartTimestamp()))
		require.NotEmpty(t, s.Name())
		require.GreaterOrEqual(t, s.StartTimestamp(), root.StartTimestamp())
		require.LessOrEqual(t, s.EndTimestamp(), root.EndTimestamp())
		if s.SpanID() == root.SpanID() {
			continue
		}
		parent, ok := byID[s.ParentSpanID()]
		require.True(t, ok, "the parent is in the trace")
		require.GreaterOrEqual(t, s.StartTimestamp(), parent.StartTimestamp())
		require.LessOrEqual(t, s.EndTimestamp(), parent.EndTimestamp())
		if s.Kind() == ptrace.SpanKindConsumer {
			require.Equal(t, root.SpanID(), parent.SpanID(), "consumers are directly below the root")
		}
		if _, copied := s.Attributes().Get("async.original.copy"); !copied {
			require.NotEqual(t, ptrace.SpanKindProducer, parent.Kind(), "nothing of another process is below a producer")
		}
		requireRootReached(t, byID, s)
	}
}

func requireRootReached(t *rapid.T, byID map[pcommon.SpanID]placed, s placed) {
	for depth := 0; !s.ParentSpanID().IsEmpty(); depth++ {
		require.LessOrEqual(t, depth, maxDepth+1)
		s = byID[s.ParentSpanID()]
	}
}

func requireBounded(t *rapid.T, traces ptrace.Traces, settings Settings) {
	all := flatten(traces)
	require.LessOrEqual(t, len(all), max(1, settings.MaxSpans))
	limit := max(settings.MaxValue, maxLine)
	for i, s := range all {
		require.LessOrEqual(t, s.Events().Len(), settings.MaxEvents)
		if i == 0 {
			require.LessOrEqual(t, s.Links().Len(), settings.MaxLinks+1+maxSnapshots)
		} else {
			require.LessOrEqual(t, s.Links().Len(), 1)
		}
		for _, l := range s.Links().All() {
			require.False(t, l.TraceID().IsEmpty())
			require.False(t, l.SpanID().IsEmpty())
		}
		requireTexts(t, s.Attributes(), limit)
		require.True(t, utf8.ValidString(s.Name()) && len(s.Name()) <= maxLine)
		require.True(t, utf8.ValidString(s.Status().Message()) && len(s.Status().Message()) <= maxLine)
		require.NotContains(t, s.Status().Message(), "\n")
		for _, e := range s.Events().All() {
			require.NotEmpty(t, e.Name())
			requireTexts(t, e.Attributes(), max(limit, settings.MaxStack))
		}
	}
	size := (&ptrace.ProtoMarshaler{}).TracesSize(traces)
	// The root and its links are outside the budget, and bounded by themselves.
	require.LessOrEqual(t, size, settings.MaxBytes+40*max(limit, maxLine)+4096)
}

func requireTexts(t *rapid.T, m pcommon.Map, limit int) {
	for k, v := range m.All() {
		require.LessOrEqual(t, len(v.Str()), limit, k)
		require.True(t, utf8.ValidString(v.Str()), k)
	}
}

// requireReport requires that the report and the root tell the truth about what is there and what was cut.
func requireReport(t *rapid.T, c *operation.Change, all []placed, report *Report) {
	events, links := 0, 0
	for _, s := range all {
		events += s.Events().Len()
		links += s.Links().Len()
	}
	require.Equal(t, len(all), report.Spans)
	require.Equal(t, events, report.Events)
	require.Equal(t, links, report.Links)
	require.Equal(t, pcommon.TraceID(report.TraceID), all[0].TraceID())
	b := newBuilder(c, DefaultSettings())
	drafts, notes := b.drafts(), 0
	b.eachNote(func(*operation.Note) { notes++ })
	for i := range drafts {
		if a := drafts[i].attempt; a != nil {
			notes += len(drafts[i].notes) - len(a.Notes)
		}
	}
	require.Equal(t, 1+len(drafts), report.Spans+report.CutSpans)
	require.Equal(t, notes, report.Events+report.CutEvents)
	cut, said := all[0].Attributes().Get("async.operation.cut")
	require.Equal(t, report.CutSpans+report.CutEvents+report.CutLinks > 0, said && cut.Bool())
}

func TestEqualChangesGiveEqualBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, settings := drawChange(t), drawSettings(t)
		once, _ := Trace(c, settings)
		again, _ := Trace(c, settings)
		marshaler := &ptrace.ProtoMarshaler{}
		want, err := marshaler.MarshalTraces(once)
		require.NoError(t, err)
		got, err := marshaler.MarshalTraces(again)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// What a builder drew before must not show in what it draws next.
func TestBuildersKeepNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := change(rapid.SliceOfN(rapid.Custom(drawFact), 1, 30).Draw(t, "facts"), 400)
		once, _ := Trace(c, DefaultSettings())
		Trace(drawChange(t), drawSettings(t))
		again, report := Trace(c, DefaultSettings())
		require.Equal(t, render(once), render(again))
		b := newBuilder(c, DefaultSettings())
		require.Empty(t, b.groups)
		require.Empty(t, b.byRecord)
		require.Empty(t, b.traces)
		require.Empty(t, b.ids.few)
		require.Empty(t, b.ids.used)
		for _, d := range b.all[:cap(b.all)] {
			require.Nil(t, d.hop)
			require.Nil(t, d.origin)
		}
		require.LessOrEqual(t, report.Spans, DefaultSettings().MaxSpans)
		b.release(nil)
	})
}

// The order in which facts came must not show, or two collectors would emit different spans under one ID.
func TestOrderOfArrivalDoesNotShow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := rapid.SliceOfN(rapid.Custom(drawFact), 1, 30).Draw(t, "facts")
		shuffled := rapid.Permutation(facts).Draw(t, "shuffled")
		once, _ := Trace(change(facts, 400), DefaultSettings())
		again, _ := Trace(change(shuffled, 400), DefaultSettings())
		require.Equal(t, render(once), render(again))
	})
}

func TestTextIsClippedToValidText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "bytes"))
		limit := rapid.IntRange(0, 100).Draw(t, "limit")
		for _, got := range []string{clip(s, limit), line(s)} {
			require.True(t, utf8.ValidString(got))
		}
		require.LessOrEqual(t, len(clip(s, limit)), limit)
		require.LessOrEqual(t, len(line(s)), maxLine)
		require.NotContains(t, line(s), "\n")
		if utf8.ValidString(s) && len(s) <= limit {
			require.Equal(t, s, clip(s, limit))
		}
	})
}
