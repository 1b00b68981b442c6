package evidence

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// recordedEvent adds a span event.
func recordedEvent(name string, at pcommon.Timestamp, attributes map[string]any) func(ptrace.Span) {
	return func(s ptrace.Span) {
		e := s.Events().AppendEmpty()
		e.SetName(name)
		e.SetTimestamp(at)
		if err := e.Attributes().FromRaw(attributes); err != nil {
			panic(err)
		}
	}
}

func local(s ptrace.Span) {
	s.SetParentSpanID(pcommon.SpanID{9})
	s.SetFlags(0x100)
}

// TestEventsOfSpansStateWhatLogRecordsState: each name, on a span that is evidence and on one that is none.
func TestEventsOfSpansStateWhatLogRecordsState(t *testing.T) {
	for name, s := range stages {
		if s.event == "" {
			continue
		}
		event := recordedEvent(s.event, t0+7, map[string]any{"exception.type": "E", "exception.message": "no", "exception.stacktrace": "at x"})
		want := operation.Fact{
			Kind: s.kind, Outcome: s.outcome, Disposition: s.disposition, At: int64(t0) + 7, Trace: operation.TraceID(traceA), Span: operation.SpanID(spanA),
			Service: "api", Instance: "h1/42", Name: s.event, ErrorType: "E", ErrorMessage: "no", Detail: "at x",
		}
		facts, _ := spanFacts(t, oneSpan(ptrace.SpanKindInternal, nil, local, event))
		require.Len(t, facts, 2, "%s, and a sign of life of the parent", name)
		require.Equal(t, want, facts[0], name)

		facts, _ = spanFacts(t, oneSpan(ptrace.SpanKindConsumer, map[string]any{"order.id": "o-1", "tenant": "t"}, local, event))
		require.Len(t, facts, 2, name)
		want.ID, want.IDRank, want.Namespace = "o-1", 7, "t"
		require.Equal(t, want, facts[1], name)
	}
}

func TestAnEventsOwnIDComesBeforeThatOfItsSpan(t *testing.T) {
	cancel := recordedEvent("async.operation.cancelled", t0, map[string]any{"order.id": "o-2"})
	facts, _ := spanFacts(t, oneSpan(ptrace.SpanKindServer, map[string]any{"order.id": "o-1", "tenant": "t"}, cancel))
	require.Len(t, facts, 2)
	require.Equal(t, []string{"o-1", "o-2", "t"}, []string{facts[0].ID, facts[1].ID, facts[1].Namespace})
}

// TestAnEventOfABatchIsAboutNobody unless it says whom.
func TestAnEventOfABatchIsAboutNobody(t *testing.T) {
	batch := func(s ptrace.Span) {
		for n := range 2 {
			link := s.Links().AppendEmpty()
			link.SetTraceID(pcommon.TraceID{5, byte(n)})
			link.SetSpanID(pcommon.SpanID{5, byte(n)})
			link.Attributes().PutStr("order.id", "o-1")
		}
	}
	facts, _ := spanFacts(t, oneSpan(ptrace.SpanKindConsumer, nil, batch, recordedEvent("async.operation.cancelled", t0, nil)))
	require.Len(t, facts, 3)
	require.Equal(t, "o-1", facts[0].ID)
	require.Empty(t, facts[2].ID)
	require.True(t, facts[2].Batch)
	require.True(t, facts[2].IsAlone())
}

func TestEventsOfASpanAreBounded(t *testing.T) {
	var many []func(ptrace.Span)
	for range maxStages + 3 {
		many = append(many, recordedEvent("async.process.retrying", t0, nil))
	}
	for range 5 {
		many = append(many, recordedEvent("a stranger", t0, nil))
	}
	facts, b := spanFacts(t, oneSpan(ptrace.SpanKindConsumer, nil, many...))
	require.Len(t, facts, 1+maxStages)
	require.Equal(t, 3, b.Dropped[DropTooMany])
}

func TestEventsHaveTheTimeOfTheirSpanWhereTheyHaveNone(t *testing.T) {
	facts, _ := spanFacts(t, oneSpan(ptrace.SpanKindConsumer, nil, recordedEvent("async.operation.cancelled", 0, nil)))
	require.Equal(t, int64(t0)+1_000_000_000, facts[1].At)

	impossible := func(s ptrace.Span) {
		s.SetStartTimestamp(0)
		s.SetEndTimestamp(0)
	}
	facts, b := spanFacts(t, oneSpan(ptrace.SpanKindInternal, nil, local, impossible, recordedEvent("async.operation.cancelled", 0, nil)))
	require.Empty(t, facts)
	require.Equal(t, 1, b.Dropped[DropTime])
}
