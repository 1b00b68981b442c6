package evidence

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

const t0 = pcommon.Timestamp(1_700_000_000_000_000_000)

var (
	traceA = pcommon.TraceID{1}
	spanA  = pcommon.SpanID{1}
)

func extractor(tb testing.TB) *Extractor {
	x, err := NewExtractor(Config{CorrelationKeys: append(DefaultCorrelationKeys(), "order.id"), NamespaceKey: "tenant", JunkIDs: []string{"ORDER-TEST"}})
	require.NoError(tb, err)
	return x
}

// oneSpan builds traces with one span of service "api", of one second.
func oneSpan(kind ptrace.SpanKind, attributes map[string]any, change ...func(ptrace.Span)) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "api")
	rs.Resource().Attributes().PutStr("host.name", "h1")
	rs.Resource().Attributes().PutInt("process.pid", 42)
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(traceA)
	span.SetSpanID(spanA)
	span.SetKind(kind)
	span.SetName("a span")
	span.SetStartTimestamp(t0)
	span.SetEndTimestamp(t0 + 1_000_000_000)
	if err := span.Attributes().FromRaw(attributes); err != nil {
		panic(err)
	}
	for _, c := range change {
		c(span)
	}
	return td
}

func spanFacts(tb testing.TB, td ptrace.Traces) ([]operation.Fact, *Batch) {
	b := &Batch{}
	extractor(tb).Traces(b, td)
	require.Len(tb, b.Refs, len(b.Facts))
	return b.Facts, b
}

func TestKindsOfSpans(t *testing.T) {
	remote := func(s ptrace.Span) {
		s.SetParentSpanID(pcommon.SpanID{9})
		s.SetFlags(0x300)
	}
	local := func(s ptrace.Span) {
		s.SetParentSpanID(pcommon.SpanID{9})
		s.SetFlags(0x100)
	}
	for _, tc := range []struct {
		name       string
		kind       ptrace.SpanKind
		attributes map[string]any
		change     func(ptrace.Span)
		want       operation.Kind
	}{
		{"send", ptrace.SpanKindProducer, map[string]any{"messaging.operation.type": "send"}, local, operation.KindSend},
		{"create", ptrace.SpanKindProducer, map[string]any{"messaging.operation.type": "create"}, local, operation.KindSend},
		{"send of a client", ptrace.SpanKindClient, map[string]any{"messaging.operation.type": "send"}, local, operation.KindSend},
		{"publish, the old name", ptrace.SpanKindProducer, map[string]any{"messaging.operation": "publish"}, local, operation.KindSend},
		{"a producer that says nothing", ptrace.SpanKindProducer, nil, local, operation.KindSend},
		{"receive of a client", ptrace.SpanKindClient, map[string]any{"messaging.operation.type": "receive"}, local, operation.KindReceive},
		{"receive of a consumer", ptrace.SpanKindConsumer, map[string]any{"messaging.operation": "receive"}, local, operation.KindReceive},
		{"poll by its name only", ptrace.SpanKindClient, map[string]any{"messaging.operation.name": "poll"}, local, operation.KindReceive},
		{"process", ptrace.SpanKindConsumer, map[string]any{"messaging.operation.type": "process"}, remote, operation.KindProcess},
		{"deliver, the old name", ptrace.SpanKindConsumer, map[string]any{"messaging.operation": "deliver"}, remote, operation.KindProcess},
		{"process of an internal span", ptrace.SpanKindInternal, map[string]any{"messaging.operation.type": "process"}, local, operation.KindProcess},
		{"a consumer that says nothing", ptrace.SpanKindConsumer, nil, remote, operation.KindProcess},
		{"settle", ptrace.SpanKindClient, map[string]any{"messaging.operation.type": "settle"}, local, operation.KindSettle},
		{"a request", ptrace.SpanKindServer, nil, local, operation.KindWork},
		{"a local root", ptrace.SpanKindInternal, nil, nil, operation.KindWork},
		{"the entry of a service", ptrace.SpanKindInternal, nil, remote, operation.KindWork},
		{"a span with an ID", ptrace.SpanKindInternal, map[string]any{"order.id": 4711}, local, operation.KindWork},
		{"an inner span without its parent", ptrace.SpanKindInternal, map[string]any{"db.system": "pg"}, local, operation.KindAlive},
		{"an inner client span without its parent", ptrace.SpanKindClient, map[string]any{"messaging.system": "kafka"}, local, operation.KindAlive},
		{"a task", ptrace.SpanKindInternal, map[string]any{"order.id": 4711}, nil, operation.KindTask},
		{"a row that is inserted", ptrace.SpanKindClient, map[string]any{"db.query.text": "insert into task values ($1)"}, local, operation.KindInsert},
		{"rows that are taken", ptrace.SpanKindClient, map[string]any{"db.statement": "SELECT * FROM task FOR UPDATE SKIP LOCKED"}, local, operation.KindPoll},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var change []func(ptrace.Span)
			if tc.change != nil {
				change = append(change, tc.change)
			}
			facts, _ := spanFacts(t, oneSpan(tc.kind, tc.attributes, change...))
			require.Len(t, facts, 1)
			require.Equal(t, tc.want.String(), facts[0].Kind.String())
		})
	}
}

