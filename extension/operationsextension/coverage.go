package operationsextension

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/coverage"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/operation"
)

// watch enters what an engine does with each fact into a ledger. It implements engine.Observer.
type watch struct{ *coverage.Ledger }

var _ engine.Observer = watch{}

// Lost implements engine.Observer.
func (w watch) Lost(f *operation.Fact, late bool, why engine.Drop) {
	w.Ledger.Lost(f, late, lossOf(why))
}

func lossOf(why engine.Drop) coverage.Loss {
	switch why {
	case engine.DropWaitingFull:
		return coverage.LossWaitingFull
	case engine.DropRunaway:
		return coverage.LossRunaway
	}
	return coverage.LossNoOperation
}

// trial is what processors on a dry run bring their facts to: an engine whose verdicts nobody is told of.
type trial struct {
	engine *engine.Engine
	ledger *coverage.Ledger
	// used says that there is such a processor.
	used atomic.Bool
}

// The bounds of a trial: it is to cost a small part of what the collector is sized for.
const (
	maxTrialOperations = 20_000
	maxTrialWaiting    = 20_000
	trialRetention     = time.Minute
)

func newTrial(cfg *Config) (*trial, error) {
	t := &trial{ledger: coverage.NewLedger()}
	settings := cfg.engineSettings()
	settings.MaxOperations = min(settings.MaxOperations, maxTrialOperations)
	settings.MaxWaiting = min(settings.MaxWaiting, maxTrialWaiting)
	settings.Retention = min(settings.Retention, trialRetention)
	settings.Observer = watch{t.ledger}
	var err error
	t.engine, err = engine.New(settings)
	return t, err
}

// Try implements [Operations].
func (o *operations) Try(now time.Time, facts []operation.Fact, out []engine.Assignment) []engine.Assignment {
	o.trial.used.Store(true)
	return o.trial.engine.Apply(now, facts, out)
}

// cover counts the operations that are over, and lets the trial go on.
func (o *operations) cover(now time.Time, changes []operation.Change) {
	settled(o.ledger, changes)
	if o.trial.used.Load() {
		settled(o.trial.ledger, o.trial.engine.Sweep(now))
	}
}

func settled(l *coverage.Ledger, changes []operation.Change) {
	for i := range changes {
		l.Settled(&changes[i])
	}
}

// Coverage implements console.Source.
func (s source) Coverage(ctx context.Context) (console.Coverage, error) {
	c := console.Coverage{StartedAt: s.o.startedAt.UnixNano(), Live: s.o.ledger.Report(stuck(ctx, s.o.engine))}
	if s.o.trial.used.Load() {
		report := s.o.trial.ledger.Report(stuck(ctx, s.o.trial.engine))
		c.Trial = &report
	}
	return c, ctx.Err()
}

// maxStuckViews bounds the operations that are looked at for one report.
const maxStuckViews = 10_000

// stuck yields the operations that are stuck, or of which nobody knows. It stops when the reader is gone.
func stuck(ctx context.Context, e *engine.Engine) iter.Seq[*operation.View] {
	return func(yield func(*operation.View) bool) {
		left := maxStuckViews
		for summary := range e.Summaries() {
			if ctx.Err() != nil || left == 0 {
				return
			}
			if s := summary.Verdict.State; s == operation.StateInProgress || s.Final() {
				continue
			}
			left--
			if snapshot, ok := e.Snapshot(summary); ok && !yield(snapshot.View) {
				return
			}
		}
	}
}

// maxMeasuredServices bounds the services that metrics tell apart.
const maxMeasuredServices = 100

// eachService calls see for the services that metrics show.
func (o *operations) eachService(see func(s *coverage.Service, of attribute.Set)) {
	for _, v := range []struct {
		ledger *coverage.Ledger
		dryRun bool
	}{{o.ledger, false}, {o.trial.ledger, true}} {
		services := v.ledger.First(maxMeasuredServices)
		for i := range services {
			see(&services[i], attribute.NewSet(attribute.String("service", services[i].Name), attribute.Bool("dry_run", v.dryRun)))
		}
	}
}

func observeCount(observer metric.Int64Observer, n uint64, of attribute.Set, by ...attribute.KeyValue) {
	if n > 0 {
		observer.Observe(int64(n), metric.WithAttributeSet(of), metric.WithAttributes(by...))
	}
}

// observeRecords is the callback of the metric of records that found their operation or were lost.
func (o *operations) observeRecords(_ context.Context, observer metric.Int64Observer) error {
	o.eachService(func(s *coverage.Service, of attribute.Set) {
		for g := range s.Kinds {
			kind := attribute.String("kind", coverage.Group(g).String())
			for reason, n := range s.Kinds[g].Attached {
				observeCount(observer, n, of, kind, attribute.String("result", operation.Reason(reason).String()))
			}
			for loss, n := range s.Kinds[g].Lost {
				observeCount(observer, n, of, kind, attribute.String("result", coverage.Loss(loss).String()))
			}
		}
	})
	return nil
}

// observeWaiting is the callback of the metric of records that wait.
func (o *operations) observeWaiting(_ context.Context, observer metric.Int64Observer) error {
	o.eachService(func(s *coverage.Service, of attribute.Set) {
		for g := range s.Kinds {
			if s.Kinds[g].Records > 0 {
				observer.Observe(int64(s.Kinds[g].Waiting), metric.WithAttributeSet(of),
					metric.WithAttributes(attribute.String("kind", coverage.Group(g).String())))
			}
		}
	})
	return nil
}

// observeMissing is the callback of the metric of what is missing.
func (o *operations) observeMissing(_ context.Context, observer metric.Int64Observer) error {
	o.eachService(func(s *coverage.Service, of attribute.Set) {
		for _, f := range s.Missing {
			observeCount(observer, f.Count, of, attribute.String("code", f.Code.String()))
		}
	})
	return nil
}
