package correlationprocessor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"
)

// TestNothingButOwnAttributesIsAdded draws telemetry of all kinds, sound or not, and requires what comes out to be what went
// in once the attributes of the processor's own are removed. An application may have set some of these itself.
func TestNothingButOwnAttributesIsAdded(t *testing.T) {
	h := newHarness(t, nil)
	rapid.Check(t, func(rt *rapid.T) {
		td, ld := drawTraces(rt), drawLogs(rt)
		beforeTraces, beforeLogs := copyOf(td), copyOfLogs(ld)
		h.spans.Reset()
		h.records.Reset()
		h.traces(td)
		h.logs(ld)
		require.Len(rt, h.spans.AllTraces(), 1)
		require.Len(rt, h.records.AllLogs(), 1)
		afterTraces, afterLogs := h.spans.AllTraces()[0], h.records.AllLogs()[0]
		eachSpan(afterTraces, func(r, s, i int, attributes pcommon.Map) {
			before := beforeTraces.ResourceSpans().At(r).ScopeSpans().At(s).Spans().At(i).Attributes()
			requireKept(rt, before, attributes)
			before.CopyTo(attributes)
		})
		require.Equal(rt, bytesOf(rt, beforeTraces), bytesOf(rt, afterTraces))
		eachRecord(afterLogs, func(r, s, i int, attributes pcommon.Map) {
			before := beforeLogs.ResourceLogs().At(r).ScopeLogs().At(s).LogRecords().At(i).Attributes()
			requireKept(rt, before, attributes)
			before.CopyTo(attributes)
		})
		require.Equal(rt, bytesOfLogs(rt, beforeLogs), bytesOfLogs(rt, afterLogs))
	})
	require.Zero(t, h.count(t, "otelcol_correlation_failures", "signal", "traces"))
	require.Zero(t, h.count(t, "otelcol_correlation_failures", "signal", "logs"))
	require.Positive(t, h.count(t, "otelcol_correlation_stamped", "signal", "traces"), "some of it is stamped")
	require.Positive(t, h.count(t, "otelcol_correlation_stamped", "signal", "logs"))
}

func bytesOf(t *rapid.T, td ptrace.Traces) []byte {
	data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return data
}

func bytesOfLogs(t *rapid.T, ld plog.Logs) []byte {
	data, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	return data
}

// requireKept requires the attributes of before to be the first ones of after, and what follows to be stamps, each once.
func requireKept(t *rapid.T, before, after pcommon.Map) {
	i := 0
	var was []string
	for key, value := range before.All() {
		was = append(was, key+"="+value.Type().String()+value.AsString())
	}
	seen := map[string]bool{}
	for key, value := range after.All() {
		if i < len(was) {
			require.Equal(t, was[i], key+"="+value.Type().String()+value.AsString())
		} else {
			require.True(t, strings.HasPrefix(key, "async.operation."), key)
			_, set := before.Get(key)
			require.False(t, set || seen[key], "%s is there twice", key)
			require.NotEmpty(t, value.Str())
			seen[key] = true
		}
		i++
	}
	require.GreaterOrEqual(t, i, len(was))
}

func eachSpan(td ptrace.Traces, see func(r, s, i int, attributes pcommon.Map)) {
	for r, rs := range td.ResourceSpans().All() {
		for s, ss := range rs.ScopeSpans().All() {
			for i, span := range ss.Spans().All() {
				see(r, s, i, span.Attributes())
			}
		}
	}
}

func eachRecord(ld plog.Logs, see func(r, s, i int, attributes pcommon.Map)) {
	for r, rl := range ld.ResourceLogs().All() {
		for s, sl := range rl.ScopeLogs().All() {
			for i, record := range sl.LogRecords().All() {
				see(r, s, i, record.Attributes())
			}
		}
	}
}

var keys = []string{
	"correlation.id", "correlationId", "messaging.message.conversation_id", "messaging.message.id", "messaging.system",
	"messaging.destination.name", "messaging.operation.type", "messaging.batch.message_count", "exception.type", "service.name", "http.route",
	keyID, keyName, keyNamespace, keyTraceID, "", "async.operation.",
}

var values = []any{"o-1", "o-2", "null", "", "send", "process", "orders", "\x00\xff", int64(-1), 1.5, true, []any{"a"}, map[string]any{"b": int64(1)}, []byte{1}, nil}

func drawAttributes(t *rapid.T, to pcommon.Map) {
	for range rapid.IntRange(0, 4).Draw(t, "attributes") {
		key, value := rapid.SampledFrom(keys).Draw(t, "key"), rapid.SampledFrom(values).Draw(t, "value")
		if err := to.PutEmpty(key).FromRaw(value); err != nil {
			t.Fatal(err)
		}
	}
}

