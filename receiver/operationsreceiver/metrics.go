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
	"github.com/throughline/throughline/internal/measure"
	"github.com/throughline/throughline/internal/operation"
)

func createMetrics(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
	d, err := newDelivery(set, cfg.(*Config), "metrics")
	if err != nil {
		return nil, err
	}
	d.poll = func(o operationsextension.Operations) (func(context.Context), error) {
		m, err := o.Measure(d.measurement(time.Now()))
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) {
			defer m.Close()
			d.metrics(ctx, m, next)
		}, nil
	}
	return d, nil
}

// measurement says what is to be measured, from now on.
func (d *delivery) measurement(now time.Time) measure.Settings {
	c := &d.config.Metrics
	s := measure.Settings{Start: now, MaxSeries: c.MaxSeries, Expiration: c.Expiration, ServiceGraph: c.ServiceGraph}
	if c.Temporality == TemporalityDelta {
		s.Temporality = measure.TemporalityDelta
	}
	if c.Histograms == HistogramsExponential {
		s.Buckets = measure.BucketsExponential
	}
	if c.Exemplars {
		s.Drawn = d.drawn
	}
	return s
}

// drawn returns the derived trace of an operation, the zero ID if there is none.
func (d *delivery) drawn(c *operation.Change) operation.TraceID {
	if !d.sampled(c) {
		return operation.TraceID{}
	}
	return d.traceOf(c)
}

// lastTimeout bounds the last delivery, which is made during a shutdown.
const lastTimeout = 5 * time.Second

// metrics emits all metrics once in an interval, and once more at the end.
func (d *delivery) metrics(ctx context.Context, m operationsextension.Measurement, next consumer.Metrics) {
	ticker := time.NewTicker(d.config.Metrics.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTimeout)
			defer cancel()
			d.emit(last, m, next)
			return
		case <-ticker.C:
			d.emit(ctx, m, next)
		}
	}
}

// emit hands on the metrics once. What is refused is not tried again: the next ones contain it.
func (d *delivery) emit(ctx context.Context, m operationsextension.Measurement, next consumer.Metrics) {
	md := pmetric.NewMetrics()
	d.guard(ctx, func() {
		md = m.Collect(time.Now())
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
		return
	}
	m.Delivered()
}
