package operationsextension

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

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

// ActOnIncident implements console.Source.
func (s source) ActOnIncident(ctx context.Context, id string, action incident.Action, mark incident.Mark) (incident.Incident, error) {
	i, err := s.o.incidents.Act(id, action, mark, time.Now())
	if err == nil {
		s.o.logger.Info("Somebody acted on an incident", zap.String("incident", id), zap.Stringer("action", action),
			zap.String("by", mark.By), zap.String("note", mark.Note))
	}
	return i, errors.Join(err, ctx.Err())
}

// Incidents implements console.Source.
func (s source) Incidents(ctx context.Context, q console.IncidentQuery) (console.IncidentPage, error) {
	return console.SelectIncidents(q, slices.Values(s.o.incidents.List())), ctx.Err()
}
