package stitch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// These IDs are stored in originals and in backends: a change of the derivation must be meant.
func TestDerivedIDsStayTheSame(t *testing.T) {
	trace := TraceID("order-42", "", 1)
	require.Equal(t, "5e2ca5fc4746ef227356df94eed92386", fmt.Sprintf("%x", trace))
	require.Equal(t, "f61151b1d4dc8b4a", fmt.Sprintf("%x", RootSpanID(trace)))
}

func TestTraceIDsDiffer(t *testing.T) {
	seen := map[operation.TraceID]string{}
	for _, id := range []string{"order-1", "order-11", ""} {
		for _, namespace := range []string{"", "1", "tenant"} {
			for _, revision := range []uint32{0, 1, 2} {
				name := fmt.Sprintf("%q in %q revision %d", id, namespace, revision)
				for kind, trace := range map[string]operation.TraceID{
					"final ": TraceID(id, namespace, revision), "snapshot ": SnapshotTraceID(id, namespace, revision),
				} {
					require.NotContains(t, seen, trace, kind+name)
					require.False(t, trace.IsZero())
					seen[trace] = kind + name
				}
			}
		}
	}
	require.NotEqual(t, TraceID("ab", "c", 1), TraceID("b", "ca", 1))
}

func TestStampCostsNoAllocation(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() { TraceID("0a52730597fb4ffa01fc117d9e71e3a9-7c2a5d0b", "tenant", 1) }))
}

func TestOnlyFinalAndStuckGiveATrace(t *testing.T) {
	c := change([]operation.Fact{send(2, 0, "orders", 0, 0.1), process(3, 2, "orders", "worker", 1, 2)}, 60)
	require.True(t, Gives(c))
	_, report := Trace(c, DefaultSettings())
	require.Equal(t, Report{TraceID: TraceID("order-42", "", 1), Spans: 4, Links: 3}, report)

	gone := *c
	gone.Gone = true
	open := *c
	open.Verdict = operation.Verdict{Hop: -1, Consumer: -1}
	for _, other := range []*operation.Change{&gone, &open, {}} {
		traces, report := Trace(other, DefaultSettings())
		require.False(t, Gives(other))
		require.Zero(t, traces.SpanCount())
		require.Equal(t, Report{}, report)
	}
}

func TestCorrectionHasATraceOfItsOwn(t *testing.T) {
	c := change([]operation.Fact{send(2, 0, "orders", 0, 0.1), process(3, 2, "orders", "worker", 1, 2)}, 60)
	first, _ := Trace(c, DefaultSettings())
	c.FinalRevision = 2
	second, report := Trace(c, DefaultSettings())
	require.Equal(t, TraceID("order-42", "", 2), report.TraceID)
	require.NotEqual(t, flatten(first)[0].TraceID(), flatten(second)[0].TraceID())
	for _, s := range flatten(second) {
		for _, other := range flatten(first) {
			require.NotEqual(t, other.SpanID(), s.SpanID())
		}
	}
	root := flatten(second)[0]
	last := root.Links().At(root.Links().Len() - 1)
	require.Equal(t, flatten(first)[0].TraceID(), last.TraceID())
	require.Equal(t, flatten(first)[0].SpanID(), last.SpanID())
}

// many is an operation with so many attempts, of which the last one decides.
func many(attempts int, further ...operation.Fact) *operation.Change {
	facts := []operation.Fact{send(2, 0, "payments", 0, 0.1)}
	for i := range attempts {
		f := failed(process(0, 2, "payments", "payer", float64(i+1), float64(i)+1.5), "Timeout", fmt.Sprint("try ", i))
		f.Span = operation.SpanID{1, byte(i), byte(i >> 8)}
		e := exception("payer", 0, float64(i)+1.4, "Timeout", "no answer")
		e.Span = f.Span
		l := record(operation.KindLog, "payer", 0, float64(i)+1.3, "trying")
		l.Span = f.Span
		facts = append(facts, f, e, l)
	}
	return change(append(facts, further...), float64(attempts)+100)
}

func TestDecidingSpanSurvivesTheCut(t *testing.T) {
	settings := DefaultSettings()
	settings.MaxSpans = 10
	traces, report := Trace(many(50), settings)
	require.Equal(t, 10, report.Spans)
	require.Equal(t, 1+1+1+50, report.Spans+report.CutSpans)
	all := flatten(traces)
	require.Equal(t, "dead-lettered: Timeout: try 49 in payments after 50 attempts", all[0].Status().Message())
	n, ok := all[0].Attributes().Get("async.operation.cut.spans")
	require.True(t, ok)
	require.EqualValues(t, report.CutSpans, n.Int())
	number, ok := all[len(all)-1].Attributes().Get("async.attempt.number")
	require.True(t, ok)
	require.EqualValues(t, 50, number.Int())
}

