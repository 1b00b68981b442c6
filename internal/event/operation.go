package event

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// maxTraces bounds the original traces that an event names.
const maxTraces = 16

// Operation is a change of verdict that events are made of.
type Operation struct {
	Change *operation.Change
	// Trace is the ID of the operation's derived trace, zero if there is none.
	Trace operation.TraceID
	// IncidentID is the incident that the operation is in after the change, or was in before; "" without one.
	IncidentID string
}

// AppendTo appends the events that follow from the change and returns how many: an operation that got stuck, failed or
// was dead-lettered, or otherwise than before, or was cancelled; one that was and is so no more; one whose message turns out to have been
// processed twice; one that did not start, for each due time. A completion is no event, and neither is that an operation left memory.
func (o Operation) AppendTo(records plog.LogRecordSlice) int {
	before := records.Len()
	if name := o.name(); name != "" {
		o.append(records, name)
	}
	c := o.Change
	if !c.Gone && c.Verdict.Flags&^c.Before.Flags&operation.FlagDuplicated != 0 {
		o.append(records, NameDuplicated)
	}
	return records.Len() - before
}

func (o Operation) name() string {
	c := o.Change
	flagless := c.Verdict
	flagless.Flags = c.Before.Flags
	if c.View.Missed > 0 && c.Verdict.Reason == operation.StuckMissed {
		if c.New && c.Verdict.SameOutcome(c.Before) {
			// It was told before a restart.
			return ""
		}
		return NameMissed
	}
	if c.Gone || flagless.SameOutcome(c.Before) {
		return ""
	}
	switch {
	case c.Verdict.State == operation.StateStuck:
		return NameStuck
	case c.Verdict.State == operation.StateFailed:
		return NameFailed
	case c.Verdict.State == operation.StateDeadLettered:
		return NameDeadLettered
	case c.Verdict.State == operation.StateCancelled:
		return NameCancelled
	case c.Before.State.Troubled() && c.Verdict.State != operation.StateUnknown:
		return NameRecovered
	}
	return ""
}

func (o Operation) append(records plog.LogRecordSlice, name string) {
	c := o.Change
	record := records.AppendEmpty()
	record.SetEventName(name)
	record.SetTimestamp(pcommon.Timestamp(max(0, c.At)))
	record.SetObservedTimestamp(pcommon.Timestamp(max(0, c.At)))
	record.SetTraceID(pcommon.TraceID(o.Trace))
	record.Body().SetStr(o.summary(name))
	policy := c.Policy
	if policy == nil {
		fallback := operation.DefaultPolicy()
		policy = &fallback
	}
	setSeverity(record, policy.Severity, name == NameRecovered || name == NameCancelled)

	w := writer{record.Attributes()}
	w.EnsureCapacity(32)
	o.identify(w)
	o.judge(w)
	w.text(attrOperationSeverity, min(policy.Severity, operation.SeverityCritical).String())
	w.PutInt(attrOperationPriority, int64(policy.Priority))
	w.text(attrOperationOwner, policy.Owner)
	w.text(attrOperationRunbook, policy.Runbook)
	w.text(attrOperationRule, policy.Rule)
}

func (o Operation) identify(w writer) {
	v := o.Change.View
	w.text(attrOperationID, v.ID)
	w.text(attrOperationName, incident.NameOf(o.Change))
	w.text(attrOperationNamespace, v.Namespace)
	w.text(attrOperationTraceID, traceText(o.Trace))
	var traces []string
	for _, t := range v.Traces[:min(len(v.Traces), maxTraces)] {
		traces = append(traces, traceText(t))
	}
	w.texts(attrOperationSourceTraceIDs, traces)
	w.time(attrOperationStartedAt, v.StartedAt)
	w.text(attrIncidentID, o.IncidentID)
}

func (o Operation) judge(w writer) {
	c := o.Change
	w.PutStr(attrOperationState, c.Verdict.State.String())
	w.text(attrOperationReason, c.Verdict.Reason.String())
	w.PutStr(attrOperationPreviousState, c.Before.State.String())
	w.text(attrOperationPreviousReason, c.Before.Reason.String())
	w.texts(attrOperationFlags, c.Verdict.Flags.Names())
	w.PutInt(attrOperationRevision, int64(c.Revision))
	w.time(attrOperationSince, c.Verdict.Since)
	w.seconds(attrOperationThreshold, c.Verdict.Threshold)
	if c.Verdict.Threshold != 0 {
		w.text(attrOperationThresholdFrom, c.Verdict.Source.String())
	}
	w.text(attrOperationAwaited, c.Verdict.Awaited)
	if v := c.View; v.Missed > 0 {
		w.PutInt(attrOperationMissed, int64(v.Missed))
		w.time(attrOperationDueAt, v.LastAt)
	}
	if c.Gone || !c.Verdict.State.Troubled() {
		return
	}
	destination, group := incident.PlaceOf(c)
	w.text(attrDestination, destination)
	w.text(attrGroup, group)
	w.hop(incident.HopOf(c))
	e := incident.ErrorOf(c)
	if e != nil && c.Verdict.State.Bad() {
		w.text(attrErrorType, e.Type)
	}
	w.exception(e)
}

func (o Operation) summary(name string) string {
	c := o.Change
	who := fmt.Sprintf("operation %q (%s)", c.View.ID, incident.NameOf(c))
	switch name {
	case NameCancelled:
		return who + " was cancelled"
	case NameRecovered:
		return fmt.Sprintf("%s recovered from %s: %s", who, c.Before.State, c.Verdict.State)
	case NameMissed:
		return o.missedSummary()
	case NameDuplicated:
		return who + " processed the same message successfully more than once"
	}
	what := c.Verdict.State.String()
	if c.Verdict.Reason != operation.StuckNone {
		what += " (" + c.Verdict.Reason.String() + ")"
	}
	hop := incident.HopOf(c)
	if hop.Destination != "" {
		what += fmt.Sprintf(" at %q", hop.Destination)
	}
	if c.Verdict.Group != "" {
		what += fmt.Sprintf(", not consumed by %q", c.Verdict.Group)
	}
	if c.Verdict.Awaited != "" {
		what += fmt.Sprintf(", not gone on to %q", c.Verdict.Awaited)
	}
	if c.Verdict.Since != 0 {
		what += " since " + time.Unix(0, c.Verdict.Since).UTC().Format(time.RFC3339)
	}
	if hop.DeadLetter != "" && hop.DeadLetter != hop.Destination {
		what += fmt.Sprintf(", sent to %q", hop.DeadLetter)
	}
	return who + " " + what
}

func (o Operation) missedSummary() string {
	v := o.Change.View
	text := fmt.Sprintf("%q did not start, though it was due at %s", incident.NameOf(o.Change), time.Unix(0, v.LastAt).UTC().Format(time.RFC3339))
	if v.Missed > 1 {
		text += fmt.Sprintf("; %d times in a row", v.Missed)
	}
	return text
}
