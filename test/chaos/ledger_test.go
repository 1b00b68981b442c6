package chaos

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/event"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

// derived is the derived trace of an operation: a root and one span with the name.
func derived(trace byte, operation, name string) ptrace.Traces {
	td := ptrace.NewTraces()
	scope := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	scope.Scope().SetName(stitch.Scope)
	for i := range byte(2) {
		span := scope.Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{trace})
		span.SetSpanID(pcommon.SpanID{trace, i})
		span.SetName(name)
		if i == 0 {
			span.Attributes().PutStr(attrOperation, operation)
			span.SetName("root")
		} else {
			span.SetParentSpanID(pcommon.SpanID{trace, 0, 1})
		}
	}
	return td
}

func events(id, attrID, name, attrRev string, revision int64) plog.Logs {
	ld := plog.NewLogs()
	scope := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	scope.Scope().SetName(event.ScopeName)
	record := scope.LogRecords().AppendEmpty()
	record.SetEventName(name)
	record.Attributes().PutStr(attrID, id)
	record.Attributes().PutInt(attrRev, revision)
	return ld
}

func stuck(id string, revision int64) plog.Logs {
	return events(id, attrOperation, event.NameStuck, attrRevision, revision)
}

var (
	completed = Truth{ID: "a", State: "completed"}
	waiting   = Truth{ID: "b", State: stateStuck, Reason: stateWaiting}
)

func TestLedgerAllowsRepetitions(t *testing.T) {
	l := NewLedger()
	for range 2 {
		l.TakeTraces(derived(1, "a", "send"))
		l.TakeLogs(stuck("b", 1))
	}
	require.NoError(t, l.Check([]Truth{completed, waiting}, Thresholds{}, Excuses{}))
	require.Equal(t, Tally{Derived: 1, Spans: 2, DerivedRepeats: 1, Events: 1, EventRepeats: 1}, l.Tally())
	require.Equal(t, map[string]int{pcommon.TraceID{1}.String(): 2}, l.Traces())
}

func TestLedgerKnowsAnOperationBeforeItHasItsName(t *testing.T) {
	trace := operation.TraceID{7}
	o := Truth{ID: "b", State: stateStuck, Hops: []TruthHop{{Producer: TruthSpan{hex.EncodeToString(trace[:])}}}}
	l := NewLedger()
	l.TakeLogs(stuck(operation.ImplicitID(trace, operation.SpanID{1}), 1))
	require.NoError(t, l.Check([]Truth{o}, Thresholds{}, Excuses{}))
	l.TakeLogs(stuck("b", 2))
	require.ErrorContains(t, l.Check([]Truth{o}, Thresholds{}, Excuses{}), "events [async.operation.stuck async.operation.stuck]")
}

func TestLedgerFindsWhatWasToldWrong(t *testing.T) {
	for name, c := range map[string]struct {
		tell func(l *Ledger)
		want string
	}{
		"no trace":      {func(*Ledger) {}, "a (completed): 0 final derived traces"},
		"two traces":    {func(l *Ledger) { l.TakeTraces(derived(2, "a", "send")) }, "a (completed): 2 final derived traces"},
		"other content": {func(l *Ledger) { l.TakeTraces(derived(1, "a", "else")) }, `"else" of trace 01000000000000000000000000000000 came again with other content`},
		"other resource": {func(l *Ledger) {
			td := derived(1, "a", "send")
			td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.version", "2")
			l.TakeTraces(td)
		}, "came again with another resource: map[service.version:2]"},
		"trace of a stuck":    {func(l *Ledger) { l.TakeTraces(derived(2, "b", "send")) }, "b (stuck/waiting): 1 final derived traces"},
		"trace of none":       {func(l *Ledger) { l.TakeTraces(derived(2, "c", "send")) }, `"c": a derived trace`},
		"told twice":          {func(l *Ledger) { l.TakeLogs(stuck("b", 2)) }, "b (stuck/waiting): events [async.operation.stuck async.operation.stuck]"},
		"told of the healthy": {func(l *Ledger) { l.TakeLogs(stuck("a", 1)) }, "a (completed): events [async.operation.stuck], not []"},
		"told of none":        {func(l *Ledger) { l.TakeLogs(stuck("c", 1)) }, `"c": events`},
		"opened twice": {func(l *Ledger) {
			for revision := range int64(2) {
				l.TakeLogs(events("i", attrIncident, event.NameIncidentOpened, attrIncidentRev, revision))
			}
		}, "incident i: 2 times async.incident.opened"},
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLedger()
			l.TakeLogs(stuck("b", 1))
			if name != "no trace" {
				l.TakeTraces(derived(1, "a", "send"))
				require.NoError(t, l.Check([]Truth{completed, waiting}, Thresholds{}, Excuses{}))
			}
			c.tell(l)
			require.ErrorContains(t, l.Check([]Truth{completed, waiting}, Thresholds{}, Excuses{}), c.want)
		})
	}
}

func TestLedgerKnowsWhichSpansAreMissing(t *testing.T) {
	l := NewLedger()
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetSpanID(pcommon.SpanID{1})
	l.TakeTraces(td)
	acknowledged := map[pcommon.SpanID]struct{}{{1}: {}}
	require.NoError(t, l.CheckOriginals(acknowledged))
	require.Equal(t, map[string]int{pcommon.TraceID{}.String(): 1}, l.Traces())
	acknowledged[pcommon.SpanID{2}] = struct{}{}
	require.ErrorContains(t, l.CheckOriginals(acknowledged), "1 of 2 spans")
}
