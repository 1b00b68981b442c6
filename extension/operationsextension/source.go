package operationsextension

import (
	"context"
	"iter"
	"maps"
	"time"

	"go.uber.org/zap"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/operation"
)

var _ console.Source = source{}

// source shows the engine and the incidents to the console. It implements console.Source.
type source struct{ o *operations }

// Console returns what the console shows.
func (o *operations) Console() console.Source { return source{o} }

// Operation implements console.Source.
func (s source) Operation(ctx context.Context, namespace, id string) (console.Record, error) {
	if r, ok := s.find(namespace, id); ok {
		return r, nil
	}
	return s.archived(ctx, namespace, id)
}

// find returns the operation with the ID: what stands for missed starts rather than one that took such an ID.
func (s source) find(namespace, id string) (console.Record, bool) {
	if namespace == "" {
		if r, ok := s.o.expected.get(id); ok {
			return s.missed(&r), true
		}
	}
	snapshot, ok := s.o.engine.Get(namespace, id)
	if !ok {
		return console.Record{}, false
	}
	return s.record(snapshot), true
}

// Operations implements console.Source.
func (s source) Operations(ctx context.Context, q console.Query) (console.Page, error) {
	patience := console.NewPatience(time.Now)
	selection := console.Select(q, s.scan(ctx))
	if err := ctx.Err(); err != nil {
		return console.Page{}, err
	}
	page := console.Merge(q, selection, s.find, s.shelf(ctx, &q, patience))
	return page, ctx.Err()
}

// Health implements console.Source.
func (s source) Health(ctx context.Context, q console.HealthQuery) (console.Health, error) {
	h := console.CheckHealth(q, s.summaries(ctx))
	if err := s.addHistory(ctx, q, &h); err != nil {
		// What is in memory is the answer that a probe needs most.
		s.o.logger.Debug("The health of operations is told without those that have left memory", zap.String("name", q.Name), zap.Error(err))
	}
	return h, ctx.Err()
}

// Stats implements console.Source.
func (s source) Stats(ctx context.Context) (console.Stats, error) {
	stats := s.o.engine.Stats()
	c := s.o.config
	dropped := s.dropped(&stats)
	return console.Stats{
		StartedAt:          s.o.startedAt.UnixNano(),
		Operations:         console.Tally(s.summaries(ctx)),
		Facts:              stats.Facts,
		Reasons:            stats.Reasons,
		WaitingForIdentity: uint64(max(0, stats.Waiting)),
		Dropped:            dropped,
		Evicted:            evicted(dropped),
		Runaways:           uint64(max(0, stats.Runaways)),
		Limits: map[string]int64{
			"max_operations": int64(c.MaxOperations), "max_facts": int64(c.MaxFacts),
			"max_waiting": int64(c.MaxWaiting), "incidents.max": int64(c.Incidents.Max),
			"learn.max_stages": int64(c.Learn.MaxStages),
		},
	}, ctx.Err()
}

// dropped counts all that was let go, by reason. It adds to what the engine counts.
func (s source) dropped(stats *engine.Stats) map[string]uint64 {
	dropped := stats.Drops
	dropped["outputs"] = s.o.outputsDropped.Load()
	dropped["evicted_missed"] = s.o.expected.evictions()
	dropped["clock_wait"] = s.o.clocks.stats().Refused
	dropped["last_seen"] = s.o.seen.Refused()
	dropped["telemetry_service"] = s.o.gaps.stats().Refused
	maps.Copy(dropped, s.o.incidentDrops())
	maps.Copy(dropped, s.o.messageDrops())
	maps.Copy(dropped, s.o.learning.drops())
	return dropped
}

// evicted are those of the dropped that gave way to newer ones.
func evicted(dropped map[string]uint64) map[string]uint64 {
	return map[string]uint64{
		"finished": dropped[engine.DropEvictedFinished.String()], "open": dropped[engine.DropEvictedOpen.String()],
		"missed": dropped["evicted_missed"],
	}
}

// scan yields what is wanted after a glance, and stops when the reader is gone.
func (s source) scan(ctx context.Context) console.Scan {
	return func(wants func(console.Glance) bool, called func(id, name string, aliases []string) bool) iter.Seq[console.Summary] {
		return func(yield func(console.Summary) bool) {
			for e := range s.o.engine.Scan(func(g engine.Glance) bool { return wants(console.Glance(g)) }, called) {
				if ctx.Err() != nil || !yield(s.summary(e)) {
					return
				}
			}
			for r := range s.o.expected.all() {
				if !yield(missedSummary(&r)) {
					return
				}
			}
		}
	}
}

// summaries stops when the reader is gone.
func (s source) summaries(ctx context.Context) iter.Seq[console.Summary] {
	return func(yield func(console.Summary) bool) {
		for e := range s.o.engine.Summaries() {
			if ctx.Err() != nil || !yield(s.summary(e)) {
				return
			}
		}
		for r := range s.o.expected.all() {
			if ctx.Err() != nil || !yield(missedSummary(&r)) {
				return
			}
		}
	}
}

func (s source) summary(e engine.Summary) console.Summary {
	summary := console.Summary{
		Namespace: e.Namespace, ID: e.ID, Aliases: e.Aliases, Name: e.Name, Rule: e.Rule, UpdatedAt: e.UpdatedAt,
		View: func() *operation.View {
			if snapshot, ok := s.o.engine.Snapshot(e); ok {
				return snapshot.View
			}
			return &operation.View{}
		},
		Mentions: func(service, destination string) bool { return s.o.engine.Mentions(&e, service, destination) },
	}
	summary.Judged(&e.Verdict)
	return summary
}

func (s source) record(e engine.Snapshot) console.Record {
	v := e.View
	inIncident, _ := s.o.incidents.Of(v)
	return console.Record{
		View: v, Name: e.Name, Verdict: e.Verdict, Policy: e.Policy,
		Circumstances: &s.o.circumstances,
		TraceID:       tracedAs(v, e.Verdict.State, e.Revision, e.FinalRevision),
		UpdatedAt:     e.UpdatedAt, IncidentID: inIncident, Runaway: e.Runaway,
	}
}
