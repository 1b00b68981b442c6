package incident

import (
	"math"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// weigh brings severity, priority, owner and runbook up to date: those of the worst member's policy, and more if the incident
// is large or old. It reports whether severity or priority changed.
func (r *record) weigh(now int64) bool {
	severity, priority := r.Severity, r.Priority
	for s := severityCount - 1; s >= 0; s-- {
		if r.severities[s] == 0 {
			continue
		}
		p := r.policies[s]
		r.Severity, r.Priority, r.Owner, r.Runbook = operation.Severity(s), p.Priority, p.Owner, p.Runbook
		r.escalate(s, p.Escalations, now)
		break
	}
	return severity != r.Severity || priority != r.Priority
}

// escalate applies the escalations that are in force. One that is stays so until half of the operations it takes are left, so
// that a number that goes up and down does not raise alarm upon alarm.
func (r *record) escalate(s int, escalations []operation.Escalation, now int64) {
	var inForce uint64
	for i := range escalations[:min(len(escalations), operation.MaxEscalations)] {
		e := &escalations[i]
		needed := e.Operations
		if r.escalated[s]&(1<<i) != 0 {
			needed = (needed + 1) / 2
		}
		if r.Active < needed || now-r.OpenedAt < int64(e.After) {
			continue
		}
		inForce |= 1 << i
		r.Severity = max(r.Severity, e.Severity)
		if e.Priority > 0 {
			r.Priority = min(r.Priority, e.Priority)
		}
	}
	r.changed = r.changed || r.escalated[s] != inForce
	r.escalated[s] = inForce
}

// rateWindow is the time in which a rate forgets about two thirds of what was.
const rateWindow = 5 * time.Minute

// rate is a number of events per time that forgets exponentially.
type rate struct {
	weight float64
	at     int64
}

func (r *rate) decay(now int64) {
	if now > r.at {
		r.weight *= math.Exp(-float64(now-r.at) / float64(rateWindow))
		r.at = now
	}
}

func (r *rate) add(now int64) {
	r.decay(now)
	r.weight++
}

// perMinute is the mean number of events per minute.
func (r *rate) perMinute(now int64) float64 {
	r.decay(now)
	return r.weight / rateWindow.Minutes()
}
