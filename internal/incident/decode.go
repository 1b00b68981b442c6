package incident

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/operation"
)

// Decode returns the incident that was saved as data, see [Saved]. Errors wrap [ErrNewer] or [ErrCorrupt].
func Decode(data []byte) (Incident, error) {
	r, err := decode(data)
	if err != nil {
		return Incident{}, err
	}
	return r.snapshot(), nil
}

// decode reads an incident. Its members are unknown.
func decode(data []byte) (*record, error) {
	if len(data) > maxSaved {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrCorrupt, len(data), maxSaved)
	}
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	switch {
	case version.Version > savedVersion:
		return nil, fmt.Errorf("%w: format %d, and this one knows those up to %d", ErrNewer, version.Version, savedVersion)
	case version.Version != savedVersion:
		return nil, fmt.Errorf("%w: format %d", ErrCorrupt, version.Version)
	}
	var s savedRecord
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	r, err := s.record()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return r, nil
}

// maxSamples bounds the operations that a saved incident names.
const maxSamples = 1000

// reader turns names into constants and keeps the first error.
type reader struct{ err error }

func (d *reader) fail(what, name string) {
	if d.err == nil {
		d.err = fmt.Errorf("there is no %s %q", what, name)
	}
}

func read[T any](d *reader, parse func(string) (T, bool), what, name string) T {
	v, ok := parse(name)
	if !ok {
		d.fail(what, name)
	}
	return v
}

func parseReason(name string) (operation.StuckReason, bool) {
	i := slices.Index(operation.StuckReasonNames(), name)
	return operation.StuckReason(i + 1), name == "" || i >= 0
}

func (s *savedRecord) record() (*record, error) {
	var d reader
	r := &record{
		Incident: s.Incident.incident(&d), members: make(map[memberKey]operation.Severity), joinedAt: s.JoinedAt,
		joins: rate{max(0, s.Weight), s.WeightAt}, marked: s.Marked, restored: true,
	}
	if s.Ending != "" {
		r.ending = read(&d, ParseCause, "cause", s.Ending)
	}
	if s.Moved != "" {
		r.moved = read(&d, ParseCause, "cause", s.Moved)
	}
	for _, o := range r.Operations {
		r.sample = append(r.sample, sampled{Sample: o, left: true})
	}
	if t := s.Told; t != nil {
		r.told, r.toldAt, r.toldActive, r.toldPriority = true, t.At, t.Active, t.Priority
		r.toldSeverity = read(&d, operation.ParseSeverity, "severity", t.Severity)
		if t.Trait != nil {
			r.toldTrait = cause.Trait{Attribute: read(&d, cause.ParseAttribute, "attribute", t.Trait.Attribute), Value: t.Trait.Value}
		}
	}
	for i := range s.Policies {
		p := s.Policies[i].policy(&d)
		r.policies[p.Severity] = p
	}
	for severity, inForce := range s.InForce {
		r.escalated[read(&d, operation.ParseSeverity, "severity", severity)] = inForce
	}
	if s.Gap != nil {
		r.gap = s.Gap.policy(&d)
	}
	for i := range s.Recent[:min(len(s.Recent), maxRecent)] {
		e := &s.Recent[i]
		then := r.Incident
		if e.Incident != nil {
			then = e.Incident.incident(&d)
		}
		r.recent = append(r.recent, sent{output: e.Output, Event: Event{
			Kind: read(&d, ParseEventKind, "event", e.Kind), Cause: read(&d, ParseCause, "cause", e.Cause), At: e.At, Incident: then,
		}})
	}
	r.Operations = nil
	return r, d.err
}

func (s *savedPolicy) policy(d *reader) *operation.Policy {
	p := &operation.Policy{
		Severity: read(d, operation.ParseSeverity, "severity", s.Severity), Priority: s.Priority, Owner: s.Owner, Runbook: s.Runbook,
	}
	for _, e := range s.Escalations {
		p.Escalations = append(p.Escalations, operation.Escalation{
			Operations: e.Operations, After: time.Duration(e.After),
			Severity: read(d, operation.ParseSeverity, "severity", e.Severity), Priority: e.Priority,
		})
	}
	return p
}

func (s *savedIncident) incident(d *reader) Incident {
	i := Incident{
		Key: Key{
			Namespace: s.Namespace, Kind: read(d, operation.ParseState, "kind", s.Kind), Reason: read(d, parseReason, "reason", s.Reason),
			Storm: s.Storm, OperationName: s.OperationName, Destination: s.Destination, Group: s.Group, ErrorType: s.ErrorType,
			Culprit: s.Culprit, Message: s.Message, Service: s.Service,
		},
		ID: s.ID, Version: s.Fingerprint, State: read(d, ParseState, "state", s.State), Revision: s.Revision, ParentID: s.ParentID,
		Children: s.Children, Severity: read(d, operation.ParseSeverity, "severity", s.Severity), Priority: s.Priority, Owner: s.Owner,
		Runbook: s.Runbook, Active: s.Active, Total: s.Total, Lost: s.Lost, Rate: s.Rate,
		Acknowledged: (*Mark)(s.Acknowledged), Muted: (*Mark)(s.Muted), Hop: Hop(s.Hop), FirstSeen: s.FirstSeen, LastSeen: s.LastSeen,
		OpenedAt: s.OpenedAt, UpdatedAt: s.UpdatedAt, ResolvedAt: s.ResolvedAt, Reopened: s.Reopened, QuietNanos: s.Quiet,
		Error: (*operation.Error)(s.Error),
	}
	if s.ID == "" {
		d.fail("incident", s.ID)
	}
	if s.Hints != nil {
		i.Hints = s.Hints.hints(d)
	}
	i.Operations = make([]Sample, 0, min(len(s.Operations), maxSamples))
	for _, o := range s.Operations[:cap(i.Operations)] {
		sample := Sample{ID: o.ID}
		if trace, err := hex.DecodeString(o.Trace); err != nil || copy(sample.Trace[:], trace) != len(trace) {
			d.fail("trace", o.Trace)
		}
		i.Operations = append(i.Operations, sample)
	}
	return i
}

func (s *savedHints) hints(d *reader) Hints {
	var h Hints
	for _, t := range s.Traits[:min(len(s.Traits), cause.MaxHints)] {
		h.Traits = append(h.Traits, cause.Hint{
			Trait: cause.Trait{Attribute: read(d, cause.ParseAttribute, "attribute", t.Attribute), Value: t.Value},
			Side:  read(d, cause.ParseSide, "side", t.Side), Destination: t.Destination, Group: t.Group,
			Failing: t.Failing, FailingOf: t.FailingOf, Healthy: t.Healthy, HealthyOf: t.HealthyOf,
		})
	}
	if s.Deployment != nil {
		h.Deployment = cause.Deployment(*s.Deployment)
	}
	if s.Silent != nil {
		h.Silent = Silence(*s.Silent)
	}
	if s.LastConsumer != nil {
		h.LastConsumer = operation.Sighting(*s.LastConsumer)
	}
	return h
}
