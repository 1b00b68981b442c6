//go:build e2e

package e2e

import (
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

const (
	// hugeValue is a value of one mebibyte.
	hugeValue = 1 << 20
	// manyLinks is more links on one span than are read.
	manyLinks = 10_001
)

// badCase is one well-formed request with something in it that makes no sense.
type badCase struct {
	name string
	// reason is what the collector counts it under, "" if it is not worth counting.
	reason string
	make   func(traces ptrace.Traces, logs plog.Logs)
	logs   bool
}

func (c badCase) request() marshaler {
	traces, logs := ptrace.NewTraces(), plog.NewLogs()
	c.make(traces, logs)
	if c.logs {
		return plogotlp.NewExportRequestFromLogs(logs)
	}
	return ptraceotlp.NewExportRequestFromTraces(traces)
}

// aSpan is a case of one span that would be a message being processed, but for what the function does to it.
func aSpan(name, reason string, spoil func(ptrace.Span)) badCase {
	return badCase{name: name, reason: reason, make: func(traces ptrace.Traces, _ plog.Logs) {
		rs := traces.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", "bad-service")
		span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1, 2, 3})
		span.SetSpanID(pcommon.SpanID{4, 5, 6})
		span.SetName("process bad")
		span.SetKind(ptrace.SpanKindConsumer)
		now := time.Now()
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Second)))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
		span.Attributes().PutStr("messaging.system", "kafka")
		span.Attributes().PutStr("messaging.destination.name", "bad")
		span.Attributes().PutStr("messaging.operation.type", "process")
		span.Attributes().PutStr("messaging.message.id", "bad-1")
		spoil(span)
	}}
}

func aRecord(name, reason string, spoil func(plog.LogRecord)) badCase {
	return badCase{name: name, reason: reason, logs: true, make: func(_ ptrace.Traces, logs plog.Logs) {
		rl := logs.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", "bad-service")
		record := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		record.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		record.SetTraceID(pcommon.TraceID{1, 2, 3})
		record.Body().SetStr("something happened")
		spoil(record)
	}}
}

func badTraces() []badCase {
	return append([]badCase{
		aSpan("zero trace ID", "zero_id", func(s ptrace.Span) { s.SetTraceID(pcommon.TraceID{}) }),
		aSpan("zero span ID", "zero_id", func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{}) }),
		aSpan("negative duration", "negative_duration", func(s ptrace.Span) { s.SetEndTimestamp(s.StartTimestamp() - 1e9) }),
		aSpan("no times", "absurd_time", func(s ptrace.Span) { s.SetStartTimestamp(0); s.SetEndTimestamp(0) }),
		aSpan("times of the last century", "absurd_time", func(s ptrace.Span) { s.SetStartTimestamp(1); s.SetEndTimestamp(2) }),
		aSpan("times of the far future", "absurd_time", func(s ptrace.Span) {
			s.SetStartTimestamp(math.MaxUint64 - 1)
			s.SetEndTimestamp(math.MaxUint64)
		}),
		aSpan("end in the far future", "absurd_time", func(s ptrace.Span) { s.SetEndTimestamp(math.MaxUint64) }),
		aSpan("unknown kind", "", func(s ptrace.Span) { s.SetKind(99) }),
		aSpan("negative kind", "", func(s ptrace.Span) { s.SetKind(-1) }),
		aSpan("unknown status", "", func(s ptrace.Span) { s.Status().SetCode(77) }),
		aSpan("no name", "", func(s ptrace.Span) { s.SetName("") }),
		aSpan("its own parent", "", func(s ptrace.Span) { s.SetParentSpanID(s.SpanID()) }),
		aSpan("linked to itself", "", func(s ptrace.Span) {
			link := s.Links().AppendEmpty()
			link.SetTraceID(s.TraceID())
			link.SetSpanID(s.SpanID())
		}),
		aSpan("link to nowhere", "", func(s ptrace.Span) { s.Links().AppendEmpty() }),
		aSpan("an exception that says nothing", "", func(s ptrace.Span) { s.Events().AppendEmpty().SetName("exception") }),
		aSpan("too many links", "too_many", func(s ptrace.Span) {
			for range manyLinks {
				s.Links().AppendEmpty().SetTraceID(pcommon.TraceID{9})
			}
		}),
		aSpan("too many exceptions", "too_many", func(s ptrace.Span) {
			for range 100 {
				s.Events().AppendEmpty().SetName("exception")
			}
		}),
		aSpan("huge message ID", "truncated", func(s ptrace.Span) {
			s.Attributes().PutStr("messaging.message.id", strings.Repeat("m", hugeValue))
		}),
		aSpan("huge name", "truncated", func(s ptrace.Span) { s.SetName(strings.Repeat("n", hugeValue)) }),
		aSpan("huge attribute that means nothing", "", func(s ptrace.Span) {
			s.Attributes().PutStr("payload", strings.Repeat("p", hugeValue))
		}),
		{name: "derived by Throughline", reason: "derived", make: func(traces ptrace.Traces, _ plog.Logs) {
			ss := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
			ss.Scope().SetName("github.com/throughline/throughline/stitch")
			ss.Spans().AppendEmpty().SetTraceID(pcommon.TraceID{1})
		}},
		{name: "no resources", make: func(ptrace.Traces, plog.Logs) {}},
		{name: "an empty resource", make: func(traces ptrace.Traces, _ plog.Logs) { traces.ResourceSpans().AppendEmpty() }},
		{name: "an empty scope", make: func(traces ptrace.Traces, _ plog.Logs) {
			traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
		}},
		{name: "an empty span", reason: "zero_id", make: func(traces ptrace.Traces, _ plog.Logs) {
			traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		}},
	}, badAttributes()...)
}

