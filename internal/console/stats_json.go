package console

import (
	"context"
	"net/http"

	"github.com/throughline/throughline/internal/operation"
)

type statsJSON struct {
	StartedAt  timestamp        `json:"started_at"`
	AsOf       timestamp        `json:"as_of"`
	Uptime     *float64         `json:"uptime_seconds"`
	Operations countsJSON       `json:"operations"`
	Facts      factsJSON        `json:"facts"`
	Waiting    uint64           `json:"waiting_for_identity"`
	Dropped    tallyJSON        `json:"dropped"`
	Evicted    tallyJSON        `json:"evicted"`
	Limits     map[string]int64 `json:"limits"`
}

type countsJSON struct {
	Open     uint64            `json:"open"`
	Finished uint64            `json:"finished"`
	Runaways uint64            `json:"runaway"`
	ByState  map[string]uint64 `json:"by_state"`
	ByName   []nameJSON        `json:"by_name"`
	// Others are the operations with names beyond those listed.
	Others map[string]uint64 `json:"other_names_by_state"`
	// Sources counts those whose verdict rests on a threshold.
	Sources map[string]uint64 `json:"by_threshold_source"`
}

type nameJSON struct {
	Name    string            `json:"name"`
	ByState map[string]uint64 `json:"by_state"`
}

type factsJSON struct {
	Total    uint64            `json:"total"`
	ByKind   map[string]uint64 `json:"by_kind"`
	ByReason map[string]uint64 `json:"by_reason"`
}

type tallyJSON struct {
	Total    uint64            `json:"total"`
	ByReason map[string]uint64 `json:"by_reason"`
}

func (a *api) stats(ctx context.Context, req *request) (reply, error) {
	s, err := a.source.Stats(ctx)
	if err != nil {
		return reply{}, err
	}
	return replyJSON(http.StatusOK, newStatsJSON(&s, req.now))
}

func newStatsJSON(s *Stats, now int64) statsJSON {
	j := statsJSON{
		StartedAt: timestamp(s.StartedAt), AsOf: timestamp(now), Uptime: seconds(max(0, now-s.StartedAt)),
		Operations: newCountsJSON(&s.Operations),
		Facts:      factsJSON{Total: sum(s.Facts), ByKind: orEmpty(s.Facts), ByReason: orEmpty(s.Reasons)},
		Waiting:    s.WaitingForIdentity,
		Dropped:    tallyJSON{Total: sum(s.Dropped), ByReason: orEmpty(s.Dropped)},
		Evicted:    tallyJSON{Total: sum(s.Evicted), ByReason: orEmpty(s.Evicted)},
		Limits:     orEmpty(s.Limits),
	}
	j.Operations.Runaways = s.Runaways
	return j
}

func newCountsJSON(c *Counts) countsJSON {
	j := countsJSON{ByState: byState(c.States), Others: byState(c.Others), ByName: make([]nameJSON, 0, len(c.Names))}
	for state, count := range c.States {
		if state.Final() {
			j.Finished += count
		} else {
			j.Open += count
		}
	}
	j.Sources = map[string]uint64{}
	for i, name := range operation.ThresholdSourceNames() {
		j.Sources[name] = c.Sources[operation.ThresholdSource(i)]
	}
	for i := range c.Names {
		j.ByName = append(j.ByName, nameJSON{clip(c.Names[i].Name, maxText), byState(c.Names[i].States)})
	}
	return j
}

// byState names all states, so that a reader need not tell zero from absent.
func byState(counts StateCounts) map[string]uint64 {
	m := map[string]uint64{}
	for i, name := range operation.StateNames() {
		m[name] = counts[operation.State(i)]
	}
	return m
}

func sum(counts map[string]uint64) uint64 {
	var total uint64
	for _, count := range counts {
		total += count
	}
	return total
}

func orEmpty[V uint64 | int64](counts map[string]V) map[string]V {
	if counts == nil {
		return map[string]V{}
	}
	return counts
}
