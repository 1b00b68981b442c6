package evidence_test

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/evidence"
	"github.com/throughline/throughline/internal/operation"
)

// The tests of shapes stage what libraries emit that nobody here recorded, as their code says: names, kinds, attributes,
// parents, links and status of their spans. All operations of a stage go through the engine, with one configuration.

// The kinds of spans, by short names.
const (
	producer = ptrace.SpanKindProducer
	consumer = ptrace.SpanKindConsumer
	client   = ptrace.SpanKindClient
	internal = ptrace.SpanKindInternal
	server   = ptrace.SpanKindServer
)

// epoch is second 0 of every stage.
var epoch = time.Unix(1_700_000_000, 0)

func second(s float64) pcommon.Timestamp {
	return pcommon.Timestamp(epoch.UnixNano() + int64(s*1e9))
}

// attributes of a span, by name.
type attributes = map[string]any

// stage collects the telemetry of a few services.
type stage struct {
	t      *testing.T
	traces ptrace.Traces
	logs   plog.Logs
	scope  string
	ids    uint64
}

// newStage begins a stage on which spans come from the given instrumentation scope.
func newStage(t *testing.T, scope string) *stage {
	t.Helper()
	return &stage{t: t, traces: ptrace.NewTraces(), logs: plog.NewLogs(), scope: scope}
}

// span is one that was added.
type span struct{ ptrace.Span }

// apply changes the span.
func (s *span) apply(change ...func(ptrace.Span)) *span {
	for _, do := range change {
		do(s.Span)
	}
	return s
}

// link adds links to other spans.
func (s *span) link(others ...*span) {
	for _, to := range others {
		link := s.Links().AppendEmpty()
		link.SetTraceID(to.TraceID())
		link.SetSpanID(to.SpanID())
	}
}

// with returns the attributes and some more; of two with the same name the latter counts.
func with(a, more attributes) attributes {
	all := maps.Clone(a)
	maps.Copy(all, more)
	return all
}

// cue is where a span stands in its trace.
type cue struct {
	service string
	parent  *span
	links   []*span
}

// in begins a trace in a service.
func in(service string) cue { return cue{service: service} }

// under makes the span a child.
func (c cue) under(parent *span) cue {
	c.parent = parent
	return c
}

// to adds links.
func (c cue) to(linked ...*span) cue {
	c.links = append(c.links, linked...)
	return c
}

// span adds a span that lasts from one second to another.
func (s *stage) span(c cue, kind ptrace.SpanKind, name string, from, until float64, a attributes, change ...func(ptrace.Span)) *span {
	s.t.Helper()
	rs := s.traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", c.service)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(s.scope)
	added := &span{ss.Spans().AppendEmpty()}
	span := added.Span
	span.SetName(name)
	span.SetKind(kind)
	span.SetStartTimestamp(second(from))
	span.SetEndTimestamp(second(until))
	s.ids++
	id := pcommon.SpanID{7}
	binary.BigEndian.PutUint32(id[4:], uint32(s.ids))
	span.SetSpanID(id)
	trace := pcommon.TraceID{7}
	binary.BigEndian.PutUint32(trace[12:], uint32(s.ids))
	if c.parent != nil {
		trace = c.parent.TraceID()
		span.SetParentSpanID(c.parent.SpanID())
		span.SetFlags(0x100)
		if serviceOf(s, c.parent) != c.service {
			span.SetFlags(0x300)
		}
	}
	span.SetTraceID(trace)
	require.NoError(s.t, span.Attributes().FromRaw(a))
	added.link(c.links...)
	return added.apply(change...)
}

// serviceOf finds the service of a span on the stage.
func serviceOf(s *stage, span *span) string {
	for _, rs := range s.traces.ResourceSpans().All() {
		if rs.ScopeSpans().At(0).Spans().At(0).SpanID() == span.SpanID() {
			name, _ := rs.Resource().Attributes().Get("service.name")
			return name.Str()
		}
	}
	return ""
}

// failed sets the status that a thrown error leaves.
func failed(span ptrace.Span) {
	span.Status().SetCode(ptrace.StatusCodeError)
	span.Status().SetMessage("card declined")
}

// succeeded sets the status that some libraries set.
func succeeded(span ptrace.Span) { span.Status().SetCode(ptrace.StatusCodeOk) }

// threw records an exception as the last that the span did, and leaves the status alone.
func threw(span ptrace.Span) {
	event := span.Events().AppendEmpty()
	event.SetName("exception")
	event.SetTimestamp(span.EndTimestamp())
	event.Attributes().PutStr("exception.type", "CardDeclined")
	event.Attributes().PutStr("exception.message", "card declined")
}

