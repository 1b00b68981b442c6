package benchmark

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// sources build a request about the operations from the given one to the last but perBatch, and nothing else.
var sources = []struct {
	name  string
	build func(tb testing.TB, from int) request
	// records and found are what a request holds: spans or log records, and operations.
	records, found int
}{
	{"messaging-spans", messagingSpans, 2 * perBatch, perBatch},
	{"batch-links", batchLinks, perBatch + 1, perBatch},
	{"plain-logs", plainLogs, 2 * perBatch, perBatch},
	{"json-logs", jsonLogs, 2 * perBatch, perBatch},
	{"partial-spans", partialSpans, perBatch, perBatch},
	{"no-evidence", noEvidence, 2 * perBatch, 0},
}

func ids(n int) (trace pcommon.TraceID, span pcommon.SpanID) {
	trace[0], trace[1], trace[2], trace[3], trace[15] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24), 1
	copy(span[:], trace[:4])
	span[7] = 1
	return trace, span
}

func at(n int) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(began.Add(time.Duration(n) * time.Millisecond))
}

func spansOf(td ptrace.Traces, service string) ptrace.SpanSlice {
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", service)
	rs.Resource().Attributes().PutStr("service.instance.id", "i-1")
	return rs.ScopeSpans().AppendEmpty().Spans()
}

func recordsOf(ld plog.Logs, service string) plog.LogRecordSlice {
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", service)
	rl.Resource().Attributes().PutStr("service.instance.id", "i-1")
	return rl.ScopeLogs().AppendEmpty().LogRecords()
}

// messagingSpan fills a span by the conventions.
func messagingSpan(s ptrace.Span, n int, kind ptrace.SpanKind, operation string) {
	trace, span := ids(n)
	s.SetTraceID(trace)
	if kind == ptrace.SpanKindConsumer {
		s.SetParentSpanID(span)
		s.SetFlags(0x301)
		span[6] = 1
	}
	s.SetSpanID(span)
	s.SetKind(kind)
	s.SetName(operation + " orders")
	s.SetStartTimestamp(at(n))
	s.SetEndTimestamp(at(n + 5))
	for _, pair := range [][2]string{
		{"messaging.system", "kafka"}, {"messaging.destination.name", "orders"}, {"messaging.operation.type", operation},
		{"messaging.message.id", fmt.Sprintf("%08x-4f7a-4b0e-9d3c-0123456789ab", n)}, {"messaging.message.conversation_id", fmt.Sprintf("order-%d", n)},
		{"server.address", "broker-1"},
	} {
		s.Attributes().PutStr(pair[0], pair[1])
	}
}

func messagingSpans(tb testing.TB, from int) request {
	td := ptrace.NewTraces()
	producers, consumers := spansOf(td, "shop"), spansOf(td, "billing")
	for n := from; n < from+perBatch; n++ {
		messagingSpan(producers.AppendEmpty(), n, ptrace.SpanKindProducer, "send")
		messagingSpan(consumers.AppendEmpty(), n, ptrace.SpanKindConsumer, "process")
	}
	return traceRequest(tb, td)
}

// batchLinks has one consumer span with a link to each producer's span.
func batchLinks(tb testing.TB, from int) request {
	td := ptrace.NewTraces()
	producers := spansOf(td, "shop")
	batch := spansOf(td, "warehouse").AppendEmpty()
	messagingSpan(batch, 1<<24+from, ptrace.SpanKindConsumer, "process")
	batch.SetParentSpanID(pcommon.SpanID{})
	batch.Attributes().Remove("messaging.message.id")
	batch.Attributes().Remove("messaging.message.conversation_id")
	batch.Attributes().PutInt("messaging.batch.message_count", perBatch)
	for n := from; n < from+perBatch; n++ {
		messagingSpan(producers.AppendEmpty(), n, ptrace.SpanKindProducer, "send")
		trace, span := ids(n)
		link := batch.Links().AppendEmpty()
		link.SetTraceID(trace)
		link.SetSpanID(span)
	}
	return traceRequest(tb, td)
}