func TestEveryGenerationOfNames(t *testing.T) {
	value := func(f operation.Fact, what field) string {
		return map[field]string{
			fieldSystem: f.System, fieldDestination: f.Destination, fieldGroup: f.Group, fieldMessageID: f.MessageID, fieldOperationName: f.OperationName,
		}[what]
	}
	for _, what := range []field{fieldSystem, fieldDestination, fieldGroup, fieldMessageID, fieldOperationName} {
		for i, name := range names[what] {
			facts, _ := spanFacts(t, oneSpan(ptrace.SpanKindConsumer, map[string]any{name: "v"}))
			require.Equal(t, "v", value(facts[0], what), name)
			for _, older := range names[what][i+1:] {
				// Both orders, because maps keep the order of insertion.
				for _, first := range []string{name, older} {
					td := oneSpan(ptrace.SpanKindConsumer, nil)
					attributes := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
					attributes.PutStr(first, map[string]string{name: "new", older: "old"}[first])
					attributes.PutStr(name, "new")
					attributes.PutStr(older, "old")
					facts, _ := spanFacts(t, td)
					require.Equal(t, "new", value(facts[0], what), "%s before %s", name, older)
				}
			}
		}
	}
}

func TestKafkaOffsetsAreMessageIDs(t *testing.T) {
	for _, attributes := range []map[string]any{
		{"messaging.destination.name": "orders", "messaging.destination.partition.id": "2", "messaging.kafka.offset": "17"},
		{"messaging.source.name": "orders", "messaging.kafka.source.partition": 2, "messaging.kafka.message.offset": 17},
		{"messaging.destination.name": "orders", "messaging.kafka.destination.partition": 2, "messaging.kafka.message.offset": 17},
	} {
		facts, _ := spanFacts(t, oneSpan(ptrace.SpanKindConsumer, attributes))
		require.Equal(t, "orders/2/17", facts[0].MessageID)
		require.Equal(t, "2", facts[0].Partition.String())
	}
}

func TestPartitions(t *testing.T) {
	for text, want := range map[string]string{"7": "7", "-1": "", "east": "", "65535": ""} {
		facts, _ := spanFacts(t, oneSpan(ptrace.SpanKindConsumer, map[string]any{"messaging.destination.name": "orders", "messaging.destination.partition.id": text}))
		require.Equal(t, want, facts[0].Partition.String(), text)
	}
	failed := oneSpan(ptrace.SpanKindProducer, map[string]any{"messaging.destination.name": "orders", "messaging.destination.partition.id": "0"},
		func(s ptrace.Span) { s.Status().SetCode(ptrace.StatusCodeError) })
	facts, _ := spanFacts(t, failed)
	require.Zero(t, facts[0].Partition, "what could not be sent is in no partition")
}

func TestQueueNamesTellGroupsApart(t *testing.T) {
	for name, want := range map[string]string{
		"payments process": "payments", "process payments": "payments", "orders process": "", "process": "", "charge the card": "", "payments handled": "",
	} {
		facts, _ := spanFacts(t, oneSpan(ptrace.SpanKindConsumer, map[string]any{"messaging.destination": "orders"}, func(s ptrace.Span) { s.SetName(name) }))
		require.Equal(t, want, facts[0].Group, name)
	}
}

