package gap

import (
	"cmp"
	"slices"
	"strings"
)

// Covers reports whether a gap of the service, or of the collector, lies between two times, so that something that happened
// then may have been missed. What came late is not missed; a service that is idle has no gap. One that is not known (by the
// name "", as well) lacks telemetry while all that are known are silent. until is mostly now.
func (m *Monitor) Covers(service string, from, until int64) bool {
	_, ok := m.Find(service, from, until)
	return ok
}

// Find returns the gap for which [Monitor.Covers] says so: one that lasts rather than one that is over, and one of the service
// rather than one of the collector.
func (m *Monitor) Find(service string, from, until int64) (Gap, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.services[service]
	if v != nil {
		if v.open != nil && v.open.lacks(from, until) {
			return v.open.describe(service, m.schedule.asked), true
		}
		if from < v.closedUntil {
			for _, g := range slices.Backward(v.closed) {
				if g.lacks(from, until) {
					return g.describe(service, m.schedule.asked), true
				}
			}
		}
	}
	if from < m.downUntil {
		if g, ok := m.findDown(v, from, until); ok {
			return g, true
		}
	}
	if e := m.everybody; v == nil && e != nil && until >= e.from {
		// Whoever it is, nobody is heard of.
		return e.describe("", m.schedule.asked), true
	}
	return Gap{}, false
}

func (m *Monitor) findDown(v *service, from, until int64) (Gap, bool) {
	for _, g := range slices.Backward(m.downs) {
		var d *downtime
		if v != nil {
			d = v.down(g.id)
		}
		if d == nil && from < g.until && until >= g.from {
			return g.describe("", g.until), true
		}
		if d != nil && d.fill.lacks(from, until, g.until) {
			out := g.describe("", g.until)
			out.Filled = d.fill.share(g.until)
			return out, true
		}
	}
	return Gap{}, false
}

// Service is what is known of the habits of a service, by [Signal].
type Service struct {
	Service string
	Signals [SignalCount]Habit
	// Gap is the gap that lasts; its ID is 0 without one. Idle says that it is usual at this time, and hence none.
	Gap  Gap
	Idle bool
}

// Habit is how a service sends one signal. All times are in nanoseconds, At since 1970; those that are not known are 0.
type Habit struct {
	// Usual is how long one waits for something new, and Threshold how long one would wait for it to be silent.
	Usual, Threshold int64
	// Lag is the least delay between an event and its arrival, which includes what the clock of the service is behind.
	Lag int64
	// At is the time of the newest event.
	At int64
}

// Report lists up to limit services, those that are silent first, and then by name.
func (m *Monitor) Report(limit int) []Service {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := make([]*service, 0, len(m.services))
	for _, v := range m.services {
		known = append(known, v)
	}
	slices.SortFunc(known, func(a, b *service) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), strings.Compare(a.name, b.name))
	})
	known = known[:min(len(known), max(0, limit))]
	out := make([]Service, 0, len(known))
	for _, v := range known {
		out = append(out, v.report(m.schedule.asked))
	}
	return out
}

// The ranks order services by how much there is to say of them.
const (
	rankSilent = iota
	rankIdle
	rankHeard
)

func (v *service) rank() int {
	switch {
	case v.open == nil:
		return rankHeard
	case v.open.idle:
		return rankIdle
	}
	return rankSilent
}

func (v *service) report(now int64) Service {
	out := Service{Service: v.name}
	for i := range v.sources {
		if s := &v.sources[i]; s.arrived != 0 {
			out.Signals[i] = Habit{Usual: s.habit.usual, Threshold: s.habit.threshold, Lag: s.lag.value(), At: s.watermark()}
		}
	}
	if v.open != nil {
		out.Gap, out.Idle = v.open.describe(v.name, now), v.open.idle
	}
	return out
}

// Gaps lists up to limit gaps that ended at or after a time or last, those that began last first: of services, of all
// services together, and of the collector.
func (m *Monitor) Gaps(since int64, limit int) []Gap {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Gap
	add := func(g *interval, name string) {
		if g != nil && !g.idle && (g.until == 0 || g.until >= since) {
			out = append(out, g.describe(name, m.schedule.asked))
		}
	}
	for _, v := range m.services {
		add(v.open, v.name)
		for _, g := range v.closed {
			add(g, v.name)
		}
	}
	if m.everybody != nil {
		add(&m.everybody.interval, "")
	}
	for _, g := range slices.Concat(m.past, m.downs) {
		add(g, "")
	}
	slices.SortFunc(out, func(a, b Gap) int { return cmp.Or(cmp.Compare(b.From, a.From), cmp.Compare(b.ID, a.ID)) })
	return out[:min(len(out), max(0, limit))]
}

// Stats returns the counts so far.
func (m *Monitor) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	stats := m.stats
	stats.Services = len(m.services)
	for _, v := range m.services {
		switch v.rank() {
		case rankSilent:
			stats.Silent++
		case rankIdle:
			stats.Idle++
		}
	}
	return stats
}
