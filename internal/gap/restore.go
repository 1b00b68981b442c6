package gap

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/throughline/throughline/internal/snapshot"
)

const (
	// maxRestored bounds the services that are read, whatever is kept of them.
	maxRestored = 1_000_000
	// maxSeconds bounds what is remembered of waits of one length.
	maxSeconds = 1e9
	// maxDoubled is how often the parts of a gap may have doubled: from a second to those of the longest gap.
	maxDoubled = 27
	// idsApart leaves room for the gaps that were told of after a snapshot and before the collector ended, so that no two have one ID.
	idsApart = 1 << 16
)

// Restore continues, at the time now, from the snapshot of an earlier run or of a collector that told of gaps until now. What a
// monitor that has only listened so far, by [Monitor.Hear], [Monitor.Seen] and [Monitor.Follow], heard later stays. Gaps that last
// are over when the service is heard of, and are not told anew. Nobody is silent before there was time to be heard of; that the
// collector was not running in between is for [Monitor.Down] to say. When Restore returns an error, nothing was restored.
func (m *Monitor) Restore(data []byte, now int64) error {
	opened, err := snapshot.Open(data, snapshotName, snapshotVersion)
	if err != nil {
		return err
	}
	now = min(max(now, 1), maxTime)
	m.mu.Lock()
	defer m.mu.Unlock()
	r := reader{Reader: opened, settings: &m.settings, now: now}
	all := r.everything()
	if err := r.Close(); err != nil {
		return err
	}
	m.ids = max(m.ids, all.ids) + idsApart
	m.downs, m.past, m.everybody = all.downs, all.past, all.everybody
	m.downUntil = 0
	for _, g := range m.downs {
		m.downUntil = max(m.downUntil, g.until)
	}
	m.schedule.awake = min(m.downUntil, now)
	heard := m.services
	m.services, m.last, m.endings = make(map[string]*service, len(all.services)), nil, nil
	for _, v := range all.services {
		v.place(m.downs)
		if len(m.services) < m.settings.MaxServices {
			m.services[v.name] = v
		}
	}
	m.news.of = m.news.of[:0]
	for _, v := range heard {
		m.keepHeard(v)
	}
	m.endings = append(all.endings, m.endings...)
	m.link()
	m.changes = slices.DeleteFunc(m.changes, func(c Gap) bool { return c.Kind == KindCollectorDown && m.forgot(c.ID) })
	for _, g := range m.downs {
		if slices.Contains(all.untold, g.id) {
			m.changes = append(m.changes, g.describe("", g.until))
		}
	}
	m.schedule.graceUntil = max(m.schedule.graceUntil, now+int64(m.settings.Floor))
	m.schedule.next, m.schedule.prune = 0, 0
	return nil
}

// keepHeard lets a service stay as it was heard of since.
func (m *Monitor) keepHeard(live *service) {
	v := m.services[live.name]
	switch {
	case v != nil:
		for i := range v.sources {
			m.catchUp(v, Signal(i), &live.sources[i])
		}
	case len(m.services) >= m.settings.MaxServices:
		return
	default:
		v = live
		m.services[v.name] = v
		if v.open != nil {
			// Nobody was told.
			v.open.told = false
		}
	}
	v.heard = live.heard
	if !v.unheard() {
		m.news.of = append(m.news.of, v)
	}
}

// catchUp takes note of what was heard of a signal since. It teaches nothing: nobody knows what was heard in between.
func (m *Monitor) catchUp(v *service, signal Signal, live *source) {
	s := &v.sources[signal]
	switch {
	case live.arrived <= s.arrived:
	case s.arrived == 0:
		*s = *live
		s.silent, s.stale = false, stale{}
	case s.silent:
		m.resume(v, signal, live.newest, live.arrived)
	default:
		s.newest, s.arrived, s.learned = max(s.newest, live.newest), live.arrived, live.arrived
		s.lag.observe(live.lag.value(), live.arrived)
	}
}

// place says where the times begin of which the service made up for something; those that are not kept any more it forgets.
func (v *service) place(downs []*interval) {
	v.downs = slices.DeleteFunc(v.downs, func(d downtime) bool {
		return !slices.ContainsFunc(downs, func(g *interval) bool { return g.id == d.id })
	})
	for i := range v.downs {
		for _, g := range downs {
			if f := &v.downs[i].fill; g.id == v.downs[i].id {
				f.from, f.last = g.from, min(f.last+g.from, maxTime)
			}
		}
	}
}

// link lets endings have the gaps that services keep, so that what comes late is in both; what lasts has no end.
func (m *Monitor) link() {
	m.endings = slices.DeleteFunc(m.endings, func(e ending) bool {
		v := m.services[e.name]
		return v != nil && v.open != nil && v.open.id == e.gap.id
	})
	for i := range m.endings {
		e := &m.endings[i]
		if v := m.services[e.name]; v != nil {
			for _, g := range v.closed {
				if g.id == e.gap.id {
					e.gap = g
				}
			}
		}
	}
	slices.SortStableFunc(m.endings, func(a, b ending) int { return cmp.Compare(a.due, b.due) })
}

// restored is what was read.
type restored struct {
	services    []*service
	ids         uint64
	downs, past []*interval
	everybody   *fleet
	endings     []ending
	untold      []uint64
}

