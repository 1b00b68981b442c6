package event

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

func stuckView() *operation.View {
	return &operation.View{
		ID: "order-42", Namespace: "tenant", Name: "orders", StartedAt: 5, Traces: []operation.TraceID{{1}, {2}},
		Hops: []operation.Hop{{
			System: "kafka", Destination: "orders",
			Sends: []operation.Send{{Origin: operation.Origin{Service: "shop"}}},
			Consumers: []operation.Consumer{{
				Group: "packers", Service: "warehouse",
				Attempts: []operation.Attempt{{Error: &operation.Error{Type: "Timeout", Message: "no answer", Stack: "at main"}}},
			}},
		}},
	}
}

var (
	fresh      = operation.Verdict{Hop: -1, Consumer: -1}
	waiting    = operation.Verdict{State: operation.StateStuck, Reason: operation.StuckWaiting, Consumer: -1, Since: 1_000_000_000, Threshold: 60_000_000_000}
	processing = operation.Verdict{State: operation.StateStuck, Reason: operation.StuckProcessing, Since: 2}
	failed     = operation.Verdict{State: operation.StateFailed, Since: 3}
	dead       = operation.Verdict{State: operation.StateDeadLettered, Since: 4}
	unknown    = operation.Verdict{State: operation.StateUnknown, Reason: operation.StuckTelemetryGap, Consumer: -1, Since: 5}
	completed  = operation.Verdict{State: operation.StateCompleted, Hop: -1, Consumer: -1, EndedAt: 9}
)

func flagged(v operation.Verdict, flags operation.Flags) operation.Verdict {
	v.Flags = flags
	return v
}

func TestWhatFollowsFromAChange(t *testing.T) {
	for name, test := range map[string]struct {
		before, after operation.Verdict
		gone          bool
		events        []string
	}{
		"stuck":                  {before: fresh, after: waiting, events: []string{NameStuck}},
		"stuck otherwise":        {before: waiting, after: processing, events: []string{NameStuck}},
		"stuck, then failed":     {before: processing, after: failed, events: []string{NameFailed}},
		"retried after failure":  {before: failed, after: flagged(fresh, operation.FlagRetried), events: []string{NameRecovered}},
		"dead-lettered":          {before: fresh, after: dead, events: []string{NameDeadLettered}},
		"failed, then parked":    {before: failed, after: dead, events: []string{NameDeadLettered}},
		"sent again":             {before: dead, after: completed, events: []string{NameRecovered}},
		"unknown":                {before: fresh, after: unknown},
		"stuck, then unknown":    {before: waiting, after: unknown},
		"completed at last":      {before: waiting, after: completed, events: []string{NameRecovered}},
		"completed":              {before: fresh, after: completed},
		"duplicated":             {before: completed, after: flagged(completed, operation.FlagDuplicated), events: []string{NameDuplicated}},
		"still duplicated":       {before: flagged(completed, operation.FlagDuplicated), after: flagged(completed, operation.FlagDuplicated|operation.FlagSkewed)},
		"stuck and duplicated":   {before: fresh, after: flagged(waiting, operation.FlagDuplicated), events: []string{NameStuck, NameDuplicated}},
		"another flag":           {before: waiting, after: flagged(waiting, operation.FlagRetried)},
		"forgotten while stuck":  {before: waiting, after: fresh, gone: true},
		"forgotten, with a flag": {before: waiting, after: flagged(fresh, operation.FlagDuplicated), gone: true},
	} {
		t.Run(name, func(t *testing.T) {
			_, records := New("")
			c := operation.Change{View: stuckView(), Before: test.before, Verdict: test.after, Gone: test.gone}
			n := Operation{Change: &c}.AppendTo(records)
			require.Equal(t, len(test.events), n)
			var names []string
			for _, record := range records.All() {
				names = append(names, record.EventName())
				require.NotEmpty(t, record.Body().Str())
				require.False(t, IsIncident(record))
			}
			require.Equal(t, test.events, names)
		})
	}
}

func stuckRecord(t *testing.T) plog.LogRecord {
	t.Helper()
	_, records := New("")
	policy := operation.DefaultPolicy()
	policy.Rule, policy.OperationName = "fulfilment", "fulfil"
	policy.Owner, policy.Runbook = "team-a", "https://runbooks.example/"
	policy.Severity, policy.Priority = operation.SeverityCritical, 1
	verdict := flagged(waiting, operation.FlagRetried)
	c := operation.Change{View: stuckView(), Before: fresh, Verdict: verdict, Policy: &policy, Revision: 2, At: 61_000_000_000}
	require.Equal(t, 1, Operation{Change: &c, Trace: operation.TraceID{9}, IncidentID: "abc"}.AppendTo(records))
	return records.At(0)
}

