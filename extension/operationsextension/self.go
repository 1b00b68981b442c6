package operationsextension

import (
	"cmp"
	"context"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/evidence"
	"github.com/throughline/throughline/internal/gap"
)

// The sources of facts, as the self-view names them.
const (
	drawnSpans = iota
	drawnLogs
	drawnPartialSpans
	drawnCount
)

var drawnNames = [drawnCount]string{"spans", "logs", "partial_spans"}

// intake counts what processors read.
type intake struct {
	drawn   [drawnCount]atomic.Uint64
	ignored []atomic.Uint64 // by evidence.DropReason
}

func newIntake() *intake { return &intake{ignored: make([]atomic.Uint64, len(evidence.DropReasons()))} }

// Read implements [Operations].
func (o *operations) Read(signal gap.Signal, b *evidence.Batch) {
	facts, of := len(b.Facts), drawnSpans
	if signal == gap.SignalLogs {
		of = drawnLogs
		o.intake.add(drawnPartialSpans, b.Partial)
		facts -= b.Partial
	}
	o.intake.add(of, facts)
	for reason, n := range b.Dropped {
		if n > 0 {
			o.intake.ignored[reason].Add(uint64(n))
		}
	}
}

func (i *intake) add(of, n int) {
	if n > 0 {
		i.drawn[of].Add(uint64(n))
	}
}

func (i *intake) counts() (drawn, ignored map[string]uint64) {
	drawn, ignored = map[string]uint64{}, map[string]uint64{}
	for of := range i.drawn {
		drawn[drawnNames[of]] = i.drawn[of].Load()
	}
	for _, reason := range evidence.DropReasons() {
		ignored[reason.String()] = i.ignored[reason].Load()
	}
	return drawn, ignored
}

// pulse tells of sweeps.
type pulse struct {
	failures atomic.Uint64

	mu     sync.Mutex
	sweeps console.Sweeps // guarded by mu
}

func (p *pulse) beat(at time.Time, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweeps.Count++
	p.sweeps.LastAt, p.sweeps.Took = at.UnixNano(), int64(took)
	p.sweeps.Longest = max(p.sweeps.Longest, int64(took))
}

func (p *pulse) read(interval time.Duration) console.Sweeps {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sweeps
	s.Interval, s.Failures = int64(interval), p.failures.Load()
	return s
}

// saves tells of what was saved, by the keys of parts.
type saves struct {
	mu    sync.Mutex
	parts map[string]console.StoredPart // guarded by mu
}

func (s *saves) change(key string, change func(*console.StoredPart)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts == nil {
		s.parts = map[string]console.StoredPart{}
	}
	p := s.parts[key]
	change(&p)
	s.parts[key] = p
}

func (s *saves) saved(key string, at time.Time, bytes int) {
	s.change(key, func(p *console.StoredPart) { p.SavedAt, p.Bytes, p.Failing = at.UnixNano(), bytes, false })
}

func (s *saves) failed(key string) {
	s.change(key, func(p *console.StoredPart) {
		p.Failures++
		p.Failing = true
	})
}

func (s *saves) read(key string) console.StoredPart {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.parts[key]
	p.Name = key
	return p
}

// Self implements console.Source.
func (s source) Self(ctx context.Context) (console.Self, error) {
	o := s.o
	stats, usage := o.engine.Stats(), o.engine.Usage()
	drawn, ignored := o.intake.counts()
	dropped := s.dropped(&stats)
	self := console.Self{
		Version: o.version, StartedAt: o.startedAt.UnixNano(), Drawn: drawn, Ignored: ignored, Facts: stats.Facts, Reasons: stats.Reasons,
		Records: o.ledger.Totals(),
		Waiting: console.WaitingFacts{
			Facts: usage.Waiting, Limit: o.config.MaxWaiting, OldestAt: usage.OldestWaiting, Bytes: usage.WaitingBytes,
		},
		Dropped: dropped, Evicted: evicted(dropped), Runaways: uint64(max(0, stats.Runaways)),
		Rooms: s.rooms(&stats, &usage), Sweeps: o.pulse.read(o.config.SweepInterval), Outputs: o.feed.outputs(),
		Learning: o.learning.book != nil, Learned: o.learning.stats(),
	}
	self.HeapBytes, self.Goroutines = process()
	if o.durable != nil {
		self.Store = o.durable.state(ctx)
	}
	if o.config.Storage != nil {
		self.Storage.ID = o.config.Storage.String()
		for _, p := range o.parts() {
			self.Storage.Parts = append(self.Storage.Parts, o.saves.read(p.key))
		}
	}
	return self, ctx.Err()
}

// rooms are what is bounded.
func (s source) rooms(stats *engine.Stats, usage *engine.Usage) []console.Room {
	c, incidents := s.o.config, s.o.incidents.Stats()
	room := func(name, key string, used, limit int) console.Room {
		return console.Room{Name: name, Key: key, Used: int64(used), Limit: int64(limit)}
	}
	return []console.Room{
		room("operations", "max_operations", stats.Operations, c.MaxOperations),
		room("of them finished", "retention", stats.Finished, 0),
		room("traces, messages and IDs that lead to them", "max_operations", usage.Leads, 0),
		room("names of services, destinations and spans", "", usage.Names, usage.MaxNames),
		room("incidents", "incidents::max", incidents.Open+incidents.Resolved, c.Incidents.Max),
		room("stages learned", "learn::max_stages", s.o.learning.stats().Stages, c.Learn.MaxStages),
		room("services watched for gaps", "telemetry_gaps::max_services", s.o.gaps.stats().Services, c.TelemetryGaps.MaxServices),
		room("pairs of clocks", "", s.o.clocks.stats().Pairs, maxClockPairs),
	}
}

// outputs lists the subscriptions in order of their names.
func (f *feed) outputs() []console.Output {
	var out []console.Output
	for _, s := range f.all() {
		out = append(out, s.output())
	}
	slices.SortFunc(out, func(a, b console.Output) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Taken, b.Taken))
	})
	return out
}

// process returns the memory in use and the number of goroutines, without stopping anybody.
func process() (heap, goroutines uint64) {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/sched/goroutines:goroutines"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}
