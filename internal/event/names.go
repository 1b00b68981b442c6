package event

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// ScopeName is the instrumentation scope of all events. What bears it is not evidence.
const ScopeName = "github.com/throughline/throughline/event"

// The names of the events.
const (
	NameStuck        = "async.operation.stuck"
	NameFailed       = "async.operation.failed"
	NameDeadLettered = "async.operation.dead_lettered"
	NameRecovered    = "async.operation.recovered"
	NameCancelled    = "async.operation.cancelled"
	NameDuplicated   = "async.operation.duplicated"
	NameMissed       = "async.operation.missed"

	NameGap     = "async.telemetry.gap"
	NameGapOver = "async.telemetry.gap_over"

	NameIncidentOpened   = namePrefixIncident + "opened"
	NameIncidentUpdated  = namePrefixIncident + "updated"
	NameIncidentResolved = namePrefixIncident + "resolved"

	namePrefixIncident = "async.incident."
)

// Attributes of an operation.
const (
	attrOperationID             = "async.operation.id"
	attrOperationName           = "async.operation.name"
	attrOperationNamespace      = "async.operation.namespace"
	attrOperationState          = "async.operation.state"
	attrOperationReason         = "async.operation.reason"
	attrOperationPreviousState  = "async.operation.previous.state"
	attrOperationPreviousReason = "async.operation.previous.reason"
	attrOperationFlags          = "async.operation.flags"
	attrOperationRevision       = "async.operation.revision"
	attrOperationSince          = "async.operation.since"
	attrOperationStartedAt      = "async.operation.started_at"
	attrOperationThreshold      = "async.operation.threshold"
	attrOperationThresholdFrom  = "async.operation.threshold.source"
	attrOperationAwaited        = "async.operation.awaited"
	attrOperationTraceID        = "async.operation.trace_id"
	attrOperationSourceTraceIDs = "async.operation.source_trace_ids"
	attrOperationSeverity       = "async.operation.severity"
	attrOperationPriority       = "async.operation.priority"
	attrOperationOwner          = "async.operation.owner"
	attrOperationRunbook        = "async.operation.runbook"
	attrOperationRule           = "async.operation.rule"
	attrOperationMissed         = "async.operation.missed.count"
	attrOperationDueAt          = "async.operation.missed.due_at"
)

// Attributes of an incident.
const (
	attrIncidentID           = "async.incident.id"
	attrIncidentVersion      = "async.incident.fingerprint_version"
	attrIncidentState        = "async.incident.state"
	attrIncidentCause        = "async.incident.cause"
	attrIncidentRevision     = "async.incident.revision"
	attrIncidentKind         = "async.incident.kind"
	attrIncidentReason       = "async.incident.reason"
	attrIncidentSeverity     = "async.incident.severity"
	attrIncidentPriority     = "async.incident.priority"
	attrIncidentOwner        = "async.incident.owner"
	attrIncidentRunbook      = "async.incident.runbook"
	attrIncidentParent       = "async.incident.parent_id"
	attrIncidentChildren     = "async.incident.children"
	attrIncidentActive       = "async.incident.operations.active"
	attrIncidentTotal        = "async.incident.operations.total"
	attrIncidentLost         = "async.incident.operations.lost"
	attrIncidentRate         = "async.incident.operations.rate"
	attrIncidentAckBy        = "async.incident.acknowledged.by"
	attrIncidentAckAt        = "async.incident.acknowledged.at"
	attrIncidentAckUntil     = "async.incident.acknowledged.until"
	attrIncidentAckNote      = "async.incident.acknowledged.note"
	attrIncidentMutedBy      = "async.incident.muted.by"
	attrIncidentMutedAt      = "async.incident.muted.at"
	attrIncidentMutedUntil   = "async.incident.muted.until"
	attrIncidentMutedNote    = "async.incident.muted.note"
	attrIncidentOperationIDs = "async.incident.operation_ids"
	attrIncidentTraceIDs     = "async.incident.trace_ids"
	attrIncidentFirstSeen    = "async.incident.first_seen"
	attrIncidentLastSeen     = "async.incident.last_seen"
	attrIncidentOpenedAt     = "async.incident.opened_at"
	attrIncidentUpdatedAt    = "async.incident.updated_at"
	attrIncidentResolvedAt   = "async.incident.resolved_at"
	attrIncidentReopened     = "async.incident.reopened"
	attrIncidentQuiet        = "async.incident.quiet"
	attrIncidentErrorAt      = "async.incident.error_at"
	attrIncidentCulprit      = "async.incident.culprit"
	attrIncidentMessage      = "async.incident.message"

	attrIncidentHint             = "async.incident.hint"
	attrIncidentHints            = "async.incident.hints"
	attrIncidentDeployedService  = "async.incident.deployment.service"
	attrIncidentDeployedVersion  = "async.incident.deployment.version"
	attrIncidentDeployedPrevious = "async.incident.deployment.previous_version"
	attrIncidentDeployedAt       = "async.incident.deployment.at"
	attrIncidentSilentService    = "async.incident.silent.service"
	attrIncidentSilentSince      = "async.incident.silent.since"
	attrIncidentConsumerGroup    = "async.incident.last_consumer.group"
	attrIncidentConsumerService  = "async.incident.last_consumer.service"
	attrIncidentConsumerAt       = "async.incident.last_consumer.at"
)

