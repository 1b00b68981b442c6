package evidence

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// pendingSpan builds a span that stands for its parent, span 5, as Logfire's SDKs do.
func pendingSpan(kind ptrace.SpanKind, attributes map[string]any, change ...func(ptrace.Span)) ptrace.Traces {
	td := oneSpan(kind, attributes, func(s ptrace.Span) {
		s.SetParentSpanID(pcommon.SpanID{5})
		s.SetEndTimestamp(t0)
		s.Attributes().PutStr("logfire.span_type", "pending_span")
	})
	for _, c := range change {
		c(td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0))
	}
	return td
}

func TestAPendingSpanStandsForItsParent(t *testing.T) {
	process := map[string]any{
		"messaging.operation.type": "process", "messaging.destination.name": "orders", "messaging.message.id": "m", "order.id": "o-1",
		"logfire.pending_parent_id": "0700000000000000",
	}
	want := operation.Fact{
		Kind: operation.KindProcess, Consumer: true, At: int64(t0), Trace: operation.TraceID{1}, Span: operation.SpanID{5}, Parent: operation.SpanID{7},
		Service: "api", Instance: "h1/42", Name: "a span", ID: "o-1", IDRank: 7, Destination: "orders", MessageID: "m",
	}
	facts, b := spanFacts(t, pendingSpan(ptrace.SpanKindConsumer, process))
	require.Zero(t, b.Dropped)
	require.Equal(t, []operation.Fact{want}, facts)
	require.Equal(t, []Ref{{}}, b.Refs)

	facts, _ = spanFacts(t, pendingSpan(ptrace.SpanKindConsumer, process, func(s ptrace.Span) { s.SetName("a span (pending)") }))
	require.Equal(t, []operation.Fact{want}, facts, "the name that early versions gave")

	want.Remote = true
	facts, _ = spanFacts(t, pendingSpan(ptrace.SpanKindConsumer, process, func(s ptrace.Span) { s.SetFlags(0x100) }))
	require.Equal(t, []operation.Fact{want}, facts, "flags say that the pending span's parent is local, not that its parent's is")

	facts, _ = spanFacts(t, pendingSpan(ptrace.SpanKindConsumer, process, func(s ptrace.Span) {
		s.SetFlags(0x100)
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Links().AppendEmpty().SetTraceID(pcommon.TraceID{3})
		s.Links().At(0).SetSpanID(pcommon.SpanID{3})
	}))
	want.LinkTrace, want.LinkSpan = operation.TraceID{3}, operation.SpanID{3}
	require.Equal(t, []operation.Fact{want}, facts, "links count, a status does not yet")
}

func TestParentsOfPendingSpans(t *testing.T) {
	for parent, want := range map[string]struct {
		id  operation.SpanID
		bad int
	}{
		"": {bad: 1}, "0000000000000000": {}, "00000000000000ff": {id: operation.SpanID{7: 0xff}}, "ff": {bad: 1}, "xx00000000000000": {bad: 1},
	} {
		facts, b := spanFacts(t, pendingSpan(ptrace.SpanKindProducer, map[string]any{"logfire.pending_parent_id": parent}))
		require.Len(t, facts, 1)
		require.Equal(t, want.id, facts[0].Parent, parent)
		require.Equal(t, want.bad, b.Dropped[DropPartial], parent)
	}
	facts, b := spanFacts(t, pendingSpan(ptrace.SpanKindInternal, nil))
	require.Zero(t, b.Dropped)
	require.Equal(t, operation.KindWork, facts[0].Kind, "without a parent it is a root")

	facts, b = spanFacts(t, pendingSpan(ptrace.SpanKindConsumer, nil, func(s ptrace.Span) { s.SetParentSpanID(pcommon.SpanID{}) }))
	require.Empty(t, facts)
	require.Equal(t, 1, b.Dropped[DropPartial])
}

