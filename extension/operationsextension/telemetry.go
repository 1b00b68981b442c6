package operationsextension

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/throughline/throughline/internal/engine"
)

func gaugeOf(value func(engine.Stats) int, e *engine.Engine) metric.Int64Callback {
	return func(_ context.Context, observer metric.Int64Observer) error {
		observer.Observe(int64(value(e.Stats())))
		return nil
	}
}

func countsOf(key string, values func(engine.Stats) map[string]uint64, e *engine.Engine) metric.Int64Callback {
	return func(_ context.Context, observer metric.Int64Observer) error {
		for name, count := range values(e.Stats()) {
			observer.Observe(int64(count), metric.WithAttributes(attribute.String(key, name)))
		}
		return nil
	}
}
