package operation

import "slices"

// Judge says what has become of an operation by the time now (nanoseconds since 1970). It is a pure function: the same
// view, policy and time give the same verdict, wherever and in whatever order the facts came.
func Judge(v *View, p *Policy, now int64) Verdict {
	j := judge{view: v, policy: p, now: now, verdict: Verdict{Hop: -1, Consumer: -1}}
	j.flags()
	if j.declared() {
		return j.verdict
	}
	j.hops()
	j.deadline()
	j.conclude()
	return j.verdict
}

type judge struct {
	view    *View
	policy  *Policy
	now     int64
	verdict Verdict
	// open says that some hop is not done.
	open bool
}

// flags sets what stands beside the state.
func (j *judge) flags() {
	for i := range j.view.Hops {
		if j.view.Hops[i].repeated {
			j.verdict.Flags |= FlagDuplicated
		}
		for k := range j.view.Hops[i].Consumers {
			j.verdict.Flags |= j.view.Hops[i].Consumers[k].flags()
		}
	}
}

func (c *Consumer) flags() Flags {
	var flags Flags
	succeeded, failed := 0, false
	for i := range c.Attempts {
		a := &c.Attempts[i]
		if failed {
			flags |= FlagRetried
		}
		switch {
		case a.Open() || (a.Inferred && a.Span.IsZero() && !a.repeat):
			// It left no trace of its own, so it may be one of those that did.
		case a.Outcome != OutcomeError && (a.Disposition == DispositionRetry || a.superseded):
			// Put off without having failed, or received again without anybody telling why.
		case a.Outcome == OutcomeError && !c.repeated(i):
			failed = true
		default:
			succeeded++
		}
	}
	if succeeded > 1 {
		flags |= FlagDuplicated
	}
	if c.Skewed {
		flags |= FlagSkewed
	}
	return flags
}

// repeated reports whether another attempt sent on to where the failed attempt i had sent on already: whatever failed then
// (the acknowledgement, mostly), its work had been done, and was done again.
func (c *Consumer) repeated(i int) bool {
	for k := range c.Attempts {
		if k != i && slices.ContainsFunc(c.Attempts[i].sentTo, func(d string) bool { return slices.Contains(c.Attempts[k].sentTo, d) }) {
			return true
		}
	}
	return false
}

// declared reports whether the application itself, or the rule by its destination, says that the operation ended.
func (j *judge) declared() bool {
	if at := j.view.CancelledAt; at != 0 && at >= j.view.DeclaredAt {
		j.end(StateCancelled, at)
		return true
	}
	switch j.view.Declared {
	case OutcomeOK:
		j.end(StateCompleted, j.view.DeclaredAt)
		return true
	case OutcomeError:
		j.end(StateFailed, j.view.DeclaredAt)
		j.verdict.Since = j.view.DeclaredAt
		return true
	}
	if j.policy.CompletesOn == "" {
		return false
	}
	for i := range j.view.Hops {
		if h := &j.view.Hops[i]; h.Destination == j.policy.CompletesOn && h.State == HopDone {
			j.end(StateCompleted, h.endedAt())
			return true
		}
	}
	return false
}

func (j *judge) end(s State, at int64) {
	j.verdict.State, j.verdict.EndedAt = s, at
}

// endedAt is the end of the last attempt.
func (h *Hop) endedAt() int64 {
	var end int64
	for i := range h.Consumers {
		for k := range h.Consumers[i].Attempts {
			end = max(end, h.Consumers[i].Attempts[k].EndedAt)
		}
	}
	return end
}

// hops judges each hop and group; the earliest condition decides, a failure before anything stuck.
func (j *judge) hops() {
	for i := range j.view.Hops {
		h := &j.view.Hops[i]
		if len(h.Consumers) == 0 {
			j.unconsumed(i, h)
			continue
		}
		for k := range h.Consumers {
			j.consumer(i, k, &h.Consumers[k])
		}
	}
}

