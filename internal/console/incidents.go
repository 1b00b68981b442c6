package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/throughline/throughline/internal/incident"
)

var incidentStates = []string{incident.StateOpen.String(), incident.StateResolved.String()}

// incidentJSON is an incident in a response.
type incidentJSON struct {
	ID          string            `json:"id"`
	State       string            `json:"state"`
	Kind        string            `json:"kind"`
	ParentID    *string           `json:"parent_id"`
	Children    int64             `json:"children"`
	Reason      *string           `json:"reason"`
	Severity    string            `json:"severity"`
	Priority    int               `json:"priority"`
	Owner       *string           `json:"owner"`
	Runbook     *string           `json:"runbook"`
	Namespace   string            `json:"namespace"`
	Operation   string            `json:"operation_name"`
	Destination *string           `json:"destination"`
	Group       *string           `json:"group"`
	ErrorType   *string           `json:"error_type"`
	Culprit     *string           `json:"culprit"`
	Message     *string           `json:"message"`
	Service     *string           `json:"service"`
	Active      int64             `json:"active_operations"`
	Total       int64             `json:"total_operations"`
	Lost        int64             `json:"lost_operations"`
	Rate        float64           `json:"operations_per_minute"`
	FirstSeen   timestamp         `json:"first_seen"`
	LastSeen    timestamp         `json:"last_seen"`
	OpenedAt    timestamp         `json:"opened_at"`
	UpdatedAt   timestamp         `json:"updated_at"`
	ResolvedAt  timestamp         `json:"resolved_at"`
	Reopened    int64             `json:"reopened"`
	Quiet       *float64          `json:"quiet_seconds"`
	Acked       *markJSON         `json:"acknowledged"`
	Muted       *markJSON         `json:"muted"`
	Hints       hintsJSON         `json:"hints"`
	Hop         *incidentHopJSON  `json:"hop"`
	Operations  []incidentOneJSON `json:"operations"`
	Error       *errorJSON        `json:"error"`
	Version     int               `json:"fingerprint_version"`
	Revision    int64             `json:"revision"`
	Truncated   bool              `json:"truncated"`
}

// incidentHopJSON is the first failing hop of the first operation.
type incidentHopJSON struct {
	Index       int     `json:"index"`
	System      string  `json:"system"`
	Destination string  `json:"destination"`
	Group       *string `json:"group"`
	Service     *string `json:"service"`
	Producer    *string `json:"producer"`
	DeadLetter  *string `json:"dead_letter_destination"`
}

// markJSON is what somebody said of an incident.
type markJSON struct {
	By    *string   `json:"by"`
	At    timestamp `json:"at"`
	Until timestamp `json:"until"`
	Note  *string   `json:"note"`
}

func markOf(m *incident.Mark) *markJSON {
	if m == nil {
		return nil
	}
	return &markJSON{By: optional(m.By), At: timestamp(m.At), Until: timestamp(m.Until), Note: optional(m.Note)}
}

// incidentOneJSON is one of the operations.
type incidentOneJSON struct {
	ID      string  `json:"id"`
	TraceID *string `json:"trace_id"`
}

// incident shows an incident in about as many bytes as are left.
func (b *builder) incident(i *incident.Incident) incidentJSON {
	j := incidentJSON{
		ID: i.ID, State: i.State.String(), Kind: i.KindName(), ParentID: optional(i.ParentID), Children: i.Children, Reason: optional(i.Reason.String()),
		Severity: i.Severity.String(), Priority: i.Priority, Owner: optional(i.Owner), Runbook: optional(i.Runbook),
		Namespace: i.Namespace, Operation: i.OperationName,
		Destination: optional(i.Destination), Group: optional(i.Group), ErrorType: optional(i.ErrorType), Service: optional(i.Service),
		Culprit: optional(i.Culprit), Message: optional(i.Message),
		Active: i.Active, Total: i.Total, Lost: i.Lost, Rate: i.Rate, Acked: markOf(i.Acknowledged), Muted: markOf(i.Muted),
		FirstSeen: timestamp(i.FirstSeen), LastSeen: timestamp(i.LastSeen),
		OpenedAt: timestamp(i.OpenedAt), UpdatedAt: timestamp(i.UpdatedAt), ResolvedAt: timestamp(i.ResolvedAt),
		Reopened: i.Reopened, Hints: hintsOf(&i.Hints), Error: b.error(i.Error), Version: i.Version, Revision: i.Revision,
	}
	if i.Reopened > 0 {
		j.Quiet = seconds(i.QuietNanos)
	}
	if h := &i.Hop; h.Index >= 0 {
		j.Hop = &incidentHopJSON{
			Index: h.Index, System: h.System, Destination: h.Destination,
			Group: optional(h.Group), Service: optional(h.Service), Producer: optional(h.Producer),
			DeadLetter: optional(h.DeadLetter),
		}
	}
	j.Operations = cut(b, i.Operations, func(s *incident.Sample) incidentOneJSON {
		return incidentOneJSON{ID: b.text(&s.ID), TraceID: traceID(s.Trace)}
	})
	j.Truncated = b.truncated
	return j
}

func (a *api) incidents(ctx context.Context, req *request) (reply, error) {
	p := &req.params
	var q IncidentQuery
	var asOf int64
	q.After, asOf = p.cursor(req.route.Path, req.now)
	for _, i := range p.choices("state", incidentStates) {
		q.States = append(q.States, incident.State(i))
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
	a.lacks(&l, req, page.Partial)
	n, err := fill(&l, page.Incidents, func(i *incident.Incident) incidentJSON {
		b := builder{left: maxItemBytes}
		return b.incident(i)
	})
	if err != nil {
		return reply{}, err
	}
	next := page.Next
	if n < len(page.Incidents) {
		last := incidentPosition(&page.Incidents[n-1])
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
	b := builder{left: maxDetailBytes, detailed: true}
	return replyJSON(http.StatusOK, b.incident(&i))
}
