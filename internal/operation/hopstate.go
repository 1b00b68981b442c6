package operation

import (
	"cmp"
	"slices"
)

// settle puts the attempts in order and says how far the hop and its groups have come.
func (h *hopBuild) settle(habits Habits) {
	sortStable(h.Sends, func(a, b *Send) int { return cmp.Compare(a.StartedAt, b.StartedAt) })
	for i := range h.Consumers {
		c := &h.Consumers[i]
		c.pulled(h.SentAt())
		sortStable(c.Attempts, func(a, b *Attempt) int { return cmp.Compare(a.begin(), b.begin()) })
		c.State = c.state(h.Sends)
		c.wait(&h.Hop, habits)
	}
	sortStable(h.Consumers, func(a, b *Consumer) int {
		return cmp.Or(cmp.Compare(a.Attempts[0].begin(), b.Attempts[0].begin()), cmp.Compare(a.Group, b.Group))
	})
	h.State = h.state()
}

// sortStable sorts what mostly is in order, and large.
func sortStable[T any](s []T, compare func(a, b *T) int) {
	for i := 1; i < len(s); i++ {
		if compare(&s[i-1], &s[i]) > 0 {
			slices.SortStableFunc(s, func(a, b T) int { return compare(&a, &b) })
			return
		}
	}
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
		if a := &c.Attempts[i]; a.succeeded() {
			return a
		}
	}
	return &c.Attempts[len(c.Attempts)-1]
}

// succeeded reports whether the attempt ended well and for good.
func (a *Attempt) succeeded() bool {
	return !a.Open() && a.Outcome != OutcomeError && a.Disposition != DispositionRetry
}

// state says how far the group has come. Sent again by its last attempt, or put back by it, a message waits once more.
func (c *Consumer) state(sends []Send) HopState {
	switch a := c.Deciding(); {
	case a.succeeded():
		return HopDone
	case c.sentAgain(sends):
		return HopWaiting
	case a.Open():
		return HopProcessing
	case a.Disposition == DispositionDeadLetter || a.Disposition == DispositionRejected:
		return HopDeadLettered
	case a.Disposition == DispositionRetry:
		c.waitsSince = a.EndedAt
		return HopWaiting
	case a.Disposition != DispositionFinal && c.failures() > 1:
		// What was tried again was worth trying; that nobody tries any more is its queue's decision.
		return HopDeadLettered
	}
	return HopFailed
}

// sentAgain reports whether an attempt sent the message again and nothing began with it since.
func (c *Consumer) sentAgain(sends []Send) bool {
	last := c.Attempts[len(c.Attempts)-1].begin()
	for i := range sends {
		if s := &sends[i]; s.again && s.StartedAt > last && s.Error == nil {
			c.waitsSince = max(c.waitsSince, s.StartedAt)
		}
	}
	return c.waitsSince != 0
}

// failures is the number of attempts that failed.
func (c *Consumer) failures() int {
	n := 0
	for i := range c.Attempts {
		if a := &c.Attempts[i]; a.Outcome == OutcomeError && !a.Open() {
			n++
		}
	}
	return n
}

// wait computes the wait, as far as the clocks of both sides are known to agree.
func (c *Consumer) wait(h *Hop, habits Habits) {
	from, to, recorded, ok := h.RecordedWait(c)
	if !ok {
		return
	}
	behind := habits.Behind(from, to)
	c.Skewed = recorded < 0 || behind != 0
	c.WaitedNanos = max(0, recorded+behind-max(0, h.DueAt-h.SentAt()))
}

// RecordedWait returns the time in nanoseconds from sending to the first sign of consumption as it was recorded, negative
// where the clocks disagree, and the services that recorded it; false if either end is unknown.
func (h *Hop) RecordedWait(c *Consumer) (from, to string, nanos int64, ok bool) {
	sent, first := h.SentAt(), &c.Attempts[0]
	if sent == 0 || first.ReceivedAt == 0 {
		return "", "", 0, false
	}
	return h.Sends[0].Service, cmp.Or(first.Service, c.Service), first.ReceivedAt - sent, true
}

// state: a message that could not be sent failed; in a dead-letter destination it stays what it is until somebody
// succeeds with it; else the least good group counts.
func (h *hopBuild) state() HopState {
	worst := HopDone
	for i := range h.Consumers {
		if badness[h.Consumers[i].State] > badness[worst] {
			worst = h.Consumers[i].State
		}
	}
	switch {
	case h.deadLetter && (len(h.Consumers) == 0 || worst != HopDone):
		return HopDeadLettered
	case len(h.Consumers) > 0:
		return worst
	}
	for i := range h.Sends {
		if h.Sends[i].Error == nil {
			return HopWaiting
		}
	}
	return HopFailed
}

// badness orders the states of the groups of one hop.
var badness = [...]int{HopFailed: 4, HopDeadLettered: 3, HopProcessing: 2, HopWaiting: 1, HopDone: 0}
