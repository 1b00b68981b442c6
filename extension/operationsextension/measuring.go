package operationsextension

import (
	"maps"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/measure"
	"github.com/throughline/throughline/internal/operation"
)

// Measurement counts for one reader what follows from the facts. It is safe for concurrent use.
type Measurement interface {
	// Collect returns what was counted so far, and how things stand now. The resource is empty, for the caller to fill.
	Collect(now time.Time) pmetric.Metrics
	// Delivered says that what Collect returned last has arrived; until then it is told again by the next one, where counts are
	// those since the last delivery.
	Delivered()
	// Close ends the measurement.
	Close()
}

// measurement implements Measurement.
type measurement struct {
	o     *operations
	meter *measure.Meter
}

// measuring holds the measurements that go on.
type measuring struct {
	mu  sync.Mutex
	all []*measurement // guarded by mu; never modified, only replaced
	// overflowed is what those counted that have ended, by metric.
	overflowed map[string]uint64
}

// Measure implements [Operations].
func (o *operations) Measure(settings measure.Settings) (Measurement, error) {
	meter, err := measure.New(settings)
	if err != nil {
		return nil, err
	}
	m := &measurement{o: o, meter: meter}
	o.measuring.mu.Lock()
	defer o.measuring.mu.Unlock()
	o.measuring.all = append(slices.Clip(o.measuring.all), m)
	return m, nil
}

// Close implements [Measurement].
func (m *measurement) Close() {
	g := &m.o.measuring
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Contains(g.all, m) {
		return
	}
	g.all = slices.DeleteFunc(slices.Clone(g.all), func(one *measurement) bool { return one == m })
	g.overflowed = sum(g.overflowed, m.meter.Overflowed())
}

// Collect implements [Measurement].
func (m *measurement) Collect(now time.Time) pmetric.Metrics {
	o, gauges := m.o, m.meter.NewGauges()
	o.engine.RefreshOpen()
	o.board.Fill(gauges)
	for r := range o.expected.all() {
		gauges.Add(r.view.Name, r.view, r.verdict)
	}
	o.gaps.measure(gauges, now)
	o.clocks.measure(gauges)
	drops := o.engine.Stats().Drops
	gauges.AddDropped(drops[engine.DropWaitingFull.String()] + drops[engine.DropRunaway.String()])
	return m.meter.Collect(now, gauges)
}

// Delivered implements [Measurement].
func (m *measurement) Delivered() { m.meter.Delivered() }

// current are the measurements that go on.
func (g *measuring) current() []*measurement {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all
}

// overflows is how often a series had to be added to that of the overflow, by metric.
func (g *measuring) overflows() map[string]uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	counts := maps.Clone(g.overflowed)
	for _, m := range g.all {
		counts = sum(counts, m.meter.Overflowed())
	}
	return counts
}

func sum(counts, more map[string]uint64) map[string]uint64 {
	if counts == nil {
		counts = make(map[string]uint64, len(more))
	}
	for name, n := range more {
		counts[name] += n
	}
	return counts
}

// measure counts what follows from one sweep.
func (o *operations) measure(changes []operation.Change) {
	for _, m := range o.measuring.current() {
		for i := range changes {
			o.guard(stepMeasure, func() { m.meter.Observe(&changes[i]) })
		}
	}
}