func drawTraceID(t *rapid.T) pcommon.TraceID {
	return pcommon.TraceID{byte(rapid.IntRange(0, 3).Draw(t, "trace"))}
}

func drawTime(t *rapid.T) pcommon.Timestamp {
	return rapid.SampledFrom([]pcommon.Timestamp{0, 1, 1_700_000_000_000_000_000, 1_700_000_001_000_000_000, 1<<63 - 1, 1<<64 - 1}).Draw(t, "time")
}

func drawScope(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "library", "github.com/throughline/throughline/stitch"}).Draw(t, "scope")
}

func drawTraces(t *rapid.T) ptrace.Traces {
	td := ptrace.NewTraces()
	for range rapid.IntRange(0, 3).Draw(t, "resources") {
		rs := td.ResourceSpans().AppendEmpty()
		drawAttributes(t, rs.Resource().Attributes())
		for range rapid.IntRange(0, 2).Draw(t, "scopes") {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName(drawScope(t))
			for range rapid.IntRange(0, 4).Draw(t, "spans") {
				drawSpan(t, ss.Spans().AppendEmpty())
			}
		}
	}
	return td
}

func drawSpan(t *rapid.T, s ptrace.Span) {
	id := rapid.Custom(func(t *rapid.T) pcommon.SpanID { return pcommon.SpanID{byte(rapid.IntRange(0, 5).Draw(t, "span"))} })
	s.SetTraceID(drawTraceID(t))
	s.SetSpanID(id.Draw(t, "id"))
	s.SetParentSpanID(id.Draw(t, "parent"))
	s.SetName(rapid.SampledFrom([]string{"", "send orders", "process orders", "\xff"}).Draw(t, "name"))
	s.SetKind(ptrace.SpanKind(rapid.SampledFrom([]int32{-1, 0, 1, 2, 3, 4, 5, 99}).Draw(t, "kind")))
	s.SetFlags(rapid.SampledFrom([]uint32{0, 0x100, 0x300, 1<<32 - 1}).Draw(t, "flags"))
	s.SetStartTimestamp(drawTime(t))
	s.SetEndTimestamp(drawTime(t))
	s.Status().SetCode(ptrace.StatusCode(rapid.SampledFrom([]int32{-1, 0, 1, 2, 7}).Draw(t, "status")))
	drawAttributes(t, s.Attributes())
	for range rapid.IntRange(0, 3).Draw(t, "links") {
		link := s.Links().AppendEmpty()
		link.SetTraceID(drawTraceID(t))
		link.SetSpanID(id.Draw(t, "linked"))
		drawAttributes(t, link.Attributes())
	}
	for range rapid.IntRange(0, 2).Draw(t, "events") {
		e := s.Events().AppendEmpty()
		e.SetName(rapid.SampledFrom([]string{"exception", "other"}).Draw(t, "event"))
		e.SetTimestamp(drawTime(t))
		drawAttributes(t, e.Attributes())
	}
}

func drawLogs(t *rapid.T) plog.Logs {
	ld := plog.NewLogs()
	for range rapid.IntRange(0, 3).Draw(t, "resources") {
		rl := ld.ResourceLogs().AppendEmpty()
		drawAttributes(t, rl.Resource().Attributes())
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().SetName(drawScope(t))
		for range rapid.IntRange(0, 4).Draw(t, "records") {
			r := sl.LogRecords().AppendEmpty()
			r.SetTraceID(drawTraceID(t))
			r.SetSpanID(pcommon.SpanID{byte(rapid.IntRange(0, 3).Draw(t, "span"))})
			r.SetTimestamp(drawTime(t))
			r.SetObservedTimestamp(drawTime(t))
			r.SetSeverityNumber(plog.SeverityNumber(rapid.SampledFrom([]int32{-1, 0, 9, 24, 99}).Draw(t, "severity")))
			r.SetEventName(rapid.SampledFrom([]string{"", "async.process.started", "async.process.failed", "messaging.process.exception"}).Draw(t, "event"))
			drawAttributes(t, r.Attributes())
			if err := r.Body().FromRaw(rapid.SampledFrom([]any{nil, "text", `{"correlation_id":"o-1"}`, `{"correlation_id":`, map[string]any{"correlation_id": "o-2"}, int64(1)}).Draw(t, "body")); err != nil {
				t.Fatal(err)
			}
		}
	}
	return ld
}