func TestAFactInFull(t *testing.T) {
	facts, b := spanFacts(t, oneSpan(ptrace.SpanKindConsumer, map[string]any{
		"messaging.message.conversation_id": " ord-1 ", "order.id": 4711, "tenant": "red", "messaging.system": "kafka", "messaging.destination.name": "orders",
		"messaging.consumer.group.name": "g", "messaging.message.id": "m", "async.operation.name": "fulfil",
	}, func(s ptrace.Span) {
		s.SetParentSpanID(pcommon.SpanID{9})
		s.SetFlags(0x301)
		s.Status().SetCode(ptrace.StatusCodeError)
		e := s.Events().AppendEmpty()
		e.SetName("exception")
		e.SetTimestamp(t0 + 5)
		e.Attributes().PutStr("exception.type", "Timeout")
		e.Attributes().PutStr("exception.message", "no answer")
		e.Attributes().PutStr("exception.stacktrace", "at x")
		l := s.Links().AppendEmpty()
		l.SetTraceID(pcommon.TraceID{7})
		l.SetSpanID(pcommon.SpanID{8})
	}))
	common := operation.Fact{Trace: operation.TraceID{1}, Span: operation.SpanID{1}, Service: "api", Instance: "h1/42", Namespace: "red"}
	process, exception := common, common
	process.Kind, process.Outcome, process.Consumer, process.Remote = operation.KindProcess, operation.OutcomeError, true, true
	process.At, process.End, process.Parent = int64(t0), int64(t0)+1_000_000_000, operation.SpanID{9}
	process.ID, process.IDRank, process.Alias, process.AliasRank = "ord-1", 0, "4711", uint8(len(DefaultCorrelationKeys()))
	process.Name, process.System, process.Destination, process.Group, process.MessageID = "a span", "kafka", "orders", "g", "m"
	process.OperationName, process.ErrorType, process.ErrorMessage = "fulfil", "Timeout", "no answer"
	process.LinkTrace, process.LinkSpan = operation.TraceID{7}, operation.SpanID{8}
	exception.Kind, exception.At, exception.Name = operation.KindException, int64(t0)+5, "exception"
	exception.ErrorType, exception.ErrorMessage, exception.Detail = "Timeout", "no answer", "at x"
	require.Equal(t, []operation.Fact{process, exception}, facts)
	require.Zero(t, b.Dropped)
}

func TestBatchesGiveAFactForEachMessage(t *testing.T) {
	facts, _ := spanFacts(t, oneSpan(ptrace.SpanKindConsumer, map[string]any{"messaging.destination.name": "orders"}, func(s ptrace.Span) {
		for i := range 3 {
			l := s.Links().AppendEmpty()
			if i < 2 {
				l.SetTraceID(pcommon.TraceID{byte(7 + i)})
				l.SetSpanID(pcommon.SpanID{byte(7 + i)})
			}
			l.Attributes().PutStr("messaging.message.id", []string{"m0", "m1", "m2"}[i])
			l.Attributes().PutStr("messaging.message.conversation_id", []string{"o0", "o1", "o2"}[i])
		}
	}))
	require.Len(t, facts, 3)
	for i, f := range facts {
		require.True(t, f.Batch)
		require.Equal(t, []string{"m0", "m1", "m2"}[i], f.MessageID)
		require.Equal(t, []string{"o0", "o1", "o2"}[i], f.ID)
		require.Equal(t, i == 2, f.LinkSpan.IsZero())
	}

	one, _ := spanFacts(t, oneSpan(ptrace.SpanKindConsumer, map[string]any{"messaging.batch.message_count": 1}, func(s ptrace.Span) {
		s.Links().AppendEmpty().SetSpanID(pcommon.SpanID{8})
	}))
	require.True(t, one[0].Batch, "a batch of one")

	many, b := spanFacts(t, oneSpan(ptrace.SpanKindConsumer, nil, func(s ptrace.Span) {
		for range maxLinks + 5 {
			s.Links().AppendEmpty().SetSpanID(pcommon.SpanID{8})
		}
	}))
	require.Len(t, many, maxLinks)
	require.Equal(t, 5, b.Dropped[DropTooMany])
}

func TestFourIDsAreAliases(t *testing.T) {
	facts, _ := spanFacts(t, oneSpan(ptrace.SpanKindProducer, map[string]any{
		"order.id": "d", "correlationId": "c", "correlation_id": "b", "async.operation.id": "a", "CorrelationId": "e",
	}))
	require.Len(t, facts, 3)
	require.Equal(t, []string{"a", "b"}, []string{facts[0].ID, facts[0].Alias})
	for i, alias := range []string{"c", "e"} {
		require.Equal(t, operation.KindAlias, facts[i+1].Kind)
		require.Equal(t, []string{"a", alias}, []string{facts[i+1].ID, facts[i+1].Alias})
	}
}

func TestJunkIDs(t *testing.T) {
	for _, junk := range []string{
		"", "  ", "null", "NULL", "undefined", "None", "nil", "NaN", "0", "000", "-", "N/A", "unknown", "00000000-0000-0000-0000-000000000000",
		strings.Repeat("0", 32), "order-test", "[object Object]", "a\nb", "a\x00", "\xff\xfe", strings.Repeat("x", maxID+1),
	} {
		facts, b := spanFacts(t, oneSpan(ptrace.SpanKindProducer, map[string]any{"order.id": junk}))
		require.Empty(t, facts[0].ID, "%q", junk)
		require.Equal(t, 1, b.Dropped[DropJunkID], "%q", junk)
	}
	for _, good := range []string{"1", "ord-0", "tenant-2:9017", "ÄÖ", "a b", "00-1"} {
		facts, _ := spanFacts(t, oneSpan(ptrace.SpanKindProducer, map[string]any{"order.id": good}))
		require.Equal(t, good, facts[0].ID)
	}
}

