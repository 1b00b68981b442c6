package console

import (
	"context"
	"fmt"
	"net/http"
)

type healthJSON struct {
	Operation  string       `json:"operation"`
	Status     string       `json:"status"`
	AsOf       timestamp    `json:"as_of"`
	Window     *float64     `json:"window_seconds"`
	Stuck      int          `json:"stuck"`
	Failed     int          `json:"failed"`
	InProgress int          `json:"in_progress"`
	Operations []sampleJSON `json:"operations"`
}

// sampleJSON is one of the operations that are the reason for bad health.
type sampleJSON struct {
	ID        string    `json:"id"`
	Namespace string    `json:"namespace"`
	State     string    `json:"state"`
	Reason    *string   `json:"reason"`
	UpdatedAt timestamp `json:"updated_at"`
}

func (a *api) health(ctx context.Context, req *request) (reply, error) {
	window := req.params.window()
	if req.params.problem != nil {
		return reply{}, req.params.problem
	}
	h, err := a.source.Health(ctx, HealthQuery{
		Name: req.value, Namespace: req.params.text("namespace"), FailedSince: req.now - int64(window),
	})
	if err != nil {
		return reply{}, err
	}
	if !h.Seen {
		return reply{}, NewProblem(http.StatusNotFound, fmt.Sprintf("no operation with the name %q is known", clip(req.value, shownValue)))
	}
	j := healthJSON{
		Operation: req.value, Status: "ok", AsOf: timestamp(req.now), Window: seconds(int64(window)),
		Stuck: h.Stuck, Failed: h.Failed, InProgress: h.InProgress, Operations: []sampleJSON{},
	}
	for i := range h.Samples {
		s := &h.Samples[i]
		j.Operations = append(j.Operations, sampleJSON{
			ID: s.ID, Namespace: s.Namespace, State: s.State.String(),
			Reason: optional(s.Reason.String()), UpdatedAt: timestamp(s.UpdatedAt),
		})
	}
	if h.Stuck+h.Failed > 0 {
		j.Status = "failing"
		return replyJSON(http.StatusServiceUnavailable, j)
	}
	return replyJSON(http.StatusOK, j)
}
