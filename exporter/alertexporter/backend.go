package alertexporter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/event"
	"github.com/throughline/throughline/internal/incident"
)

// backend is one of those that are told, with a queue and a truth of its own: one that is down holds up no other.
type backend struct {
	name  string
	match alert.Matches
	http  confighttp.ClientConfig
	// connect makes the notifier.
	connect  func(client *http.Client) (alert.Notifier, error)
	delivery *delivery
	queue    exporter.Logs
	memory   *memory
	set      exporter.Settings
	// stop ends the loop of repetitions and waits for it, client is what the notifier sends with; nil unless started.
	stop   func(context.Context) error
	client *http.Client
}

// outcomes of putting an alert beside those of the book.
const (
	outcomeTaken   = "taken"
	outcomeUnasked = "not_matched"
	outcomePart    = "part_of"
)

// put makes the alert the present truth of the backend if the backend wants to hear of it.
func (b *backend) put(a alert.Alert, now time.Time) string {
	if !b.match.Match(&a) {
		if !b.delivery.book.Holds(a.ID) {
			return outcomeUnasked
		}
		// It was among those that are wanted and is no more, because its severity, priority or owner changed: for this backend
		// it is over.
		if a.Status == alert.StatusFiring {
			a.Status, a.EndsAt, a.News = alert.StatusResolved, now.UTC(), true
			a.Annotations = withResolution(a.Annotations, "goes on, but is for others now")
		}
	} else if a.PartOf != "" && b.delivery.book.Holds(a.PartOf) {
		// The backend knows of what stands for it.
		if !b.delivery.book.Holds(a.ID) {
			return outcomePart
		}
		if a.Status == alert.StatusFiring {
			a.Status, a.EndsAt = alert.StatusResolved, now.UTC()
			a.Annotations = withResolution(a.Annotations, "part of incident "+a.PartOf)
		}
	}
	switch b.delivery.book.Put(a, now) {
	case alert.OutcomeOutdated:
		return "outdated"
	case alert.OutcomeOverflow:
		return "overflow"
	default:
		return outcomeTaken
	}
}

// remember notes what is true of the incidents before it waits for its delivery, so that what it has overtaken is not told after a restart.
func (b *backend) remember(ctx context.Context, ids []string) {
	if b.memory != nil {
		b.memory.save(ctx, ids)
	}
}

func withResolution(annotations map[string]string, why string) map[string]string {
	out := make(map[string]string, len(annotations)+1)
	maps.Copy(out, annotations)
	out[alert.AnnotationResolution] = why
	return out
}

// newQueue gives the backend a queue of its own. Its name is part of the name of the queue, so that each has its own metrics
// and its own place in the storage; that of Alertmanager is the exporter's.
func (b *backend) newQueue(ctx context.Context, set exporter.Settings, cfg *Config, push func(context.Context, plog.Logs) error) error {
	if b.name != nameAlertmanager {
		name := b.name
		if set.ID.Name() != "" {
			name = set.ID.Name() + "/" + name
		}
		set.ID = component.NewIDWithName(set.ID.Type(), name)
	}
	b.set = set
	queue, err := exporterhelper.NewLogs(ctx, set, cfg, push,
		exporterhelper.WithTimeout(cfg.Timeout), exporterhelper.WithRetry(cfg.Retry), exporterhelper.WithQueue(cfg.Queue))
	b.queue = queue
	return err
}

func (b *backend) start(ctx context.Context, host component.Host, cfg *Config) error {
	client, err := b.http.ToClient(ctx, host.GetExtensions(), b.set.TelemetrySettings)
	if err != nil {
		return fmt.Errorf("`%s`: %w", b.name, err)
	}
	b.client = client
	notifier, err := b.connect(client)
	if err != nil {
		return fmt.Errorf("`%s`: %w", b.name, err)
	}
	b.delivery.notifier = notifier
	if b.memory != nil {
		if err := b.memory.open(ctx, host, b.set.ID, b.delivery.book); err != nil {
			return err
		}
	}
	// The queue may have kept events from before a restart and delivers from now on.
	if err := b.queue.Start(ctx, host); err != nil {
		return err
	}
	b.stop = b.delivery.startRepeating(cfg.RepeatInterval, cfg.Timeout.Timeout, b.set.Logger)
	return nil
}

// shutdown stops the repetitions first, so that the last word is the queue's.
func (b *backend) shutdown(ctx context.Context) error {
	var errs []error
	if b.stop != nil {
		errs = append(errs, b.stop(ctx), b.queue.Shutdown(ctx))
	}
	if b.memory != nil {
		errs = append(errs, b.memory.close(ctx))
	}
	if b.client != nil {
		b.client.CloseIdleConnections()
	}
	return errors.Join(errs...)
}

// collector gathers the events that a backend is to be told of.
type collector struct {
	logs    plog.Logs
	records plog.LogRecordSlice
	ids     []string
}

func newCollector(version string) collector {
	logs, records := event.New(version)
	return collector{logs: logs, records: records}
}

// add writes the event anew: incoming telemetry is shared and must not be kept.
func (c *collector) add(e *incident.Event) {
	event.AppendIncident(c.records, e)
	c.ids = append(c.ids, e.Incident.ID)
}
