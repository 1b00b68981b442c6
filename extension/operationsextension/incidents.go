package operationsextension

import (
	"context"
	"slices"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/incident"
)

// Incident implements console.Source.
func (s source) Incident(ctx context.Context, id string) (incident.Incident, error) {
	if i, ok := s.o.incidents.Get(id); ok {
		return i, nil
	}
	return s.storedIncident(ctx, id)
}

// Incidents implements console.Source.
func (s source) Incidents(ctx context.Context, q console.IncidentQuery) (console.IncidentPage, error) {
	before := int64(0)
	if q.After != nil {
		before = q.After.UpdatedAt + 1
	}
	// One more tells whether there are others.
	older, err := s.storedIncidents(ctx, before, q.Limit+1)
	page := console.SelectIncidents(q, slices.Values(slices.Concat(s.o.incidents.List(), older)))
	page.Partial = err
	return page, ctx.Err()
}
