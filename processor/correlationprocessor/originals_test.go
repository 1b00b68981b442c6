package correlationprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/evidence"
	"github.com/throughline/throughline/internal/originals"
)

// someOriginals are an inner span, the span of an attempt in which it lies, one that is derived, and one without an ID.
func someOriginals() ptrace.Traces {
	td := ptrace.NewTraces()
	inner := addSpan(td, 1, 2, ptrace.SpanKindClient, map[string]any{"db.system.name": "postgresql"})
	inner.SetParentSpanID(pcommon.SpanID{1})
	addSpan(td, 1, 1, ptrace.SpanKindConsumer, map[string]any{"correlation_id": "o-1", "messaging.destination.name": "orders"})
	addSpan(td, 1, 9, ptrace.SpanKindInternal, nil)
	td.ResourceSpans().At(2).ScopeSpans().At(0).Scope().SetName(evidence.DerivedScope + "/stitch")
	addSpan(td, 1, 0, ptrace.SpanKindInternal, nil)
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.version", "1.4.2")
	return td
}

func TestNothingIsKeptUnlessSomebodyAsks(t *testing.T) {
	h := newHarness(t, nil)
	h.traces(someOriginals())
	require.Zero(t, h.fake.originals.Stats())
	require.Nil(t, h.fake.originals.ResourceOf("api", ""))
}

func TestWhoSpeaksIsKeptForWhoAsks(t *testing.T) {
	h := newHarness(t, nil)
	h.fake.originals.Ask(originals.Demand{})
	h.traces(someOriginals())
	require.Equal(t, []originals.Attribute{{Key: "service.version", Value: "1.4.2"}}, h.fake.originals.ResourceOf("api", "").Attributes)
	require.Zero(t, h.fake.originals.Stats().Spans)
	ld := plog.NewLogs()
	addRecord(ld, 1, nil)
	ld.ResourceLogs().At(0).Resource().Attributes().PutStr("service.name", "logger")
	h.logs(ld)
	require.NotNil(t, h.fake.originals.ResourceOf("logger", ""))
}

// Inner spans are kept as they came, and those that are facts themselves are not.
func TestInnerSpansAreKeptForWhoAsks(t *testing.T) {
	h := newHarness(t, nil)
	h.fake.originals.Ask(originals.Demand{Spans: true, MaxBytes: 1 << 20})
	h.traces(someOriginals())
	kept, missing := h.fake.originals.Spans(pcommon.TraceID{1})
	require.Zero(t, missing)
	require.Len(t, kept, 1)
	require.Equal(t, pcommon.SpanID{2}, kept[0].SpanID())
	require.Equal(t, pcommon.SpanID{1}, kept[0].ParentSpanID())
	require.Equal(t, map[string]any{"db.system.name": "postgresql"}, kept[0].Span.Attributes().AsRaw())
	require.Equal(t, "api", kept[0].Service)
}

func TestADryRunKeepsNothing(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.DryRun = true })
	h.fake.originals.Ask(originals.Demand{Spans: true, MaxBytes: 1 << 20})
	h.traces(someOriginals())
	require.Zero(t, h.fake.originals.Stats())
}
