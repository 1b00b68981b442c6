package measure

import (
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// Counters of what hopefully never happens are told before it does, as soon as there is an operation or a group to which it might:
// alerts ask for an increase, and Prometheus sees none in a series that begins with 1.

// nameable is how old an operation is that will keep its name: at first it may be known by one that is not final, as long as
// not all of its telemetry is there.
const nameable = 10 * time.Second

// holdBack leaves out operations under names of which nothing was told before and which may not be theirs for long.
func (m *Meter) holdBack(g *Gauges, now int64) {
	told := m.memories[operationActive.name]
	for name, e := range g.active.byKey {
		age := now - e.state.oldest
		young := e.state.oldest > 0 && age >= 0 && age < int64(nameable)
		if !young || name.overflow || m.hasEnded(name) {
			continue
		}
		if told != nil {
			if _, ok := told.lastSeen[name]; ok {
				continue
			}
		}
		delete(g.active.byKey, name)
	}
}

// hasEnded reports whether an outcome was counted under the name.
func (m *Meter) hasEnded(name key) bool {
	for state := range operation.StateUnknown + 1 {
		name.values[outcomeValue] = state.String()
		if _, ok := m.outcomes.series.byKey[name]; ok {
			return true
		}
	}
	return false
}

// beginOpen does so for all that is open.
func (m *Meter) beginOpen(g *Gauges, now int64) {
	for _, name := range sorted(g.active.byKey) {
		if of := &g.active.byKey[name].state; !name.overflow && of.oldest > 0 && now-of.oldest >= int64(nameable) {
			m.beginOperation(name, now)
		}
	}
	for _, of := range [...]*series[level]{&g.queues, &g.processing} {
		for _, queue := range sorted(of.byKey) {
			// A queue without a group is not told of any more once it is known who consumes.
			if queue.values[groupValue] != "" {
				m.beginQueue(queue, now)
			}
		}
	}
}

// beginOperation takes a key that has the name of the operation and no more.
func (m *Meter) beginOperation(name key, now int64) {
	for _, state := range [...]operation.State{operation.StateCompleted, operation.StateFailed, operation.StateDeadLettered} {
		name.values[outcomeValue] = state.String()
		m.outcomes.begin(name, now)
	}
}

// beginQueue takes the key of a queue as a group sees it.
func (m *Meter) beginQueue(queue key, now int64) {
	m.deadLetters.begin(queue, now)
	m.duplicates.begin(queue, now)
	queue.values[attemptValue] = outcomeError
	m.attempts.begin(queue, now)
}
