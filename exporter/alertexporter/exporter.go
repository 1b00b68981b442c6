package alertexporter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/throughline/throughline/exporter/alertexporter/internal/metadata"
	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/alert/alertmanager"
	"github.com/throughline/throughline/internal/event"
	"github.com/throughline/throughline/internal/incident"
)

// alertExporter stands in front of the queue: what an event says is in the book before the event waits for its delivery, so
// that what is told after an outage is what is true by then.
type alertExporter struct {
	exporter.Logs

	config    *Config
	set       exporter.Settings
	framing   alert.Framing
	telemetry *metadata.TelemetryBuilder
	delivery  *delivery
	// stop ends the loop of repetitions and waits for it; nil unless started.
	stop func(context.Context) error
	// client is the one the notifier sends with; nil unless started.
	client *http.Client
}

func newExporter(ctx context.Context, set exporter.Settings, cfg *Config) (*alertExporter, error) {
	book, err := alert.NewBook(cfg.bookSettings())
	if err != nil {
		return nil, err
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	a := &alertExporter{
		config: cfg, set: set, telemetry: telemetry,
		framing:  alert.Framing{ConsoleURL: cfg.ConsoleURL, Labels: cfg.Labels},
		delivery: newDelivery(book, telemetry),
	}
	if err := a.observe(book); err != nil {
		return nil, err
	}
	a.Logs, err = exporterhelper.NewLogs(ctx, set, cfg, a.push,
		exporterhelper.WithTimeout(cfg.Timeout),
		exporterhelper.WithRetry(cfg.Retry),
		exporterhelper.WithQueue(cfg.Queue))
	return a, err
}

// observe lets the collector's own metrics tell what is in the book.
func (a *alertExporter) observe(book *alert.Book) error {
	active := a.telemetry.RegisterAlertActiveCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(book.Stats().Firing))
		return nil
	})
	dropped := a.telemetry.RegisterAlertDroppedCallback(func(_ context.Context, o metric.Int64Observer) error {
		s := book.Stats()
		o.Observe(s.Overflow, metric.WithAttributes(attribute.String("reason", "overflow")))
		o.Observe(s.Evicted, metric.WithAttributes(attribute.String("reason", "evicted")))
		o.Observe(s.Stale, metric.WithAttributes(attribute.String("reason", "stale")))
		return nil
	})
	return errors.Join(active, dropped)
}

// Start implements component.Component.
func (a *alertExporter) Start(ctx context.Context, host component.Host) error {
	notifier, err := a.notifier(ctx, host)
	if err != nil {
		return err
	}
	a.delivery.notifier = notifier
	// The queue may have kept events from before a restart and delivers from now on.
	if err := a.Logs.Start(ctx, host); err != nil {
		return err
	}
	a.stop = a.delivery.startRepeating(a.config.RepeatInterval, a.config.Timeout.Timeout, a.set.Logger)
	return nil
}

func (a *alertExporter) notifier(ctx context.Context, host component.Host) (alert.Notifier, error) {
	cfg := a.config.Alertmanager.Get()
	client, err := cfg.HTTP.ToClient(ctx, host.GetExtensions(), a.set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("`alertmanager`: %w", err)
	}
	a.client = client
	return alertmanager.New(client, alertmanager.Settings{Endpoint: cfg.HTTP.Endpoint, RoutingLabels: cfg.RoutingLabels})
}

// Shutdown implements component.Component. It stops the repetitions first, so that the last word is the queue's.
func (a *alertExporter) Shutdown(ctx context.Context) error {
	var errs []error
	if a.stop != nil {
		errs = append(errs, a.stop(ctx))
	}
	errs = append(errs, a.Logs.Shutdown(ctx))
	if a.client != nil {
		a.client.CloseIdleConnections()
	}
	a.telemetry.Shutdown()
	return errors.Join(errs...)
}

// ConsumeLogs implements consumer.Logs.
func (a *alertExporter) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	accepted, records := event.New(a.set.BuildInfo.Version)
	now := time.Now()
	for e := range a.events(ctx, logs) {
		switch a.delivery.book.Put(a.framing.Of(&e), now) {
		case alert.OutcomeTaken:
			// Incoming telemetry is shared and must not be kept, so what waits in the queue is written anew.
			event.AppendIncident(records, &e)
		case alert.OutcomeOutdated:
			a.ignore(ctx, "outdated")
		case alert.OutcomeOverflow:
			a.ignore(ctx, "overflow")
		}
	}
	if records.Len() == 0 {
		return nil
	}
	return a.Logs.ConsumeLogs(ctx, accepted)
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
				a.set.Logger.Warn("A log record claims to be an event of an incident and is none.", zap.Error(err))
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

// push delivers what waited in the queue: the present truth of the incidents it is about.
func (a *alertExporter) push(ctx context.Context, logs plog.Logs) error {
	var ids []string
	now := time.Now()
	for e := range a.events(ctx, logs) {
		// After a restart the queue may know what the book does not.
		if a.delivery.book.Put(a.framing.Of(&e), now) != alert.OutcomeOverflow {
			ids = append(ids, e.Incident.ID)
		}
	}
	err := a.delivery.deliver(ctx, func(now time.Time) []alert.Alert { return a.delivery.book.Changed(ids, now) })
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
