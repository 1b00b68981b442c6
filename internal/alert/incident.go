package alert

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// The names of alerts.
const (
	NameStuck  = "AsyncOperationsStuck"
	NameFailed = "AsyncOperationsFailed"
	// NameDeadLettered is the alert of operations whose messages were given up by their queues.
	NameDeadLettered = "AsyncOperationsDeadLettered"
	// NameTelemetryGap is the alert of telemetry that is lacking.
	NameTelemetryGap = "AsyncTelemetryGap"
	// NameStorm is the alert that stands for the many incidents of one destination.
	NameStorm = "AsyncIncidentStorm"
)

// Labels of every alert that is about an incident: what its fingerprint is made of. Empty ones are left out.
const (
	LabelIncident    = "incident_id"
	LabelNamespace   = "namespace"
	LabelOperation   = "operation"
	LabelKind        = "kind"
	LabelReason      = "reason"
	LabelDestination = "destination"
	LabelGroup       = "consumer_group"
	LabelErrorType   = "error_type"
	LabelCulprit     = "culprit"
	LabelService     = "service"
)

// Words for the routing, where a backend wants it as labels.
const (
	LabelSeverity = "severity"
	LabelPriority = "priority"
	LabelOwner    = "owner"
)

// Annotations that backends give a place of their own.
const (
	// AnnotationSummary says in one line what is wrong.
	AnnotationSummary = "summary"
	// AnnotationRunbook is where it says what to do about it.
	AnnotationRunbook = "runbook_url"
	// AnnotationError is the error of one of the operations, AnnotationHop where the first of them failed or waits.
	AnnotationError = "error"
	AnnotationHop   = "first_failing_hop"
	// AnnotationAffected and AnnotationTotal count operations: those affected now, and all since the incident is known.
	AnnotationAffected = "affected_operations"
	AnnotationTotal    = "total_operations"
	// AnnotationOperations names some of the operations.
	AnnotationOperations = "operations"
	// AnnotationAcknowledged and AnnotationMuted say who did, until when and why.
	AnnotationAcknowledged = "acknowledged"
	AnnotationMuted        = "muted"
	// AnnotationPartOf is the ID of the incident that stands for this one, AnnotationIncidents how many one stands for.
	AnnotationPartOf    = "part_of"
	AnnotationIncidents = "incidents"
	// AnnotationCause says what the operations have in common and healthy ones have not.
	AnnotationCause = "likely_cause"
	// AnnotationDeployment, AnnotationSilent and AnnotationConsumer say what was deployed shortly before, whose telemetry is lacking
	// and who consumed last.
	AnnotationDeployment = "deployment"
	AnnotationSilent     = "telemetry_silent"
	AnnotationConsumer   = "last_consumer"
	// AnnotationResolution says why it is over.
	AnnotationResolution = "resolution"
)

// ReservedLabels are the names that mean something; nobody may give them another meaning.
func ReservedLabels() []string {
	return []string{
		"alertname", LabelIncident, LabelNamespace, LabelOperation, LabelKind, LabelReason, LabelDestination, LabelGroup,
		LabelErrorType, LabelCulprit, LabelService, LabelSeverity, LabelPriority, LabelOwner,
	}
}

// maxNamed is the number of operations named in an annotation.
const maxNamed = 10

// Framing is what the configuration adds to every alert.
type Framing struct {
	// ConsoleURL is the base address of the console, "" if there is none to link to.
	ConsoleURL string
	// Labels are added to every alert.
	Labels map[string]string
	// Annotations are added to every alert, or take the place of those of the same name. One that comes out empty is left out.
	Annotations map[string]*Template
}

// Of returns what is to be told about the incident of an event.
func (f Framing) Of(e *incident.Event) Alert {
	i := &e.Incident
	a := Alert{
		ID: i.ID, Name: NameStuck, Revision: i.Revision,
		Routing:     Routing{Severity: i.Severity, Priority: i.Priority, Owner: i.Owner},
		Labels:      f.labels(i),
		Annotations: annotations(i),
		News:        isNews(e.Cause),
		StartsAt:    moment(i.OpenedAt, e.At),
	}
	switch i.Kind {
	case operation.StateFailed:
		a.Name = NameFailed
	case operation.StateDeadLettered:
		a.Name = NameDeadLettered
	case operation.StateUnknown:
		a.Name = NameTelemetryGap
	}
	if i.Storm {
		a.Name = NameStorm
		a.Annotations[AnnotationIncidents] = strconv.FormatInt(i.Children, 10)
	}
	if i.ParentID != "" {
		// To whoever is not told of what stands for it, it may be news.
		a.PartOf, a.News = i.ParentID, !known(e.Cause)
		a.Annotations[AnnotationPartOf] = i.ParentID
	}
	if m := i.Acknowledged; m != nil {
		a.Acknowledged = cmp.Or(m.By, "somebody")
		a.Annotations[AnnotationAcknowledged] = markText(a.Acknowledged, m)
	}
	if m := i.Muted; m != nil {
		a.Muted = true
		a.Annotations[AnnotationMuted] = markText(cmp.Or(m.By, "somebody"), m)
		if m.Until != 0 {
			a.MutedUntil = moment(m.Until, 0)
		}
	}
	if i.State == incident.StateResolved {
		a.Status, a.EndsAt = StatusResolved, moment(i.ResolvedAt, e.At)
		if a.EndsAt.Before(a.StartsAt) {
			a.EndsAt = a.StartsAt
		}
		a.Annotations[AnnotationResolution] = e.Cause.String()
	}
	if f.ConsoleURL != "" {
		a.GeneratorURL = strings.TrimRight(f.ConsoleURL, "/") + "/api/v1/incidents/" + url.PathEscape(i.ID)
	}
	f.annotate(&a)
	return a
}

