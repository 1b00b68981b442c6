package gap

import (
	"slices"
	"time"
)

// downBridge is how far apart two late events of a time without the collector may be so that nothing is lacking between
// them, for services whose habits are not known (again) yet.
const downBridge = int64(10 * time.Second)

// Down takes note that the collector was not running between two times, so that telemetry of everybody is lacking. It is
// one gap that is told of once, when it is over.
func (m *Monitor) Down(from, until int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down(min(max(from, 1), maxTime), min(max(until, 1), maxTime))
}

func (m *Monitor) down(from, until int64) {
	if from >= until {
		return
	}
	g := &interval{id: m.nextID(), kind: KindCollectorDown, from: from, until: until, told: true}
	m.downs = append(m.downs, g)
	if len(m.downs) > maxDowns {
		m.dropDown(m.downs[0].id)
	}
	m.downUntil = max(m.downUntil, until)
	m.stats.Downs++
	m.schedule.awake = max(m.schedule.awake, until)
	m.schedule.graceUntil = max(m.schedule.graceUntil, until+int64(m.settings.Floor))
	// What is kept to be told of is bounded even if nobody asks.
	m.changes = slices.DeleteFunc(m.changes, func(c Gap) bool { return c.Kind == KindCollectorDown && m.forgot(c.ID) })
	m.changes = append(m.changes, g.describe("", until))
}

// forgot reports whether a time without the collector is not kept any more.
func (m *Monitor) forgot(id uint64) bool {
	return !slices.ContainsFunc(m.downs, func(g *interval) bool { return g.id == id })
}

func (m *Monitor) dropDown(id uint64) {
	m.downs = slices.DeleteFunc(m.downs, func(g *interval) bool { return g.id == id })
	m.downUntil = 0
	for _, g := range m.downs {
		m.downUntil = max(m.downUntil, g.until)
	}
	for _, v := range m.services {
		v.downs = slices.DeleteFunc(v.downs, func(d downtime) bool { return d.id == id })
	}
}

// fillDown takes note of an event of a time without the collector.
func (m *Monitor) fillDown(v *service, signal Signal, at int64) {
	for _, g := range m.downs {
		if at < g.from || at >= g.until {
			continue
		}
		d := v.down(g.id)
		if d == nil {
			v.downs = append(v.downs, downtime{id: g.id, fill: newFill(g.from)})
			d = &v.downs[len(v.downs)-1]
			d.fill.end(g.until)
		}
		d.fill.markIn(at, max(downBridge, v.sources[signal].habit.usual), g.until)
	}
}

// down returns what the service made up for, nil if that is nothing.
func (v *service) down(id uint64) *downtime {
	for i := range v.downs {
		if v.downs[i].id == id {
			return &v.downs[i]
		}
	}
	return nil
}
