package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// incidentJSON is an incident in a response.
type incidentJSON struct {
	ID          string     `json:"id"`
	State       string     `json:"state"`
	Kind        string     `json:"kind"`
	Reason      *string    `json:"reason"`
	Severity    string     `json:"severity"`
	Priority    int        `json:"priority"`
	Owner       *string    `json:"owner"`
	Runbook     *string    `json:"runbook"`
	Namespace   string     `json:"namespace"`
	Operation   string     `json:"operation_name"`
	System      *string    `json:"system"`
	Destination *string    `json:"destination"`
	Group       *string    `json:"group"`
	Service     *string    `json:"service"`
	Active      uint64     `json:"active_operations"`
	Total       uint64     `json:"total_operations"`
	OpenedAt    timestamp  `json:"opened_at"`
	UpdatedAt   timestamp  `json:"updated_at"`
	ResolvedAt  timestamp  `json:"resolved_at"`
	Reopened    uint32     `json:"reopened"`
	Operations  []string   `json:"operation_ids"`
	Error       *errorJSON `json:"error"`
	Truncated   bool       `json:"truncated"`
}

func newIncidentJSON(i *Incident, budgetBytes int) incidentJSON {
	b := builder{left: budgetBytes}
	j := incidentJSON{
		ID: i.ID, State: i.State.String(), Kind: i.Kind.String(), Reason: optional(i.Reason.String()),
		Severity: i.Severity.String(), Priority: i.Priority, Owner: optional(i.Owner), Runbook: optional(i.Runbook),
		Namespace: i.Namespace, Operation: i.OperationName, System: optional(i.System),
		Destination: optional(i.Destination), Group: optional(i.Group), Service: optional(i.Service),
		Active: i.Active, Total: i.Total,
		OpenedAt: timestamp(i.OpenedAt), UpdatedAt: timestamp(i.UpdatedAt), ResolvedAt: timestamp(i.ResolvedAt),
		Reopened: i.Reopened, Operations: cut(&b, i.Operations, b.text), Error: b.error(i.Error),
	}
	j.Truncated = b.truncated
	return j
}

func (a *api) incidents(ctx context.Context, req *request) (reply, error) {
	p := &req.params
	var q IncidentQuery
	var asOf int64
	q.After, asOf = p.cursor(req.route.Path, req.now)
	for _, i := range p.choices("state", incidentStateNames[:]) {
		q.States = append(q.States, IncidentState(i))
	}
	q.Limit = p.limit()
	if p.problem != nil {
		return reply{}, p.problem
	}
	page, err := a.source.Incidents(ctx, q)
	if err != nil {
		return reply{}, err
	}
	l := list{limit: maxListBytes}
	n, err := fill(&l, page.Incidents, func(i *Incident) incidentJSON { return newIncidentJSON(i, maxItemBytes) })
	if err != nil {
		return reply{}, err
	}
	next := page.Next
	if n < len(page.Incidents) {
		last := page.Incidents[n-1].position()
		next = &last
	}
	return l.reply("incidents", req.nextCursor(next, asOf), asOf)
}

func (a *api) incident(ctx context.Context, req *request) (reply, error) {
	i, err := a.source.Incident(ctx, req.value)
	if errors.Is(err, ErrNotFound) {
		return reply{}, NewProblem(http.StatusNotFound, fmt.Sprintf("no incident has the ID %q", clip(req.value, shownValue)))
	}
	if err != nil {
		return reply{}, err
	}
	return replyJSON(http.StatusOK, newIncidentJSON(&i, maxItemBytes))
}
