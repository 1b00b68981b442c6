package evidence

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// The bodies of the two span processors that exist, with a consumer's span: Python's in OTLP/JSON, .NET's in the names of
// the protocol buffers, with all attributes as strings and the status where the trace state belongs.
const (
	pythonBody = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"worker"}},` +
		`{"key":"service.instance.id","value":{"stringValue":"w-1"}}]},"scopeSpans":[{"scope":{"name":"opentelemetry.instrumentation.pika"},` +
		`"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"a1a2a3a4a5a6a7a8","parentSpanId":"b1b2b3b4b5b6b7b8","flags":768,` +
		`"name":"orders process","kind":"SPAN_KIND_CONSUMER","startTimeUnixNano":"1700000000000000000",` +
		`"attributes":[{"key":"messaging.system","value":{"stringValue":"rabbitmq"}},{"key":"messaging.operation.type","value":{"stringValue":"process"}},` +
		`{"key":"messaging.destination.name","value":{"stringValue":"orders"}},{"key":"messaging.message.id","value":{"stringValue":"m-1"}},` +
		`{"key":"messaging.message.conversation_id","value":{"stringValue":"order-42"}}],"status":{}}]}]}]}`
	dotnetBody = `{"resource_spans":[{"resource":{"attributes":[{"key":"service.name","value":{"string_value":"worker"}},` +
		`{"key":"service.instance.id","value":{"string_value":"w-1"}}]},"scope_spans":[{"scope":{"name":"Orders.Worker"},` +
		`"spans":[{"trace_id":"0102030405060708090a0b0c0d0e0f10","span_id":"a1a2a3a4a5a6a7a8","parent_span_id":"0000000000000000","trace_state":"Unset",` +
		`"name":"orders process","kind":5,"start_time_unix_nano":1700000000000000000,"end_time_unix_nano":0,` +
		`"attributes":[{"key":"messaging.system","value":{"string_value":"rabbitmq"}},{"key":"messaging.operation.type","value":{"string_value":"process"}},` +
		`{"key":"messaging.destination.name","value":{"string_value":"orders"}},{"key":"messaging.message.id","value":{"string_value":"m-1"}},` +
		`{"key":"messaging.message.conversation_id","value":{"string_value":"order-42"}},{"key":"messaging.batch.message_count","value":{"string_value":"1"}}],` +
		`"status":{"code":0}}]}]}]}`
)

// partialRecord builds logs of one partial-span record, written five seconds after the span began.
func partialRecord(event, encoding, text string, change ...func(plog.LogRecord)) plog.Logs {
	return oneRecord(append([]func(plog.LogRecord){func(r plog.LogRecord) {
		r.SetTimestamp(t0 + 5e9)
		r.SetSeverityNumber(plog.SeverityNumberInfo)
		r.Attributes().PutStr("partial.event", event)
		if event == "heartbeat" {
			r.Attributes().PutStr("partial.frequency", "5000ms")
		}
		if encoding != "" {
			r.Attributes().PutStr("partial.body.type", encoding)
		}
		r.Body().SetStr(text)
	}}, change...)...)
}

// protoOf encodes a JSON body as older span processors do.
func protoOf(tb testing.TB, text string) string {
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(text))
	require.NoError(tb, err)
	return encoded(tb, td)
}

func encoded(tb testing.TB, td ptrace.Traces) string {
	data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(tb, err)
	return base64.StdEncoding.EncodeToString(data)
}

// pythonFacts are those of a heartbeat from Python.
func pythonFacts() []operation.Fact {
	process := operation.Fact{
		Kind: operation.KindProcess, Consumer: true, Remote: true, At: int64(t0), ID: "order-42",
		Trace: operation.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, Span: operation.SpanID{0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8},
		Parent:  operation.SpanID{0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8},
		Service: "worker", Instance: "w-1", Name: "orders process", System: "rabbitmq", Destination: "orders", MessageID: "m-1",
	}
	alive := process
	alive.Kind, alive.At, alive.End, alive.Name = operation.KindAlive, int64(t0)+5e9, int64(t0)+20e9, ""
	return []operation.Fact{process, alive}
}