func logRecord(r plog.LogRecord, n int) {
	r.SetTimestamp(at(n))
	r.SetSeverityNumber(plog.SeverityNumberInfo)
	r.SetSeverityText("INFO")
}

// plainLogs say by attributes and event names that processing started and ended.
func plainLogs(tb testing.TB, from int) request {
	ld := plog.NewLogs()
	records := recordsOf(ld, "billing")
	for n := from; n < from+perBatch; n++ {
		for i, text := range []string{"message received", "message processed"} {
			r := records.AppendEmpty()
			logRecord(r, n+i)
			r.Body().SetStr(text)
			r.SetEventName([]string{"async.process.started", "async.process.completed"}[i])
			r.Attributes().PutStr("correlation_id", fmt.Sprintf("order-%d", n))
			r.Attributes().PutStr("messaging.destination.name", "orders")
			r.Attributes().PutStr("messaging.message.id", fmt.Sprintf("%08x-4f7a-4b0e-9d3c-0123456789ab", n))
			r.Attributes().PutStr("thread.name", "worker-7")
		}
	}
	return logRequest(tb, ld)
}

// jsonLogs have everything in a body of JSON.
func jsonLogs(tb testing.TB, from int) request {
	ld := plog.NewLogs()
	records := recordsOf(ld, "billing")
	for n := from; n < from+perBatch; n++ {
		for i, text := range []string{"message received", "message processed"} {
			r := records.AppendEmpty()
			logRecord(r, n+i)
			r.Body().SetStr(fmt.Sprintf(
				`{"level":30,"time":%d,"pid":17,"hostname":"node-7","correlationId":"order-%d","queue":"orders","attempt":1,"user":{"id":%d,"plan":"free"},"msg":"%s"}`,
				at(n+i)/1e6, n, n, text))
		}
	}
	return logRequest(tb, ld)
}

// partialSpans are heartbeats of spans that have not ended, in OTLP/JSON.
func partialSpans(tb testing.TB, from int) request {
	ld := plog.NewLogs()
	records := recordsOf(ld, "billing")
	for n := from; n < from+perBatch; n++ {
		td := ptrace.NewTraces()
		span := spansOf(td, "billing").AppendEmpty()
		messagingSpan(span, n, ptrace.SpanKindConsumer, "process")
		span.SetEndTimestamp(0)
		text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
		require.NoError(tb, err)
		r := records.AppendEmpty()
		logRecord(r, n+5000)
		r.Attributes().PutStr("partial.event", "heartbeat")
		r.Attributes().PutStr("partial.frequency", "5000ms")
		r.Attributes().PutStr("partial.body.type", "json/v1")
		r.Body().SetStr(string(text))
	}
	return logRequest(tb, ld)
}

// noEvidence are the log lines of everything else.
func noEvidence(tb testing.TB, from int) request {
	ld := plog.NewLogs()
	records := recordsOf(ld, "billing")
	for n := from; n < from+2*perBatch; n++ {
		r := records.AppendEmpty()
		logRecord(r, n)
		r.Body().SetStr("GET /health took 1 ms")
		r.Attributes().PutStr("http.route", "/health")
		r.Attributes().PutInt("http.response.status_code", 200)
	}
	return logRequest(tb, ld)
}

// BenchmarkSources measures each source of evidence by itself, with the engine full.
func BenchmarkSources(b *testing.B) {
	for _, source := range sources {
		b.Run(source.name, func(b *testing.B) {
			all := make([]request, batches)
			for i := range all {
				all[i] = source.build(b, i*perBatch)
			}
			compare(b, all)
		})
	}
}

func TestSourcesAreWhatTheySayTheyAre(t *testing.T) {
	for _, source := range sources {
		t.Run(source.name, func(t *testing.T) {
			in := newIngester(t)
			r := source.build(t, 0)
			got := r.receive(t)
			require.Equal(t, source.records, got.records())
			in.takeReceived(&got)
			require.Equal(t, source.found, in.engine.Stats().Operations)
			if source.found > 0 {
				snapshot, ok := in.engine.Get("", "order-7")
				require.True(t, ok)
				require.GreaterOrEqual(t, snapshot.View.Facts, 2)
			}
		})
	}
}
