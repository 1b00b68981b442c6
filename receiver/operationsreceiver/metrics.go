package operationsreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/throughline/throughline/extension/operationsextension"
)

func createMetrics(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
	d, err := newDelivery(set, cfg.(*Config), "metrics")
	if err != nil {
		return nil, err
	}
	d.poll = func(ctx context.Context, o operationsextension.Operations) { d.metrics(ctx, o, next) }
	return d, nil
}

// lastTimeout bounds the last delivery, which is made during a shutdown.
const lastTimeout = 5 * time.Second

// metrics emits all metrics once in an interval, and once more at the end. They are cumulative, so that one that could
// not be delivered is made good by the next.
func (d *delivery) metrics(ctx context.Context, o operationsextension.Operations, next consumer.Metrics) {
	ticker := time.NewTicker(d.config.Metrics.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTimeout)
			defer cancel()
			d.emit(last, o, next)
			return
		case <-ticker.C:
			d.emit(ctx, o, next)
		}
	}
}

func (d *delivery) emit(ctx context.Context, o operationsextension.Operations, next consumer.Metrics) {
	md := pmetric.NewMetrics()
	d.guard(ctx, func() {
		md = o.Metrics(time.Now())
		for _, rm := range md.ResourceMetrics().All() {
			d.sign(rm.Resource())
		}
	})
	n := md.DataPointCount()
	if n == 0 {
		return
	}
	ctx = d.obs.StartMetricsOp(ctx)
	err := next.ConsumeMetrics(ctx, md)
	d.obs.EndMetricsOp(ctx, format, n, err)
	if err != nil {
		d.logger.Warn("The pipeline refused metrics; the next ones make up for it", zap.Error(err))
	}
}
