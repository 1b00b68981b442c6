package evidence

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// childrenOf appends finished client spans of one parent, which end at the given seconds.
func childrenOf(td ptrace.Traces, parent pcommon.SpanID, ends ...int) {
	for i, end := range ends {
		span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
		span.SetTraceID(traceA)
		span.SetSpanID(pcommon.SpanID{parent[0], byte(i + 1)})
		span.SetParentSpanID(parent)
		span.SetKind(ptrace.SpanKindClient)
		span.SetStartTimestamp(t0)
		span.SetEndTimestamp(t0 + pcommon.Timestamp(end)*1_000_000_000)
	}
}

func TestChildrenAreASignOfTheirParent(t *testing.T) {
	td := oneSpan(ptrace.SpanKindServer, nil)
	childrenOf(td, spanA, 1, 2)
	childrenOf(td, pcommon.SpanID{7}, 3, 2, 4)
	facts, _ := spanFacts(t, td)
	require.Len(t, facts, 2, "the parent that is in the batch speaks for itself")
	f := facts[1]
	require.Equal(t, operation.KindAlive, f.Kind)
	require.Equal(t, operation.SpanID{7}, f.Span)
	require.EqualValues(t, t0+2_000_000_000, f.At, "the first sign")
	require.Zero(t, f.End)
	require.Equal(t, "api", f.Service)
}

func TestChildrenOfAnotherProcessAreNoSign(t *testing.T) {
	td := oneSpan(ptrace.SpanKindServer, nil)
	childrenOf(td, pcommon.SpanID{7}, 3)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1).SetFlags(remoteFlags)
	facts, _ := spanFacts(t, td)
	require.Len(t, facts, 2)
	require.Equal(t, operation.KindWork, facts[1].Kind, "the entry of a service")
}
