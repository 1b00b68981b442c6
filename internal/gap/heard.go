package gap

import (
	"github.com/throughline/throughline/internal/snapshot"
)

// Heard is what one collector heard of one signal of a service, for the monitors of the others.
type Heard struct {
	Service string
	Signal  Signal
	// Oldest and Newest are the times of events, Arrival that of the last arrival, in nanoseconds since 1970.
	Oldest, Newest, Arrival int64
	// Late are the times from which nothing is lacking, as far as they may fill a gap: at most [MaxLate], in no particular order.
	Late []Run
}

// Run is a row of events no further apart than is usual, from the first to the last one.
type Run struct{ First, Last int64 }

// MaxLate bounds the runs that are passed on of one signal of one service at once. Of more than that the longest ones are.
const MaxLate = 16

// heard is what was heard since others were told; arrival is 0 if that is nothing.
type heard struct {
	oldest, newest, arrival int64
	late                    []Run
}

// news are the services of which something is to be told to others.
type news struct {
	// wanted says that somebody asks for it.
	wanted bool
	of     []*service
}

// note keeps what was heard for others.
func (m *Monitor) note(v *service, signal Signal, oldest, newest, arrival int64) {
	if !m.news.wanted {
		return
	}
	h := &v.heard[signal]
	if oldest <= 0 || oldest > newest {
		oldest = newest
	}
	if h.arrival == 0 {
		if v.unheard() {
			if len(m.news.of) >= m.settings.MaxServices {
				// Some of them are forgotten by now, and nobody asks for news any more.
				return
			}
			m.news.of = append(m.news.of, v)
		}
		*h = heard{oldest: oldest, newest: newest}
	}
	h.oldest, h.newest, h.arrival = min(h.oldest, oldest), max(h.newest, newest), max(h.arrival, arrival)
	s := &v.sources[signal]
	if newest < m.downUntil {
		h.add(newest, max(downBridge, s.habit.usual))
	} else if s.silent || len(h.late) > 0 || v.over(signal, s.shift(newest)) {
		// Where the gap ends others may see otherwise.
		h.add(newest, s.habit.usual)
	}
}

// unheard reports whether nothing was heard of any signal since others were told.
func (v *service) unheard() bool {
	for i := range v.heard {
		if v.heard[i].arrival != 0 {
			return false
		}
	}
	return true
}

// add keeps an event. If there are too many runs, the shortest goes.
func (h *heard) add(at, usual int64) {
	for i := range h.late {
		if r := &h.late[i]; at >= r.First-usual && at <= r.Last+usual {
			r.First, r.Last = min(r.First, at), max(r.Last, at)
			return
		}
	}
	if len(h.late) < MaxLate {
		h.late = append(h.late, Run{at, at})
		return
	}
	shortest := 0
	for i, r := range h.late {
		if r.Last-r.First < h.late[shortest].Last-h.late[shortest].First {
			shortest = i
		}
	}
	h.late[shortest] = Run{at, at}
}

// Heard returns what was heard by [Monitor.Seen] and [Monitor.SeenBatch] since it was asked last, of each service at most once for each
// signal. What was heard before it was asked for the first time is not told.
func (m *Monitor) Heard() []Heard {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.news.wanted = true
	if len(m.news.of) == 0 {
		return nil
	}
	out := make([]Heard, 0, len(m.news.of)*int(SignalCount))
	for _, v := range m.news.of {
		for i := range v.heard {
			h := &v.heard[i]
			if h.arrival == 0 {
				continue
			}
			out = append(out, Heard{
				Service: v.name, Signal: Signal(i), Oldest: h.oldest, Newest: h.newest, Arrival: h.arrival, Late: h.late,
			})
			*h = heard{}
		}
	}
	clear(m.news.of)
	m.news.of = m.news.of[:0]
	return out
}

