package console

import "github.com/throughline/throughline/internal/coverage"

type selfJSON struct {
	Version    *string                      `json:"version"`
	StartedAt  timestamp                    `json:"started_at"`
	AsOf       timestamp                    `json:"as_of"`
	Uptime     *float64                     `json:"uptime_seconds"`
	HeapBytes  uint64                       `json:"heap_bytes"`
	Goroutines uint64                       `json:"goroutines"`
	Drawn      tallyOfJSON                  `json:"drawn"`
	Facts      factsJSON                    `json:"facts"`
	Records    map[string]coverageTallyJSON `json:"records"`
	Waiting    waitingJSON                  `json:"waiting_for_identity"`
	Dropped    tallyJSON                    `json:"dropped"`
	Evicted    tallyJSON                    `json:"evicted"`
	Runaways   uint64                       `json:"runaways"`
	Rooms      []roomJSON                   `json:"rooms"`
	Sweeps     sweepsJSON                   `json:"sweeps"`
	Outputs    []outputJSON                 `json:"outputs"`
	Learned    *learnedCountsJSON           `json:"learned"`
	Storage    *storageJSON                 `json:"storage"`
	Store      *storeJSON                   `json:"store"`
}

// tallyOfJSON counts by source, and what could not be used by reason.
type tallyOfJSON struct {
	Total    uint64            `json:"total"`
	BySource map[string]uint64 `json:"by_source"`
	Ignored  map[string]uint64 `json:"ignored"`
}

type waitingJSON struct {
	Facts    int       `json:"facts"`
	Limit    int       `json:"limit"`
	OldestAt timestamp `json:"oldest_at"`
	Bytes    int64     `json:"bytes"`
}

type roomJSON struct {
	Name  string  `json:"name"`
	Key   *string `json:"key"`
	Used  int64   `json:"used"`
	Limit *int64  `json:"limit"`
}

type sweepsJSON struct {
	Count    uint64    `json:"count"`
	LastAt   timestamp `json:"last_at"`
	Took     *float64  `json:"last_seconds"`
	Longest  *float64  `json:"longest_seconds"`
	Interval *float64  `json:"interval_seconds"`
	Failures uint64    `json:"failures"`
}

type outputJSON struct {
	Name    string `json:"name"`
	Queued  int    `json:"queued"`
	Limit   int    `json:"limit"`
	Taken   uint64 `json:"taken"`
	Dropped uint64 `json:"dropped"`
}

type storageJSON struct {
	ID    string           `json:"id"`
	Parts []storedPartJSON `json:"parts"`
}

type storedPartJSON struct {
	Name     string    `json:"name"`
	SavedAt  timestamp `json:"saved_at"`
	Bytes    int       `json:"bytes"`
	Failures uint64    `json:"failures"`
	Failing  bool      `json:"failing"`
}

func newSelfJSON(s *Self, now int64) selfJSON {
	j := selfJSON{
		Version: optional(s.Version), StartedAt: timestamp(s.StartedAt), AsOf: timestamp(now), Uptime: seconds(max(0, now-s.StartedAt)),
		HeapBytes: s.HeapBytes, Goroutines: s.Goroutines,
		Drawn:   tallyOfJSON{sum(s.Drawn), orEmpty(s.Drawn), orEmpty(s.Ignored)},
		Facts:   factsJSON{Total: sum(s.Facts), ByKind: orEmpty(s.Facts), ByReason: orEmpty(s.Reasons)},
		Records: map[string]coverageTallyJSON{},
		Waiting: waitingJSON{s.Waiting.Facts, s.Waiting.Limit, timestamp(s.Waiting.OldestAt), s.Waiting.Bytes},
		Dropped: tallyJSON{Total: sum(s.Dropped), ByReason: orEmpty(s.Dropped)},
		Evicted: tallyJSON{Total: sum(s.Evicted), ByReason: orEmpty(s.Evicted)}, Runaways: s.Runaways,
		Rooms: []roomJSON{}, Outputs: []outputJSON{},
		Sweeps: sweepsJSON{
			s.Sweeps.Count, timestamp(s.Sweeps.LastAt), seconds(s.Sweeps.Took), seconds(s.Sweeps.Longest), seconds(s.Sweeps.Interval), s.Sweeps.Failures,
		},
	}
	for g := range s.Records {
		j.Records[coverage.Group(g).String()] = newCoverageTallyJSON(&s.Records[g])
	}
	for _, r := range s.Rooms {
		room := roomJSON{Name: r.Name, Key: optional(r.Key), Used: r.Used}
		if r.Limit > 0 {
			room.Limit = &r.Limit
		}
		j.Rooms = append(j.Rooms, room)
	}
	for _, o := range s.Outputs {
		j.Outputs = append(j.Outputs, outputJSON{clip(o.Name, maxText), o.Queued, o.Limit, o.Taken, o.Dropped})
	}
	if l := &s.Learned; s.Learning {
		j.Learned = &learnedCountsJSON{l.Learned, l.Stages, l.Destinations, l.Refused, l.Forgotten}
	}
	if s.Store != nil {
		j.Store = newStoreJSON(s.Store)
	}
	if s.Storage.ID != "" {
		j.Storage = &storageJSON{ID: s.Storage.ID, Parts: []storedPartJSON{}}
		for _, p := range s.Storage.Parts {
			j.Storage.Parts = append(j.Storage.Parts, storedPartJSON{p.Name, timestamp(p.SavedAt), p.Bytes, p.Failures, p.Failing})
		}
	}
	return j
}