func dotnetFacts() []operation.Fact {
	facts := pythonFacts()
	for i := range facts {
		facts[i].Parent, facts[i].Remote = operation.SpanID{}, false
	}
	return facts
}

func TestHeartbeatsOfBothDialectsInAllEncodings(t *testing.T) {
	raw := func(text string) func(plog.LogRecord) {
		return func(r plog.LogRecord) {
			data, err := base64.StdEncoding.DecodeString(text)
			require.NoError(t, err)
			r.Body().SetEmptyBytes().FromRaw(data)
		}
	}
	python, dotnet := protoOf(t, pythonBody), protoOf(t, dotnetBody)
	for name, tc := range map[string]struct {
		logs plog.Logs
		want []operation.Fact
	}{
		"Python, JSON":         {partialRecord("heartbeat", "json/v1", pythonBody), pythonFacts()},
		"Python, proto":        {partialRecord("heartbeat", "proto", python), pythonFacts()},
		"Python, older":        {partialRecord("heartbeat", "", python), pythonFacts()},
		"Python, proto, bytes": {partialRecord("heartbeat", "proto", "", raw(python)), pythonFacts()},
		"without padding":      {partialRecord("heartbeat", "proto", strings.TrimRight(python, "=")), pythonFacts()},
		".NET, JSON":           {partialRecord("heartbeat", "json/v1", dotnetBody), dotnetFacts()},
		".NET, early":          {partialRecord("heartbeat", "json", dotnetBody), dotnetFacts()},
		".NET, older":          {partialRecord("heartbeat", "", dotnet), dotnetFacts()},
		"in another context":   {partialRecord("heartbeat", "json/v1", dotnetBody, traced), dotnetFacts()},
	} {
		t.Run(name, func(t *testing.T) {
			facts, b := logFacts(t, tc.logs)
			require.Zero(t, b.Dropped)
			require.Equal(t, tc.want, facts)
			require.Equal(t, []Ref{{}, {}}, b.Refs)
			require.Equal(t, len(tc.want), b.Partial)
			require.True(t, b.Detached(Ref{}))
			require.False(t, b.Detached(Ref{Index: 1}))
		})
	}
}

func TestAStopIsTheSpanWithItsEnd(t *testing.T) {
	ended := strings.Replace(pythonBody, `"startTimeUnixNano"`, `"endTimeUnixNano":"1700000007000000000","startTimeUnixNano"`, 1)
	ended = strings.Replace(ended, `"status":{}`, `"status":{"code":"STATUS_CODE_ERROR","message":"no"}`, 1)
	want := pythonFacts()[:1]
	want[0].End, want[0].Outcome, want[0].ErrorMessage = int64(t0)+7e9, operation.OutcomeError, "no"
	facts, b := logFacts(t, partialRecord("stop", "json/v1", ended))
	require.Zero(t, b.Dropped)
	require.Equal(t, want, facts)

	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(ended))
	require.NoError(t, err)
	span, _ := spanFacts(t, td)
	require.Equal(t, want, span, "the span itself says the same")

	facts, _ = logFacts(t, partialRecord("stop", "json/v1", dotnetBody))
	require.Len(t, facts, 1)
	require.Equal(t, int64(t0)+5e9, facts[0].End, "a stop that forgets the end ends when it was written")
}

func TestAHeartbeatSaysNothingOfTheEnd(t *testing.T) {
	failing := oneSpan(ptrace.SpanKindConsumer, map[string]any{"messaging.servicebus.disposition_status": "dead_letter", "error.type": "E"}, func(s ptrace.Span) {
		s.Status().SetCode(ptrace.StatusCodeError)
		e := s.Events().AppendEmpty()
		e.SetName("exception")
		e.SetTimestamp(t0 + 1)
		e.Attributes().PutStr("exception.message", "no")
	})
	facts, _ := logFacts(t, partialRecord("heartbeat", "proto", encoded(t, failing)))
	require.Len(t, facts, 3)
	require.Equal(t, operation.Fact{
		Kind: operation.KindProcess, Consumer: true, At: int64(t0), Trace: operation.TraceID{1}, Span: operation.SpanID{1},
		Service: "api", Instance: "h1/42", Name: "a span",
	}, facts[0])
	require.Equal(t, "exception", facts[1].Kind.String())
	require.Equal(t, "no", facts[1].ErrorMessage)
	require.Equal(t, "alive", facts[2].Kind.String())
}