// badAttributes are spans with attributes that have values of types they should not have.
func badAttributes() []badCase {
	types := []struct {
		name string
		set  func(pcommon.Value)
	}{
		{"bool", func(v pcommon.Value) { v.SetBool(true) }},
		{"double", func(v pcommon.Value) { v.SetDouble(1.5) }},
		{"bytes", func(v pcommon.Value) { v.SetEmptyBytes().FromRaw([]byte{0, 255}) }},
		{"map", func(v pcommon.Value) { v.SetEmptyMap().PutStr("id", "x") }},
		{"slice", func(v pcommon.Value) { v.SetEmptySlice().AppendEmpty().SetStr("x") }},
		{"empty", func(pcommon.Value) {}},
	}
	var cases []badCase
	for _, key := range []string{
		"messaging.message.conversation_id", "messaging.message.id", "messaging.system", "messaging.destination.name",
		"messaging.operation.type", "messaging.consumer.group.name",
	} {
		for _, of := range types {
			cases = append(cases, aSpan(key+" of type "+of.name, "wrong_type", func(s ptrace.Span) { of.set(s.Attributes().PutEmpty(key)) }))
		}
	}
	for _, id := range []string{"", "null", "undefined", "0", "00000000-0000-0000-0000-000000000000", "line\nbreak", strings.Repeat("c", hugeValue)} {
		cases = append(cases, aSpan("conversation ID "+id[:min(len(id), 8)], "junk_id", func(s ptrace.Span) {
			s.Attributes().PutStr("messaging.message.conversation_id", id)
		}))
	}
	return cases
}

func badLogs() []badCase {
	return []badCase{
		aRecord("record without any time", "absurd_time", func(r plog.LogRecord) { r.SetTimestamp(0) }),
		aRecord("record of the far future", "absurd_time", func(r plog.LogRecord) {
			r.SetTimestamp(math.MaxUint64)
			r.SetObservedTimestamp(math.MaxUint64)
		}),
		aRecord("record with unknown severity", "", func(r plog.LogRecord) { r.SetSeverityNumber(9999) }),
		aRecord("record with negative severity", "", func(r plog.LogRecord) { r.SetSeverityNumber(-5) }),
		aRecord("record with a body that is cut JSON", "bad_body", func(r plog.LogRecord) { r.Body().SetStr(`{"correlation_id": "x`) }),
		aRecord("record with a body of nothing but braces", "bad_body", func(r plog.LogRecord) { r.Body().SetStr(strings.Repeat("{", 5000)) }),
		aRecord("record with a correlation ID of the wrong type", "wrong_type", func(r plog.LogRecord) {
			r.Body().SetEmptyMap().PutEmptySlice("correlation_id")
		}),
		aRecord("record with a junk ID", "junk_id", func(r plog.LogRecord) { r.Attributes().PutStr("correlation_id", "null") }),
		aRecord("record with a huge body", "", func(r plog.LogRecord) { r.Body().SetStr(strings.Repeat("b", hugeValue)) }),
		aRecord("record with a huge exception", "truncated", func(r plog.LogRecord) {
			r.Attributes().PutStr("exception.message", strings.Repeat("e", hugeValue))
		}),
		aRecord("start of a message that nobody knows", "", func(r plog.LogRecord) { r.SetEventName("async.process.started") }),
		aRecord("unknown event", "", func(r plog.LogRecord) { r.SetEventName("async.process.exploded") }),
		{name: "no resource logs", logs: true, make: func(ptrace.Traces, plog.Logs) {}},
		{name: "an empty record", logs: true, make: func(_ ptrace.Traces, logs plog.Logs) {
			logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		}},
	}
}
