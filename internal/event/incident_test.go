package event

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/operation"
)

func drawEvent(t *rapid.T) incident.Event {
	text := rapid.StringN(0, 40, 200)
	at := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1, 1<<62))
	count := rapid.Int64Range(0, 1<<40)
	kind := incident.EventKind(rapid.IntRange(0, 2).Draw(t, "kind"))
	i := incident.Incident{
		ID: rapid.StringMatching("[0-9a-f]{32}").Draw(t, "id"), Version: rapid.IntRange(0, 9).Draw(t, "version"),
		Revision: count.Draw(t, "revision"),
		Severity: operation.Severity(rapid.IntRange(0, 3).Draw(t, "severity")), Priority: rapid.IntRange(-1, 5).Draw(t, "priority"),
		Owner: text.Draw(t, "owner"), Runbook: text.Draw(t, "runbook"),
		Active: count.Draw(t, "active"), Total: count.Draw(t, "total"), Lost: count.Draw(t, "lost"),
		FirstSeen: at.Draw(t, "first"), LastSeen: at.Draw(t, "last"), OpenedAt: at.Draw(t, "opened"),
		UpdatedAt: at.Draw(t, "updated"), ResolvedAt: at.Draw(t, "resolved"), Reopened: count.Draw(t, "reopened"),
		QuietNanos: int64(time.Millisecond) * rapid.Int64Range(0, 1<<40).Draw(t, "quiet"),
		Hop:        incident.Hop{Index: -1}, Rate: rapid.Float64Range(0, 1e9).Draw(t, "rate"),
	}
	mark := rapid.Custom(func(t *rapid.T) *incident.Mark {
		if rapid.Bool().Draw(t, "none") {
			return nil
		}
		return &incident.Mark{By: text.Draw(t, "by"), At: rapid.Int64Range(1, 1<<62).Draw(t, "at"), Until: at.Draw(t, "until"), Note: text.Draw(t, "note")}
	})
	i.Acknowledged, i.Muted = mark.Draw(t, "acknowledged"), mark.Draw(t, "muted")
	if kind == incident.EventResolved {
		i.State = incident.StateResolved
	}
	i.Key = incident.Key{
		Namespace: text.Draw(t, "namespace"), Kind: operation.StateStuck, Reason: operation.StuckReason(rapid.IntRange(0, 3).Draw(t, "reason")),
		OperationName: text.Draw(t, "name"), Destination: text.Draw(t, "destination"), Group: text.Draw(t, "group"),
	}
	if rapid.Bool().Draw(t, "failed") {
		i.Kind, i.Reason, i.ErrorType = operation.StateFailed, operation.StuckNone, text.Draw(t, "error type")
		i.Culprit, i.Message = text.Draw(t, "culprit"), text.Draw(t, "template")
		if rapid.Bool().Draw(t, "dead-lettered") {
			i.Kind = operation.StateDeadLettered
		}
		i.Error = &operation.Error{Type: i.ErrorType, Message: text.Draw(t, "message"), Stack: text.Draw(t, "stack"), At: at.Draw(t, "error at")}
	}
	if rapid.Bool().Draw(t, "hop") {
		i.Hop = incident.Hop{
			Index: rapid.IntRange(0, 99).Draw(t, "index"), System: text.Draw(t, "system"), Destination: text.Draw(t, "hop destination"),
			Group: text.Draw(t, "hop group"), Service: text.Draw(t, "service"), Producer: text.Draw(t, "producer"),
			DeadLetter: text.Draw(t, "dead letter"),
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "operations") {
		s := incident.Sample{ID: text.Draw(t, "operation")}
		s.Trace[rapid.IntRange(0, 15).Draw(t, "byte")] = rapid.Byte().Draw(t, "trace")
		i.Operations = append(i.Operations, s)
	}
	switch rapid.IntRange(0, 2).Draw(t, "part") {
	case 0:
		i.ParentID = text.Draw(t, "parent")
	case 1:
		i.Key = incident.StormKey(text.Draw(t, "storm namespace"), text.Draw(t, "storm destination"))
		i.Children = rapid.Int64Range(0, 1<<40).Draw(t, "children")
	}
	if rapid.Bool().Draw(t, "hints") {
		count := rapid.Int64Range(0, 1<<40)
		for range rapid.IntRange(1, cause.MaxHints).Draw(t, "traits") {
			i.Hints.Traits = append(i.Hints.Traits, cause.Hint{
				Trait: cause.Trait{Attribute: cause.Attribute(rapid.IntRange(0, 6).Draw(t, "attribute")), Value: text.Draw(t, "value")},
				Side:  cause.Side(rapid.IntRange(0, 1).Draw(t, "side")), Destination: text.Draw(t, "hint destination"), Group: text.Draw(t, "hint group"),
				Failing: count.Draw(t, "failing"), FailingOf: count.Draw(t, "failing of"), Healthy: count.Draw(t, "healthy"), HealthyOf: count.Draw(t, "healthy of"),
			})
		}
		i.Hints.Deployment = cause.Deployment{
			Service: text.Draw(t, "deployed"), Version: text.Draw(t, "version"), Previous: text.Draw(t, "previous"), At: rapid.Int64Range(1, 1<<62).Draw(t, "deployed at"),
		}
		i.Hints.Silent = incident.Silence{Service: text.Draw(t, "silent"), Since: rapid.Int64Range(1, 1<<62).Draw(t, "silent since")}
		i.Hints.LastConsumer = operation.Sighting{
			Group: text.Draw(t, "last group"), Service: text.Draw(t, "last service"), At: rapid.Int64Range(1, 1<<62).Draw(t, "last at"),
		}
	}
	return incident.Event{
		Kind: kind, Cause: incident.Cause(rapid.IntRange(0, 12).Draw(t, "cause")), At: at.Draw(t, "at"), Incident: i,
	}
}

func TestPropertyIncidentsSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvent(t)
		logs, records := New("1.2.3")
		AppendIncident(records, &e)
		bytes, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
		require.NoError(t, err)
		logs, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(bytes)
		require.NoError(t, err)
		scope := logs.ResourceLogs().At(0).ScopeLogs().At(0)
		require.Equal(t, ScopeName, scope.Scope().Name())
		require.Equal(t, "1.2.3", scope.Scope().Version())
		record := scope.LogRecords().At(0)
		require.True(t, IsIncident(record))
		decoded, err := DecodeIncident(record)
		require.NoError(t, err)
		require.Equal(t, e, decoded)
	})
}

func example() incident.Event {
	return incident.Event{
		Kind: incident.EventOpened, Cause: incident.CauseReopened, At: 1_000_000_000,
		Incident: incident.Incident{
			ID: "0a11811307dae21f560338eb231960aa", Version: 1, Revision: 7, Severity: operation.SeverityCritical, Priority: 1,
			Key: incident.Key{
				Namespace: "tenant", Kind: operation.StateFailed, OperationName: "fulfil", Destination: "orders", Group: "packers",
				ErrorType: "Timeout",
			},
			Owner: "team-a", Runbook: "https://runbooks.example/", Active: 2, Total: 3, Lost: 1,
			FirstSeen: 1, LastSeen: 2, OpenedAt: 3, UpdatedAt: 4, ResolvedAt: 5, Reopened: 1, QuietNanos: int64(time.Minute),
			Hop:        incident.Hop{System: "kafka", Destination: "orders", Group: "packers", Service: "warehouse", Producer: "shop"},
			Operations: []incident.Sample{{ID: "order-1", Trace: operation.TraceID{1}}, {ID: "order-2"}},
			Error:      &operation.Error{Type: "Timeout", Message: "no answer", Stack: "at main", At: 6},
		},
	}
}

func TestSeverityOfIncidentRecords(t *testing.T) {
	_, records := New("")
	e := example()
	AppendIncident(records, &e)
	e.Kind, e.Incident.State = incident.EventResolved, incident.StateResolved
	AppendIncident(records, &e)

	require.Equal(t, plog.SeverityNumberFatal, records.At(0).SeverityNumber())
	require.Equal(t, "critical", records.At(0).SeverityText())
	require.Equal(t, "async.incident.opened", records.At(0).EventName())
	require.Equal(t, `2 operations of "fulfil" failed at "orders", consumer group "packers", error "Timeout"`, records.At(0).Body().Str())
	require.Equal(t, plog.SeverityNumberInfo, records.At(1).SeverityNumber())
	severity, _ := records.At(1).Attributes().Get("async.incident.severity")
	require.Equal(t, "critical", severity.Str())
}

