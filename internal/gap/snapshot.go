package gap

import (
	"math"
	"math/bits"
	"time"

	"github.com/throughline/throughline/internal/snapshot"
)

const (
	// snapshotName is how errors name a snapshot; its version changes whenever older programs cannot read it, with the buckets too.
	snapshotName    = "the habits of services"
	snapshotVersion = 1
	// chunk is how many services are written without letting others have the monitor.
	chunk = 64
)

// Snapshot returns what is known of services and of gaps in a form that [Monitor.Restore] reads. The monitor can be used meanwhile; each
// service is as it is when its turn comes.
func (m *Monitor) Snapshot() []byte {
	m.mu.Lock()
	all := make([]*service, 0, len(m.services))
	for _, v := range m.services {
		all = append(all, v)
	}
	m.mu.Unlock()
	w := writer{snapshot.NewWriter(snapshotName, snapshotVersion)}
	w.Count(len(all))
	for from := 0; from < len(all); from += chunk {
		m.mu.Lock()
		for _, v := range all[from:min(len(all), from+chunk)] {
			w.service(v)
		}
		m.mu.Unlock()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	w.Number(int64(m.ids))
	w.intervals(m.downs)
	w.intervals(m.past)
	if e := m.everybody; e == nil {
		w.Count(0)
	} else {
		w.Count(1)
		w.interval(&e.interval)
		w.Number(e.patience)
		w.Number(e.resumed)
	}
	w.Count(len(m.endings))
	for i := range m.endings {
		w.Text(m.endings[i].name)
		w.Number(m.endings[i].due)
		w.interval(m.endings[i].gap)
	}
	// Of what is not told yet only that is not in the endings.
	w.Count(len(m.changes))
	for i := range m.changes {
		w.Number(int64(m.changes[i].ID))
	}
	return w.Close()
}

type writer struct{ *snapshot.Writer }

func (w writer) service(v *service) {
	w.Text(v.name)
	for i := range v.sources {
		w.source(&v.sources[i])
	}
	if v.open == nil {
		w.Count(0)
	} else {
		w.Count(1)
		w.interval(v.open)
	}
	w.intervals(v.closed)
	w.Count(len(v.downs))
	for i := range v.downs {
		w.Number(int64(v.downs[i].id))
		w.fill(&v.downs[i].fill)
	}
}

// source writes 0 for what nothing was heard of.
func (w writer) source(s *source) {
	w.Number(s.arrived)
	if s.arrived == 0 {
		return
	}
	w.Number(s.arrived - s.newest)
	w.Number(s.learned)
	w.Number(s.lag.least)
	if s.lag.before == math.MaxInt64 {
		w.Number(-1)
	} else {
		w.Number(s.lag.before)
	}
	w.Number(s.lag.turned)
	w.Number(s.stale.since)
	if s.stale.since != 0 {
		w.Number(s.stale.first)
		w.Number(s.stale.least)
		w.Number(s.stale.newest)
	}
	w.habit(&s.habit)
}

func (w writer) habit(h *habit) {
	w.Number(h.turned)
	w.Count(h.samples)
	w.Number(h.watched)
	w.flags(h.threshold != 0)
	w.generation(&h.now)
	w.generation(&h.before)
}

// generation writes the buckets in which there is something.
func (w writer) generation(g *[buckets]float32) {
	n := 0
	for b := range g {
		if g[b] != 0 {
			n++
		}
	}
	w.Count(n)
	for b := range g {
		if g[b] != 0 {
			w.Count(b)
			w.Float(g[b])
		}
	}
}

func (w writer) intervals(all []*interval) {
	w.Count(len(all))
	for _, g := range all {
		w.interval(g)
	}
}

func (w writer) interval(g *interval) {
	w.Number(int64(g.id))
	w.Count(int(g.kind))
	w.Number(g.from)
	w.Number(g.until)
	w.Number(g.opened)
	w.flags(g.told, g.idle, g.gone)
	for i := range g.parts {
		p := &g.parts[i]
		w.Number(p.from)
		if p.from != 0 {
			w.Number(p.until)
			w.fill(&p.fill)
		}
	}
}

// fill writes how often the parts doubled, and not where they begin.
func (w writer) fill(f *fill) {
	w.Count(bits.TrailingZeros64(uint64(f.unit / int64(time.Second))))
	w.Number(f.last - f.from)
	w.Bits(f.bits)
}

func (w writer) flags(flags ...bool) {
	n := 0
	for i, flag := range flags {
		if flag {
			n |= 1 << i
		}
	}
	w.Count(n)
}
