package evidence

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/throughline/throughline/internal/operation"
)

// oneRecord builds logs with one record of service "worker", without a trace.
func oneRecord(change ...func(plog.LogRecord)) plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "worker")
	rl.Resource().Attributes().PutStr("service.instance.id", "w-1")
	record := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetTimestamp(t0)
	for _, c := range change {
		c(record)
	}
	return ld
}

func logFacts(tb testing.TB, ld plog.Logs) ([]operation.Fact, *Batch) {
	b := &Batch{}
	extractor(tb).Logs(b, ld)
	require.Len(tb, b.Refs, len(b.Facts))
	return b.Facts, b
}

func traced(r plog.LogRecord) {
	r.SetTraceID(traceA)
	r.SetSpanID(spanA)
}

func event(name string) func(plog.LogRecord) {
	return func(r plog.LogRecord) { r.SetEventName(name) }
}

func attribute(key, value string) func(plog.LogRecord) {
	return func(r plog.LogRecord) { r.Attributes().PutStr(key, value) }
}

func body(text string) func(plog.LogRecord) {
	return func(r plog.LogRecord) { r.Body().SetStr(text) }
}

func TestKindsOfRecords(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change []func(plog.LogRecord)
		want   operation.Kind
	}{
		{"a line without trace or ID", []func(plog.LogRecord){body("hello")}, operation.KindUnknown},
		{"a line in a trace", []func(plog.LogRecord){body("hello"), traced}, operation.KindLog},
		{"a line with an ID", []func(plog.LogRecord){body("hello"), attribute("order.id", "1")}, operation.KindLog},
		{"started", []func(plog.LogRecord){event("async.process.started")}, operation.KindStarted},
		{"completed", []func(plog.LogRecord){event("async.process.completed")}, operation.KindSucceeded},
		{"failed", []func(plog.LogRecord){event("async.process.failed")}, operation.KindFailed},
		{"the event name as an attribute", []func(plog.LogRecord){attribute("event.name", "async.process.started")}, operation.KindStarted},
		{"the operation's end", []func(plog.LogRecord){event("async.operation.completed")}, operation.KindOperationCompleted},
		{"the operation's failure", []func(plog.LogRecord){event("async.operation.failed")}, operation.KindOperationFailed},
		{"an exception event", []func(plog.LogRecord){event("exception"), traced}, operation.KindException},
		{"a messaging exception event", []func(plog.LogRecord){event("messaging.process.exception"), traced}, operation.KindException},
		{"exception attributes", []func(plog.LogRecord){attribute("exception.type", "E"), traced}, operation.KindException},
	} {
		t.Run(tc.name, func(t *testing.T) {
			facts, _ := logFacts(t, oneRecord(tc.change...))
			if tc.want == operation.KindUnknown {
				require.Empty(t, facts)
				return
			}
			require.Len(t, facts, 1)
			require.Equal(t, tc.want.String(), facts[0].Kind.String())
		})
	}
}

func TestARecordInFull(t *testing.T) {
	long := strings.Repeat("x", maxLine+10)
	facts, b := logFacts(t, oneRecord(traced, event("async.process.failed"), body(long), attribute("correlation_id", "o-1"),
		attribute("messaging.destination.name", "orders"), attribute("messaging.system", "kafka"), attribute("messaging.message.id", "m"),
		attribute("messaging.consumer.group.name", "g"), attribute("exception.type", "E"), attribute("exception.message", "no"),
		attribute("exception.stacktrace", "at y"), func(r plog.LogRecord) { r.SetSeverityNumber(plog.SeverityNumberError) }))
	require.Zero(t, b.Dropped)
	require.Equal(t, []operation.Fact{{
		Kind: operation.KindFailed, Severity: 17, At: int64(t0), Trace: operation.TraceID{1}, Span: operation.SpanID{1}, ID: "o-1", IDRank: 4,
		Service: "worker", Instance: "w-1", Name: "async.process.failed", System: "kafka", Destination: "orders", Group: "g", MessageID: "m",
		ErrorType: "E", ErrorMessage: "no", Detail: "at y",
	}}, facts)
}

