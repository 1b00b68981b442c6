package operation

import (
	"cmp"
	"slices"
)

// settle puts the attempts in order and says how far the hop and its groups have come.
func (h *hopBuild) settle() {
	slices.SortStableFunc(h.Sends, func(a, b Send) int { return cmp.Compare(a.StartedAt, b.StartedAt) })
	for i := range h.Consumers {
		c := &h.Consumers[i]
		c.pulled(h.SentAt())
		slices.SortStableFunc(c.Attempts, func(a, b Attempt) int { return cmp.Compare(a.begin(), b.begin()) })
		c.State = c.state()
		c.wait(&h.Hop)
	}
	slices.SortStableFunc(h.Consumers, func(a, b Consumer) int {
		return cmp.Or(cmp.Compare(a.Attempts[0].begin(), b.Attempts[0].begin()), cmp.Compare(a.Group, b.Group))
	})
	h.State = h.state()
}

// pulled corrects the time of receipt where the pull had begun before the message existed: it came when the pull ended.
func (c *Consumer) pulled(sent int64) {
	for i := range c.Attempts {
		if a := &c.Attempts[i]; a.ReceivedAt < sent && a.fetched >= sent {
			a.ReceivedAt = a.fetched
		}
	}
}

// begin is the first sign of an attempt.
func (a *Attempt) begin() int64 { return cmp.Or(a.ReceivedAt, a.StartedAt, a.EndedAt) }

// Deciding returns the attempt by which the group is judged: the first that succeeded, because one success is enough; else
// the last, because it supersedes those before.
func (c *Consumer) Deciding() *Attempt {
	for i := range c.Attempts {
		if a := &c.Attempts[i]; !a.Open() && a.Outcome != OutcomeError {
			return a
		}
	}
	return &c.Attempts[len(c.Attempts)-1]
}

func (c *Consumer) state() HopState {
	switch a := c.Deciding(); {
	case a.Open():
		return HopProcessing
	case a.Outcome == OutcomeError:
		return HopFailed
	}
	return HopDone
}

func (c *Consumer) wait(h *Hop) {
	sent, first := h.SentAt(), c.Attempts[0].ReceivedAt
	if sent == 0 || first == 0 {
		return
	}
	c.WaitedNanos = max(0, first-sent)
	c.Skewed = first < sent
}

// state: a message that could not be sent failed; else the least good group counts.
func (h *hopBuild) state() HopState {
	if len(h.Consumers) == 0 {
		for i := range h.Sends {
			if h.Sends[i].Error == nil {
				return HopWaiting
			}
		}
		return HopFailed
	}
	states := [...]int{HopFailed: 3, HopProcessing: 2, HopWaiting: 1, HopDone: 0}
	worst := HopDone
	for i := range h.Consumers {
		if states[h.Consumers[i].State] > states[worst] {
			worst = h.Consumers[i].State
		}
	}
	return worst
}
