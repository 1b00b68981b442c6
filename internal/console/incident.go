package console

import (
	"iter"
	"slices"

	"github.com/throughline/throughline/internal/incident"
)

// IncidentQuery says which incidents are asked for; see Query.
type IncidentQuery struct {
	States []incident.State
	Limit  int
	After  *Position
}

// IncidentPage is a part of a list of incidents; see Page.
type IncidentPage struct {
	Incidents []incident.Incident
	Next      *Position
	// Partial is why the page lacks what only the store has, nil if it does not.
	Partial error
}

func incidentPosition(i *incident.Incident) Position {
	return Position{UpdatedAt: i.UpdatedAt, ID: i.ID}
}

// SelectIncidents chooses the incidents that the query asks for.
func SelectIncidents(q IncidentQuery, incidents iter.Seq[incident.Incident]) IncidentPage {
	page := IncidentPage{Incidents: []incident.Incident{}}
	for i := range incidents {
		p := incidentPosition(&i)
		if (q.States == nil || slices.Contains(q.States, i.State)) && (q.After == nil || p.compare(q.After) > 0) {
			page.Incidents = append(page.Incidents, i)
		}
	}
	slices.SortFunc(page.Incidents, func(a, b incident.Incident) int {
		p, q := incidentPosition(&a), incidentPosition(&b)
		return p.compare(&q)
	})
	if len(page.Incidents) > q.Limit {
		page.Incidents = slices.Clip(page.Incidents[:q.Limit])
		last := incidentPosition(&page.Incidents[q.Limit-1])
		page.Next = &last
	}
	return page
}
