package operationsextension

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/throughline/throughline/extension/operationsextension/internal/metadata"
	"github.com/throughline/throughline/internal/activity"
	"github.com/throughline/throughline/internal/audit"
	"github.com/throughline/throughline/internal/coverage"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/measure"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/originals"
)

var (
	_ extensioncapabilities.PipelineWatcher = (*operations)(nil)
	_ extensioncapabilities.Dependent       = (*operations)(nil)
	_ Operations                            = (*operations)(nil)
)

// operations is the extension.
type operations struct {
	// Immutable after construction.
	id        component.ID
	config    *Config
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	engine    *engine.Engine
	ledger    *coverage.Ledger
	trial     *trial
	incidents *incident.Tracker
	gaps      *gaps
	clocks    clocks
	learning  *learning
	expected  *expectations
	rules     *rulebook
	seen      *activity.Log
	board     *measure.Board
	measuring measuring
	feed      *feed
	originals *originals.Store
	startedAt time.Time
	version   string
	intake    *intake
	// circumstances are what is known beyond one operation.
	circumstances operation.Circumstances

	outputsDropped atomic.Uint64
	pulse          pulse
	saves          saves

	// archive is set by Start, nil without a store. acting is held while something is done that the journal tells of.
	archive atomic.Pointer[archive]
	journal *audit.Journal
	acting  sync.Mutex

	// storage is set by Start, nil without one.
	storage storage.Client
	// durable is nil without a store.
	durable *durable

	// sweeping keeps sweeps one after another.
	sweeping sync.Mutex
	clock    wallClock // guarded by sweeping

	mu     sync.Mutex
	cancel context.CancelFunc // guarded by mu; nil unless the loop runs
	loop   sync.WaitGroup
}

func newOperations(set extension.Settings, cfg *Config) (*operations, error) {
	o := &operations{
		id: set.ID, config: cfg, logger: set.Logger, startedAt: time.Now(), ledger: coverage.NewLedger(), board: measure.NewBoard(),
		seen: activity.New(activity.DefaultMaxDestinations), version: set.BuildInfo.Version, intake: newIntake(), originals: originals.New(), journal: audit.New(),
	}
	o.feed = newFeed(o.countDropped)
	var err error
	if o.gaps, err = newGaps(cfg); err != nil {
		return nil, err
	}
	if o.clocks, err = newClocks(cfg); err != nil {
		return nil, err
	}
	if o.learning, err = newLearning(cfg); err != nil {
		return nil, err
	}
	if o.expected, err = newExpectations(cfg, o.gaps, o.startedAt); err != nil {
		return nil, err
	}
	if o.rules, err = newRulebook(cfg, set.Logger); err != nil {
		return nil, err
	}
	watched := cfg.engineSettings()
	watched.Policy, watched.Matched = o.rules.rules.Policy, o.rules.matched
	watched.Judged = o.expected.judged()
	watched.Clocks = o.clocks.engine()
	watched.Observer = watch{o.ledger}
	watched.Open = o.board
	o.circumstances = operation.Circumstances{Telemetry: o.gaps.telemetry(), Experience: o.learning.experience()}
	watched.Circumstances = o.circumstances
	if o.engine, err = engine.New(watched); err != nil {
		return nil, err
	}
	if o.trial, err = newTrial(cfg); err != nil {
		return nil, err
	}
	settings := incident.DefaultSettings()
	settings.MaxIncidents, settings.ResolveAfter = cfg.Incidents.Max, cfg.Incidents.ResolveFailedAfter
	settings.Storm = cfg.Incidents.Storm
	settings.MaxMembers, settings.InApp = cfg.MaxOperations, cfg.Incidents.InApp.rules()
	settings.Resources, settings.SilentSince = o.resource, o.gaps.silentSince
	if o.incidents, err = incident.New(settings); err != nil {
		return nil, err
	}
	// For as long as it lives, somebody wants to know the versions and zones of services.
	o.originals.Ask(originals.Demand{})
	if o.telemetry, err = metadata.NewTelemetryBuilder(set.TelemetrySettings); err != nil {
		return nil, err
	}
	o.durable = newDurable(o)
	return o, nil
}

// Start implements component.Component. It continues with what an earlier run has kept.
func (o *operations) Start(ctx context.Context, host component.Host) error {
	err := o.observe()
	switch {
	case err != nil:
	case o.durable != nil:
		err = o.durable.start(ctx)
	default:
		err = o.openStorage(ctx, host)
	}
	if err != nil {
		// Shutdown is not called on what failed to start.
		o.telemetry.Shutdown()
	}
	return err
}

// Ready implements extensioncapabilities.PipelineWatcher: from now on there is somebody to take what sweeps find.
func (o *operations) Ready() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cancel != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	o.cancel = cancel
	o.loop.Go(func() { o.run(ctx) })
	if o.storage != nil {
		o.loop.Go(func() { o.keepSaving(ctx) })
	}
	return nil
}

// flushTimeout bounds how long a shutdown waits for pipelines to take what is left.
const flushTimeout = 10 * time.Second

// NotReady implements extensioncapabilities.PipelineWatcher. Receivers still run, so what the last sweep finds still
// reaches the exporters.
func (o *operations) NotReady() error {
	if !o.stop() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	o.sweepInParts(ctx)
	if err := o.feed.flush(ctx); err != nil {
		return fmt.Errorf("the pipelines did not take all changes within %v: %w", flushTimeout, err)
	}
	return nil
}