func TestFrequencies(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5000ms": 5 * time.Second, "1m": time.Minute, "100ms": 100 * time.Millisecond, "48h": time.Hour,
		"": 5 * time.Second, "5000": 5 * time.Second, "-5s": 5 * time.Second, "0s": 5 * time.Second, "1ns": 5 * time.Second, "soon": 5 * time.Second,
	} {
		facts, _ := logFacts(t, partialRecord("heartbeat", "json/v1", pythonBody, attribute("partial.frequency", text)))
		require.Equal(t, int64(3*want), facts[1].End-facts[1].At, text)
	}
	for _, change := range []func(pcommon.Map){
		func(m pcommon.Map) { m.Remove("partial.frequency") },
		func(m pcommon.Map) { m.PutInt("partial.frequency", 7) },
	} {
		facts, _ := logFacts(t, partialRecord("heartbeat", "json/v1", pythonBody, func(r plog.LogRecord) { change(r.Attributes()) }))
		require.Equal(t, int64(15*time.Second), facts[1].End-facts[1].At)
	}
}

func TestTheBodysResourceComesFirst(t *testing.T) {
	with := func(body string, change func(pcommon.Map)) operation.Fact {
		ld := partialRecord("heartbeat", "json/v1", body)
		change(ld.ResourceLogs().At(0).Resource().Attributes())
		facts, _ := logFacts(t, ld)
		require.Len(t, facts, 2)
		return facts[0]
	}
	f := with(pythonBody, func(m pcommon.Map) {
		m.PutStr("service.name", "collector")
		m.PutStr("service.instance.id", "c-1")
		m.PutStr("tenant", "t1")
	})
	require.Equal(t, []string{"worker", "w-1", "t1"}, []string{f.Service, f.Instance, f.Namespace})

	bare := strings.NewReplacer("service.name", "x", "service.instance.id", "y", "messaging.message.conversation_id", "z").Replace(pythonBody)
	f = with(bare, func(m pcommon.Map) { m.PutStr("order.id", "o-1") })
	require.Equal(t, []string{"worker", "w-1", "o-1"}, []string{f.Service, f.Instance, f.ID})
}

func TestUnreadablePartialRecordsAreOrdinaryOnes(t *testing.T) {
	large := strings.Repeat(" ", maxPartialBody)
	for name, ld := range map[string]plog.Logs{
		"unknown event":          partialRecord("start", "json/v1", pythonBody),
		"no event":               partialRecord("", "json/v1", pythonBody),
		"unknown encoding":       partialRecord("heartbeat", "json/v9", pythonBody),
		"no name of encoding":    partialRecord("heartbeat", "", pythonBody, func(r plog.LogRecord) { r.Attributes().PutInt("partial.body.type", 1) }),
		"no JSON":                partialRecord("heartbeat", "json/v1", "{"),
		"cut JSON":               partialRecord("heartbeat", "json/v1", pythonBody[:len(pythonBody)/2]),
		"a bad ID":               partialRecord("heartbeat", "json/v1", strings.Replace(pythonBody, "a1a2", "zz", 1)),
		"JSON without spans":     partialRecord("heartbeat", "json/v1", "{}"),
		"no base64":              partialRecord("heartbeat", "proto", "%%%"),
		"no protocol buffers":    partialRecord("heartbeat", "proto", base64.StdEncoding.EncodeToString([]byte("hello"))),
		"nothing":                partialRecord("stop", "", ""),
		"too large, text":        partialRecord("heartbeat", "json/v1", pythonBody+large),
		"too large, bytes":       partialRecord("heartbeat", "proto", "", func(r plog.LogRecord) { r.Body().SetEmptyBytes().FromRaw([]byte(large + "x")) }),
		"a map for a body":       partialRecord("heartbeat", "json/v1", "", func(r plog.LogRecord) { r.Body().SetEmptyMap() }),
		"JSON that is no object": partialRecord("heartbeat", "json/v1", `[1]`),
	} {
		t.Run(name, func(t *testing.T) {
			good := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
			traced(good.At(0))
			partialRecord("heartbeat", "json/v1", pythonBody).ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).CopyTo(good.AppendEmpty())
			facts, b := logFacts(t, ld)
			require.Equal(t, 1, b.Dropped[DropPartial])
			require.Equal(t, "log", facts[0].Kind.String())
			require.Equal(t, pythonFacts(), facts[1:], "the next record is unharmed")
			require.False(t, b.Detached(Ref{}))
			require.True(t, b.Detached(Ref{Index: 1}))
		})
	}
}