func (j *judge) unconsumed(i int, h *Hop) {
	j.open = true
	switch h.State {
	case HopFailed:
		j.after(StateFailed, StuckNone, i, -1, h.Sends[len(h.Sends)-1].SentAt(), int64(j.policy.RetryWithin))
		return
	case HopDeadLettered:
		j.after(StateDeadLettered, StuckNone, i, -1, h.SentAt(), 0)
		return
	}
	sent := max(h.SentAt(), h.DueAt)
	switch {
	case h.SentAt() == 0:
	case h.Uncertain:
		j.after(StateUnknown, StuckTelemetryGap, i, -1, sent, int64(j.policy.Waiting))
	default:
		j.after(StateStuck, StuckWaiting, i, -1, sent, int64(j.policy.Waiting))
	}
}

func (j *judge) consumer(i, k int, c *Consumer) {
	last := &c.Attempts[len(c.Attempts)-1]
	if c.State != HopDone {
		j.open = true
	}
	switch c.State {
	case HopWaiting:
		j.after(StateStuck, StuckWaiting, i, k, c.waitsSince, int64(j.policy.Waiting))
	case HopProcessing:
		j.processing(i, k, last)
	case HopFailed:
		within := int64(j.policy.RetryWithin)
		if last.Disposition == DispositionFinal {
			within = 0
		}
		j.after(StateFailed, StuckNone, i, k, last.EndedAt, within)
	case HopDeadLettered:
		within := int64(j.policy.RetryWithin)
		if last.Disposition == DispositionDeadLetter {
			within = 0
		}
		j.after(StateDeadLettered, StuckNone, i, k, last.EndedAt, within)
	}
}

// processing judges an attempt that has not ended: by how long it takes, and by the sign of life that did not come.
func (j *judge) processing(i, k int, a *Attempt) {
	if j.policy.Processing <= 0 {
		return
	}
	begun := max(a.begin(), a.ProgressAt)
	if a.AliveUntil != 0 && a.AliveUntil-begun < int64(j.policy.Processing) {
		j.after(StateStuck, StuckProcessing, i, k, a.AliveAt, a.AliveUntil-a.AliveAt)
	}
	j.after(StateStuck, StuckProcessing, i, k, begun, int64(j.policy.Processing))
}

// after gives the verdict if the threshold has passed since then, or notes when it will. A stuck threshold of 0 means
// for ever, a retry threshold of 0 means at once.
func (j *judge) after(s State, reason StuckReason, hop, consumer int, since, threshold int64) {
	if (s == StateStuck || s == StateUnknown) && threshold <= 0 {
		return
	}
	if due := since + threshold; due > j.now {
		j.wake(due)
		return
	}
	v := &j.verdict
	if v.State.Bad() && (!s.Bad() || v.Since <= since) {
		return
	}
	if v.State == StateStuck && (s == StateUnknown || (s == StateStuck && v.Since <= since)) {
		return
	}
	if v.State == StateUnknown && s == StateUnknown && v.Since <= since {
		return
	}
	v.State, v.Reason, v.Hop, v.Consumer, v.Since, v.Threshold = s, reason, hop, consumer, since, threshold
	v.EndedAt = 0
	if s.Bad() {
		v.EndedAt = since
	}
}

// deadline judges the operation as a whole.
func (j *judge) deadline() {
	if !j.open || j.policy.Deadline <= 0 || j.verdict.State != StateInProgress {
		return
	}
	j.after(StateStuck, StuckOverdue, -1, -1, j.view.StartedAt, int64(j.policy.Deadline))
}

// conclude completes an operation of which nothing is open and nothing new came for the settle time.
func (j *judge) conclude() {
	if j.open || j.verdict.State != StateInProgress {
		return
	}
	if due := j.view.LastAt + int64(j.policy.Settle); due > j.now {
		j.wake(due)
		return
	}
	j.end(StateCompleted, j.lastEnd())
}

// lastEnd is the end of the last piece of work; log lines written afterwards do not prolong the operation.
func (j *judge) lastEnd() int64 {
	var end int64
	for i := range j.view.Hops {
		end = max(end, j.view.Hops[i].endedAt())
	}
	for i := range j.view.Works {
		end = max(end, j.view.Works[i].EndedAt)
	}
	if end == 0 {
		end = j.view.LastAt
	}
	return end
}

func (j *judge) wake(at int64) {
	if j.verdict.Next == 0 || at < j.verdict.Next {
		j.verdict.Next = at
	}
}