type reader struct {
	*snapshot.Reader
	settings *Settings
	now      int64
}

func (r *reader) everything() (all restored) {
	seen := make(map[string]bool)
	for range r.List(maxRestored) {
		v := r.service()
		if r.Bad() || v.name == "" || seen[v.name] {
			r.Fail()
			return all
		}
		seen[v.name] = true
		all.services = append(all.services, v)
	}
	all.ids = r.id()
	all.downs, all.past = r.intervals(maxDowns), r.intervals(maxPast)
	for _, g := range all.downs {
		if g.from >= g.until {
			r.Fail()
		}
	}
	if r.Count(1) == 1 {
		e := &fleet{interval: *r.interval(), patience: r.time(), resumed: r.time()}
		if e.until != 0 {
			r.Fail()
		}
		all.everybody = e
	}
	for range r.List(maxRestored) {
		e := ending{name: r.Text(maxName), due: r.time(), gap: r.interval()}
		if r.Bad() || !e.gap.over() {
			r.Fail()
			break
		}
		all.endings = append(all.endings, e)
	}
	for range r.List(maxRestored) {
		if id := r.id(); len(all.untold) < maxDowns {
			all.untold = append(all.untold, id)
		}
	}
	return all
}

func (r *reader) id() uint64 { return uint64(r.Number(0, math.MaxInt64/2)) }

// time reads a time or a duration.
func (r *reader) time() int64 { return r.Number(0, maxTime) }

// past reads a time that cannot lie in the future, unless the clock was set back.
func (r *reader) past() int64 { return min(r.time(), r.now) }

func (r *reader) service() *service {
	v := &service{name: r.Text(maxName)}
	for i := range v.sources {
		v.sources[i] = r.source()
	}
	if r.Count(1) == 1 {
		r.open(v)
	}
	for _, g := range r.intervals(maxRestored) {
		v.keep(g, r.settings.MaxGaps)
	}
	for range r.List(maxDowns) {
		d := downtime{id: r.id()}
		d.fill = r.fill(0)
		v.downs = append(v.downs, d)
	}
	return v
}

// open reads the gap that lasts; its signals are silent.
func (r *reader) open(v *service) {
	v.open = r.interval()
	silent := false
	for i := range v.sources {
		s, p := &v.sources[i], &v.open.parts[i]
		s.silent = p.from != 0 && p.until == 0
		if s.silent && (s.arrived == 0 || s.habit.threshold == 0) {
			r.Fail()
		}
		silent = silent || s.silent
	}
	if !silent {
		r.Fail()
	}
}

func (r *reader) source() source {
	s := source{arrived: r.past()}
	if s.arrived == 0 {
		return s
	}
	s.newest = max(0, s.arrived-r.time())
	s.learned = r.past()
	s.lag = lag{least: r.time(), before: r.Number(-1, maxTime)}
	if s.lag.before < 0 {
		s.lag.before = math.MaxInt64
	}
	s.lag.turned = r.past()
	if s.stale.since = r.past(); s.stale.since != 0 {
		s.stale.first, s.stale.least, s.stale.newest = r.time(), r.time(), r.past()
	}
	s.habit = r.habit()
	return s
}

// habit reads how long a service lets one wait. Settings may be others by now; who had a habit still has.
func (r *reader) habit() habit {
	h := habit{turned: r.past(), samples: min(r.Count(math.MaxInt32), r.settings.MinSamples)}
	h.watched = min(r.time(), int64(r.settings.MinWatched))
	known := r.flag(1) != 0
	r.generation(&h.now)
	r.generation(&h.before)
	if known {
		h.samples, h.watched = r.settings.MinSamples, int64(r.settings.MinWatched)
	}
	h.decide(r.settings)
	return h
}

func (r *reader) generation(g *[buckets]float32) {
	for range r.List(buckets) {
		g[r.Count(buckets-1)] = r.Float(maxSeconds)
	}
}

func (r *reader) intervals(limit int) (all []*interval) {
	for range r.List(limit) {
		g := r.interval()
		if r.Bad() || !g.over() {
			r.Fail()
			return nil
		}
		all = append(all, g)
	}
	return all
}

// over reports whether no signal is lacking any more.
func (g *interval) over() bool {
	for i := range g.parts {
		if g.parts[i].from != 0 && g.parts[i].until == 0 {
			return false
		}
	}
	return g.until != 0 && g.from <= g.until
}

func (r *reader) interval() *interval {
	g := &interval{id: r.id(), kind: Kind(r.Count(int(KindCollectorDown))), from: r.time(), until: r.time(), opened: r.time()}
	flags := r.flag(3)
	g.told, g.idle, g.gone = flags&1 != 0, flags&2 != 0, flags&4 != 0
	for i := range g.parts {
		p := part{from: r.time()}
		if p.from == 0 {
			continue
		}
		if p.until = r.time(); p.until != 0 && p.until < p.from {
			r.Fail()
		}
		p.fill = r.fill(p.from)
		g.parts[i] = p
	}
	return g
}

func (r *reader) flag(n int) int { return r.Count(1<<n - 1) }

func (r *reader) fill(from int64) fill {
	f := newFill(from)
	f.unit = int64(time.Second) << r.Count(maxDoubled)
	f.last = from + r.Number(0, maxTime-from)
	f.bits = r.Bits()
	return f
}