// Hear takes note of what another collector, or an earlier run, heard. What is known already changes nothing. now is the present time in
// nanoseconds since 1970; nothing counts as of later than that.
func (m *Monitor) Hear(all []Heard, now int64) {
	now = min(max(now, 1), maxTime)
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range all {
		h := &all[i]
		if h.Service == "" || h.Signal >= SignalCount || h.Arrival <= 0 {
			continue
		}
		if v := m.find(h.Service); v != nil {
			m.hear(v, h, min(h.Arrival, now))
		}
	}
}

func (m *Monitor) hear(v *service, h *Heard, arrival int64) {
	newest := h.Newest
	if newest <= 0 || newest > arrival {
		newest = arrival
	}
	s := &v.sources[h.Signal]
	known := s.arrived != 0 && arrival <= s.arrived && newest <= s.newest
	if s.arrived != 0 {
		for _, r := range append(h.Late, Run{h.Oldest, h.Oldest}, Run{newest, newest}) {
			m.fillRun(v, h.Signal, r, arrival)
		}
	}
	if !known {
		m.take(v, h.Signal, newest, arrival)
	}
}

// fillRun takes note of a row of events that came late. What a gap is divided into is no finer than the steps.
func (m *Monitor) fillRun(v *service, signal Signal, r Run, arrival int64) {
	last := min(r.Last, arrival)
	s := &v.sources[signal]
	if s.silent && last > r.First {
		v.open.parts[signal].fill.end(last + 1)
	}
	step := max(tick, s.habit.usual, (last-r.First)/slots)
	for at := r.First; at > 0 && at < last; at += step {
		m.fill(v, signal, at, arrival)
	}
	if last > 0 {
		m.fill(v, signal, last, arrival)
	}
}

// fill takes note of an event that came late, whatever it fills, and of nothing else.
func (m *Monitor) fill(v *service, signal Signal, event, arrival int64) {
	if event < m.downUntil {
		m.fillDown(v, signal, event)
	}
	s := &v.sources[signal]
	at := min(event+s.lag.value(), arrival)
	if s.silent {
		if p := &v.open.parts[signal]; at > p.from {
			p.fill.mark(at, s.habit.usual)
		}
	}
	if v.over(signal, at) {
		v.fillIn(signal, at)
	}
}

// heardName is how errors name what was heard.
const heardName = "what another collector heard"

// AppendHeard appends what was heard, for [DecodeHeard].
func AppendHeard(data []byte, all []Heard) []byte {
	w := snapshot.Append(data)
	w.Count(len(all))
	last := int64(0)
	for i := range all {
		h := &all[i]
		w.Text(h.Service)
		w.Count(int(h.Signal))
		w.Number(h.Arrival - last)
		w.Number(h.Arrival - h.Newest)
		w.Number(h.Newest - h.Oldest)
		late := h.Late[:min(len(h.Late), MaxLate)]
		w.Count(len(late))
		for _, r := range late {
			w.Number(h.Arrival - r.First)
			w.Number(r.Last - r.First)
		}
		last = h.Arrival
	}
	return w.Bytes()
}

// DecodeHeard returns what [AppendHeard] appended to nothing. Times are between 0 and the year 2116.
func DecodeHeard(data []byte) ([]Heard, error) {
	r := snapshot.Read(data, heardName)
	n := r.List(len(data))
	// Each takes 6 bytes at least.
	all := make([]Heard, 0, min(n, len(data)/6))
	last := int64(0)
	for range n {
		h := Heard{Service: r.Text(maxName), Signal: Signal(r.Count(int(SignalCount) - 1))}
		h.Arrival = last + r.Number(-last, maxTime-last)
		h.Newest = h.Arrival - r.Number(h.Arrival-maxTime, h.Arrival)
		h.Oldest = h.Newest - r.Number(h.Newest-maxTime, h.Newest)
		for range r.List(MaxLate) {
			first := h.Arrival - r.Number(h.Arrival-maxTime, h.Arrival)
			h.Late = append(h.Late, Run{first, first + r.Number(0, maxTime-first)})
		}
		if r.Bad() {
			break
		}
		all = append(all, h)
		last = h.Arrival
	}
	return all, r.Close()
}
