package operationsextension

import (
	"context"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/operation"
)

// missed shows what stands for missed starts as an operation.
func (s source) missed(r *row) console.Record {
	inIncident, _ := s.o.incidents.Of(r.view)
	return console.Record{
		View: r.view, Name: r.view.Name, Verdict: r.verdict, Policy: s.o.expected.rules[r.Rule].policy, UpdatedAt: r.updatedAt,
		IncidentID: inIncident,
	}
}

func missedSummary(r *row) console.Summary {
	summary := console.Summary{
		ID: r.view.ID, Name: r.view.Name, Rule: r.Rule, UpdatedAt: r.updatedAt,
		View: func() *operation.View { return r.view },
	}
	summary.Judged(&r.verdict)
	return summary
}

// Expectations implements console.Source.
func (s source) Expectations(ctx context.Context) ([]console.Expectation, error) {
	x := s.o.expected
	if x.tracker == nil {
		return nil, ctx.Err()
	}
	var all []console.Expectation
	for _, status := range x.tracker.Status() {
		e := console.Expectation{Status: status, Name: x.rules[status.Rule].name}
		if status.Missed != nil {
			e.OperationID = missedID(status.Missed)
			if r, ok := x.get(e.OperationID); ok {
				e.State = r.verdict.State
			}
		}
		all = append(all, e)
	}
	return all, ctx.Err()
}