func TestThePendingMarkIsTheAttributeAlone(t *testing.T) {
	raw, err := (&ptrace.JSONMarshaler{}).MarshalTraces(pendingSpan(ptrace.SpanKindProducer, nil))
	require.NoError(t, err)
	mark := `{"key":"logfire.span_type","value":{"stringValue":"pending_span"}}`
	require.Contains(t, string(raw), mark)
	twice, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(strings.Replace(string(raw), mark, mark+","+mark, 1)))
	require.NoError(t, err)
	facts, _ := spanFacts(t, twice)
	require.Len(t, facts, 1)
	require.Equal(t, operation.SpanID{5}, facts[0].Span)

	for _, other := range []any{"span", "pending", "", 7} {
		facts, _ = spanFacts(t, oneSpan(ptrace.SpanKindProducer, map[string]any{"logfire.span_type": other, "logfire.pending_parent_id": "0700000000000000"}))
		require.Len(t, facts, 1, other)
		require.Equal(t, operation.SpanID{1}, facts[0].Span, other)
		require.NotZero(t, facts[0].End, other)
	}
}

// TestPendingAndFinishedAreOneSpan: the span itself, whenever it comes, is no second attempt.
func TestPendingAndFinishedAreOneSpan(t *testing.T) {
	finished := oneSpan(ptrace.SpanKindConsumer, map[string]any{"order.id": "o-1"}, func(s ptrace.Span) {
		s.SetSpanID(pcommon.SpanID{5})
		s.SetParentSpanID(pcommon.SpanID{7})
		s.SetFlags(0x300)
		s.Attributes().PutStr("logfire.span_type", "span")
	})
	o := operation.New(operation.NewSymbols(10))
	_, b := spanFacts(t, pendingSpan(ptrace.SpanKindConsumer, map[string]any{"order.id": "o-1", "logfire.pending_parent_id": "0700000000000000"}))
	add(&o, b)
	open := o.View(operation.NoHabits{})
	require.Equal(t, operation.HopProcessing, open.Hops[0].State)
	_, b = spanFacts(t, finished)
	add(&o, b)
	done := o.View(operation.NoHabits{})
	require.Len(t, done.Hops, 1)
	require.Len(t, done.Hops[0].Consumers, 1)
	require.Len(t, done.Hops[0].Consumers[0].Attempts, 1)
	require.Equal(t, operation.HopDone, done.Hops[0].State)
}

func TestSpansThatAreLogs(t *testing.T) {
	log := func(attributes map[string]any) ptrace.Traces {
		return oneSpan(ptrace.SpanKindInternal, attributes, func(s ptrace.Span) {
			s.SetParentSpanID(pcommon.SpanID{5})
			s.SetEndTimestamp(t0)
			s.Attributes().PutStr("logfire.span_type", "log")
			s.Status().SetCode(ptrace.StatusCodeError)
			e := s.Events().AppendEmpty()
			e.SetName("exception")
			e.SetTimestamp(t0)
			e.Attributes().PutStr("exception.type", "E")
		})
	}
	facts, b := spanFacts(t, log(map[string]any{"order.id": "o-1", "logfire.msg": "charged 7 EUR", "logfire.level_num": 17}))
	require.Zero(t, b.Dropped)
	require.Equal(t, []operation.Fact{
		{
			Kind: operation.KindLog, At: int64(t0), Severity: 17, Trace: operation.TraceID{1}, Span: operation.SpanID{5}, ID: "o-1", IDRank: 7,
			Service: "api", Instance: "h1/42", Name: "a span", Detail: "charged 7 EUR",
		},
		{
			Kind: operation.KindException, At: int64(t0), Trace: operation.TraceID{1}, Span: operation.SpanID{5},
			Service: "api", Instance: "h1/42", Name: "exception", ErrorType: "E",
		},
	}, facts)

	facts, _ = spanFacts(t, log(map[string]any{"logfire.msg": "a span", "logfire.level_num": 1000}))
	require.Empty(t, facts[0].Detail)
	require.Zero(t, facts[0].Severity)

	facts, b = spanFacts(t, log(nil))
	require.Len(t, facts, 2)
	require.Zero(t, b.Dropped)

	td := log(nil)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetStartTimestamp(0)
	facts, b = spanFacts(t, td)
	require.Empty(t, facts)
	require.Equal(t, 1, b.Dropped[DropTime])
}

func BenchmarkPending(b *testing.B) {
	td := pendingSpan(ptrace.SpanKindConsumer, map[string]any{
		"messaging.operation.type": "process", "messaging.destination.name": "orders", "messaging.message.id": "m", "order.id": "o-1",
		"logfire.pending_parent_id": "0700000000000000",
	})
	x, batch := extractor(b), &Batch{}
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		x.Traces(batch, td)
	}
}