// happened adds a span event in the middle of the span.
func happened(name string) func(ptrace.Span) {
	return func(span ptrace.Span) {
		event := span.Events().AppendEmpty()
		event.SetName(name)
		event.SetTimestamp(span.StartTimestamp() + 1)
	}
}

// about sets the attributes of the n-th link.
func about(n int, a attributes) func(ptrace.Span) {
	return func(span ptrace.Span) {
		if err := span.Links().At(n).Attributes().FromRaw(a); err != nil {
			panic(err)
		}
	}
}

// line adds a log record of the service; within a span, if there is one.
func (s *stage) line(service string, within *span, at float64, text string, a attributes) {
	s.t.Helper()
	rl := s.logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", service)
	record := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetTimestamp(second(at))
	record.SetSeverityNumber(plog.SeverityNumberInfo)
	record.Body().SetStr(text)
	require.NoError(s.t, record.Attributes().FromRaw(a))
	if within != nil {
		record.SetTraceID(within.TraceID())
		record.SetSpanID(within.SpanID())
	}
}

// never makes a span that is not exported: its process was killed. Its children and log lines can still name it.
func (s *stage) never(c cue) *span {
	span := &span{ptrace.NewSpan()}
	s.ids++
	span.SetSpanID(pcommon.SpanID{8, byte(s.ids >> 8), byte(s.ids)})
	span.SetTraceID(pcommon.TraceID{8, byte(s.ids >> 8), byte(s.ids)})
	if c.parent != nil {
		span.SetTraceID(c.parent.TraceID())
	}
	return span
}

// outcome is what becomes of an operation.
type outcome struct {
	State  string
	Reason string
	Flags  string
	// Hops are the states of its hops: destination, number of groups and attempts of all groups.
	Hops []hop
}

type hop struct {
	Destination string
	State       string
	Groups      int
	Attempts    int
}

// of sums up an operation.
func of(v operation.Verdict, view *operation.View) outcome {
	o := outcome{State: v.State.String(), Reason: v.Reason.String(), Flags: v.Flags.String()}
	for i := range view.Hops {
		h := &view.Hops[i]
		attempts := 0
		for k := range h.Consumers {
			attempts += len(h.Consumers[k].Attempts)
		}
		o.Hops = append(o.Hops, hop{h.Destination, h.State.String(), len(h.Consumers), attempts})
	}
	return o
}

// finally plays the stage and returns what has become of each operation a quarter of an hour later, in order of their beginnings.
// It must not matter in which order the records come.
func (s *stage) finally() []outcome {
	s.t.Helper()
	forth, back := s.play(false), s.play(true)
	require.Equal(s.t, forth, back, "the records came in reverse")
	return forth
}

func (s *stage) play(reverse bool) []outcome {
	s.t.Helper()
	x, err := evidence.NewExtractor(evidence.Config{
		CorrelationKeys: append(evidence.DefaultCorrelationKeys(), "order.id"), Libraries: evidence.DefaultLibraries(),
	})
	require.NoError(s.t, err)
	b := &evidence.Batch{}
	x.Traces(b, s.traces)
	x.Logs(b, s.logs)
	e, err := engine.New(engine.DefaultSettings())
	require.NoError(s.t, err)
	facts := b.Facts
	for i := range facts {
		k := i
		if reverse {
			k = len(facts) - 1 - i
		}
		e.Apply(epoch.Add(time.Minute), facts[k:k+1], nil)
	}
	e.Sweep(epoch.Add(15 * time.Minute))
	var operations []engine.Snapshot
	for summary := range e.Summaries() {
		snapshot, ok := e.Snapshot(summary)
		require.True(s.t, ok)
		operations = append(operations, snapshot)
	}
	slices.SortFunc(operations, func(a, b engine.Snapshot) int { return cmp.Compare(a.View.StartedAt, b.View.StartedAt) })
	outcomes := []outcome{}
	for i := range operations {
		outcomes = append(outcomes, of(operations[i].Verdict, operations[i].View))
	}
	return outcomes
}

// ended is the outcome of an operation with the given state, flags and hops.
func ended(state, flags string, hops ...hop) outcome {
	return outcome{State: state, Flags: flags, Hops: hops}
}

// completed is the outcome of an operation in which nothing went wrong.
func completed(hops ...hop) outcome { return ended("completed", "", hops...) }

// stuck is the outcome of an operation that does not go on.
func stuck(reason string, hops ...hop) outcome {
	return outcome{State: "stuck", Reason: reason, Hops: hops}
}

// once is a hop that one attempt of one group did.
func once(destination string) hop { return hop{destination, "done", 1, 1} }
