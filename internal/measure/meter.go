package measure

import (
	"maps"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Meter holds all counts for one reader. It is safe for concurrent use.
type Meter struct {
	settings Settings // immutable after New

	mu sync.Mutex // guards all below

	durations, waits, processing                distribution
	outcomes, attempts, duplicates, deadLetters counter
	letters                                     letters
	graph                                       graph
	// counting are all of the above, in the order in which they are written.
	counting []counting

	// collectedAt is the time of the last collection, deliveredAt that of the last one that is known to have arrived; both in
	// nanoseconds since 1970 and at first that of the start.
	collectedAt, deliveredAt int64
	memories                 map[string]*memory
	// folded counts, by metric, the series of gauges that had to be added to that of the overflow.
	folded map[string]uint64
}

// counting is a metric that is counted as changes are observed.
type counting interface {
	write(w *writer)
	delivered()
	// overflow returns the name, and how often a series gave way to that of the overflow.
	overflow() (string, uint64)
}

// New returns a meter that has counted nothing.
func New(settings Settings) (*Meter, error) {
	if err := settings.validate(); err != nil {
		return nil, err
	}
	start := settings.Start.UnixNano()
	m := &Meter{
		settings: settings, collectedAt: start, deliveredAt: start, letters: newLetters(maxLetters),
		memories: make(map[string]*memory), folded: make(map[string]uint64),
	}
	m.durations, m.waits, m.processing = m.distribution(&operationDuration), m.distribution(&queueWait), m.distribution(&processDuration)
	m.outcomes, m.attempts = m.counter(&operationOutcomes), m.counter(&processAttempts)
	m.duplicates, m.deadLetters = m.counter(&messageDuplicated), m.counter(&messageDeadLettered)
	m.counting = []counting{&m.durations, &m.outcomes, &m.waits, &m.processing, &m.attempts, &m.duplicates, &m.deadLetters}
	if settings.ServiceGraph {
		m.graph = m.newGraph()
		m.counting = append(m.counting, m.graph.all()...)
	}
	return m, nil
}

// Overflowed returns for each metric how often a series had to give way to that of the overflow: once for each
// observation of a counter or histogram, once for each series and collection of a gauge.
func (m *Meter) Overflowed() map[string]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := maps.Clone(m.folded)
	for _, c := range m.counting {
		if name, n := c.overflow(); n > 0 {
			counts[name] = n
		}
	}
	return counts
}

// Collect returns all metrics as of now, the gauges as they were filled; without gauges (nil) it leaves theirs out. The
// resource is empty, for the caller to fill.
func (m *Meter) Collect(now time.Time, gauges *Gauges) pmetric.Metrics {
	m.mu.Lock()
	defer m.mu.Unlock()
	metrics := pmetric.NewMetrics()
	scope := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
	scope.Scope().SetName(Scope)
	w := writer{
		to: scope.Metrics(), stale: pmetric.NewMetricSlice(), now: pcommon.NewTimestampFromTime(now),
		expired: before(now, m.settings.Expiration), temporality: m.settings.Temporality,
		delivered: m.deliveredAt, start: m.settings.Start.UnixNano(),
	}
	if gauges != nil {
		m.holdBack(gauges, now.UnixNano())
		m.beginOpen(gauges, now.UnixNano())
		m.graph.drop(gauges.dropped, now.UnixNano())
	}
	for _, c := range m.counting {
		c.write(&w)
	}
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
	w.stale.MoveAndAppendTo(w.to)
	m.collectedAt = now.UnixNano()
	return metrics
}

// Delivered says that what the last call of Collect returned has arrived. With delta temporality, what did not arrive is told
// again by the next collection.
func (m *Meter) Delivered() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deliveredAt = m.collectedAt
	for _, c := range m.counting {
		c.delivered()
	}
}
