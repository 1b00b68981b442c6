package event

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/throughline/throughline/internal/incident"
)

// AppendIncident appends the event as a log record. [DecodeIncident] reads it back.
func AppendIncident(records plog.LogRecordSlice, e *incident.Event) {
	i := &e.Incident
	record := records.AppendEmpty()
	record.SetEventName(namePrefixIncident + e.Kind.String())
	record.SetTimestamp(pcommon.Timestamp(max(0, e.At)))
	record.SetObservedTimestamp(pcommon.Timestamp(max(0, e.At)))
	record.Body().SetStr(i.Summary())
	setSeverity(record, i.Severity, i.State == incident.StateResolved)

	w := writer{record.Attributes()}
	w.EnsureCapacity(48)
	w.PutStr(attrIncidentID, i.ID)
	w.PutInt(attrIncidentVersion, int64(i.Version))
	w.PutStr(attrIncidentState, i.State.String())
	w.PutStr(attrIncidentCause, e.Cause.String())
	w.PutInt(attrIncidentRevision, i.Revision)
	w.key(&i.Key)
	w.urgency(i)
	w.extent(i)
	w.times(i)
	w.mark(i.Acknowledged, ackAttributes)
	w.mark(i.Muted, mutedAttributes)
	w.hints(&i.Hints)
	w.hop(i.Hop)
	w.exception(i.Error)
	if i.Error != nil {
		w.time(attrIncidentErrorAt, i.Error.At)
	}
}

func (w writer) key(k *incident.Key) {
	w.PutStr(attrIncidentKind, k.KindName())
	w.text(attrIncidentReason, k.Reason.String())
	w.text(attrOperationNamespace, k.Namespace)
	w.text(attrOperationName, k.OperationName)
	w.text(attrDestination, k.Destination)
	w.text(attrGroup, k.Group)
	w.text(attrErrorType, k.ErrorType)
	w.text(attrIncidentCulprit, k.Culprit)
	w.text(attrIncidentMessage, k.Message)
	w.text(attrGapService, k.Service)
}

func (w writer) urgency(i *incident.Incident) {
	w.PutStr(attrIncidentSeverity, i.Severity.String())
	w.PutInt(attrIncidentPriority, int64(i.Priority))
	w.text(attrIncidentOwner, i.Owner)
	w.text(attrIncidentRunbook, i.Runbook)
}

func (w writer) extent(i *incident.Incident) {
	w.text(attrIncidentParent, i.ParentID)
	if i.Storm {
		w.PutInt(attrIncidentChildren, i.Children)
	}
	w.PutInt(attrIncidentActive, i.Active)
	w.PutInt(attrIncidentTotal, i.Total)
	w.PutInt(attrIncidentLost, i.Lost)
	w.PutDouble(attrIncidentRate, i.Rate)
	ids, traces := make([]string, len(i.Operations)), make([]string, len(i.Operations))
	for k, o := range i.Operations {
		ids[k], traces[k] = o.ID, traceText(o.Trace)
	}
	w.texts(attrIncidentOperationIDs, ids)
	w.texts(attrIncidentTraceIDs, traces)
}

// markAttributes are the names of the attributes of one kind of marks.
type markAttributes struct{ by, at, until, note string }

var (
	ackAttributes   = markAttributes{attrIncidentAckBy, attrIncidentAckAt, attrIncidentAckUntil, attrIncidentAckNote}
	mutedAttributes = markAttributes{attrIncidentMutedBy, attrIncidentMutedAt, attrIncidentMutedUntil, attrIncidentMutedNote}
)

func (w writer) mark(m *incident.Mark, names markAttributes) {
	if m == nil {
		return
	}
	w.text(names.by, m.By)
	w.time(names.at, m.At)
	w.time(names.until, m.Until)
	w.text(names.note, m.Note)
}

func (w writer) times(i *incident.Incident) {
	w.time(attrIncidentFirstSeen, i.FirstSeen)
	w.time(attrIncidentLastSeen, i.LastSeen)
	w.time(attrIncidentOpenedAt, i.OpenedAt)
	w.time(attrIncidentUpdatedAt, i.UpdatedAt)
	w.time(attrIncidentResolvedAt, i.ResolvedAt)
	w.PutInt(attrIncidentReopened, i.Reopened)
	w.seconds(attrIncidentQuiet, i.QuietNanos)
}
