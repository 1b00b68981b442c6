package incident

import (
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// Gap is a change of telemetry that is lacking.
type Gap struct {
	// Service is the one whose telemetry is lacking, "" for everybody's.
	Service string
	// Since is when it began, in nanoseconds since 1970.
	Since int64
	// Over says that it is over; Gone that the service was given up, without having been heard of again.
	Over, Gone bool
	// Policy says how bad it is and whom to tell.
	Policy *operation.Policy
}

// GapKey is the key of the incident of lacking telemetry of a service, of everybody's for "".
func GapKey(service string) Key {
	return Key{Kind: operation.StateUnknown, Reason: operation.StuckTelemetryGap, Service: clip(service, maxName)}
}

// ObserveGaps takes in gaps that began and that are over, and returns what is to be told. An incident of a gap is open for
// as long as the gap; the operations that become unknown because of it meanwhile are its members.
func (t *Tracker) ObserveGaps(now time.Time, gaps []Gap) []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := now.UnixNano()
	again := t.again()
	for i := range gaps {
		t.observeGap(&gaps[i], at)
	}
	return t.finish(append(again, t.tellTouched(at)...))
}

func (t *Tracker) observeGap(g *Gap, now int64) {
	key := GapKey(g.Service)
	id := key.ID()
	if g.Over {
		if r := t.incidents[id]; r != nil && r.gap != nil {
			t.endGap(r, g.Gone)
		}
		return
	}
	r := t.record(id, key)
	if r == nil {
		t.stats.Overflow++
		return
	}
	if r.gap != nil {
		return
	}
	if r.State == StateResolved {
		t.unlist(r)
		r.open(&operation.Change{View: &operation.View{}, Verdict: operation.Verdict{Hop: -1, Consumer: -1}}, now)
	}
	r.gap = g.Policy
	r.rate(g.Policy)
	since := min(g.Since, now)
	if r.FirstSeen == 0 {
		r.FirstSeen = since
	}
	r.LastSeen = max(r.LastSeen, since)
	t.touch(r)
}

// endGap lets the operations go too: whether they are known by now is a matter of their next verdicts.
func (t *Tracker) endGap(r *record, gone bool) {
	r.severities[min(r.gap.Severity, operation.SeverityCritical)]--
	r.gap = nil
	why := CauseRecovered
	if gone {
		why = CauseLost
	}
	t.release(r, why)
	t.touch(r)
}

// keyOf returns the key of the incident that the change puts its operation into; false if there is none. One that is unknown
// joins the incident of the gap that hides what became of it, if that is open, and opens none.
func (t *Tracker) keyOf(c *operation.Change, g group) (Key, bool) {
	if c.Gone || c.Verdict.State != operation.StateUnknown || c.Verdict.Reason != operation.StuckTelemetryGap {
		return t.named(g.Key), g.ok
	}
	for _, service := range [...]string{c.Verdict.Silent, ""} {
		key := GapKey(service)
		if r := t.incidents[key.ID()]; r != nil && r.gap != nil {
			return key, true
		}
	}
	return Key{}, false
}
