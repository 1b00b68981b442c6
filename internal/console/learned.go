package console

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/throughline/throughline/internal/learn"
)

// Learned is what was learned from operations that completed.
type Learned struct {
	// Enabled says that anything is learned at all.
	Enabled bool
	// Stages are in order of names.
	Stages []learn.Learned
	Stats  learn.Stats
}

// LearnedSource knows what was learned.
type LearnedSource interface {
	Learned(ctx context.Context) (Learned, error)
}

type learnedJSON struct {
	Enabled   bool              `json:"enabled"`
	Stages    json.RawMessage   `json:"stages"`
	Matching  int               `json:"matching"`
	Truncated bool              `json:"truncated"`
	Counts    learnedCountsJSON `json:"counts"`
	AsOf      timestamp         `json:"as_of"`
}

// stageJSON is one stage of operations of a name.
type stageJSON struct {
	Stage       string    `json:"stage"`
	Operation   *string   `json:"operation"`
	Destination string    `json:"destination"`
	Type        *string   `json:"type"`
	Group       *string   `json:"group"`
	Next        *string   `json:"next"`
	Threshold   *float64  `json:"threshold_seconds"`
	Usual       *float64  `json:"usual_seconds"`
	Quantile    float64   `json:"quantile"`
	Samples     int       `json:"samples"`
	Always      bool      `json:"always"`
	SeenAt      timestamp `json:"seen_at"`
}

type learnedCountsJSON struct {
	Operations   uint64 `json:"operations"`
	Stages       int    `json:"stages"`
	Destinations int    `json:"destinations"`
	Refused      uint64 `json:"refused"`
	Forgotten    uint64 `json:"forgotten"`
}

func (a *api) learned(ctx context.Context, req *request) (reply, error) {
	p := &req.params
	limit, name, destination := p.limit(), p.text("name"), p.text("destination")
	if p.problem != nil {
		return reply{}, p.problem
	}
	all, err := a.source.Learned(ctx)
	if err != nil {
		return reply{}, err
	}
	var matching []learn.Learned
	for i := range all.Stages {
		s := &all.Stages[i]
		if (name == "" || matchesGlob(name, s.Operation)) && (destination == "" || matchesGlob(destination, s.Destination)) {
			matching = append(matching, *s)
		}
	}
	stages := list{limit: maxListBytes}
	shown, err := fill(&stages, matching[:min(limit, len(matching))], newStageJSON)
	if err != nil {
		return reply{}, err
	}
	s := &all.Stats
	return replyJSON(http.StatusOK, learnedJSON{
		all.Enabled, stages.array(), len(matching), shown < len(matching),
		learnedCountsJSON{s.Learned, s.Stages, s.Destinations, s.Refused, s.Forgotten}, timestamp(req.now),
	})
}

func newStageJSON(s *learn.Learned) stageJSON {
	j := stageJSON{
		Stage: s.Kind.String(), Operation: optional(clip(s.Operation, maxText)), Destination: clip(s.Destination, maxText), Type: optional(clip(s.Type, maxText)),
		Group: optional(clip(s.Group, maxText)), Next: optional(clip(s.Next, maxText)), Quantile: s.Quantile, Samples: s.Samples, Always: s.Always,
		SeenAt: timestamp(s.SeenAt),
	}
	if s.Threshold > 0 {
		j.Threshold, j.Usual = seconds(s.Threshold), seconds(s.Value)
	}
	return j
}
