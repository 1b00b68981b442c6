package measure

import (
	"cmp"

	"github.com/throughline/throughline/internal/operation"
)

// Observe counts what a change of verdict tells; the package comment says what counts when. A change to an operation
// that is no more (Gone) counts nothing.
func (m *Meter) Observe(c *operation.Change) {
	if c.Gone || c.View == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.Verdict.Flags&operation.FlagDuplicated != 0 && c.Before.Flags&operation.FlagDuplicated == 0 {
		m.duplicated(c.View, c.At)
	}
	if c.Verdict.State == operation.StateDeadLettered {
		m.deadLettered(c)
	}
	if !c.Verdict.State.Final() {
		return
	}
	name := c.View.Name
	if c.Policy != nil {
		name = cmp.Or(c.Policy.OperationName, name)
	}
	m.outcome(c, name)
	if c.FinalRevision <= 1 {
		m.first(c, name)
	}
}

// outcome counts a final verdict. A change of flags alone is no other outcome.
func (m *Meter) outcome(c *operation.Change, name string) {
	if c.Before.State == c.Verdict.State {
		return
	}
	corrected := ""
	if c.FinalRevision > 1 {
		corrected = "true"
	}
	m.outcomes.add(makeKey(name, c.Verdict.State.String(), corrected), 1, c.At)
	m.beginOperation(makeKey(name), c.At)
}

// first counts what an operation did, once it is final for the first time.
func (m *Meter) first(c *operation.Change, name string) {
	v := c.View
	var trace operation.TraceID
	if m.settings.Drawn != nil {
		trace = m.settings.Drawn(c)
	}
	if v.StartedAt > 0 && c.Verdict.EndedAt > 0 {
		m.durations.observe(makeKey(name, c.Verdict.State.String()), c.Verdict.EndedAt-v.StartedAt, c.At, trace)
	}
	for i := range v.Hops {
		h := &v.Hops[i]
		for k := range h.Consumers {
			m.consumed(h, &h.Consumers[k], c.At, trace)
		}
	}
	if m.settings.ServiceGraph {
		m.graph.observe(v, c.At, trace)
	}
}

// consumed counts what one group did with a message.
func (m *Meter) consumed(h *operation.Hop, c *operation.Consumer, at int64, trace operation.TraceID) {
	queue := queueKey(h, c.Group)
	if c.WaitedNanos >= 0 {
		m.waits.observe(queue, c.WaitedNanos, at, trace)
	}
	m.beginQueue(queue, at)
	for n := range c.Attempts {
		a, k := &c.Attempts[n], queue
		k.values[attemptValue] = attemptOutcome(a)
		m.attempts.add(k, 1, at)
		if nanos, ok := took(a); ok {
			m.processing.observe(k, nanos, at, trace)
		}
	}
}

// took returns how long an attempt took in nanoseconds; false if that is not known, as it was only inferred or received, or
// never ended.
func took(a *operation.Attempt) (int64, bool) {
	return a.EndedAt - a.StartedAt, !a.Inferred && a.StartedAt > 0 && a.EndedAt > 0
}

// The outcomes of attempts.
const (
	outcomeOK         = "ok"
	outcomeError      = "error"
	outcomeUnfinished = "unfinished"
)

func attemptOutcome(a *operation.Attempt) string {
	switch {
	case a.Open():
		return outcomeUnfinished
	case a.Outcome == operation.OutcomeError:
		return outcomeError
	}
	return outcomeOK
}

// duplicated counts the successful attempts beyond the first of each group.
func (m *Meter) duplicated(v *operation.View, at int64) {
	for i := range v.Hops {
		h := &v.Hops[i]
		for k := range h.Consumers {
			successes := uint64(0)
			for n := range h.Consumers[k].Attempts {
				if a := &h.Consumers[k].Attempts[n]; !a.Inferred && attemptOutcome(a) == outcomeOK {
					successes++
				}
			}
			if successes > 1 {
				m.duplicates.add(queueKey(h, h.Consumers[k].Group), successes-1, at)
			}
		}
	}
}