func TestDecodeRefusesWhatIsNone(t *testing.T) {
	for name, test := range map[string]struct {
		breakIt func(plog.LogRecord)
		message string
	}{
		"no name":          {func(r plog.LogRecord) { r.SetEventName("") }, ErrNotIncident.Error()},
		"other event":      {func(r plog.LogRecord) { r.SetEventName("async.operation.stuck") }, ErrNotIncident.Error()},
		"unknown event":    {func(r plog.LogRecord) { r.SetEventName("async.incident.exploded") }, ErrNotIncident.Error()},
		"no ID":            {func(r plog.LogRecord) { r.Attributes().Remove("async.incident.id") }, `"async.incident.id" is missing`},
		"long ID":          {func(r plog.LogRecord) { r.Attributes().PutStr("async.incident.id", string(make([]byte, 129))) }, "129 bytes long"},
		"type":             {func(r plog.LogRecord) { r.Attributes().PutStr("async.incident.revision", "7") }, `"async.incident.revision" is a Str: must be a Int`},
		"negative":         {func(r plog.LogRecord) { r.Attributes().PutInt("async.incident.operations.active", -1) }, "is -1: must not be negative"},
		"state":            {func(r plog.LogRecord) { r.Attributes().PutStr("async.incident.state", "resolved") }, `is "resolved" in an event named "async.incident.opened"`},
		"kind":             {func(r plog.LogRecord) { r.Attributes().PutStr("async.incident.kind", "completed") }, `must be "stuck", "failed", "dead_lettered", "unknown" or "storm"`},
		"unknown cause":    {func(r plog.LogRecord) { r.Attributes().PutStr("async.incident.cause", "boredom") }, "not a value this version knows"},
		"missing severity": {func(r plog.LogRecord) { r.Attributes().Remove("async.incident.severity") }, `"async.incident.severity" is ""`},
		"time":             {func(r plog.LogRecord) { r.Attributes().PutStr("async.incident.opened_at", "noon") }, `"async.incident.opened_at" is "noon"`},
		"far time":         {func(r plog.LogRecord) { r.Attributes().PutStr("async.incident.opened_at", "9999-01-01T00:00:00Z") }, "between the years"},
		"long parent":      {func(r plog.LogRecord) { r.Attributes().PutStr("async.incident.parent_id", string(make([]byte, 129))) }, "129 bytes long"},
		"hint that is none": {func(r plog.LogRecord) {
			r.Attributes().PutEmptySlice("async.incident.hints").AppendEmpty().SetStr("worker-3")
		}, `"async.incident.hints" holds a Str: must hold maps`},
		"hint of a kind": {func(r plog.LogRecord) {
			r.Attributes().PutEmptySlice("async.incident.hints").AppendEmpty().SetEmptyMap().PutStr("attribute", "colour")
		}, `"async.incident.hints" holds a hint whose attribute "attribute" is "colour"`},
		"quiet": {func(r plog.LogRecord) { r.Attributes().PutDouble("async.incident.quiet", -1) }, "must be a number of seconds"},
		"trace": {func(r plog.LogRecord) {
			r.Attributes().PutEmptySlice("async.incident.trace_ids").AppendEmpty().SetStr("xyz")
		}, "not a trace ID"},
		"operations": {func(r plog.LogRecord) {
			r.Attributes().PutEmptySlice("async.incident.operation_ids").AppendEmpty().SetInt(1)
		}, "must hold strings"},
	} {
		t.Run(name, func(t *testing.T) {
			_, records := New("")
			e := example()
			AppendIncident(records, &e)
			test.breakIt(records.At(0))
			decoded, err := DecodeIncident(records.At(0))
			require.ErrorContains(t, err, test.message)
			require.Zero(t, decoded)
		})
	}
}

func FuzzDecodeIncident(f *testing.F) {
	logs, records := New("")
	e := example()
	AppendIncident(records, &e)
	seed, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(f, err)
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(data)
		if err != nil {
			return
		}
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					decodeAndEncode(t, record)
				}
			}
		}
	})
}

// decodeAndEncode checks that whatever is accepted is within bounds and means the same after another journey.
func decodeAndEncode(t *testing.T, record plog.LogRecord) {
	t.Helper()
	e, err := DecodeIncident(record)
	if err != nil {
		require.Zero(t, e)
		return
	}
	require.NotEmpty(t, e.Incident.ID)
	require.LessOrEqual(t, len(e.Incident.Operations), maxSamples)
	_, records := New("")
	AppendIncident(records, &e)
	again, err := DecodeIncident(records.At(0))
	require.NoError(t, err)
	require.Equal(t, e.Incident.Key, again.Incident.Key)
	require.Equal(t, e.Incident.Revision, again.Incident.Revision)
	require.Equal(t, e.Incident.Operations, again.Incident.Operations)
}