// Who gave up on a message survives as well as the dead-letter queue that the verdict points at.
func TestWhoGaveUpSurvivesTheCut(t *testing.T) {
	parked := by(send(9, 0, "payments.dlq", 50.2, 50.3), "payer")
	parked.Parent = operation.SpanID{1, 49}
	settings := DefaultSettings()
	settings.MaxSpans = 10
	c := many(50, parked)
	require.Equal(t, "payments.dlq", c.View.Hops[c.Verdict.Hop].Destination)
	traces, report := Trace(c, settings)
	require.Equal(t, 10, report.Spans)
	all := flatten(traces)
	require.Equal(t, "dead-lettered: Timeout: try 49 in payments after 50 attempts, sent to payments.dlq", all[0].Status().Message())
	var last, waits int
	for _, s := range all {
		if number, ok := s.Attributes().Get("async.attempt.number"); ok && number.Int() == 50 {
			last++
		}
		if s.service == "queue:payments.dlq" {
			waits++
		}
	}
	require.Equal(t, []int{1, 1}, []int{last, waits})
}

func TestExceptionsComeBeforeOtherEvents(t *testing.T) {
	facts := []operation.Fact{send(2, 0, "orders", 0, 0.1), process(3, 2, "orders", "worker", 1, 9)}
	for i := range 10 {
		facts = append(facts, record(operation.KindLog, "worker", 3, 2+float64(i)/10, fmt.Sprint("line ", i)))
	}
	facts = append(facts, exception("worker", 3, 8, "Timeout", "no answer"))
	settings := DefaultSettings()
	settings.MaxEvents = 3
	traces, report := Trace(change(facts, 60), settings)
	require.Equal(t, 8, report.CutEvents)
	all := flatten(traces)
	attempt := all[len(all)-1]
	require.EqualValues(t, 8, attempt.DroppedEventsCount())
	names := []string{}
	for _, e := range attempt.Events().All() {
		names = append(names, e.Name())
	}
	require.Equal(t, []string{"line 0", "line 1", "exception"}, names)
}

// A hostile service must not make a trace that no receiver takes.
func TestTraceStaysBelowTheSizeReceiversTake(t *testing.T) {
	facts := []operation.Fact{send(2, 0, "orders", 0, 0.1)}
	for i := range 3000 {
		f := failed(process(0, 2, strings.Repeat("q", 4000), strings.Repeat("s", 4000), 1, 2), strings.Repeat("e", 4000), strings.Repeat("m", 4000))
		f.Span = operation.SpanID{1, byte(i), byte(i >> 8)}
		f.Kind = []operation.Kind{operation.KindProcess, operation.KindException, operation.KindWork}[i%3]
		f.Detail = strings.Repeat("d", 4000)
		facts = append(facts, f)
	}
	traces, report := Trace(change(facts, 400), DefaultSettings())
	require.Less(t, (&ptrace.ProtoMarshaler{}).TracesSize(traces), 4<<20)
	require.Positive(t, report.CutSpans)
	require.Positive(t, report.Spans)
}

func TestSourceTracesAreLinkedUpToTheBound(t *testing.T) {
	facts := []operation.Fact{}
	for i := range 40 {
		f := send(byte(i+1), 0, "orders", float64(i), float64(i))
		f.Trace = operation.TraceID{1, byte(i)}
		facts = append(facts, f)
	}
	traces, report := Trace(change(facts, 400), DefaultSettings())
	root := flatten(traces)[0]
	require.Equal(t, 32+1, root.Links().Len())
	require.Equal(t, 8, report.CutLinks)
	require.EqualValues(t, 8, root.DroppedLinksCount())
}

func TestDestination(t *testing.T) {
	for name, want := range map[string]string{
		"":                                  "unknown",
		"orders":                            "orders",
		"temp.readings":                     "temp.readings",
		"amq.gen-JzTY20BRgKO":               "temporary",
		"_INBOX.x5Zf":                       "temporary",
		"tmp-1":                             "temporary",
		"6f1e2d3c-0a1b-4c2d-8e3f-102938475": "6f1e2d3c-0a1b-4c2d-8e3f-102938475",
		"reply-6F1E2D3C-0a1b-4c2d-8e3f-1029384756af": "temporary",
		"6f1e2d3c-0a1b-4c2d-8e3f-1029384756ag":       "6f1e2d3c-0a1b-4c2d-8e3f-1029384756ag",
	} {
		require.Equal(t, want, Destination(name), name)
	}
}

func TestLasting(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 1234567: "1ms", 1260 * time.Millisecond: "1.3s", 312400 * time.Millisecond: "5m12s",
	} {
		require.Equal(t, want, lasting(int64(d)))
	}
}
