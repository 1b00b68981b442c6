package correlationprocessor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/throughline/throughline/processor/correlationprocessor/internal/metadatatest"
)

var huge = strings.Repeat("x", 1<<20)

func ignored(t *testing.T, h *harness, signal, reason string, n int64) {
	metadatatest.AssertEqualCorrelationIgnored(t, h.telemetry, []metricdata.DataPoint[int64]{{
		Value: n, Attributes: attribute.NewSet(attribute.String("signal", signal), attribute.String("reason", reason)),
	}}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

func TestMalformedSpansPassAndAreCounted(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(ptrace.Span)
		reason string
		count  int64
		facts  int64
	}{
		"no trace ID":            {func(s ptrace.Span) { s.SetTraceID(pcommon.TraceID{}) }, "zero_id", 1, 0},
		"no span ID":             {func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{}) }, "zero_id", 1, 0},
		"before the epoch":       {func(s ptrace.Span) { s.SetStartTimestamp(1) }, "absurd_time", 1, 0},
		"in the far future":      {func(s ptrace.Span) { s.SetStartTimestamp(1<<64 - 1) }, "absurd_time", 1, 0},
		"no start":               {func(s ptrace.Span) { s.SetStartTimestamp(0) }, "absurd_time", 1, 0},
		"ends before it starts":  {func(s ptrace.Span) { s.SetEndTimestamp(s.StartTimestamp() - 1) }, "negative_duration", 1, 1},
		"a map for a name":       {func(s ptrace.Span) { s.Attributes().PutEmptyMap("messaging.system") }, "wrong_type", 1, 1},
		"bytes for an ID":        {func(s ptrace.Span) { s.Attributes().PutEmptyBytes("correlation.id") }, "wrong_type", 1, 1},
		"nothing for an ID":      {func(s ptrace.Span) { s.Attributes().PutEmpty("correlation.id") }, "wrong_type", 1, 1},
		"an ID that names none":  {func(s ptrace.Span) { s.Attributes().PutStr("correlation.id", "null") }, "junk_id", 1, 1},
		"1 MB for an ID":         {func(s ptrace.Span) { s.Attributes().PutStr("correlation.id", huge) }, "junk_id", 1, 1},
		"1 MB for a destination": {func(s ptrace.Span) { s.Attributes().PutStr("messaging.destination.name", huge) }, "truncated", 1, 1},
		"1 MB for a span name":   {func(s ptrace.Span) { s.SetName(huge) }, "truncated", 1, 1},
		"20,000 links":           {func(s ptrace.Span) { links(s, 20_000) }, "too_many", 10_000, 10_000},
		"derived by us":          {func(s ptrace.Span) {}, "derived", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, nil)
			td := ptrace.NewTraces()
			tc.change(addSpan(td, 1, 1, ptrace.SpanKindConsumer, nil))
			if tc.reason == "derived" {
				td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().SetName("github.com/throughline/throughline/stitch")
			}
			want := copyOf(td)
			h.traces(td)
			require.Equal(t, want, h.spans.AllTraces()[0])
			ignored(t, h, "traces", tc.reason, tc.count)
			require.Equal(t, tc.facts, h.count(t, "otelcol_correlation_evidence", "signal", "traces"))
			require.Zero(t, h.count(t, "otelcol_correlation_failures", "signal", "traces"))
		})
	}
}

func links(s ptrace.Span, n int) {
	for i := range n {
		link := s.Links().AppendEmpty()
		link.SetTraceID(pcommon.TraceID{2, byte(i), byte(i >> 8)})
		link.SetSpanID(pcommon.SpanID{2})
	}
}

func TestMalformedRecordsPassAndAreCounted(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(plog.LogRecord)
		reason string
	}{
		"no time at all":        {func(r plog.LogRecord) { r.SetTimestamp(0) }, "absurd_time"},
		"a list for an ID":      {func(r plog.LogRecord) { r.Attributes().PutEmptySlice("correlation_id") }, "wrong_type"},
		"an ID that names none": {func(r plog.LogRecord) { r.Attributes().PutStr("correlation_id", "undefined") }, "junk_id"},
		"an ID in the body that names none": {func(r plog.LogRecord) {
			r.Body().SetEmptyMap().PutStr("correlation_id", "00000000-0000-0000-0000-000000000000")
		}, "junk_id"},
		"a body that breaks off": {func(r plog.LogRecord) { r.Body().SetStr(`{"correlation_id":`) }, "bad_body"},
		"1 MB for a stack trace": {func(r plog.LogRecord) { r.Attributes().PutStr("exception.stacktrace", huge) }, "truncated"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, nil)
			ld := plog.NewLogs()
			tc.change(addRecord(ld, 1, nil))
			want := copyOfLogs(ld)
			h.logs(ld)
			require.Equal(t, want, h.records.AllLogs()[0])
			ignored(t, h, "logs", tc.reason, 1)
			require.Zero(t, h.count(t, "otelcol_correlation_failures", "signal", "logs"))
		})
	}
}

func TestOddTelemetryPassesWithoutAWord(t *testing.T) {
	h := newHarness(t, nil)
	for _, td := range []ptrace.Traces{ptrace.NewTraces(), emptyResource(), unknownKind()} {
		want := copyOf(td)
		h.spans.Reset()
		h.traces(td)
		require.Equal(t, want, h.spans.AllTraces()[0])
	}
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	h.logs(plog.NewLogs())
	h.logs(ld)
	require.Len(t, h.records.AllLogs(), 2)
	_, err := h.telemetry.GetMetric("otelcol_correlation_failures")
	require.ErrorContains(t, err, "not found")
	_, err = h.telemetry.GetMetric("otelcol_correlation_ignored")
	require.ErrorContains(t, err, "not found")
}

func emptyResource() ptrace.Traces {
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	return td
}

func unknownKind() ptrace.Traces {
	td := ptrace.NewTraces()
	addSpan(td, 1, 1, ptrace.SpanKind(-7), nil).SetParentSpanID(pcommon.SpanID{5})
	addSpan(td, 1, 2, ptrace.SpanKind(99), nil).Status().SetCode(ptrace.StatusCode(42))
	return td
}

// TestAGiantLeavesNothingBehind: what one batch needed is not kept for all that follow.
func TestAGiantLeavesNothingBehind(t *testing.T) {
	b := newBatch()
	b.ask(pcommon.TraceID{1})
	require.True(t, b.clear())
	require.Empty(t, b.traces)
	require.Empty(t, b.index)
	for i := range maxKept + 1 {
		b.ask(pcommon.TraceID{1, byte(i), byte(i >> 8)})
	}
	require.False(t, b.clear())
}
