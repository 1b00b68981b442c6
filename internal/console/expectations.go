package console

import (
	"context"
	"net/http"
	"time"

	"github.com/throughline/throughline/internal/expect"
	"github.com/throughline/throughline/internal/operation"
)

// Expectation is a rule whose operations are expected to start, and how that stands.
type Expectation struct {
	expect.Status
	// Name is what the operation that stands for missed starts is called, OperationID its ID, "" while none are missed, and
	// State what it is judged.
	Name, OperationID string
	State             operation.State
}

// ExpectationSource knows which operations are expected to start.
type ExpectationSource interface {
	// Expectations returns all of them, in the order of their rules.
	Expectations(ctx context.Context) ([]Expectation, error)
}

type expectationJSON struct {
	Rule          string            `json:"rule"`
	Name          string            `json:"name"`
	Schedule      string            `json:"schedule"`
	Grace         *float64          `json:"grace_seconds"`
	DueAt         timestamp         `json:"due_at"`
	LastStartedAt timestamp         `json:"last_started_at"`
	Missed        *missedStartsJSON `json:"missed"`
}

// missedStartsJSON is the row of starts that did not come, and the operation that stands for it.
type missedStartsJSON struct {
	missedJSON
	State       string `json:"state"`
	OperationID string `json:"operation_id"`
}

func (a *api) expectations(ctx context.Context, req *request) (reply, error) {
	if req.params.problem != nil {
		return reply{}, req.params.problem
	}
	all, err := a.source.Expectations(ctx)
	if err != nil {
		return reply{}, err
	}
	l := list{limit: maxListBytes}
	n, err := fill(&l, all, newExpectationJSON)
	if err != nil {
		return reply{}, err
	}
	return replyJSON(http.StatusOK, struct {
		Expectations any       `json:"expectations"`
		Truncated    bool      `json:"truncated"`
		AsOf         timestamp `json:"as_of"`
	}{l.array(), n < len(all), timestamp(req.now)})
}

func newExpectationJSON(e *Expectation) expectationJSON {
	j := expectationJSON{
		Rule: e.Rule, Name: e.Name, Schedule: e.Schedule.String(), Grace: seconds(int64(e.Schedule.Grace())),
		DueAt: timestampOf(e.DueAt), LastStartedAt: timestampOf(e.LastStartedAt),
	}
	if m := e.Missed; m != nil {
		j.Missed = &missedStartsJSON{
			missedJSON: missedJSON{Count: m.Count, FirstDueAt: timestampOf(m.FirstDueAt), DueAt: timestampOf(m.DueAt)},
			State:      e.State.String(), OperationID: e.OperationID,
		}
	}
	return j
}

// timestampOf converts a time, of which the zero one is unknown.
func timestampOf(at time.Time) timestamp {
	if at.IsZero() {
		return 0
	}
	return timestamp(at.UnixNano())
}
