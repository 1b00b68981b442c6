package incident

import (
	"cmp"
	"slices"

	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/operation"
)

// Get returns the incident with the given ID.
func (t *Tracker) Get(id string) (Incident, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.incidents[id]
	if r == nil {
		return Incident{}, false
	}
	return r.snapshot(), true
}

// List returns all incidents, the one updated last in front.
func (t *Tracker) List() []Incident {
	incidents := t.snapshots()
	slices.SortFunc(incidents, func(a, b Incident) int {
		return cmp.Or(cmp.Compare(b.UpdatedAt, a.UpdatedAt), cmp.Compare(a.ID, b.ID))
	})
	return incidents
}

func (t *Tracker) snapshots() []Incident {
	t.mu.Lock()
	defer t.mu.Unlock()
	incidents := make([]Incident, 0, len(t.incidents))
	for _, r := range t.incidents {
		incidents = append(incidents, r.snapshot())
	}
	return incidents
}

// Of returns the ID of the open incident that the operation is in.
func (t *Tracker) Of(v *operation.View) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.members[t.keyOfView(v)]; r != nil {
		return r.ID, true
	}
	for _, alias := range v.Aliases {
		if r := t.members[t.key(v.Namespace, alias)]; r != nil {
			return r.ID, true
		}
	}
	return "", false
}

// Stats returns the counts.
func (t *Tracker) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Resolved = t.resolved.Len()
	s.Open = len(t.incidents) - s.Resolved
	s.Members = len(t.members)
	messages := t.templates.Stats()
	s.Templates, s.MessageOverflow, s.TemplatesEvicted = messages.Templates, messages.Overflow, messages.Evicted
	return s
}

// CauseStats counts what is known of healthy operations.
func (t *Tracker) CauseStats() cause.Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.causes.Stats()
}
