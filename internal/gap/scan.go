package gap

import (
	"math"
	"slices"
	"strings"
	"time"
)

const (
	// scanEvery is how long it takes at most until all services are looked at again, and pruneEvery until what is old is dropped.
	scanEvery, pruneEvery = int64(5 * time.Second), int64(time.Minute)
	// newcomer is how long a service without a habit may be silent until it is forgotten, and crowded how long if there is no
	// room for others.
	newcomer, crowded = int64(48 * time.Hour), int64(10 * time.Minute)
)

// schedule says when there is something to do.
type schedule struct {
	// asked is when the monitor was asked last; next and prune are when something is due.
	asked, next, prune int64
	// graceUntil is until when nobody is silent, because the collector was not running shortly before.
	graceUntil int64
	// awake is since when the collector has been running, as far as it is known that it was not before.
	awake int64
}

func (s *schedule) soon() { s.next = 0 }

// fleet is a gap of all services together.
type fleet struct {
	interval
	// patience is the greatest one among those that fell silent.
	patience int64
	// resumed is the end of the last gap of one of them that ended meanwhile.
	resumed int64
}

// Silent returns the gaps that began (Until is 0) and those that ended since it was asked last; each beginning and each end
// once. A gap whose beginning was not told, because it was over soon, or was idleness, or is part of one of all services, has
// no end to be told. It is to be called about once a second: if it was not for [Settings.Absence], the collector was not running.
// While nothing is due it costs next to nothing.
func (m *Monitor) Silent(now int64) []Gap {
	now = min(max(now, 1), maxTime)
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := &m.schedule; c.asked != 0 && now-c.asked > int64(m.settings.Absence) {
		m.down(c.asked, now)
	}
	m.look(now)
	out := m.changes
	m.changes = nil
	return out
}

// Follow is to be called in place of [Monitor.Silent] while another collector tells of gaps: it knows where telemetry is lacking as
// Silent does, and tells nobody. That this collector was not running is no gap then.
func (m *Monitor) Follow(now int64) {
	now = min(max(now, 1), maxTime)
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := &m.schedule; c.asked != 0 && now-c.asked > int64(m.settings.Absence) {
		c.graceUntil = max(c.graceUntil, now+int64(m.settings.Floor))
	}
	told := m.stats.Gaps
	m.look(now)
	m.stats.Gaps, m.changes = told, nil
}

// look brings all that depends on the time up to date.
func (m *Monitor) look(now int64) {
	c := &m.schedule
	if now < c.asked {
		m.setBack(now)
	}
	c.asked = now
	if now >= c.prune {
		m.prune(now)
		c.prune = now + pruneEvery
	}
	// One gap of a service is over before the next one begins, also for those who are told.
	m.tellEndings(now)
	if now >= c.next && now >= c.graceUntil {
		m.scan(now)
	}
}

func (m *Monitor) tellEndings(now int64) {
	for len(m.endings) > 0 && (now >= m.endings[0].due || m.endings[0].due > now+int64(m.settings.Hold)) {
		e := m.endings[0]
		m.endings = m.endings[1:]
		m.changes = append(m.changes, e.gap.describe(e.name, now))
	}
}

// scan looks at all services.
func (m *Monitor) scan(now int64) {
	next := now + scanEvery
	var waiting []*service
	for _, v := range m.services {
		for i := range v.sources {
			s := &v.sources[i]
			if due := s.due(m.schedule.awake); now > due {
				m.open(v, Signal(i), now)
			} else {
				next = min(next, due+1)
			}
		}
		if v.open != nil {
			m.giveUp(v, now)
		}
		if g := v.open; g != nil && !g.told {
			if g.idle = v.usual(now); !g.idle {
				waiting = append(waiting, v)
			}
		}
	}
	m.schedule.next = next
	m.tell(waiting, now)
}

// open begins the gap of one signal.
func (m *Monitor) open(v *service, signal Signal, now int64) {
	s := &v.sources[signal]
	from := s.watermark()
	if v.open == nil {
		v.open = &interval{id: m.nextID(), from: from, opened: now}
		// What came last is never quite new: exporters collect for a while.
		if s.arrived-from > s.habit.threshold/2 {
			v.open.kind = KindLate
		}
	}
	v.open.from = min(v.open.from, from)
	v.open.parts[signal] = part{from: from, fill: newFill(from)}
	s.silent = true
}

