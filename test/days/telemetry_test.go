package days

import (
	"cmp"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// record is one span or log line of a service. Times are nanoseconds since 1970.
type record struct {
	// arrives is when the request comes in which it is sent.
	arrives    int64
	service    string
	line       bool
	kind       ptrace.SpanKind
	trace      uint64
	id, parent uint64
	start, end int64
	// Of a message:
	destination, message, group string
	due                         int64
	failed                      bool
	// operation and conversation name the operation, at its first message.
	operation, conversation string
}

// exports is how often a service sends what it has collected, as an SDK does by default.
const exports = 5 * time.Second

// window is a time of something, in nanoseconds since 1970.
type window struct{ from, until int64 }

func (w window) holds(at int64) bool { return w.from <= at && at < w.until }

// network carries what services record to the collector.
type network struct {
	records []record
	// phase is when in the interval a service sends.
	phase map[string]int64
	// lost are times in which what a service records is lost; away are those in which the collector is, and services keep what they have.
	lost map[string][]window
	away []window
}

// record takes note of a span or line that ended.
func (n *network) record(r *record) {
	for _, w := range n.lost[r.service] {
		if w.holds(r.end) {
			return
		}
	}
	every := int64(exports)
	if n.phase[r.service] == 0 {
		n.phase[r.service] = 1 + int64(len(n.phase))*every/17%every
	}
	phase := n.phase[r.service]
	r.arrives = (r.end-phase)/every*every + every + phase
	for _, w := range n.away {
		if w.holds(r.arrives) {
			r.arrives = w.until + phase
		}
	}
	n.records = append(n.records, *r)
}

// deliver brings everything to the collector when it is due, and calls each of the events when its time has come.
func (n *network) deliver(tb testing.TB, c *collector, events []happening) {
	tb.Helper()
	slices.SortStableFunc(n.records, func(a, b record) int {
		return cmp.Or(cmp.Compare(a.arrives, b.arrives), cmp.Compare(a.service, b.service))
	})
	for rest := n.records; len(rest) > 0; {
		for len(events) > 0 && events[0].at <= rest[0].arrives {
			until(events[0].at)
			events[0].do()
			events = events[1:]
		}
		until(rest[0].arrives)
		size := 1
		for size < len(rest) && rest[size].arrives == rest[0].arrives && rest[size].service == rest[0].service {
			size++
		}
		c.receive(tb, rest[:size])
		rest = rest[size:]
	}
	for _, e := range events {
		until(e.at)
		e.do()
	}
}

// happening is something that is done to the collector.
type happening struct {
	at int64
	do func()
}

func until(at int64) {
	time.Sleep(time.Until(time.Unix(0, at))) // synctest: fake time
}

// receive brings one export of a service.
func (c *collector) receive(tb testing.TB, records []record) {
	tb.Helper()
	traces, logs := ptrace.NewTraces(), plog.NewLogs()
	rs, rl := traces.ResourceSpans().AppendEmpty(), logs.ResourceLogs().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", records[0].service)
	rl.Resource().Attributes().PutStr("service.name", records[0].service)
	spans, lines := rs.ScopeSpans().AppendEmpty().Spans(), rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range records {
		if r := &records[i]; r.line {
			r.writeLine(lines.AppendEmpty())
		} else {
			r.writeSpan(spans.AppendEmpty())
		}
	}
	if spans.Len() > 0 {
		require.NoError(tb, c.traces.ConsumeTraces(tb.Context(), traces))
	}
	if lines.Len() > 0 {
		require.NoError(tb, c.logs.ConsumeLogs(tb.Context(), logs))
	}
}

func (r *record) writeSpan(to ptrace.Span) {
	to.SetTraceID(traceID(r.trace))
	to.SetSpanID(spanID(r.id))
	if r.parent != 0 {
		to.SetParentSpanID(spanID(r.parent))
	}
	to.SetKind(r.kind)
	to.SetStartTimestamp(pcommon.Timestamp(r.start))
	to.SetEndTimestamp(pcommon.Timestamp(r.end))
	if r.failed {
		to.Status().SetCode(ptrace.StatusCodeError)
		to.Status().SetMessage("the payment provider timed out")
	}
	verb := map[ptrace.SpanKind]string{ptrace.SpanKindProducer: "send", ptrace.SpanKindConsumer: "process"}[r.kind]
	if verb == "" {
		to.SetName("GET /healthz")
		to.Attributes().PutStr("http.request.method", "GET")
		return
	}
	to.SetName(verb + " " + r.destination)
	to.Attributes().PutStr("messaging.operation.type", verb)
	r.writeMessage(to.Attributes())
}

func (r *record) writeLine(to plog.LogRecord) {
	to.SetTraceID(traceID(r.trace))
	to.SetSpanID(spanID(r.id))
	to.SetTimestamp(pcommon.Timestamp(r.end))
	to.SetSeverityNumber(plog.SeverityNumberInfo)
	to.SetEventName("async.process.started")
	to.Body().SetStr("processing of " + r.message + " started")
	r.writeMessage(to.Attributes())
}

func (r *record) writeMessage(to pcommon.Map) {
	to.PutStr("messaging.system", "kafka")
	for name, value := range map[string]string{
		"messaging.destination.name": r.destination, "messaging.message.id": r.message, "messaging.consumer.group.name": r.group,
		"async.operation.name": r.operation, "messaging.message.conversation_id": r.conversation,
	} {
		if value != "" {
			to.PutStr(name, value)
		}
	}
	if r.due != 0 {
		to.PutInt("messaging.rocketmq.message.delivery_timestamp", r.due/int64(time.Millisecond))
	}
}

func traceID(n uint64) (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[:], 0x7468726f7567686c)
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

func spanID(n uint64) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], n)
	return id
}
