package correlationprocessor

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
)

// drawn is put into the context of a batch, to learn whether facts were drawn from it.
type drawn struct{ facts bool }

type drawnKey struct{}

// drew says that facts were drawn from the batch.
func drew(ctx context.Context) {
	if d, ok := ctx.Value(drawnKey{}).(*drawn); ok {
		d.facts = true
	}
}

// startTimeout bounds how long a batch waits for the processor to start.
const startTimeout = 10 * time.Second

var errNotStarted = errors.New("the processor has not started yet")

// awaitStart waits until the processor has started: a receiver of several pipelines takes telemetry for all of them as soon as the first is up.
func (c *correlation) awaitStart(ctx context.Context) error {
	select {
	case <-c.started:
		return nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case <-c.started:
		return nil
	case <-ctx.Done():
		return errNotStarted
	}
}

// pass brings a batch through the pipeline, and then waits for the commit of what was drawn from it: the originals never wait for the store.
func (c *correlation) pass(ctx context.Context, next func(context.Context) error) error {
	if err := c.awaitStart(ctx); err != nil {
		return err
	}
	if !c.waits {
		return next(ctx)
	}
	var d drawn
	if err := next(context.WithValue(ctx, drawnKey{}, &d)); err != nil || !d.facts {
		return err
	}
	return c.operations.Commit(ctx)
}

// waitingTraces acknowledges a batch when what was drawn from it will survive a kill, if it is to be so.
type waitingTraces struct {
	processor.Traces
	correlation *correlation
}

// ConsumeTraces implements consumer.Traces.
func (w waitingTraces) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	return w.correlation.pass(ctx, func(ctx context.Context) error { return w.Traces.ConsumeTraces(ctx, td) })
}

// waitingLogs is waitingTraces for logs.
type waitingLogs struct {
	processor.Logs
	correlation *correlation
}

// ConsumeLogs implements consumer.Logs.
func (w waitingLogs) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	return w.correlation.pass(ctx, func(ctx context.Context) error { return w.Logs.ConsumeLogs(ctx, ld) })
}

var (
	_ component.Component = waitingTraces{}
	_ consumer.Traces     = waitingTraces{}
	_ consumer.Logs       = waitingLogs{}
)