func TestBadSpansAreCountedByReason(t *testing.T) {
	for _, tc := range []struct {
		reason DropReason
		facts  int
		change func(ptrace.Span)
	}{
		{DropZeroID, 0, func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{}) }},
		{DropZeroID, 0, func(s ptrace.Span) { s.SetTraceID(pcommon.TraceID{}) }},
		{DropTime, 0, func(s ptrace.Span) { s.SetStartTimestamp(0) }},
		{DropTime, 0, func(s ptrace.Span) { s.SetStartTimestamp(1 << 63) }},
		{DropTime, 0, func(s ptrace.Span) { s.SetEndTimestamp(latest + 1) }},
		{DropNegativeDuration, 1, func(s ptrace.Span) { s.SetEndTimestamp(t0 - 5) }},
		{DropWrongType, 1, func(s ptrace.Span) { s.Attributes().PutEmptySlice("messaging.destination.name") }},
		{DropTruncated, 1, func(s ptrace.Span) { s.SetName(strings.Repeat("ä", 1<<19)) }},
	} {
		t.Run(tc.reason.String(), func(t *testing.T) {
			facts, b := spanFacts(t, oneSpan(ptrace.SpanKindProducer, nil, tc.change))
			require.Len(t, facts, tc.facts)
			require.Equal(t, 1, b.Dropped[tc.reason])
			for _, f := range facts {
				require.GreaterOrEqual(t, f.End, f.At)
				require.LessOrEqual(t, len(f.Name), maxName)
			}
		})
	}
}

func TestDerivedSpansAreSkipped(t *testing.T) {
	td := oneSpan(ptrace.SpanKindProducer, nil)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().SetName(DerivedScope + "/stitch")
	facts, b := spanFacts(t, td)
	require.Empty(t, facts)
	require.Equal(t, 1, b.Dropped[DropDerived])
}

func TestExceptionsAreBounded(t *testing.T) {
	facts, b := spanFacts(t, oneSpan(ptrace.SpanKindConsumer, nil, func(s ptrace.Span) {
		for range maxErrors + 2 {
			s.Events().AppendEmpty().SetName("exception")
		}
		s.Events().AppendEmpty().SetName("other")
	}))
	require.Len(t, facts, 1+maxErrors)
	require.Equal(t, 2, b.Dropped[DropTooMany])
	require.Equal(t, facts[0].End, facts[1].At, "an exception without time is as old as its span")
}

func TestSpansThatAreNoEvidenceCostNothing(t *testing.T) {
	td := oneSpan(ptrace.SpanKindInternal, map[string]any{"db.system": "pg", "db.statement": "select", "net.peer.name": "db"}, func(s ptrace.Span) {
		s.SetParentSpanID(pcommon.SpanID{9})
	})
	x, b := extractor(t), &Batch{}
	rs := td.ResourceSpans().At(0).ScopeSpans().At(0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i, span := range rs.Spans().All() {
			x.span(b, span, Ref{0, 0, i})
		}
	}))
}

func TestBadKeysAreRefused(t *testing.T) {
	_, err := NewExtractor(Config{CorrelationKeys: []string{"a", ""}})
	require.ErrorContains(t, err, "empty")
	_, err = NewExtractor(Config{CorrelationKeys: make([]string, maxRank+1)})
	require.ErrorContains(t, err, "at most")
}

// TestLongStackTracesKeepTheirCause: the calls of a framework do not push out what the exception was caused by.
func TestLongStackTracesKeepTheirCause(t *testing.T) {
	trace := "com.acme.Outer: no\n" + strings.Repeat("\tat org.springframework.web.Dispatcher.doService(Dispatcher.java:1)\n", 200) +
		"Caused by: com.acme.Inner: declined\n\tat com.acme.Gateway.charge(Gateway.java:9)\n"
	facts, b := spanFacts(t, oneSpan(ptrace.SpanKindConsumer, nil, func(s ptrace.Span) {
		e := s.Events().AppendEmpty()
		e.SetName("exception")
		e.SetTimestamp(t0)
		e.Attributes().PutStr("exception.stacktrace", trace)
	}))
	require.Equal(t, 1, b.Dropped[DropTruncated])
	require.Equal(t, operation.KindException, facts[1].Kind)
	require.LessOrEqual(t, len(facts[1].Detail), maxDetail)
	require.Contains(t, facts[1].Detail, "Caused by: com.acme.Inner: declined\n\tat com.acme.Gateway.charge(Gateway.java:9)\n")
}