// Shutdown implements component.Component.
func (o *operations) Shutdown(ctx context.Context) error {
	o.stop()
	err := o.closeStorage(ctx)
	if o.durable != nil {
		err = errors.Join(err, o.durable.shutdown(ctx))
	}
	o.telemetry.Shutdown()
	return err
}

// stop ends the loop and waits for it; it reports whether it ran.
func (o *operations) stop() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cancel == nil {
		return false
	}
	o.cancel()
	o.loop.Wait()
	o.cancel = nil
	return true
}

func (o *operations) run(ctx context.Context) {
	ticker := time.NewTicker(o.config.SweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			// The tick may be as old as the sweep before it was long.
			o.sweepInParts(ctx)
		}
	}
}

// sweepInParts looks at what is new or due and publishes what follows, some at a time if it is much, as after a restart: in between others have their turn,
// and who is told can keep up. It looks once at least, and stops when ctx ends.
func (o *operations) sweepInParts(ctx context.Context) {
	for {
		now := time.Now()
		if !o.sweepAt(now, now.Sub(o.startedAt)) || !o.feed.room(ctx) {
			return
		}
	}
}

// sweepAt looks at what is new or due at a time that is so long after the start by a clock that nobody sets, and publishes what follows. It reports whether
// more is left. Its steps are guarded one by one: a verdict that cannot be measured must still be told.
func (o *operations) sweepAt(now time.Time, steady time.Duration) (more bool) {
	o.sweeping.Lock()
	defer o.sweeping.Unlock()
	began := time.Now()
	o.guard(stepListen, func() { o.keepTime(now, steady) })
	if d := o.durable; d != nil && !d.judges.Load() {
		o.guard(stepFollow, func() { d.tidy(now) })
		return false
	}
	var out Output
	o.guard(stepListen, func() { out.Gaps = o.gaps.sweep(now) })
	o.guard(stepJudge, func() { out.Changes, more = o.engine.SweepSome(now) })
	judged := out.Changes
	news := first(judged)
	o.guard(stepLearn, func() { o.learning.sweep(now, news) })
	o.guard(stepSee, func() { o.see(now, judged) })
	o.measure(news)
	o.guard(stepExpect, func() {
		if more := o.expected.sweep(now); len(more) > 0 {
			out.Changes = slices.Concat(judged, more)
		}
	})
	out.InIncident = make([]string, len(out.Changes))
	o.guard(stepGroup, func() {
		o.incidentsOf(&out)
		out.Incidents = slices.Concat(
			o.incidents.ObserveGaps(now, incidentGaps(out.Gaps)), o.incidents.Observe(now, first(out.Changes)), o.incidents.Sweep(now))
		o.incidentsOf(&out)
	})
	tell := []Output{out}
	if o.durable != nil {
		o.guard(stepCommit, func() { tell = o.durable.record(now, &out) })
	}
	o.feed.publish(tell...)
	o.guard(stepCover, func() { o.cover(now, judged) })
	took := time.Since(began)
	o.pulse.beat(began, took)
	o.telemetry.OperationsSweepDuration.Record(context.Background(), took.Seconds())
	return more
}

// The steps of a sweep, as the metric of failures names them.
const (
	stepListen  = "listen"
	stepJudge   = "judge"
	stepLearn   = "learn"
	stepSee     = "see"
	stepExpect  = "expect"
	stepMeasure = "measure"
	stepGroup   = "group"
	stepCover   = "cover"
	stepSave    = "save"
	stepCommit  = "commit"
	stepFollow  = "follow"
)

// first returns the changes that were not told before: only they are counted and learned from.
func first(changes []operation.Change) []operation.Change {
	again := func(c operation.Change) bool { return c.Again }
	if !slices.ContainsFunc(changes, again) {
		return changes
	}
	return slices.DeleteFunc(slices.Clone(changes), again)
}

// guard keeps a defect in a step from taking the collector down.
func (o *operations) guard(step string, do func()) {
	defer func() {
		if r := recover(); r != nil {
			o.pulse.failures.Add(1)
			o.telemetry.OperationsFailures.Add(context.Background(), 1, metric.WithAttributes(attribute.String("step", step)))
			o.logger.Error("A sweep met a defect and goes on", zap.String("step", step), zap.Any("panic", r), zap.ByteString("stack", debug.Stack()))
		}
	}()
	do()
}

// incidentsOf fills in the incident of each operation that is in one.
func (o *operations) incidentsOf(out *Output) {
	for i := range out.Changes {
		if id, ok := o.incidents.Of(out.Changes[i].View); ok {
			out.InIncident[i] = id
		}
	}
}

// Apply implements [Operations].
func (o *operations) Apply(now time.Time, facts []operation.Fact, out []engine.Assignment) []engine.Assignment {
	if o.durable == nil {
		return o.engine.Apply(now, facts, out)
	}
	return o.durable.apply(now, facts, out)
}

// Commit implements [Operations].
func (o *operations) Commit(ctx context.Context) error {
	if !o.Waits() {
		return nil
	}
	return o.durable.commit(ctx)
}

// Waits implements [Operations].
func (o *operations) Waits() bool { return o.durable != nil && o.config.Store.batch() }

// Traces implements [Operations].
func (o *operations) Traces(traces []operation.TraceID, out []engine.Assignment) []engine.Assignment {
	return o.engine.Traces(traces, out)
}

// Originals implements [Operations].
func (o *operations) Originals() *originals.Store { return o.originals }

// Subscribe implements [Operations].
func (o *operations) Subscribe() *Subscription { return o.feed.subscribe() }
