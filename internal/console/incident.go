package console

import (
	"iter"
	"slices"

	"github.com/throughline/throughline/internal/operation"
)

// IncidentState is how far an incident is.
type IncidentState uint8

// The states of an incident.
const (
	IncidentOpen IncidentState = iota
	IncidentResolved
)

var incidentStateNames = [...]string{"open", "resolved"}

// String returns the name used in the API.
func (s IncidentState) String() string { return incidentStateNames[s] }

// Incident is a group of operations that are stuck or failed in the same way. Times are nanoseconds since 1970, 0 = unknown.
type Incident struct {
	ID    string
	State IncidentState
	// Kind is "stuck" or "failed", Reason why it is stuck.
	Kind          operation.State
	Reason        operation.StuckReason
	Namespace     string
	OperationName string
	// System, Destination, Group and Service name the hop at which they are stuck or failed.
	System, Destination, Group, Service string
	Severity                            operation.Severity
	Priority                            int
	Owner, Runbook                      string
	// Active is the number of operations in it now, Total the number that ever were.
	Active, Total uint64
	// OpenedAt, UpdatedAt and ResolvedAt are times of the collector's clock. UpdatedAt never goes back.
	OpenedAt, UpdatedAt, ResolvedAt int64
	// Reopened counts how often it was opened again after it had been resolved.
	Reopened uint32
	// Operations are the IDs of some of its operations.
	Operations []string
	// Error is one of their errors, nil without one.
	Error *operation.Error
}

// IncidentQuery says which incidents are asked for; see Query.
type IncidentQuery struct {
	States []IncidentState
	Limit  int
	After  *Position
}

// IncidentPage is a part of a list of incidents; see Page.
type IncidentPage struct {
	Incidents []Incident
	Next      *Position
}

func (i *Incident) position() Position { return Position{UpdatedAt: i.UpdatedAt, ID: i.ID} }

// SelectIncidents chooses the incidents that the query asks for.
func SelectIncidents(q IncidentQuery, incidents iter.Seq[Incident]) IncidentPage {
	page := IncidentPage{Incidents: []Incident{}}
	for i := range incidents {
		p := i.position()
		if (q.States == nil || slices.Contains(q.States, i.State)) && (q.After == nil || p.compare(q.After) > 0) {
			page.Incidents = append(page.Incidents, i)
		}
	}
	slices.SortFunc(page.Incidents, func(a, b Incident) int {
		p, q := a.position(), b.position()
		return p.compare(&q)
	})
	if len(page.Incidents) > q.Limit {
		page.Incidents = slices.Clip(page.Incidents[:q.Limit])
		last := page.Incidents[q.Limit-1].position()
		page.Next = &last
	}
	return page
}
