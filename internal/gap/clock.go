package gap

import (
	"math"
	"slices"
)

// SetForward takes note that the clock of the collector was set forward by so much, to now, in nanoseconds; it is to be called before
// anything else is done at that time. It may have been set because it stood still: then the collector was not running, and that is
// a gap if it is longer than [Settings.Absence]. Or it goes wrong from now on: then services seem to be late by as much, and are not.
// That a clock is set back is noticed by [Monitor.Silent].
func (m *Monitor) SetForward(by, now int64) {
	now = min(max(now, 1), maxTime)
	if by <= 0 || by > now {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range m.services {
		for i := range v.sources {
			l := &v.sources[i].lag
			l.least = min(l.least+by, maxTime)
			if l.before != math.MaxInt64 {
				l.before = min(l.before+by, maxTime)
			}
		}
	}
	if c := &m.schedule; by > int64(m.settings.Absence) && c.asked != 0 {
		m.down(now-by, now)
		c.asked = max(c.asked, now)
	}
}

// setBack takes note that the clock of the collector was set back to now: what is of a time to come is of now, or never was. Else nobody
// would be missed until that time has come again, and what lay in a gap then would be taken for missed.
func (m *Monitor) setBack(now int64) {
	c := &m.schedule
	c.next, c.prune = 0, 0
	c.awake, c.graceUntil = min(c.awake, now), min(c.graceUntil, now+int64(m.settings.Floor))
	m.downs, m.past = setBackAll(m.downs, now), setBackAll(m.past, now)
	m.downUntil = 0
	for _, g := range m.downs {
		m.downUntil = max(m.downUntil, g.until)
	}
	if e := m.everybody; e != nil {
		e.from, e.opened, e.resumed = min(e.from, now), min(e.opened, now), min(e.resumed, now)
	}
	for _, v := range m.services {
		v.setBack(now)
		v.downs = slices.DeleteFunc(v.downs, func(d downtime) bool { return m.forgot(d.id) })
	}
}

func setBackAll(all []*interval, now int64) []*interval {
	return slices.DeleteFunc(all, func(g *interval) bool {
		if g.from >= now {
			return true
		}
		g.setBack(now)
		return false
	})
}

// setBack lets the gap be over by now, or begin by now if it lasts.
func (g *interval) setBack(now int64) {
	g.from, g.until, g.opened = min(g.from, now), min(g.until, now), min(g.opened, now)
	for i := range g.parts {
		p := &g.parts[i]
		if p.from > now {
			p.from, p.fill = now, newFill(now)
		}
		p.until = min(p.until, now)
	}
}

func (v *service) setBack(now int64) {
	for i := range v.sources {
		v.sources[i].setBack(now)
	}
	v.closed = setBackAll(v.closed, now)
	v.bound()
	if v.open != nil {
		v.open.setBack(now)
	}
}

// setBack lets nothing have come later than now. By how much the clock of the service is behind is learned anew.
func (s *source) setBack(now int64) {
	if s.arrived <= now {
		return
	}
	s.newest, s.arrived, s.learned = min(s.newest, now), now, now
	s.lag = lag{least: now - s.newest, before: math.MaxInt64, turned: now}
	s.stale = stale{}
}