func TestPartialRecordsAreBounded(t *testing.T) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range maxPartialSpans + 7 {
		oneSpan(ptrace.SpanKindConsumer, nil).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).CopyTo(spans.AppendEmpty())
		spans.At(i).SetSpanID(pcommon.SpanID{byte(i), 1})
	}
	facts, b := logFacts(t, partialRecord("heartbeat", "proto", encoded(t, td)))
	require.Len(t, facts, 2*maxPartialSpans)
	require.Equal(t, 7, b.Dropped[DropTooMany])
}

// TestSpansOfOneRecordAreToldApart: the exception of one explains nothing of another.
func TestSpansOfOneRecordAreToldApart(t *testing.T) {
	td := oneSpan(ptrace.SpanKindConsumer, nil, func(s ptrace.Span) { s.Status().SetCode(ptrace.StatusCodeError) })
	oneSpan(ptrace.SpanKindConsumer, nil, func(s ptrace.Span) {
		s.SetSpanID(pcommon.SpanID{2})
		s.Events().AppendEmpty().SetName("exception")
		s.Events().At(0).Attributes().PutStr("exception.type", "E")
	}).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).CopyTo(td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty())
	facts, b := logFacts(t, partialRecord("stop", "proto", encoded(t, td)))
	require.Len(t, facts, 3)
	require.Empty(t, facts[0].ErrorType)
	require.Equal(t, []Ref{{}, {}, {}}, b.Refs)
}

func TestTheSpansOfABatchLiveForEachMessage(t *testing.T) {
	td := oneSpan(ptrace.SpanKindConsumer, nil, func(s ptrace.Span) {
		for i := range byte(3) {
			link := s.Links().AppendEmpty()
			link.SetTraceID(pcommon.TraceID{9, i})
			link.SetSpanID(pcommon.SpanID{9, i})
		}
	})
	facts, _ := logFacts(t, partialRecord("heartbeat", "proto", encoded(t, td)))
	require.Len(t, facts, 6)
	for i := range 3 {
		span, alive := facts[i], facts[3+i]
		require.Equal(t, operation.KindAlive, alive.Kind)
		require.True(t, span.Batch && alive.Batch)
		require.Equal(t, operation.SpanID{9, byte(i)}, alive.LinkSpan)
		require.Equal(t, span.LinkTrace, alive.LinkTrace)
	}
}

func TestUnfinishedBatchesThatMayYetTurnOutOtherwise(t *testing.T) {
	for name, td := range map[string]ptrace.Traces{
		"sent":                oneSpan(ptrace.SpanKindProducer, map[string]any{"messaging.batch.message_count": 3}),
		"fetched":             oneSpan(ptrace.SpanKindConsumer, map[string]any{"messaging.batch.message_count": 3, "messaging.operation.type": "receive"}),
		"processed, nameless": oneSpan(ptrace.SpanKindConsumer, map[string]any{"messaging.batch.message_count": 3}),
		"a guess": oneSpan(ptrace.SpanKindInternal, nil, func(s ptrace.Span) {
			s.Links().AppendEmpty().SetSpanID(pcommon.SpanID{1})
			s.Links().AppendEmpty().SetSpanID(pcommon.SpanID{2})
		}),
	} {
		facts, b := logFacts(t, partialRecord("heartbeat", "proto", encoded(t, td)))
		require.Empty(t, facts, name)
		require.Zero(t, b.Dropped, name)
		facts, _ = logFacts(t, partialRecord("stop", "proto", encoded(t, td)))
		require.NotEmpty(t, facts, name)
	}
}

