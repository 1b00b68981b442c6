package console

import (
	"context"
	"net/http"

	"github.com/throughline/throughline/internal/skew"
)

// Clocks is by how much the clocks of services disagree.
type Clocks struct {
	// Enabled says that waits are corrected by it at all.
	Enabled bool
	// Pairs are those that disagree, those that disagree most first.
	Pairs []skew.Pair
	Stats skew.Stats
}

// ClockSource knows by how much the clocks of services disagree.
type ClockSource interface {
	// Clocks returns at most limit pairs.
	Clocks(ctx context.Context, limit int) (Clocks, error)
}

type clocksJSON struct {
	Enabled bool            `json:"enabled"`
	Clocks  []clockJSON     `json:"clocks"`
	Waits   clockCountsJSON `json:"waits"`
	AsOf    timestamp       `json:"as_of"`
}

// clockJSON is a pair of services whose clocks disagree.
type clockJSON struct {
	Ahead         string    `json:"ahead"`
	Behind        string    `json:"behind"`
	Offset        *float64  `json:"offset_seconds"`
	Contradictory bool      `json:"contradictory"`
	Samples       int       `json:"samples"`
	At            timestamp `json:"at"`
}

type clockCountsJSON struct {
	Pairs    int    `json:"pairs"`
	Observed uint64 `json:"observed"`
	Negative uint64 `json:"negative"`
	Ignored  uint64 `json:"ignored"`
	Refused  uint64 `json:"refused"`
	Evicted  uint64 `json:"evicted_pairs"`
}

func (a *api) clocks(ctx context.Context, req *request) (reply, error) {
	limit := req.params.limit()
	if req.params.problem != nil {
		return reply{}, req.params.problem
	}
	c, err := a.source.Clocks(ctx, limit)
	if err != nil {
		return reply{}, err
	}
	j := clocksJSON{
		Enabled: c.Enabled, Clocks: make([]clockJSON, 0, len(c.Pairs)), AsOf: timestamp(req.now),
		Waits: clockCountsJSON{c.Stats.Pairs, c.Stats.Observed, c.Stats.Negative, c.Stats.Ignored, c.Stats.Refused, c.Stats.Evicted},
	}
	for i := range c.Pairs {
		p := &c.Pairs[i]
		j.Clocks = append(j.Clocks, clockJSON{
			Ahead: clip(p.Ahead, maxText), Behind: clip(p.Behind, maxText), Offset: seconds(p.Nanos), Contradictory: p.Contradictory,
			Samples: p.Moments, At: timestamp(p.At),
		})
	}
	return replyJSON(http.StatusOK, j)
}
