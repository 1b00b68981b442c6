package operationsextension

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

const (
	// saveEvery is how much a collector that is killed forgets, at most.
	saveEvery = time.Minute
	// storageTimeout bounds how long the storage may take for one part.
	storageTimeout = 10 * time.Second
)

// Dependencies implements extensioncapabilities.Dependent: the storage starts before and ends after.
func (o *operations) Dependencies() []component.ID {
	if o.config.Storage == nil {
		return nil
	}
	return []component.ID{*o.config.Storage}
}

// openStorage finds the storage and restores from it. What cannot be restored is lost, which is no reason not to start.
func (o *operations) openStorage(ctx context.Context, host component.Host) error {
	parts := o.parts()
	if o.config.Storage == nil {
		o.logger.Info("A restart forgets what was learned and what was expected: `storage` names no extension to keep it in")
		return nil
	}
	found, ok := host.GetExtensions()[*o.config.Storage]
	if !ok {
		return fmt.Errorf("`storage` is %q: no such extension is running (running: %s); declare it under `extensions` and list it under `service::extensions`",
			o.config.Storage, running(host.GetExtensions()))
	}
	extension, ok := found.(storage.Extension)
	if !ok {
		return fmt.Errorf("`storage` is %q: that is no storage extension (running: %s)", o.config.Storage, running(host.GetExtensions()))
	}
	client, err := extension.GetClient(ctx, component.KindExtension, o.id, "")
	if err != nil {
		return fmt.Errorf("`storage` is %q: %w", o.config.Storage, err)
	}
	o.storage = client
	now := time.Now()
	for _, p := range parts {
		o.onStorage(ctx, p.key, "What an earlier run has kept cannot be read and is lost", func(ctx context.Context) error {
			data, err := client.Get(ctx, p.key)
			if err != nil || data == nil {
				return err
			}
			return p.restore(data, now)
		})
	}
	return nil
}

// onStorage does something with one part. What goes wrong is told and counted.
func (o *operations) onStorage(ctx context.Context, key, trouble string, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	if err := do(ctx); err != nil {
		o.partFailed(ctx, key, trouble, err)
	}
}

// partFailed tells and counts what goes wrong with one part.
func (o *operations) partFailed(ctx context.Context, key, trouble string, err error) {
	o.saves.failed(key)
	o.telemetry.OperationsStorageFailures.Add(ctx, 1, metric.WithAttributes(attribute.String("part", key)))
	o.logger.Warn(trouble, zap.String("part", key), zap.Error(err))
}

// keepSaving saves until ctx ends. What it has begun it ends.
func (o *operations) keepSaving(ctx context.Context) {
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			o.save(context.WithoutCancel(ctx))
		}
	}
}

// save writes all parts.
func (o *operations) save(ctx context.Context) {
	now := time.Now()
	for _, p := range o.parts() {
		o.guard(stepSave, func() {
			o.onStorage(ctx, p.key, "The state cannot be saved; it will be tried again", func(ctx context.Context) error {
				data, err := p.save(now)
				if err != nil {
					return err
				}
				if err := o.storage.Set(ctx, p.key, data); err != nil {
					return err
				}
				o.saves.saved(p.key, now, len(data))
				return nil
			})
		})
	}
}

// closeStorage saves for the last time.
func (o *operations) closeStorage(ctx context.Context) error {
	if o.storage == nil {
		return nil
	}
	o.save(ctx)
	err := o.storage.Close(ctx)
	o.storage = nil
	return err
}
