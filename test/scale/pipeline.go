package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/xconfmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/processor"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/measure"
	"github.com/throughline/throughline/processor/correlationprocessor"
)

// pipeline is the extension and a correlation processor, run as the collector runs them.
type pipeline struct {
	extension  extension.Extension
	operations operationsextension.Operations
	measured   operationsextension.Measurement
	processor  processor.Traces
	buffer     []byte
	next       uint64
}

// host lets the processor find the extension.
type host map[component.ID]component.Component

// GetExtensions implements component.Host.
func (h host) GetExtensions() map[component.ID]component.Component { return h }

// extensionConfig is what a user would write: operations stay open for long, but for probes, which get stuck soon.
func extensionConfig(o options) *confmap.Conf {
	comeAndGo := int((o.load+time.Minute).Seconds()*float64(o.rate)/spansPerOperation) + perProbes*int(o.load/probesEvery)
	return confmap.NewFromStringMap(map[string]any{
		"max_operations": o.open + comeAndGo,
		"arrival_grace":  min(5*time.Second, o.threshold/2).String(),
		"defaults":       map[string]any{"stuck": map[string]any{"waiting": far.String(), "processing": far.String()}},
		"rules": []any{map[string]any{
			"name":  probeDestination,
			"match": map[string]any{"destination": []any{probeDestination}},
			"stuck": map[string]any{"waiting": o.threshold.String()},
		}},
	})
}

func startPipeline(ctx context.Context, o options) (*pipeline, error) {
	factory := operationsextension.NewFactory()
	cfg := factory.CreateDefaultConfig()
	if err := extensionConfig(o).Unmarshal(cfg); err != nil {
		return nil, fmt.Errorf("configuration of the extension: %w", err)
	}
	if err := xconfmap.Validate(cfg); err != nil {
		return nil, fmt.Errorf("configuration of the extension: %w", err)
	}
	telemetry := componenttest.NewNopTelemetrySettings()
	e, err := factory.Create(ctx, extension.Settings{ID: operationsextension.DefaultID, TelemetrySettings: telemetry}, cfg)
	if err != nil {
		return nil, err
	}
	correlation := correlationprocessor.NewFactory()
	p, err := correlation.CreateTraces(ctx, processor.Settings{ID: component.NewID(correlation.Type()), TelemetrySettings: telemetry},
		correlation.CreateDefaultConfig(), consumertest.NewNop())
	if err != nil {
		return nil, err
	}
	h := host{operationsextension.DefaultID: e}
	if err := errors.Join(e.Start(ctx, h), p.Start(ctx, h)); err != nil {
		return nil, err
	}
	if watcher, ok := e.(extensioncapabilities.PipelineWatcher); ok {
		if err := watcher.Ready(); err != nil {
			return nil, err
		}
	}
	operations, err := operationsextension.Find(h, operationsextension.DefaultID)
	if err != nil {
		return nil, err
	}
	measured, err := operations.Measure(measure.Settings{Start: time.Now(), MaxSeries: measure.DefaultMaxSeries})
	return &pipeline{extension: e, operations: operations, measured: measured, processor: p}, err
}

func (p *pipeline) stop(ctx context.Context) error {
	var err error
	if watcher, ok := p.extension.(extensioncapabilities.PipelineWatcher); ok {
		err = watcher.NotReady()
	}
	return errors.Join(err, p.processor.Shutdown(ctx), p.extension.Shutdown(ctx))
}

// feed sends a batch of new operations through the processor.
func (p *pipeline) feed(ctx context.Context, t *template, at time.Time) error {
	p.buffer = t.render(p.buffer, p.next, at)
	p.next += uint64(t.operations)
	td, err := unmarshal(p.buffer)
	if err != nil {
		return err
	}
	return p.processor.ConsumeTraces(ctx, td)
}

// populate begins n operations that stay open.
func (p *pipeline) populate(ctx context.Context, n int) error {
	open, err := newTemplate(shapeOpen, perBatch)
	if err != nil {
		return err
	}
	told := newProgress("open operations")
	for p.next < uint64(n) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if left := n - int(p.next); left < open.operations {
			if open, err = newTemplate(shapeOpen, left); err != nil {
				return err
			}
		}
		if err := p.feed(ctx, open, time.Now()); err != nil {
			return err
		}
		told.tell(int(p.next), n)
	}
	return nil
}

// wait returns when the time is over, or with the error of ctx.
func wait(ctx context.Context, long time.Duration) error {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