// isNews says that people want to hear of it.
func isNews(c incident.Cause) bool {
	switch c {
	case incident.CauseCount, incident.CauseRefresh, incident.CauseHint:
		return false
	default:
		return !known(c)
	}
}

// known says that everybody was told before, by another process.
func known(c incident.Cause) bool {
	return c == incident.CauseRestored || c == incident.CauseHandedOver
}

// annotate carries out the templates. All of them see the annotations as they were before.
func (f Framing) annotate(a *Alert) {
	if len(f.Annotations) == 0 {
		return
	}
	annotations := maps.Clone(a.Annotations)
	for name, template := range f.Annotations {
		switch text, err := template.Render(a, nil); {
		case err != nil: // It was tried when it was parsed; what there is without it is better than nothing.
		case text == "":
			delete(annotations, name)
		default:
			annotations[name] = text
		}
	}
	a.Annotations = annotations
}

func (f Framing) labels(i *incident.Incident) map[string]string {
	labels := maps.Clone(f.Labels)
	if labels == nil {
		labels = make(map[string]string, 8)
	}
	put(labels, LabelIncident, i.ID)
	put(labels, LabelNamespace, i.Namespace)
	put(labels, LabelOperation, i.OperationName)
	put(labels, LabelKind, i.KindName())
	put(labels, LabelReason, i.Reason.String())
	put(labels, LabelDestination, i.Destination)
	put(labels, LabelGroup, i.Group)
	put(labels, LabelErrorType, i.ErrorType)
	put(labels, LabelCulprit, i.Culprit)
	put(labels, LabelService, i.Service)
	return labels
}

func annotations(i *incident.Incident) map[string]string {
	a := map[string]string{
		AnnotationSummary:  i.Summary(),
		AnnotationAffected: strconv.FormatInt(i.Active, 10),
		AnnotationTotal:    strconv.FormatInt(i.Total, 10),
		LabelSeverity:      i.Severity.String(),
		LabelPriority:      strconv.Itoa(i.Priority),
	}
	put(a, LabelOwner, i.Owner)
	put(a, AnnotationRunbook, i.Runbook)
	put(a, AnnotationHop, hopText(i.Hop))
	put(a, "dead_letter_destination", i.Hop.DeadLetter)
	put(a, AnnotationOperations, operationsText(i.Operations))
	if i.FirstSeen != 0 {
		a["first_seen"] = moment(i.FirstSeen, 0).Format(time.RFC3339)
	}
	put(a, "error_template", i.Message)
	if i.Error != nil {
		put(a, AnnotationError, strings.Trim(i.Error.Type+": "+i.Error.Message, ": "))
	}
	hints(a, &i.Hints)
	if i.Rate > 0 {
		a["operations_per_minute"] = strconv.FormatFloat(i.Rate, 'f', 1, 64)
	}
	if i.Lost > 0 {
		a["lost_operations"] = strconv.FormatInt(i.Lost, 10)
	}
	if i.Reopened > 0 {
		a["reopened"] = fmt.Sprintf("%d times, last after %s of quiet", i.Reopened, time.Duration(i.QuietNanos).Round(time.Second))
	}
	return a
}

// markText says who said something, until when it holds, and why.
func markText(by string, m *incident.Mark) string {
	text := "by " + by
	if m.Until != 0 {
		text += " until " + moment(m.Until, 0).Format(time.RFC3339)
	}
	if m.Note != "" {
		text += ": " + m.Note
	}
	return text
}

func hopText(h incident.Hop) string {
	if h.Index < 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d: ", h.Index+1)
	if h.Producer != "" {
		b.WriteString(h.Producer + " -> ")
	}
	b.WriteString(h.Destination)
	if h.System != "" {
		b.WriteString(" (" + h.System + ")")
	}
	if h.Service != "" {
		b.WriteString(" -> " + h.Service)
	}
	return b.String()
}

func operationsText(samples []incident.Sample) string {
	ids := make([]string, 0, min(len(samples), maxNamed))
	for _, s := range samples[:min(len(samples), maxNamed)] {
		ids = append(ids, s.ID)
	}
	return strings.Join(ids, ", ")
}

func put(m map[string]string, name, value string) {
	if value != "" {
		m[name] = value
	}
}

// moment is a time, or another one where it is unknown.
func moment(nanos, otherwise int64) time.Time {
	if nanos == 0 {
		nanos = otherwise
	}
	return time.Unix(0, nanos).UTC()
}
