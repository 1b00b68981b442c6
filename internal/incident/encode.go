package incident

import (
	"encoding/hex"
	"encoding/json"

	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/operation"
)

// encode writes what is kept of an incident. Recent events that are about the incident as it is do not repeat it.
func (r *record) encode() ([]byte, error) {
	s := savedRecord{
		Version: savedVersion, JoinedAt: r.joinedAt, Weight: r.joins.weight, WeightAt: r.joins.at, Marked: r.marked,
		Ending: r.ending.String(),
	}
	if r.moved != 0 {
		s.Moved = r.moved.String()
	}
	if r.told {
		s.Told = &savedTold{At: r.toldAt, Active: r.toldActive, Severity: r.toldSeverity.String(), Priority: r.toldPriority}
		if r.toldTrait != (cause.Trait{}) {
			s.Told.Trait = &trait{r.toldTrait.Attribute.String(), r.toldTrait.Value}
		}
	}
	if r.gap != nil {
		p := savePolicy(r.gap)
		s.Gap = &p
	}
	for i, p := range r.policies {
		if p != nil {
			s.Policies = append(s.Policies, savePolicy(p))
		}
		if r.escalated[i] != 0 {
			if s.InForce == nil {
				s.InForce = make(map[string]uint64, 1)
			}
			s.InForce[operation.Severity(i).String()] = r.escalated[i]
		}
	}
	now := r.snapshot()
	s.Incident = saveIncident(&now)
	for i := range r.recent {
		e := &r.recent[i]
		saved := savedEvent{Output: e.output, Kind: e.Kind.String(), Cause: e.Cause.String(), At: e.At}
		if e.Incident.UpdatedAt != r.UpdatedAt || e.Incident.Revision != r.Revision {
			then := saveIncident(&e.Incident)
			saved.Incident = &then
		}
		s.Recent = append(s.Recent, saved)
	}
	return json.Marshal(&s)
}

func savePolicy(p *operation.Policy) savedPolicy {
	s := savedPolicy{
		Severity: min(p.Severity, operation.SeverityCritical).String(), Priority: p.Priority, Owner: p.Owner, Runbook: p.Runbook,
	}
	for _, e := range p.Escalations {
		s.Escalations = append(s.Escalations, savedEscalation{
			e.Operations, int64(e.After), min(e.Severity, operation.SeverityCritical).String(), e.Priority,
		})
	}
	return s
}

func saveIncident(i *Incident) savedIncident {
	s := savedIncident{
		ID: i.ID, Fingerprint: i.Version, Namespace: i.Namespace, Kind: i.Kind.String(), Reason: i.Reason.String(), Storm: i.Storm,
		OperationName: i.OperationName, Destination: i.Destination, Group: i.Group, ErrorType: i.ErrorType, Culprit: i.Culprit,
		Message: i.Message, Service: i.Service,
		State: i.State.String(), Revision: i.Revision, ParentID: i.ParentID, Children: i.Children, Severity: i.Severity.String(),
		Priority: i.Priority, Owner: i.Owner, Runbook: i.Runbook, Active: i.Active, Total: i.Total, Lost: i.Lost, Rate: i.Rate,
		Acknowledged: (*savedMark)(i.Acknowledged), Muted: (*savedMark)(i.Muted), Hints: saveHints(&i.Hints), Hop: savedHop(i.Hop),
		FirstSeen: i.FirstSeen, LastSeen: i.LastSeen, OpenedAt: i.OpenedAt, UpdatedAt: i.UpdatedAt, ResolvedAt: i.ResolvedAt,
		Reopened: i.Reopened, Quiet: i.QuietNanos, Error: (*savedError)(i.Error),
	}
	for _, o := range i.Operations {
		sample := savedSample{ID: o.ID}
		if o.Trace != (operation.TraceID{}) {
			sample.Trace = hex.EncodeToString(o.Trace[:])
		}
		s.Operations = append(s.Operations, sample)
	}
	return s
}

func saveHints(h *Hints) *savedHints {
	var s savedHints
	for _, t := range h.Traits {
		s.Traits = append(s.Traits, savedTrait{
			trait{t.Attribute.String(), t.Value}, t.Side.String(), t.Destination, t.Group, t.Failing, t.FailingOf, t.Healthy, t.HealthyOf,
		})
	}
	if h.Deployment.At != 0 {
		s.Deployment = (*savedDeployment)(&h.Deployment)
	}
	if h.Silent.Since != 0 {
		s.Silent = (*savedSilence)(&h.Silent)
	}
	if h.LastConsumer.At != 0 {
		s.LastConsumer = (*savedSighting)(&h.LastConsumer)
	}
	if len(s.Traits) == 0 && s.Deployment == nil && s.Silent == nil && s.LastConsumer == nil {
		return nil
	}
	return &s
}
