package alertexporter

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/throughline/throughline/exporter/alertexporter/internal/metadata"
	"github.com/throughline/throughline/internal/alert"
)

// maxBatch is the number of alerts in one request to a backend that takes several.
const maxBatch = 256

// delivery brings what the book says to the backend, one request at a time: a late request must not undo a later truth.
type delivery struct {
	name      string
	batch     int
	book      *alert.Book
	telemetry *metadata.TelemetryBuilder
	notifier  alert.Notifier // set before the first delivery
	// keep is told of what the backend has been told, or may have been, if that is not nil.
	keep func(ctx context.Context, ids []string)
	// turn holds one token while a delivery is under way.
	turn chan struct{}
}

func newDelivery(name string, batch int, book *alert.Book, telemetry *metadata.TelemetryBuilder) *delivery {
	return &delivery{name: name, batch: batch, book: book, telemetry: telemetry, turn: make(chan struct{}, 1)}
}

// deliver takes alerts when it is its turn and brings them to the backend. Alerts that are refused for good do not keep the
// others from being told; any other error ends it.
func (d *delivery) deliver(ctx context.Context, take func(now time.Time) []alert.Alert) error {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var errs []error
	for batch := range slices.Chunk(take(time.Now()), d.batch) {
		err := d.notifier.Notify(ctx, batch)
		d.count(ctx, batch, err)
		d.note(ctx, batch, err)
		if err == nil {
			continue
		}
		if retryable(err) {
			return err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// note keeps what the backend now knows, or may.
func (d *delivery) note(ctx context.Context, batch []alert.Alert, err error) {
	e, ok := errors.AsType[*alert.Error](err)
	switch {
	case err == nil:
		d.book.Told(batch, time.Now())
	case ok && (e.Unsent || e.Status != 0):
		return
	default:
		d.book.Uncertain(batch)
	}
	if d.keep != nil {
		ids := make([]string, len(batch))
		for i := range batch {
			ids[i] = batch[i].ID
		}
		d.keep(ctx, ids)
	}
}

func retryable(err error) bool {
	e, ok := errors.AsType[*alert.Error](err)
	return !ok || e.Retryable
}

func (d *delivery) count(ctx context.Context, batch []alert.Alert, err error) {
	if err != nil {
		reason := "permanent"
		if retryable(err) {
			reason = "retryable"
		}
		d.telemetry.AlertFailed.Add(ctx, int64(len(batch)), metric.WithAttributes(
			attribute.String("backend", d.name), attribute.String("reason", reason)))
		return
	}
	for i := range batch {
		d.telemetry.AlertSent.Add(ctx, 1, metric.WithAttributes(
			attribute.String("backend", d.name), attribute.String("status", batch[i].Status.String())))
	}
}

// startRepeating starts the loop that tells again what the backend would forget. The returned function ends it and waits,
// as long as its context allows.
func (d *delivery) startRepeating(interval, timeout time.Duration, logger *zap.Logger) func(context.Context) error {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		pause := interval
		for wait(ctx, pause) {
			err := d.repeat(ctx, timeout)
			if err != nil && ctx.Err() == nil {
				logger.Warn("Alerts could not be repeated, will try again.", zap.Error(err))
			}
			pause = d.pause(interval, err)
		}
	}()
	return func(ctx context.Context) error {
		cancel()
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *delivery) repeat(ctx context.Context, timeout time.Duration) error {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	return d.deliver(ctx, d.book.Due)
}

// pause is how long nothing needs to be repeated: until the next alert is due. After an error it is the whole interval, so
// that a backend in trouble is not pestered, or as long as the backend asked for.
func (d *delivery) pause(interval time.Duration, err error) time.Duration {
	if err != nil {
		if e, ok := errors.AsType[*alert.Error](err); ok {
			return max(interval, e.RetryAfter)
		}
		return interval
	}
	next := d.book.Next()
	if next.IsZero() {
		return interval
	}
	return min(time.Until(next), interval)
}

// wait reports false as soon as ctx ends.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
