package operationsextension

import (
	"context"
	"slices"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/incident"
)

// Incident implements console.Source.
func (s source) Incident(_ context.Context, id string) (incident.Incident, error) {
	i, ok := s.o.incidents.Get(id)
	if !ok {
		return incident.Incident{}, console.ErrNotFound
	}
	return i, nil
}

// Incidents implements console.Source.
func (s source) Incidents(ctx context.Context, q console.IncidentQuery) (console.IncidentPage, error) {
	return console.SelectIncidents(q, slices.Values(s.o.incidents.List())), ctx.Err()
}