func TestAttributesOfAStuckOperation(t *testing.T) {
	record := stuckRecord(t)
	require.Equal(t, plog.SeverityNumberFatal, record.SeverityNumber())
	require.Equal(t, int64(61), record.Timestamp().AsTime().Unix())
	require.Equal(t, "09000000000000000000000000000000", record.TraceID().String())
	require.Equal(t, `operation "order-42" (fulfil) stuck (waiting) at "orders" since 1970-01-01T00:00:01Z`, record.Body().Str())
	require.Equal(t, map[string]any{
		"async.operation.id": "order-42", "async.operation.name": "fulfil", "async.operation.namespace": "tenant",
		"async.operation.trace_id":         "09000000000000000000000000000000",
		"async.operation.source_trace_ids": []any{"01000000000000000000000000000000", "02000000000000000000000000000000"},
		"async.operation.state":            "stuck", "async.operation.reason": "waiting", "async.operation.previous.state": "in_progress",
		"async.operation.flags": []any{"retried"}, "async.operation.revision": int64(2),
		"async.operation.since": "1970-01-01T00:00:01Z", "async.operation.started_at": "1970-01-01T00:00:00.000000005Z",
		"async.operation.threshold.source": "default", "async.operation.threshold": 60.0,
		"async.operation.severity": "critical", "async.operation.priority": int64(1), "async.operation.owner": "team-a",
		"async.operation.runbook": "https://runbooks.example/", "async.operation.rule": "fulfilment",
		"async.incident.id": "abc", "messaging.destination.name": "orders", "messaging.system": "kafka",
		"async.hop.index": int64(0), "async.hop.destination": "orders", "async.hop.producer": "shop",
		"exception.type": "Timeout", "exception.message": "no answer", "exception.stacktrace": "at main",
	}, record.Attributes().AsRaw())
}

// deadLetter is a change by which the consumer sent its message to a dead-letter queue.
func deadLetter() *operation.Change {
	v := stuckView()
	group := &v.Hops[0].Consumers[0]
	v.Hops[0].State, group.State = operation.HopDeadLettered, operation.HopDeadLettered
	group.Attempts[0].Span, group.Attempts[0].Disposition = operation.SpanID{5}, operation.DispositionDeadLetter
	v.Hops = append(v.Hops, operation.Hop{
		Destination: "orders.dlq", State: operation.HopDeadLettered,
		Sends: []operation.Send{{Origin: operation.Origin{Service: "warehouse", Parent: operation.SpanID{5}}}},
	})
	verdict := operation.Verdict{State: operation.StateDeadLettered, Hop: 1, Consumer: -1, Since: 1_000_000_000}
	return &operation.Change{View: v, Before: fresh, Verdict: verdict, Revision: 1, At: 2_000_000_000}
}

func TestAttributesOfADeadLetter(t *testing.T) {
	_, records := New("")
	require.Equal(t, 1, Operation{Change: deadLetter()}.AppendTo(records))
	record := records.At(0)
	require.Equal(t, NameDeadLettered, record.EventName())
	require.Equal(t, plog.SeverityNumberError, record.SeverityNumber())
	require.Equal(t, `operation "order-42" (orders) dead_lettered at "orders" since 1970-01-01T00:00:01Z, sent to "orders.dlq"`, record.Body().Str())
	attributes := record.Attributes().AsRaw()
	for name, want := range map[string]any{
		"async.operation.state": "dead_lettered", "async.operation.previous.state": "in_progress",
		"messaging.destination.name": "orders", "messaging.consumer.group.name": "packers", "error.type": "Timeout",
		"async.hop.index": int64(0), "async.hop.destination": "orders", "async.hop.group": "packers", "async.hop.service": "warehouse",
		"async.hop.producer": "shop", "async.hop.dead_letter_destination": "orders.dlq",
		"exception.type": "Timeout", "exception.message": "no answer", "exception.stacktrace": "at main",
	} {
		require.Equal(t, want, attributes[name], name)
	}

	c := deadLetter()
	c.Before, c.Verdict = c.Verdict, completed
	require.Equal(t, 1, Operation{Change: c}.AppendTo(records))
	require.Equal(t, NameRecovered, records.At(1).EventName())
	require.Equal(t, plog.SeverityNumberInfo, records.At(1).SeverityNumber())
	require.Equal(t, `operation "order-42" (orders) recovered from dead_lettered: completed`, records.At(1).Body().Str())
}