// Attributes of a gap in telemetry; the service is on incidents too.
const (
	attrGapService = "async.gap.service"
	attrGapKind    = "async.gap.kind"
	attrGapSignals = "async.gap.signals"
	attrGapFrom    = "async.gap.from"
	attrGapUntil   = "async.gap.until"
	attrGapFilled  = "async.gap.filled"
	attrGapGone    = "async.gap.gone"
)

// Attributes of the hop and the error, for both. The destination and group of an incident are part of its identity; those
// of the hop are where its first operation was.
const (
	attrDestination    = "messaging.destination.name"
	attrGroup          = "messaging.consumer.group.name"
	attrErrorType      = "error.type"
	attrExceptionType  = "exception.type"
	attrExceptionText  = "exception.message"
	attrExceptionStack = "exception.stacktrace"
	attrHopIndex       = "async.hop.index"
	attrHopSystem      = "messaging.system"
	attrHopDestination = "async.hop.destination"
	attrHopGroup       = "async.hop.group"
	attrHopService     = "async.hop.service"
	attrHopProducer    = "async.hop.producer"
	attrHopDeadLetter  = "async.hop.dead_letter_destination"
)

// New returns logs that are ready to take events in the returned slice; version is that of the collector.
func New(version string) (plog.Logs, plog.LogRecordSlice) {
	logs := plog.NewLogs()
	scope := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	scope.Scope().SetName(ScopeName)
	scope.Scope().SetVersion(version)
	return logs, scope.LogRecords()
}

// IsIncident reports whether a record claims to be an event of an incident.
func IsIncident(record plog.LogRecord) bool {
	_, ok := incidentKind(record)
	return ok
}

func incidentKind(record plog.LogRecord) (incident.EventKind, bool) {
	name, ok := strings.CutPrefix(record.EventName(), namePrefixIncident)
	if !ok {
		return 0, false
	}
	return incident.ParseEventKind(name)
}

// severityNumbers are the OTLP severities of the configured ones.
var severityNumbers = [...]plog.SeverityNumber{
	operation.SeverityInfo:     plog.SeverityNumberInfo,
	operation.SeverityWarning:  plog.SeverityNumberWarn,
	operation.SeverityError:    plog.SeverityNumberError,
	operation.SeverityCritical: plog.SeverityNumberFatal,
}

// setSeverity sets the severity of a record: that of the trouble, or info for the end of it.
func setSeverity(record plog.LogRecord, s operation.Severity, over bool) {
	if over {
		s = operation.SeverityInfo
	}
	s = min(s, operation.SeverityCritical)
	record.SetSeverityNumber(severityNumbers[s])
	record.SetSeverityText(s.String())
}
