package console

import (
	"context"
	"net/http"

	"github.com/throughline/throughline/internal/gap"
)

// Telemetry is how the telemetry of services usually comes, and where it is lacking.
type Telemetry struct {
	// Enabled says that services are watched at all.
	Enabled bool
	// Services are those that are watched, those that are silent first; Gaps those that last and that are remembered, the latest first.
	Services []gap.Service
	Gaps     []gap.Gap
}

// TelemetrySource knows where telemetry is lacking.
type TelemetrySource interface {
	// Telemetry returns at most limit services and limit gaps.
	Telemetry(ctx context.Context, limit int) (Telemetry, error)
}

type telemetryJSON struct {
	Enabled  bool               `json:"enabled"`
	Services []watchedJSON      `json:"services"`
	Gaps     []telemetryGapJSON `json:"gaps"`
	AsOf     timestamp          `json:"as_of"`
}

// watchedJSON is a service whose telemetry is watched.
type watchedJSON struct {
	Service string     `json:"service"`
	State   string     `json:"state"`
	Traces  *habitJSON `json:"traces"`
	Logs    *habitJSON `json:"logs"`
}

// habitJSON is how a service usually sends one signal.
type habitJSON struct {
	Usual     *float64  `json:"usual_seconds"`
	Threshold *float64  `json:"threshold_seconds"`
	Lag       *float64  `json:"lag_seconds"`
	LastAt    timestamp `json:"last_at"`
}

type telemetryGapJSON struct {
	Service *string   `json:"service"`
	Kind    string    `json:"kind"`
	Signals []string  `json:"signals"`
	From    timestamp `json:"from"`
	Until   timestamp `json:"until"`
	Filled  float64   `json:"filled"`
	Gone    bool      `json:"gone"`
}

func (a *api) telemetry(ctx context.Context, req *request) (reply, error) {
	limit := req.params.limit()
	if req.params.problem != nil {
		return reply{}, req.params.problem
	}
	t, err := a.source.Telemetry(ctx, limit)
	if err != nil {
		return reply{}, err
	}
	j := telemetryJSON{
		Enabled: t.Enabled, Services: make([]watchedJSON, 0, len(t.Services)), Gaps: make([]telemetryGapJSON, 0, len(t.Gaps)), AsOf: timestamp(req.now),
	}
	for i := range t.Services {
		j.Services = append(j.Services, newWatchedJSON(&t.Services[i]))
	}
	for i := range t.Gaps {
		j.Gaps = append(j.Gaps, newTelemetryGapJSON(&t.Gaps[i]))
	}
	return replyJSON(http.StatusOK, j)
}

func newWatchedJSON(s *gap.Service) watchedJSON {
	j := watchedJSON{
		Service: clip(s.Service, maxText), State: "heard",
		Traces: newHabitJSON(&s.Signals[gap.SignalTraces]), Logs: newHabitJSON(&s.Signals[gap.SignalLogs]),
	}
	switch {
	case s.Idle:
		j.State = "idle"
	case s.Gap.ID != 0:
		j.State = "silent"
	}
	return j
}

// newHabitJSON is nil for a signal that never came. Without a habit the threshold is unknown.
func newHabitJSON(h *gap.Habit) *habitJSON {
	if h.At == 0 {
		return nil
	}
	j := habitJSON{Lag: seconds(max(0, h.Lag)), LastAt: timestamp(h.At)}
	if h.Threshold != 0 {
		j.Usual, j.Threshold = seconds(h.Usual), seconds(h.Threshold)
	}
	return &j
}

func newTelemetryGapJSON(g *gap.Gap) telemetryGapJSON {
	j := telemetryGapJSON{
		Service: optional(clip(g.Service, maxText)), Kind: g.Kind.String(), Signals: []string{}, From: timestamp(g.From), Until: timestamp(g.Until),
		Filled: g.Filled, Gone: g.Gone,
	}
	for i, lacking := range g.Signals {
		if lacking {
			j.Signals = append(j.Signals, gap.Signal(i).String())
		}
	}
	return j
}
