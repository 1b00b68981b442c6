package alertexporter

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/throughline/throughline/exporter/alertexporter/internal/metadata"
	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/event"
	"github.com/throughline/throughline/internal/incident"
)

// alertExporter stands in front of the queues of its backends: what an event says is in their books before the event waits for
// its delivery, so that what is told after an outage is what is true by then.
type alertExporter struct {
	config    *Config
	set       exporter.Settings
	framing   alert.Framing
	telemetry *metadata.TelemetryBuilder
	backends  []*backend
	malformed sync.Once
}

func newExporter(ctx context.Context, set exporter.Settings, cfg *Config) (*alertExporter, error) {
	annotations, err := cfg.annotations()
	if err != nil {
		return nil, err
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	a := &alertExporter{
		config: cfg, set: set, telemetry: telemetry,
		framing: alert.Framing{ConsoleURL: cfg.ConsoleURL, Labels: cfg.Labels, Annotations: annotations},
	}
	for _, k := range cfg.kinds() {
		b, err := a.backend(ctx, k)
		if err != nil {
			return nil, err
		}
		a.backends = append(a.backends, b)
	}
	return a, a.observe()
}

func (a *alertExporter) backend(ctx context.Context, k kind) (*backend, error) {
	book, err := alert.NewBook(a.config.bookSettings(k.once))
	if err != nil {
		return nil, err
	}
	b := &backend{
		name: k.name, match: matches(k.match), http: k.http, connect: k.connect,
		delivery: newDelivery(k.name, k.batch, book, a.telemetry),
	}
	if queue := a.config.Queue.Get(); queue != nil && queue.StorageID != nil {
		b.memory = &memory{id: *queue.StorageID, logger: a.set.Logger}
		b.delivery.keep = b.memory.save
	}
	push := func(ctx context.Context, logs plog.Logs) error { return a.push(ctx, b, logs) }
	return b, b.newQueue(ctx, a.set, a.config, push)
}

// observe lets the collector's own metrics tell what is in the books.
func (a *alertExporter) observe() error {
	active := a.telemetry.RegisterAlertActiveCallback(func(_ context.Context, o metric.Int64Observer) error {
		for _, b := range a.backends {
			o.Observe(int64(b.delivery.book.Stats().Firing), metric.WithAttributes(attribute.String("backend", b.name)))
		}
		return nil
	})
	dropped := a.telemetry.RegisterAlertDroppedCallback(func(_ context.Context, o metric.Int64Observer) error {
		for _, b := range a.backends {
			s := b.delivery.book.Stats()
			for reason, n := range map[string]int64{"overflow": s.Overflow, "evicted": s.Evicted, "stale": s.Stale} {
				o.Observe(n, metric.WithAttributes(attribute.String("backend", b.name), attribute.String("reason", reason)))
			}
		}
		return nil
	})
	return errors.Join(active, dropped)
}

// Start implements component.Component.
func (a *alertExporter) Start(ctx context.Context, host component.Host) error {
	for i, b := range a.backends {
		if err := b.start(ctx, host, a.config); err != nil {
			// The collector does not shut down what failed to start.
			for _, started := range a.backends[:i+1] {
				err = errors.Join(err, started.shutdown(ctx))
			}
			return err
		}
	}
	return nil
}

// Shutdown implements component.Component.
func (a *alertExporter) Shutdown(ctx context.Context) error {
	var errs []error
	for _, b := range a.backends {
		errs = append(errs, b.shutdown(ctx))
	}
	a.telemetry.Shutdown()
	return errors.Join(errs...)
}

// Capabilities implements consumer.Logs.
func (a *alertExporter) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeLogs implements consumer.Logs.
func (a *alertExporter) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	accepted := make([]collector, len(a.backends))
	for i := range accepted {
		accepted[i] = newCollector(a.set.BuildInfo.Version)
	}
	now := time.Now()
	for e := range a.events(ctx, logs) {
		if e.Cause == incident.CauseHandedOver {
			a.release(e.Incident.ID)
			continue
		}
		told, taken, reason := a.framing.Of(&e), false, ""
		for i, b := range a.backends {
			outcome := b.put(told, now)
			if outcome == outcomeTaken {
				accepted[i].add(&e)
				taken = true
			} else if reason == "" || reason == outcomeUnasked {
				reason = outcome
			}
		}
		if !taken {
			a.ignore(ctx, reason)
		}
	}
	var errs []error
	for i, b := range a.backends {
		if accepted[i].records.Len() > 0 {
			b.remember(ctx, accepted[i].ids)
			errs = append(errs, b.queue.ConsumeLogs(ctx, accepted[i].logs))
		}
	}
	return errors.Join(errs...)
}

// release lets go of an incident that another collector tells of from now on. What waits for its delivery is not delivered.
func (a *alertExporter) release(id string) {
	for _, b := range a.backends {
		b.delivery.book.Release(id)
	}
}

// events yields the events of incidents among the records, and counts the others.
func (a *alertExporter) events(ctx context.Context, logs plog.Logs) func(yield func(incident.Event) bool) {
	return func(yield func(incident.Event) bool) {
		for record := range allRecords(logs) {
			e, err := event.DecodeIncident(record)
			switch {
			case errors.Is(err, event.ErrNotIncident):
				a.ignore(ctx, "not_incident")
			case err != nil:
				a.ignore(ctx, "malformed")
				// Whoever can send log records must not be able to fill the log.
				a.malformed.Do(func() {
					a.set.Logger.Warn("A log record claims to be an event of an incident and is none; further ones are only counted.", zap.Error(err))
				})
			case !yield(e):
				return
			}
		}
	}
}

func allRecords(logs plog.Logs) func(yield func(plog.LogRecord) bool) {
	return func(yield func(plog.LogRecord) bool) {
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					if !yield(record) {
						return
					}
				}
			}
		}
	}
}

func (a *alertExporter) ignore(ctx context.Context, reason string) {
	a.telemetry.AlertIgnored.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", reason)))
}

// push delivers what waited in the queue of a backend: the present truth of the incidents it is about.
func (a *alertExporter) push(ctx context.Context, b *backend, logs plog.Logs) error {
	var ids []string
	now := time.Now()
	for e := range a.events(ctx, logs) {
		// After a restart the queue may know what the book does not.
		told := a.framing.Of(&e)
		told.Recalled = true
		if b.put(told, now) != "overflow" {
			ids = append(ids, e.Incident.ID)
		}
	}
	err := b.delivery.deliver(ctx, func(now time.Time) []alert.Alert { return b.delivery.book.Changed(ids, now) })
	return queueError(err)
}

// queueError tells the queue what is worth another try, and when.
func queueError(err error) error {
	e, ok := errors.AsType[*alert.Error](err)
	if !ok {
		return err
	}
	if !e.Retryable {
		return consumererror.NewPermanent(err)
	}
	if e.RetryAfter > 0 {
		return exporterhelper.NewThrottleRetry(err, e.RetryAfter)
	}
	return err
}