func TestRecordsWithoutATimeSayThatASpanIsOpenAndNothingMore(t *testing.T) {
	facts, b := logFacts(t, partialRecord("heartbeat", "json/v1", pythonBody, func(r plog.LogRecord) { r.SetTimestamp(0) }))
	require.Equal(t, pythonFacts()[:1], facts)
	require.Equal(t, 1, b.Dropped[DropTime])

	facts, _ = logFacts(t, partialRecord("heartbeat", "json/v1", pythonBody, func(r plog.LogRecord) {
		r.SetTimestamp(0)
		r.SetObservedTimestamp(t0 + 5e9)
	}))
	require.Equal(t, pythonFacts(), facts)
}

func TestDerivedSpansInPartialRecordsAreSkipped(t *testing.T) {
	body := strings.Replace(pythonBody, "opentelemetry.instrumentation.pika", DerivedScope, 1)
	facts, b := logFacts(t, partialRecord("heartbeat", "json/v1", body))
	require.Empty(t, facts)
	require.Equal(t, 1, b.Dropped[DropDerived])
}

func TestInnerSpansThatLiveAreNoEvidence(t *testing.T) {
	td := oneSpan(ptrace.SpanKindInternal, nil, func(s ptrace.Span) { s.SetParentSpanID(spanA) })
	facts, b := logFacts(t, partialRecord("heartbeat", "proto", encoded(t, td), traced))
	require.Empty(t, facts)
	require.Zero(t, b.Dropped)
}

// TestUnfinishedAndFinishedAreOneSpan: whatever a span says while it is open, the operation is that of the finished span.
func TestUnfinishedAndFinishedAreOneSpan(t *testing.T) {
	x := extractor(t)
	rapid.Check(t, func(t *rapid.T) {
		td := drawSpan(t)
		want := operation.New(operation.NewSymbols(100))
		b := &Batch{}
		x.Traces(b, td)
		add(&want, b)

		got := operation.New(operation.NewSymbols(100))
		for range rapid.IntRange(1, 3).Draw(t, "heartbeats") {
			b = &Batch{}
			early := ptrace.NewTraces()
			td.CopyTo(early)
			span := early.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
			span.Status().SetCode(ptrace.StatusCode(rapid.IntRange(0, 2).Draw(t, "early status")))
			x.Logs(b, partialRecord("heartbeat", "proto", encodedBy(early)))
			add(&got, b)
		}
		b = &Batch{}
		if rapid.Bool().Draw(t, "stop") {
			x.Logs(b, partialRecord("stop", "proto", encodedBy(td)))
			add(&got, b)
		}
		x.Traces(b, td)
		add(&got, b)

		wanted, view := finished(&want), finished(&got)
		require.Equal(t, wanted.Hops, view.Hops)
		require.Equal(t, wanted.Works, view.Works)
		require.Equal(t, wanted.Notes, view.Notes)
	})
}

// finished is the view without what only an unfinished span tells: that it lived.
func finished(o *operation.Operation) *operation.View {
	view := o.View(operation.NoHabits{})
	for i := range view.Hops {
		for k := range view.Hops[i].Consumers {
			for n := range view.Hops[i].Consumers[k].Attempts {
				a := &view.Hops[i].Consumers[k].Attempts[n]
				a.AliveAt, a.AliveUntil = 0, 0
			}
		}
	}
	return view
}