// giveUp ends the gap of a signal that is silent for long while the other one is not: the service does not send it any more.
func (m *Monitor) giveUp(v *service, now int64) {
	relearn := int64(m.settings.Relearn)
	for i := range v.sources {
		s, other := &v.sources[i], &v.sources[len(v.sources)-1-i]
		alive := !other.silent && other.arrived != 0 && now-other.arrived <= max(relearn, other.habit.threshold)
		if !s.silent || !alive || now-s.arrived <= relearn+s.habit.threshold {
			continue
		}
		v.open.gone = true
		m.closePart(v, Signal(i), now, now)
		*s = source{}
		return
	}
}

// tell tells of gaps that have begun: of one for all services if next to all of those are silent that should have been heard of,
// else of each that lasts long enough.
func (m *Monitor) tell(waiting []*service, now int64) {
	slices.SortFunc(waiting, func(a, b *service) int { return strings.Compare(a.name, b.name) })
	ripe := waiting[:0]
	var patience int64
	for _, v := range waiting {
		if now-v.open.opened >= int64(m.settings.Hold) {
			ripe = append(ripe, v)
			patience = max(patience, v.patience())
		}
	}
	if e := m.everybody; e != nil {
		e.patience = max(e.patience, patience)
		if m.together(e.patience, now) {
			return
		}
		m.endOfAll(now)
	}
	if len(ripe) > 1 && m.together(patience, now) {
		m.beginOfAll(ripe, patience, now)
		return
	}
	for _, v := range ripe {
		if len(m.past) > 0 && now-m.past[len(m.past)-1].opened < v.patience() {
			// All have just begun to come back.
			continue
		}
		v.open.told = true
		m.stats.Gaps++
		m.changes = append(m.changes, v.open.describe(v.name, now))
	}
}

// together reports whether nine of ten services that must not be silent for longer than that are silent, and at least two. Those whose
// gap was told before are not counted; one that may be silent for longer is, if it was heard of lately all the same.
func (m *Monitor) together(patience, now int64) bool {
	all, silent := 0, 0
	for _, v := range m.services {
		if p := v.patience(); p == 0 || (p > patience && now-v.arrived() > patience) || (v.open != nil && v.open.told) {
			continue
		}
		all++
		if v.quiet() {
			silent++
		}
	}
	return silent > 1 && silent*10 >= all*9
}

func (m *Monitor) beginOfAll(members []*service, patience, now int64) {
	e := &fleet{interval: interval{id: m.nextID(), told: true, opened: now, from: math.MaxInt64}, patience: patience}
	for _, v := range members {
		e.from = min(e.from, v.open.from)
	}
	m.everybody = e
	m.stats.Gaps++
	m.changes = append(m.changes, e.describe("", now))
}

// endOfAll ends the gap of all services. Those that are silent still have one of their own from now on.
func (m *Monitor) endOfAll(now int64) {
	e := m.everybody
	m.everybody = nil
	e.until = e.resumed
	if e.until == 0 {
		e.until = now
	}
	m.changes = append(m.changes, e.describe("", now))
	// From here on, opened is when it was over.
	e.opened = now
	m.past = append(m.past, &e.interval)
	if len(m.past) > maxPast {
		m.past = m.past[1:]
	}
}

// prune drops what is too old.
func (m *Monitor) prune(now int64) {
	then, fresh := now-int64(m.settings.Retention), now-newcomer
	if len(m.services) >= m.settings.MaxServices {
		fresh = now - crowded
	}
	for name, v := range m.services {
		v.forget(then)
		if last := v.arrived(); last >= then && (v.patience() != 0 || v.open != nil || last >= fresh) {
			continue
		}
		if g := v.open; g != nil {
			g.gone, g.until = true, now
			m.close(v, now)
		}
		delete(m.services, name)
		m.stats.Forgotten++
		if m.last == v {
			m.last = nil
		}
	}
	for len(m.downs) > 0 && m.downs[0].until < then {
		m.dropDown(m.downs[0].id)
	}
	for len(m.past) > 0 && m.past[0].until < then {
		m.past = m.past[1:]
	}
}
