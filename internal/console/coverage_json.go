package console

import (
	"encoding/json"
	"net/http"

	"github.com/throughline/throughline/internal/coverage"
	"github.com/throughline/throughline/internal/operation"
)

type coverageJSON struct {
	Since        timestamp       `json:"since"`
	AsOf         timestamp       `json:"as_of"`
	Services     json.RawMessage `json:"services"`
	Destinations json.RawMessage `json:"destinations"`
	Truncated    bool            `json:"truncated"`
}

// serviceJSON is one service. What stands beside its name counts messaging records.
type serviceJSON struct {
	Service string `json:"service"`
	DryRun  bool   `json:"dry_run"`
	coverageTallyJSON
	Operations uint64                       `json:"operations"`
	Kinds      map[string]coverageTallyJSON `json:"kinds"`
	Missing    []findingJSON                `json:"missing"`
}

type coverageTallyJSON struct {
	Records  uint64            `json:"records"`
	Attached map[string]uint64 `json:"attached"`
	Share    *float64          `json:"attached_share"`
	Late     uint64            `json:"late"`
	Waiting  uint64            `json:"waiting"`
	Lost     map[string]uint64 `json:"lost"`
}

type findingJSON struct {
	Code  string  `json:"code"`
	Count uint64  `json:"count"`
	Of    uint64  `json:"of"`
	Unit  string  `json:"unit"`
	Share float64 `json:"share"`
	Hint  string  `json:"hint"`
}

type destinationJSON struct {
	Destination  string `json:"destination"`
	System       string `json:"system"`
	DryRun       bool   `json:"dry_run"`
	Messages     uint64 `json:"messages"`
	ProducedOnly uint64 `json:"produced_only"`
	ConsumedOnly uint64 `json:"consumed_only"`
}

// coverageReply shows as many services and destinations as a page may hold.
func coverageReply(c *Coverage, sections []coverage.Section, now int64) (reply, error) {
	services, destinations := list{limit: maxListBytes * 3 / 4}, list{limit: maxListBytes / 4}
	truncated := false
	for i := range sections {
		r := &sections[i].Report
		dryRun := sections[i].DryRun
		n, err := fill(&services, r.Services, func(s *coverage.Service) serviceJSON { return newServiceJSON(s, dryRun) })
		if err != nil {
			return reply{}, err
		}
		m, err := fill(&destinations, r.Destinations, func(d *coverage.Destination) destinationJSON {
			return destinationJSON{clip(d.Name, maxText), clip(d.System, maxText), dryRun, d.Messages, d.ProducedOnly, d.ConsumedOnly}
		})
		if err != nil {
			return reply{}, err
		}
		truncated = truncated || n < len(r.Services) || m < len(r.Destinations)
	}
	return replyJSON(http.StatusOK, coverageJSON{timestamp(c.StartedAt), timestamp(now), services.array(), destinations.array(), truncated})
}

func newServiceJSON(s *coverage.Service, dryRun bool) serviceJSON {
	messaging := s.Messaging()
	j := serviceJSON{
		Service: clip(s.Name, maxText), DryRun: dryRun, coverageTallyJSON: newCoverageTallyJSON(&messaging), Operations: s.Operations,
		Kinds: map[string]coverageTallyJSON{}, Missing: make([]findingJSON, 0, len(s.Missing)),
	}
	for g := range s.Kinds {
		if s.Kinds[g].Records > 0 {
			j.Kinds[coverage.Group(g).String()] = newCoverageTallyJSON(&s.Kinds[g])
		}
	}
	for _, f := range s.Missing {
		j.Missing = append(j.Missing, findingJSON{f.Code.String(), f.Count, f.Of, string(f.Unit()), f.Share(), f.Hint()})
	}
	return j
}

// newCoverageTallyJSON names the reasons that occurred.
func newCoverageTallyJSON(t *coverage.Tally) coverageTallyJSON {
	j := coverageTallyJSON{
		Records: t.Records, Late: t.Late, Waiting: t.Waiting, Attached: map[string]uint64{}, Lost: map[string]uint64{},
	}
	if share := t.Share(); share >= 0 {
		j.Share = &share
	}
	for reason, n := range t.Attached {
		if n > 0 {
			j.Attached[operation.Reason(reason).String()] = n
		}
	}
	for loss, n := range t.Lost {
		if n > 0 {
			j.Lost[coverage.Loss(loss).String()] = n
		}
	}
	return j
}