// drawSpan draws a finished span about one message or several.
func drawSpan(t *rapid.T) ptrace.Traces {
	attributes := map[string]any{}
	for _, key := range []string{"messaging.message.id", "messaging.destination.name", "order.id", "messaging.consumer.group.name"} {
		if v := rapid.SampledFrom([]string{"", "v"}).Draw(t, key); v != "" {
			attributes[key] = v
		}
	}
	if kind := rapid.SampledFrom([]string{"", "send", "receive", "process", "settle"}).Draw(t, "operation"); kind != "" {
		attributes["messaging.operation.type"] = kind
	}
	return oneSpan(ptrace.SpanKind(rapid.IntRange(1, 5).Draw(t, "kind")), attributes, func(s ptrace.Span) {
		s.Status().SetCode(ptrace.StatusCode(rapid.IntRange(0, 2).Draw(t, "status")))
		s.SetFlags(rapid.SampledFrom([]uint32{0, 0x100, 0x300}).Draw(t, "flags"))
		if rapid.Bool().Draw(t, "parent") {
			s.SetParentSpanID(pcommon.SpanID{7})
		}
		// A batch has no single sender, so a parent of it is local.
		links := rapid.IntRange(0, 3).Draw(t, "links")
		if links > 1 {
			s.SetFlags(0x100)
		}
		for i := range links {
			link := s.Links().AppendEmpty()
			link.SetTraceID(pcommon.TraceID{8, byte(i)})
			link.SetSpanID(pcommon.SpanID{8, byte(i)})
			link.Attributes().PutStr("messaging.message.id", "m-"+strconv.Itoa(i))
		}
		if count := rapid.SampledFrom([]string{"", "1", "3"}).Draw(t, "count"); count != "" {
			s.Attributes().PutStr("messaging.batch.message_count", count)
		}
		if rapid.Bool().Draw(t, "exception") {
			e := s.Events().AppendEmpty()
			e.SetName("exception")
			e.SetTimestamp(t0 + 5)
		}
	})
}

func encodedBy(td ptrace.Traces) string {
	data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(data)
}

func add(o *operation.Operation, b *Batch) {
	for i := range b.Facts {
		o.Add(&b.Facts[i])
	}
}

func FuzzPartial(f *testing.F) {
	for _, event := range []string{"heartbeat", "stop"} {
		for _, text := range []string{pythonBody, dotnetBody} {
			f.Add(event, "json/v1", "5000ms", text, false)
			f.Add(event, "", "5s", protoOf(f, text), false)
			data, err := base64.StdEncoding.DecodeString(protoOf(f, text))
			require.NoError(f, err)
			f.Add(event, "proto", "", string(data), true)
		}
	}
	x := extractor(f)
	f.Fuzz(func(t *testing.T, event, encoding, frequency, text string, raw bool) {
		ld := partialRecord(event, encoding, text, traced, attribute("partial.frequency", frequency))
		records := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		if raw {
			records.At(0).Body().SetEmptyBytes().FromRaw([]byte(text))
		}
		partialRecord("heartbeat", "json/v1", pythonBody).ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).CopyTo(records.AppendEmpty())
		b := &Batch{}
		x.Logs(b, ld)
		requireSound(t, b)
		n := len(b.Facts) - 2
		require.GreaterOrEqual(t, n, 0)
		require.Equal(t, pythonFacts(), b.Facts[n:], "the next record is unharmed")
		for i := range n {
			require.Equal(t, Ref{}, b.Refs[i])
			require.True(t, b.Detached(Ref{}) || b.Facts[i].Kind == operation.KindLog)
		}
	})
}

func BenchmarkPartial(b *testing.B) {
	for name, ld := range map[string]plog.Logs{
		"json":  partialRecord("heartbeat", "json/v1", pythonBody),
		"proto": partialRecord("heartbeat", "proto", protoOf(b, pythonBody)),
	} {
		b.Run(name, func(b *testing.B) {
			x, batch := extractor(b), &Batch{}
			b.ReportAllocs()
			for b.Loop() {
				batch.Reset()
				x.Logs(batch, ld)
			}
		})
	}
}
