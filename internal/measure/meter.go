package measure

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Settings are the meter's bounds.
type Settings struct {
	// Start is the time from which counts run, that of the collector's start.
	Start time.Time
	// MaxSeries bounds the series of each metric, that of the overflow included.
	MaxSeries int
}

// DefaultMaxSeries is what the OpenTelemetry metrics SDKs allow too.
const DefaultMaxSeries = 2_000

// Meter holds all counts. It is safe for concurrent use.
type Meter struct {
	settings Settings // immutable after New

	mu sync.Mutex // guards all below

	durations, waits, processing                series[histogram]
	outcomes, attempts, duplicates, deadLetters series[uint64]
	letters                                     letters

	// collection counts the calls of Collect.
	collection uint64
	memories   map[string]*memory
	// folded counts, by metric, the series of gauges that had to be added to that of the overflow.
	folded map[string]uint64
}

// New returns a meter that has counted nothing.
func New(settings Settings) (*Meter, error) {
	if settings.MaxSeries < 2 {
		return nil, fmt.Errorf("MaxSeries is %d: must be at least 2, of which one is that of the overflow", settings.MaxSeries)
	}
	n := settings.MaxSeries
	return &Meter{
		settings:  settings,
		durations: newSeries[histogram](n), waits: newSeries[histogram](n), processing: newSeries[histogram](n),
		outcomes: newSeries[uint64](n), attempts: newSeries[uint64](n), duplicates: newSeries[uint64](n), deadLetters: newSeries[uint64](n), letters: newLetters(maxLetters),
		memories: make(map[string]*memory), folded: make(map[string]uint64),
	}, nil
}

// Overflowed returns for each metric how often a series had to give way to that of the overflow: once for each
// observation of a counter or histogram, once for each series and collection of a gauge.
func (m *Meter) Overflowed() map[string]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := maps.Clone(m.folded)
	for name, count := range map[string]uint64{
		operationDuration.name: m.durations.overflowed, queueWait.name: m.waits.overflowed,
		processDuration.name: m.processing.overflowed, operationOutcomes.name: m.outcomes.overflowed,
		processAttempts.name: m.attempts.overflowed, messageDuplicated.name: m.duplicates.overflowed, messageDeadLettered.name: m.deadLetters.overflowed,
	} {
		if count > 0 {
			counts[name] = count
		}
	}
	return counts
}

// Collect returns all metrics as of now, the gauges as they were filled; without gauges (nil) it leaves theirs out. The
// resource is empty, for the caller to fill.
func (m *Meter) Collect(now time.Time, gauges *Gauges) pmetric.Metrics {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.collection++
	metrics := pmetric.NewMetrics()
	scope := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
	scope.Scope().SetName(Scope)
	w := writer{
		to: scope.Metrics(), start: pcommon.NewTimestampFromTime(m.settings.Start), now: pcommon.NewTimestampFromTime(now),
	}
	w.histogram(&operationDuration, &m.durations)
	w.counter(&operationOutcomes, &m.outcomes)
	w.histogram(&queueWait, &m.waits)
	w.histogram(&processDuration, &m.processing)
	w.counter(&processAttempts, &m.attempts)
	w.counter(&messageDuplicated, &m.duplicates)
	w.counter(&messageDeadLettered, &m.deadLetters)
	if gauges != nil {
		m.counts(&w, &operationActive, &gauges.active)
		m.counts(&w, &operationStuck, &gauges.stuck)
		m.ages(&w, &operationOldest, &gauges.active)
		m.counts(&w, &queueDepth, &gauges.queues)
		m.ages(&w, &queueOldest, &gauges.queues)
		m.counts(&w, &processActive, &gauges.processing)
		m.counts(&w, &telemetryGaps, &gauges.gaps)
		m.offsets(&w, &clockOffset, &gauges.clocks)
	}
	return metrics
}
