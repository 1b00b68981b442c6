package operation

import (
	"cmp"
	"time"
)

const (
	// unknownAgain is how often it is looked whether telemetry that was lacking has come after all.
	unknownAgain = 15 * time.Second
	// stuckAgain is how long after its threshold a stuck verdict is looked at once more: that a service is silent shows only
	// after a while. The longer its usual pause, the later: after twice as long it is looked at again, until stuckLast.
	stuckAgain = time.Minute
	stuckLast  = time.Hour
)

// condition is something that makes a verdict if it lasts longer than a threshold.
type condition struct {
	state         State
	reason        StuckReason
	hop, consumer int
	since         int64
	group         string
	awaited       string
	silent        string
	// bound is what the threshold is configured for, where an unknown verdict has another reason.
	bound StuckReason
}

// Condition is something that makes a verdict if it lasts longer than its threshold, as it is by now.
type Condition struct {
	State  State
	Reason StuckReason
	// Bound is what the threshold is configured for: that of an unknown verdict is the one that would have made it stuck.
	Bound StuckReason
	// Hop and Consumer are as in Verdict, as are Group and Awaited.
	Hop, Consumer  int
	Group, Awaited string
	// Since is when it began, in nanoseconds since 1970.
	Since     int64
	Threshold Threshold
}

// Conditions returns all that an operation is judged by at the time now, those that have lasted too long and those that have
// not, in the order of its hops. It is what [Judge] looks at: none are left of an operation that was declared to have ended.
func Conditions(v *View, p *Policy, c *Circumstances, now int64) []Condition {
	var all []Condition
	j := judge{view: v, policy: p, circumstances: c, now: now, verdict: Verdict{Hop: -1, Consumer: -1}, seen: &all}
	j.judge()
	return all
}

// see notes a condition for Conditions.
func (j *judge) see(at condition, limit Threshold) {
	if j.seen != nil {
		bound := cmp.Or(at.bound, at.reason)
		*j.seen = append(*j.seen, Condition{at.state, at.reason, bound, at.hop, at.consumer, at.group, at.awaited, at.since, limit})
	}
}

// threshold returns the threshold for a stage of a hop.
func (j *judge) threshold(kind StageKind, h *Hop, group, next string) Threshold {
	return j.circumstances.Threshold(j.policy, j.view, kind, h, group, next)
}

// awaiting judges a message that nobody consumes. Whoever usually does may have done so unseen.
func (j *judge) awaiting(at condition, h *Hop, limit Threshold) {
	if j.circumstances.Telemetry == nil || at.since+int64(limit.Limit) > j.now {
		j.after(at, limit)
		return
	}
	var room [4]string
	services := room[:0]
	if j.circumstances.Experience != nil {
		services = j.circumstances.Experience.Consumers(h.Destination, services)
	}
	if len(services) == 0 {
		services = append(services, "")
	}
	j.lacking(at, limit, services...)
}

// lacking gives the verdict if the threshold has passed, but an unknown one if telemetry of one of the services that would tell
// otherwise is lacking from before then.
func (j *judge) lacking(at condition, limit Threshold, services ...string) {
	due := at.since + int64(limit.Limit)
	telemetry := j.circumstances.Telemetry
	if telemetry == nil || limit.Limit <= 0 || due > j.now || at.state != StateStuck {
		j.after(at, limit)
		return
	}
	for _, service := range services {
		if telemetry.Lacks(service, at.since, due) {
			at.bound = at.reason
			at.state, at.reason, at.silent = StateUnknown, StuckTelemetryGap, service
			j.after(at, limit)
			j.wake(j.now + int64(unknownAgain))
			return
		}
	}
	j.after(at, limit)
	for again := int64(stuckAgain); again <= int64(stuckLast); again *= 2 {
		if due+again > j.now {
			j.wake(due + again)
			return
		}
	}
}

// after gives the verdict if the threshold has passed since then, or notes when it will. A stuck threshold of 0 means
// for ever, a retry threshold of 0 means at once.
func (j *judge) after(at condition, limit Threshold) {
	j.see(at, limit)
	if (at.state == StateStuck || at.state == StateUnknown) && limit.Limit <= 0 {
		return
	}
	if due := at.since + int64(limit.Limit); due > j.now {
		j.wake(due)
		return
	}
	v := &j.verdict
	if !at.outranks(v) {
		return
	}
	v.State, v.Reason, v.Hop, v.Consumer, v.Since = at.state, at.reason, at.hop, at.consumer, at.since
	v.Group, v.Awaited, v.Silent = at.group, at.awaited, at.silent
	v.Threshold, v.Source, v.Usual = int64(limit.Limit), limit.Source, limit.Usual
	v.EndedAt = 0
	if at.state.Bad() {
		v.EndedAt = at.since
	}
}

// outranks reports whether the condition decides rather than what was found before: a bad end before what is stuck, that
// before what is unknown, and of two the earlier one.
func (c *condition) outranks(v *Verdict) bool {
	earlier := v.Since > c.since
	switch {
	case v.State.Bad():
		return c.state.Bad() && earlier
	case v.State == StateStuck:
		return c.state.Bad() || (c.state == StateStuck && earlier)
	case v.State == StateUnknown:
		return c.state != StateUnknown || earlier
	}
	return true
}
