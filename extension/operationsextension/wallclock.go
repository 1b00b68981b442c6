package operationsextension

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// leastStep is what the clock must be set by at least for somebody to notice. Less is what synchronised clocks do all the time.
const leastStep = 5 * time.Second

// wallClock notices when the clock of the collector is set: by somebody, by NTP, or because a virtual machine was resumed.
type wallClock struct {
	last time.Time
	// steady is how long the process had run at that time, by a clock that nobody sets.
	steady time.Duration
}

// step returns by how much the clock was set since it was asked last, 0 if it was not.
func (c *wallClock) step(now time.Time, steady time.Duration) time.Duration {
	// Without its reading of the steady clock, which would hide the difference.
	now = now.Round(0)
	last, ran := c.last, steady-c.steady
	c.last, c.steady = now, steady
	if last.IsZero() {
		return 0
	}
	by := now.Sub(last) - ran
	if by.Abs() < leastStep {
		return 0
	}
	return by
}

// keepTime lets what was noted by another time than now is be of now, which is so long after the start by a clock that nobody sets. Called with
// sweeping held, before anything else is done at that time.
func (o *operations) keepTime(now time.Time, steady time.Duration) {
	by := o.clock.step(now, steady)
	if by == 0 {
		return
	}
	direction, consequence := "forward", "that time counts as one in which the collector did not run"
	if by < 0 {
		direction, consequence = "back", "what arrived in time to come counts as of now"
	}
	o.logger.Warn("The clock of the collector was set "+direction+"; "+consequence, zap.Duration("by", by.Abs()), zap.Time("now", now))
	o.telemetry.OperationsClockSteps.Add(context.Background(), 1, metric.WithAttributes(attribute.String("kind", direction)))
	if by < 0 {
		o.engine.SetBack(now)
		return
	}
	if m := o.gaps.monitor; m != nil {
		m.SetForward(int64(by), now.UnixNano())
	}
}
