package measure

import (
	"cmp"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
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
		m.duplicated(c.View)
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
	*m.outcomes.at(makeKey(name, c.Verdict.State.String(), corrected))++
}

// first counts what an operation did, once it is final for the first time.
func (m *Meter) first(c *operation.Change, name string) {
	v := c.View
	trace := stitch.TraceID(v.ID, v.Namespace, 1)
	if v.StartedAt > 0 && c.Verdict.EndedAt > 0 {
		h := m.durations.at(makeKey(name, c.Verdict.State.String()))
		h.observe(max(0, c.Verdict.EndedAt-v.StartedAt), c.At, trace)
	}
	for i := range v.Hops {
		h := &v.Hops[i]
		for k := range h.Consumers {
			group := &h.Consumers[k]
			if group.WaitedNanos >= 0 {
				m.waits.at(queueKey(h, group.Group)).observe(group.WaitedNanos, c.At, trace)
			}
			for n := range group.Attempts {
				m.attempt(h, group, &group.Attempts[n], c.At, trace)
			}
		}
	}
}

func (m *Meter) attempt(h *operation.Hop, group *operation.Consumer, a *operation.Attempt, at int64, trace operation.TraceID) {
	k := makeKey(h.System, stitch.Destination(h.Destination), group.Group, attemptOutcome(a))
	*m.attempts.at(k)++
	// The length of an attempt that was only inferred, received or never ended is not known.
	if a.Inferred || a.StartedAt <= 0 || a.EndedAt <= 0 {
		return
	}
	m.processing.at(k).observe(max(0, a.EndedAt-a.StartedAt), at, trace)
}

func attemptOutcome(a *operation.Attempt) string {
	switch {
	case a.Open():
		return "unfinished"
	case a.Outcome == operation.OutcomeError:
		return "error"
	}
	return "ok"
}

// duplicated counts the successful attempts beyond the first of each group.
func (m *Meter) duplicated(v *operation.View) {
	for i := range v.Hops {
		h := &v.Hops[i]
		for k := range h.Consumers {
			successes := uint64(0)
			for n := range h.Consumers[k].Attempts {
				if a := &h.Consumers[k].Attempts[n]; !a.Inferred && attemptOutcome(a) == "ok" {
					successes++
				}
			}
			if successes > 1 {
				*m.duplicates.at(queueKey(h, h.Consumers[k].Group)) += successes - 1
			}
		}
	}
}
