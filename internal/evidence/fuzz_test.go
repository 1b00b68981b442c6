package evidence

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// requireSound checks what must hold for facts from any telemetry.
func requireSound(t *testing.T, b *Batch) {
	require.Len(t, b.Refs, len(b.Facts))
	for i := range b.Facts {
		f := &b.Facts[i]
		require.True(t, f.At >= earliest && f.At < latest, "a fact at %d", f.At)
		require.True(t, f.End == 0 || f.End >= f.At)
		require.LessOrEqual(t, max(len(f.ID), len(f.Alias)), maxID)
		require.True(t, utf8.ValidString(f.ID) && utf8.ValidString(f.Alias))
		require.LessOrEqual(t, max(len(f.Name), len(f.Namespace), len(f.OperationName), len(f.System), len(f.Destination), len(f.Group)), maxName)
		require.LessOrEqual(t, len(f.MessageID), 3*maxName+2)
		require.LessOrEqual(t, max(len(f.ErrorType), len(f.ErrorMessage)), maxMessage)
		require.LessOrEqual(t, len(f.Detail), maxDetail)
	}
}

func FuzzTraces(f *testing.F) {
	m := ptrace.ProtoMarshaler{}
	for _, td := range []ptrace.Traces{
		ptrace.NewTraces(),
		oneSpan(ptrace.SpanKindConsumer, map[string]any{"order.id": 4711, "messaging.kafka.offset": "1", "messaging.destination.name": "q"}),
		oneSpan(ptrace.SpanKindProducer, nil, func(s ptrace.Span) {
			s.Links().AppendEmpty().SetTraceID(traceA)
			s.Links().AppendEmpty().Attributes().PutStr("messaging.message.id", "m")
			s.Events().AppendEmpty().SetName("exception")
		}),
		pendingSpan(ptrace.SpanKindConsumer, map[string]any{"logfire.pending_parent_id": "0700000000000000"}),
		pendingSpan(ptrace.SpanKindInternal, nil, func(s ptrace.Span) { s.Attributes().PutStr("logfire.span_type", "log") }),
	} {
		data, err := m.MarshalTraces(td)
		require.NoError(f, err)
		f.Add(data)
	}
	seedTraces(f)
	x := extractor(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, u := range []ptrace.Unmarshaler{&ptrace.ProtoUnmarshaler{}, &ptrace.JSONUnmarshaler{}} {
			td, err := u.UnmarshalTraces(data)
			if err != nil {
				continue
			}
			b := &Batch{}
			x.Traces(b, td)
			requireSound(t, b)
			for _, ref := range b.Refs {
				td.ResourceSpans().At(ref.Resource).ScopeSpans().At(ref.Scope).Spans().At(ref.Index)
			}
		}
	})
}

// everything is an extractor with every feature on.
func everything(tb testing.TB) *Extractor {
	logs := allOn()
	logs.Patterns = append(logs.Patterns, LogPattern{Event: "scheduled", MinSeverity: "info", Fields: map[string]string{
		"delay": "delay", "due": "due", "destination": "exc_info", "group": "msg", "system": "msg", "type": "msg",
	}}, LogPattern{Event: "failed", Message: `(?P<error>.*)(?P<message_id>.)(?P<id>.)`, Fields: map[string]string{"attempt": "level", "max_attempts": "level"}})
	x, err := NewExtractor(Config{
		CorrelationKeys: []string{"order.id", "correlationId"}, NamespaceKey: "tenant", Libraries: DefaultLibraries(), Logs: logs,
		Expressions: Expressions{
			LogIDs: 1, SpanIDs: 1,
			Span: func(_ ptrace.ResourceSpans, _ ptrace.ScopeSpans, s ptrace.Span, found *Found) { found.ID(0, s.Name()) },
			Log: func(_ plog.ResourceLogs, _ plog.ScopeLogs, r plog.LogRecord, found *Found) {
				found.ID(0, r.EventName())
				found.Ignored = r.SeverityText() == "ignored"
			},
		},
	})
	require.NoError(tb, err)
	return x
}

func FuzzLogs(f *testing.F) {
	m := plog.ProtoMarshaler{}
	for _, ld := range []plog.Logs{
		plog.NewLogs(),
		oneRecord(traced, body(`{"order.id":"o-1","x":[{}]}`)),
		oneRecord(event("async.process.failed"), attribute("exception.stacktrace", "at x")),
		oneRecord(severity(13), body("attempt 3 of 3 failed: Error: x\n    at y")),
		oneRecord(body(`{"level":50,"msg":"charging card for order 4711","err":{"type":"E","stack":["a"]},"trace_id":"0a0b0c0d0e0f00010203040506070809"}`)),
		oneRecord(fields(true, map[string]any{"levelno": 40, "exc_info": pythonStack, "event": "charged 4711", "delay": 5})),
		oneRecord(severity(17), fields(false, map[string]any{"thrown": map[string]any{"extendedStackTrace": []any{map[string]any{"class": "a"}}}})),
	} {
		data, err := m.MarshalLogs(ld)
		require.NoError(f, err)
		f.Add(data)
	}
	seedLogs(f)
	x := everything(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, u := range []plog.Unmarshaler{&plog.ProtoUnmarshaler{}, &plog.JSONUnmarshaler{}} {
			ld, err := u.UnmarshalLogs(data)
			if err != nil {
				continue
			}
			b := &Batch{}
			x.Logs(b, ld)
			requireSound(t, b)
			for _, ref := range b.Refs {
				ld.ResourceLogs().At(ref.Resource).ScopeLogs().At(ref.Scope).LogRecords().At(ref.Index)
			}
		}
	})
}
