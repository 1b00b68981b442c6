package gap

import (
	"math"
	"strings"
	"sync"
)

const (
	// maxName bounds the length of the names of services that are kept, in bytes.
	maxName = 255
	// maxDowns bounds the times without the collector that are kept, and maxPast the gaps of all services that are over.
	maxDowns, maxPast = 16, 16
	// maxTime bounds times, so that sums and differences of them do not overflow: the year 2116.
	maxTime = math.MaxInt64 / 2
)

// Monitor watches what arrives. It is safe for concurrent use.
type Monitor struct {
	settings Settings // immutable after New

	mu       sync.Mutex
	services map[string]*service // guarded by mu, as is all that follows
	// last is the service seen last: what arrives together is of one service, mostly.
	last *service
	// everybody is the gap of all services that lasts, and past those that are over; downs are those without the collector.
	everybody   *fleet
	past, downs []*interval
	downUntil   int64
	changes     []Gap
	// endings are the gaps of which it will be told that they are over, in order of time.
	endings  []ending
	ids      uint64
	schedule schedule
	stats    Stats
	news     news
}

// ending is a gap that is over. That is told after a while: what was kept comes after what is new, often enough.
type ending struct {
	gap  *interval
	name string
	due  int64
}

// Stats count what a [Monitor] has seen.
type Stats struct {
	// Services is the number of services known, Silent that of those with a gap that lasts, Idle that of those that are idle.
	Services, Silent, Idle int
	// Gaps counts the gaps that were told of, without times in which the collector was down; these are in Downs.
	Gaps, Downs uint64
	// Refused counts what arrived from services that there was no room for, Forgotten the services that were forgotten.
	Refused, Forgotten uint64
}

// New returns a monitor that knows no service yet.
func New(settings Settings) (*Monitor, error) {
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	return &Monitor{settings: settings, services: make(map[string]*service)}, nil
}

// SeenBatch takes note of a batch of telemetry of a service, like [Monitor.Seen] of its newest event. It reports whether it took
// none, because there is a gap that the batch may fill: then Seen must be called for each event of it, in their order.
func (m *Monitor) SeenBatch(service string, signal Signal, oldest, newest, arrival int64) (each bool) {
	if oldest < newest && m.fills(service, signal, oldest) {
		return true
	}
	m.seen(service, signal, oldest, newest, arrival)
	return false
}

// fills reports whether an event of that time, or a later one, may fill a gap.
func (m *Monitor) fills(service string, signal Signal, event int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if event < m.downUntil {
		return true
	}
	v := m.last
	if v == nil || v.name != service {
		v = m.services[service]
	}
	if v == nil {
		return false
	}
	s := &v.sources[signal]
	return s.silent || v.over(signal, s.shift(event))
}

// Seen takes note of telemetry of a service that arrived at a time: of a span or log record, or of the newest one of a
// batch. eventTime is when the span ended or the record was written, by the clock of the service; 0 if that is unknown. What
// is later than its arrival counts as of its arrival. Services without a name are not watched.
func (m *Monitor) Seen(service string, signal Signal, eventTime, arrival int64) {
	m.seen(service, signal, eventTime, eventTime, arrival)
}

func (m *Monitor) seen(service string, signal Signal, oldest, newest, arrival int64) {
	if service == "" {
		return
	}
	arrival = min(max(arrival, 1), maxTime)
	if newest <= 0 || newest > arrival {
		newest = arrival
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.find(service)
	if v == nil {
		return
	}
	m.note(v, signal, oldest, newest, arrival)
	m.take(v, signal, newest, arrival)
}

// take takes note of an event that arrived.
func (m *Monitor) take(v *service, signal Signal, event, arrival int64) {
	s := &v.sources[signal]
	if event < m.downUntil {
		m.fillDown(v, signal, event)
	}
	if s.arrived == 0 {
		s.begin(event, arrival)
		return
	}
	arrival = max(arrival, s.arrived)
	if !s.silent {
		s.advance(event, arrival, m.schedule.awake, &m.settings)
	} else {
		m.resume(v, signal, event, arrival)
	}
	if at := s.shift(event); v.over(signal, at) {
		v.fillIn(signal, at)
	}
}

// find returns the service, which is made if there is room for it, or nil.
func (m *Monitor) find(name string) *service {
	if m.last != nil && m.last.name == name {
		return m.last
	}
	v := m.services[name]
	if v == nil {
		if len(m.services) >= m.settings.MaxServices || len(name) > maxName {
			m.stats.Refused++
			return nil
		}
		// The name may be part of something bigger.
		v = &service{name: strings.Clone(name)}
		m.services[v.name] = v
	}
	m.last = v
	return v
}

// resume takes note of an event that arrived in a gap.
func (m *Monitor) resume(v *service, signal Signal, event, arrival int64) {
	s, p := &v.sources[signal], &v.open.parts[signal]
	over := s.catchUp(event, arrival, &m.settings)
	at := s.shift(event)
	if at >= p.from && (!over || at-p.fill.last <= s.habit.usual) {
		// What is over with the first event that comes was not filled by it.
		p.fill.mark(at, s.habit.usual)
	}
	if over {
		m.closePart(v, signal, at, arrival)
	} else if at > p.from {
		v.open.kind = KindLate
	}
}

// closePart ends the gap of one signal, and that of the service if no other signal is lacking.
func (m *Monitor) closePart(v *service, signal Signal, until, arrival int64) {
	s, g := &v.sources[signal], v.open
	p := &g.parts[signal]
	p.until = max(until, p.from)
	p.fill.end(p.until)
	s.silent = false
	if !g.idle {
		// That it is idle at this time is known by the clock.
		s.habit.learn(arrival-p.from, arrival-p.from, arrival, &m.settings)
	}
	s.learned = arrival
	var end int64
	for i := range g.parts {
		if g.parts[i].from != 0 && g.parts[i].until == 0 {
			return
		}
		end = max(end, g.parts[i].until)
	}
	g.until = end
	m.close(v, arrival)
}

// close ends the gap of a service.
func (m *Monitor) close(v *service, now int64) {
	g := v.open
	v.open = nil
	m.schedule.soon()
	if m.everybody != nil {
		m.everybody.resumed = max(m.everybody.resumed, g.until)
	}
	if g.told {
		m.endings = append(m.endings, ending{g, v.name, now + int64(m.settings.Hold)})
	}
	v.keep(g, m.settings.MaxGaps)
}

// nextID returns an ID for a gap.
func (m *Monitor) nextID() uint64 {
	m.ids++
	return m.ids
}
