package correlationprocessor

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/throughline/throughline/processor/correlationprocessor/internal/metadata"
)

// NewFactory returns the factory of the processor.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		metadata.Type,
		createDefaultConfig,
		processor.WithTraces(createTraces, metadata.TracesStability),
		processor.WithLogs(createLogs, metadata.LogsStability),
	)
}

func createTraces(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
	c, err := newCorrelation(set, cfg.(*Config), "traces")
	if err != nil {
		return nil, err
	}
	traces, err := processorhelper.NewTraces(ctx, set, cfg, next, c.traces, c.options()...)
	if err != nil {
		return nil, err
	}
	return waitingTraces{traces, c}, nil
}

func createLogs(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Logs) (processor.Logs, error) {
	c, err := newCorrelation(set, cfg.(*Config), "logs")
	if err != nil {
		return nil, err
	}
	logs, err := processorhelper.NewLogs(ctx, set, cfg, next, c.logs, c.options()...)
	if err != nil {
		return nil, err
	}
	return waitingLogs{logs, c}, nil
}