func TestLinesAndTheirNames(t *testing.T) {
	facts, _ := logFacts(t, oneRecord(traced, body("short")))
	require.Equal(t, []string{"short", ""}, []string{facts[0].Name, facts[0].Detail})

	long := strings.Repeat("ä", maxLine)
	facts, _ = logFacts(t, oneRecord(traced, body(long)))
	require.Equal(t, strings.Repeat("ä", maxLine/2), facts[0].Name)
	require.Equal(t, long, facts[0].Detail)

	facts, b := logFacts(t, oneRecord(traced, body(strings.Repeat("y", 1<<20))))
	require.Len(t, facts[0].Detail, maxMessage)
	require.Equal(t, 1, b.Dropped[DropTruncated])
}

func TestIDsInBodies(t *testing.T) {
	inMap := func(r plog.LogRecord) {
		m := r.Body().SetEmptyMap()
		m.PutInt("order.id", 4711)
		m.PutStr("correlationId", "c-1")
	}
	for _, tc := range []struct {
		name   string
		change func(plog.LogRecord)
		id     string
		bad    int
	}{
		{"map", inMap, "c-1", 0},
		{"JSON", body(`{"level":"info","nested":{"order.id":"no"},"order.id":"o-1"}`), "o-1", 0},
		{"JSON with a number", body(`{"order.id":4711}`), "4711", 0},
		{"JSON with white space", body(`{ "order.id" : "o-1" }`), "o-1", 0},
		{"JSON with a null", body(`{"order.id":null,"x":1}`), "", 0},
		{"an array is no object", body(`["order.id"]`), "", 0},
		{"cut JSON", body(`{"order.id":"o-1","x":`), "o-1", 1},
		{"no JSON", body(`{order.id: o-1}`), "", 1},
		{"too large to look at", body(`{"order.id":"o-1","x":"` + strings.Repeat("x", maxBody) + `"}`), "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			facts, b := logFacts(t, oneRecord(tc.change, traced))
			require.Equal(t, tc.id, facts[0].ID)
			require.Equal(t, tc.bad, b.Dropped[DropBody])
		})
	}
}

func TestTheRecordsOwnIDComesBeforeItsResources(t *testing.T) {
	ld := oneRecord(attribute("order.id", "own"))
	ld.ResourceLogs().At(0).Resource().Attributes().PutStr("order.id", "of the resource")
	facts, _ := logFacts(t, ld)
	require.Equal(t, "own", facts[0].ID)
	require.Empty(t, facts[0].Alias)

	ld = oneRecord(body("hello"))
	ld.ResourceLogs().At(0).Resource().Attributes().PutStr("order.id", "of the resource")
	facts, _ = logFacts(t, ld)
	require.Equal(t, "of the resource", facts[0].ID)
}

func TestTimesOfRecords(t *testing.T) {
	facts, _ := logFacts(t, oneRecord(traced, func(r plog.LogRecord) {
		r.SetTimestamp(0)
		r.SetObservedTimestamp(t0 + 7)
	}))
	require.Equal(t, int64(t0)+7, facts[0].At)

	facts, b := logFacts(t, oneRecord(traced, func(r plog.LogRecord) { r.SetTimestamp(pcommon.Timestamp(1 << 63)) }))
	require.Empty(t, facts)
	require.Equal(t, 1, b.Dropped[DropTime])
}

func TestDerivedRecordsAreSkipped(t *testing.T) {
	ld := oneRecord(traced)
	ld.ResourceLogs().At(0).ScopeLogs().At(0).Scope().SetName(DerivedScope + "/event")
	facts, b := logFacts(t, ld)
	require.Empty(t, facts)
	require.Equal(t, 1, b.Dropped[DropDerived])
}

func TestRecordsThatAreNoEvidenceCostNothing(t *testing.T) {
	ld := oneRecord(body("hello"), attribute("thread.name", "main"))
	x, b := extractor(t), &Batch{}
	records := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i, record := range records.All() {
			x.log(b, record, Ref{0, 0, i})
		}
	}))
}

func TestResetKeepsNothing(t *testing.T) {
	_, b := logFacts(t, oneRecord(traced, attribute("order.id", "null")))
	b.Reset()
	require.Empty(t, b.Facts)
	require.Empty(t, b.Refs)
	require.Zero(t, b.Dropped)
	require.Equal(t, operation.Fact{}, b.Facts[:1][0])
}
