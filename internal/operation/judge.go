package operation

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Judge says what has become of an operation by the time now (nanoseconds since 1970). It is a pure function: the same
// view, policy, circumstances and time give the same verdict, wherever and in whatever order the facts came.
func Judge(v *View, p *Policy, c *Circumstances, now int64) Verdict {
	j := judge{view: v, policy: p, circumstances: c, now: now, verdict: Verdict{Hop: -1, Consumer: -1}}
	j.judge()
	return j.verdict
}

func (j *judge) judge() {
	j.flags()
	if j.declared() {
		return
	}
	j.hops()
	j.deadline()
	j.conclude()
}

type judge struct {
	view          *View
	policy        *Policy
	circumstances *Circumstances
	now           int64
	verdict       Verdict
	// seen takes all conditions, if somebody asks for them.
	seen *[]Condition
	// open says that some hop is not done.
	open bool
}

// flags sets what stands beside the state.
func (j *judge) flags() {
	for i := range j.view.Hops {
		h := &j.view.Hops[i]
		if h.repeated {
			j.verdict.Flags |= FlagDuplicated
		}
		if h.DueAt > h.SentAt() && h.SentAt() != 0 {
			j.verdict.Flags |= FlagDelayed
		}
		for k := range h.Consumers {
			j.verdict.Flags |= h.Consumers[k].flags()
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
			j.consumer(i, k, h)
		}
		j.absent(i, h)
		j.successors(i, h)
	}
}

func (j *judge) unconsumed(i int, h *Hop) {
	j.open = true
	at := condition{hop: i, consumer: -1}
	switch h.State {
	case HopFailed:
		at.state, at.since = StateFailed, h.Sends[len(h.Sends)-1].SentAt()
		j.after(at, j.policy.retry())
		return
	case HopDeadLettered:
		at.state, at.since = StateDeadLettered, h.SentAt()
		j.after(at, Threshold{})
		return
	}
	if h.SentAt() == 0 {
		return
	}
	at.state, at.reason, at.since = StateStuck, StuckWaiting, max(h.SentAt(), h.DueAt)
	if h.Uncertain {
		at.state, at.reason, at.bound = StateUnknown, StuckTelemetryGap, StuckWaiting
	}
	j.awaiting(at, h, j.threshold(StageWaiting, h, "", ""))
}

// absent judges the groups that always consume and showed no sign of it, though others did.
func (j *judge) absent(i int, h *Hop) {
	j.circumstances.absent(j.policy, h, func(group, service string) {
		j.open = true
		at := condition{state: StateStuck, reason: StuckWaiting, hop: i, consumer: -1, since: max(h.SentAt(), h.DueAt), group: group}
		j.lacking(at, j.threshold(StageWaiting, h, group, ""), service)
	})
}

// successors judges what always follows a hop that is done.
func (j *judge) successors(i int, h *Hop) {
	if h.State != HopDone {
		return
	}
	begun, ended := h.begunAt(), h.endedAt()
	if declared := j.policy.then(h); declared != nil {
		if len(declared.Then) > 0 && !j.followed(begun, declared.then.match) {
			j.stalled(i, h, ended, strings.Join(declared.Then, ", "), j.threshold(StageFollowing, h, "", ""))
		}
		return
	}
	if j.circumstances.Experience == nil {
		return
	}
	room := rooms.Get().(*room)
	defer rooms.Put(room)
	room.successors = j.circumstances.Experience.Successors(j.view.LearnedAs(), h.Destination, h.Type, room.successors[:0])
	for _, s := range room.successors {
		if !j.followed(begun, func(name string) bool { return name == s.Destination }) {
			limit := j.policy.declared(StageFollowing, h, "")
			if !limit.Declared() {
				limit = Threshold{Limit: time.Duration(s.Usual.Threshold), Source: SourceLearned, Usual: s.Usual}
			}
			j.stalled(i, h, ended, s.Destination, limit)
		}
	}
}