// TestEveryAttributeIsDocumented keeps docs/events.md true.
func TestEveryAttributeIsDocumented(t *testing.T) {
	document, err := os.ReadFile("../../docs/events.md")
	require.NoError(t, err)
	_, records := New("")
	e := example()
	AppendIncident(records, &e)
	e.Incident.Kind, e.Incident.Reason = operation.StateStuck, operation.StuckWaiting
	e.Incident.Acknowledged = &incident.Mark{By: "ann", At: 1, Until: 2, Note: "why"}
	e.Incident.Muted = e.Incident.Acknowledged
	AppendIncident(records, &e)
	stuckRecord(t).MoveTo(records.AppendEmpty())
	c := operation.Change{View: stuckView(), Before: processing, Verdict: failed}
	require.Equal(t, 1, Operation{Change: &c}.AppendTo(records))
	require.Equal(t, 1, Operation{Change: deadLetter()}.AppendTo(records))
	missed := operation.Change{
		View: &operation.View{ID: "missed:a:b", StartedAt: 1, LastAt: 2, Missed: 2}, Before: fresh,
		Verdict: operation.Verdict{State: operation.StateStuck, Reason: operation.StuckMissed, Hop: -1, Consumer: -1},
	}
	require.Equal(t, 1, Operation{Change: &missed}.AppendTo(records))
	g := lackingTraces()
	g.AppendTo(records)
	g.Until = 2_000_000_000
	g.AppendTo(records)
	for _, record := range records.All() {
		for name := range record.Attributes().All() {
			require.Contains(t, string(document), "| `"+name+"` |", "attribute of %s", record.EventName())
		}
		require.Contains(t, string(document), "| `"+record.EventName()+"` |")
	}
	for _, name := range []string{NameDuplicated, NameRecovered, NameIncidentUpdated, NameIncidentResolved} {
		require.Contains(t, string(document), "| `"+name+"` |")
	}
}

func TestStartsThatDidNotCome(t *testing.T) {
	missed := operation.Verdict{
		State: operation.StateStuck, Reason: operation.StuckMissed, Hop: -1, Consumer: -1, Since: 1_000_000_000, Threshold: 60_000_000_000,
		Source: operation.SourceSchedule,
	}
	v := &operation.View{ID: "missed:nightly:1970-01-01T00:00:01Z", Name: "nightly", StartedAt: 1_000_000_000, LastAt: 1_000_000_000, Missed: 1}
	_, records := New("")
	c := operation.Change{View: v, Before: fresh, Verdict: missed, New: true, At: 70_000_000_000}
	require.Equal(t, 1, Operation{Change: &c}.AppendTo(records))
	require.Equal(t, "async.operation.missed", records.At(0).EventName())
	require.Equal(t, plog.SeverityNumberError, records.At(0).SeverityNumber())
	require.Equal(t, `"nightly" did not start, though it was due at 1970-01-01T00:00:01Z`, records.At(0).Body().Str())
	attributes := records.At(0).Attributes().AsRaw()
	for name, want := range map[string]any{
		"async.operation.id": v.ID, "async.operation.name": "nightly", "async.operation.state": "stuck", "async.operation.reason": "missed",
		"async.operation.threshold.source": "schedule", "async.operation.missed.count": int64(1),
		"async.operation.missed.due_at": "1970-01-01T00:00:01Z",
	} {
		require.Equal(t, want, attributes[name], name)
	}

	grown := *v
	grown.Missed, grown.LastAt = 2, 3_601_000_000_000
	c = operation.Change{View: &grown, Before: missed, Verdict: missed, Revision: 2}
	require.Equal(t, 1, Operation{Change: &c}.AppendTo(records), "each due time is told of")
	require.Equal(t, `"nightly" did not start, though it was due at 1970-01-01T01:00:01Z; 2 times in a row`, records.At(1).Body().Str())
	c.New = true
	require.Zero(t, Operation{Change: &c}.AppendTo(records), "known from before a restart")
	c = operation.Change{View: &grown, Before: missed, Verdict: completed}
	require.Equal(t, 1, Operation{Change: &c}.AppendTo(records))
	require.Equal(t, NameRecovered, records.At(2).EventName())
	c = operation.Change{View: &grown, Before: missed, Verdict: unknown}
	require.Zero(t, Operation{Change: &c}.AppendTo(records))
}