// followed reports whether a message was sent to a destination that matches, or came from there, after the given time.
func (j *judge) followed(since int64, match func(string) bool) bool {
	for i := range j.view.Hops {
		h := &j.view.Hops[i]
		if cmp.Or(h.SentAt(), h.begunAt()) < since {
			continue
		}
		found := false
		h.destinations(func(name string) bool {
			found = match(name)
			return !found
		})
		if found {
			return true
		}
	}
	return false
}

func (j *judge) stalled(i int, h *Hop, since int64, awaited string, limit Threshold) {
	j.open = true
	at := condition{state: StateStuck, reason: StuckStalled, hop: i, consumer: -1, since: since, awaited: awaited}
	j.lacking(at, limit, h.Consumers[0].Service)
}

func (j *judge) consumer(i, k int, h *Hop) {
	c := &h.Consumers[k]
	last := &c.Attempts[len(c.Attempts)-1]
	if c.State != HopDone {
		j.open = true
	}
	at := condition{hop: i, consumer: k, since: last.EndedAt}
	within := j.policy.retry()
	switch c.State {
	case HopWaiting:
		// How long retries are put off is not what was learned of first attempts.
		at.state, at.reason, at.since = StateStuck, StuckWaiting, c.waitsSince
		j.lacking(at, j.policy.declared(StageWaiting, h, c.Group), c.Service)
	case HopProcessing:
		j.processing(at, h, last)
	case HopFailed:
		if last.Disposition == DispositionFinal {
			within.Limit = 0
		}
		at.state = StateFailed
		j.after(at, within)
	case HopDeadLettered:
		if last.Disposition == DispositionDeadLetter {
			within.Limit = 0
		}
		at.state = StateDeadLettered
		j.after(at, within)
	}
}

// processing judges an attempt that has not ended: by how long ago it began, or last told of progress or that it is alive,
// and by the sign of life that did not come when it was due.
func (j *judge) processing(at condition, h *Hop, a *Attempt) {
	c := &h.Consumers[at.consumer]
	limit := j.threshold(StageProcessing, h, c.Group, "")
	begun := max(a.begin(), a.ProgressAt, a.AliveAt)
	at.state, at.reason = StateStuck, StuckProcessing
	if a.AliveUntil != 0 && a.AliveUntil > begun && a.AliveUntil-begun < int64(limit.Limit) {
		alive := at
		alive.since = a.AliveAt
		j.lacking(alive, Threshold{Limit: time.Duration(a.AliveUntil - a.AliveAt), Source: SourceHeartbeat}, c.Service)
	}
	at.since = begun
	j.lacking(at, limit, c.Service)
}

// deadline judges the operation as a whole.
func (j *judge) deadline() {
	if !j.open || j.policy.Deadline.Limit <= 0 {
		return
	}
	at := condition{state: StateStuck, reason: StuckOverdue, hop: -1, consumer: -1, since: j.view.StartedAt}
	if j.verdict.State != StateInProgress {
		// What is stuck at a hop says more.
		j.see(at, j.policy.Deadline)
		return
	}
	j.after(at, j.policy.Deadline)
}

// conclude completes an operation of which nothing is open and nothing new came for the settle time.
func (j *judge) conclude() {
	if j.open || j.verdict.State != StateInProgress {
		return
	}
	if j.policy.CompletesOn != "" && len(j.view.Hops) > 0 {
		// Everything is done, and yet it did not come to its declared end.
		i := len(j.view.Hops) - 1
		h := &j.view.Hops[i]
		j.stalled(i, h, j.lastEnd(), j.policy.CompletesOn, j.threshold(StageFollowing, h, "", j.policy.CompletesOn))
		return
	}
	if due := j.view.LastAt + int64(j.policy.Settle); due > j.now {
		j.wake(due)
		return
	}
	j.end(StateCompleted, j.lastEnd())
}

// begunAt is the first sign of consumption, 0 without one.
func (h *Hop) begunAt() int64 {
	var begun int64
	for i := range h.Consumers {
		if at := h.Consumers[i].Attempts[0].begin(); begun == 0 || at < begun {
			begun = at
		}
	}
	return begun
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
