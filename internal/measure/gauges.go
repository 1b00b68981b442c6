package measure

import (
	"cmp"
	"time"

	"github.com/throughline/throughline/internal/gap"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

// Gauges is a look at everything that is open: fill one with [Gauges.Add] for each collection and hand it to
// [Meter.Collect]. It is not safe for concurrent use.
type Gauges struct {
	active, stuck, queues, processing, gaps, clocks series[level]
}

// level is how much of something there is, and since when its oldest piece, in nanoseconds since 1970 (0: unknown).
type level struct {
	count  int64
	oldest int64
}

func (l *level) add(count, since int64) {
	l.count += count
	if since > 0 && (l.oldest == 0 || since < l.oldest) {
		l.oldest = since
	}
}

// gaugeRoom is how many times the series that are written Gauges may hold, so that the choice of those that are written
// does not depend on the order in which operations are added.
const gaugeRoom = 10

// NewGauges returns empty gauges for one collection of this meter.
func (m *Meter) NewGauges() *Gauges {
	n := gaugeRoom * m.settings.MaxSeries
	return &Gauges{
		active: newSeries[level](n), stuck: newSeries[level](n), queues: newSeries[level](n), processing: newSeries[level](n),
		gaps: newSeries[level](n), clocks: newSeries[level](n),
	}
}

// gauge tells the series apart that operations count in.
type gauge uint8

const (
	gaugeActive gauge = iota
	gaugeStuck
	gaugeQueue
	gaugeProcessing
	gaugeCount
)

func (g *Gauges) of(what gauge) *series[level] {
	return [gaugeCount]*series[level]{gaugeActive: &g.active, gaugeStuck: &g.stuck, gaugeQueue: &g.queues, gaugeProcessing: &g.processing}[what]
}

// Add counts one operation under its name (the policy's, else the view's). Final ones do not count: what they may have
// left in a queue is nobody's work any more.
func (g *Gauges) Add(name string, v *operation.View, verdict operation.Verdict) {
	eachLevel(name, v, &verdict, func(what gauge, k key, since int64) { g.of(what).at(k).add(1, since) })
}

// eachLevel yields the series in which an operation counts, and since when it does, in nanoseconds since 1970 (0: unknown).
func eachLevel(name string, v *operation.View, verdict *operation.Verdict, yield func(what gauge, k key, since int64)) {
	if verdict.State.Final() {
		return
	}
	yield(gaugeActive, makeKey(name), v.StartedAt)
	if verdict.State == operation.StateStuck {
		yield(gaugeStuck, makeKey(name, verdict.Reason.String()), verdict.Since)
	}
	for i := range v.Hops {
		h := &v.Hops[i]
		if len(h.Consumers) == 0 {
			if h.State == operation.HopWaiting && len(h.Sends) > 0 {
				yield(gaugeQueue, queueKey(h, ""), h.SentAt())
			}
			continue
		}
		for k := range h.Consumers {
			c := &h.Consumers[k]
			if c.State != operation.HopProcessing || len(c.Attempts) == 0 {
				continue
			}
			// Only the last attempt is at work: a delivery that was followed by another one is over.
			a := &c.Attempts[len(c.Attempts)-1]
			yield(gaugeProcessing, queueKey(h, c.Group), cmp.Or(a.StartedAt, a.ReceivedAt))
		}
	}
}

// AddGap counts one gap that lasts, of a service or, for "", of all.
func (g *Gauges) AddGap(service string, kind gap.Kind) {
	g.gaps.at(makeKey(service, kind.String())).add(1, 0)
}

// AddClocks takes in that the clock of one service is behind that of another one by so many nanoseconds. Whichever of the two
// is behind, it is the same series.
func (g *Gauges) AddClocks(ahead, behind string, nanos int64) {
	if ahead > behind {
		ahead, behind, nanos = behind, ahead, -nanos
	}
	g.clocks.at(makeKey(ahead, behind)).add(nanos, 0)
}

// queueKey names a queue as seen by a consumer group, "" for none: which groups will consume a message is not known
// before they do.
func queueKey(h *operation.Hop, group string) key {
	return makeKey(h.System, stitch.Destination(h.Destination), group)
}

// fold reduces the levels to the series that are written. Those there is no room for are added to that of the overflow.
func (m *Meter) fold(i *instrument, levels *series[level]) ([]key, map[key]level) {
	seen, ok := m.memories[i.name]
	if !ok {
		seen = &memory{lastSeen: make(map[key]uint64)}
		m.memories[i.name] = seen
	}
	present := make([]key, 0, len(levels.byKey))
	for k := range levels.byKey {
		if !k.overflow {
			present = append(present, k)
		}
	}
	admitted := seen.admit(present, m.collection, m.settings.MaxSeries-1)
	values := make(map[key]level, len(admitted)+1)
	for _, k := range admitted {
		values[k] = level{}
	}
	var rest level
	for k, l := range levels.byKey {
		if _, ok := values[k]; ok {
			values[k] = *l
			continue
		}
		rest.add(l.count, l.oldest)
		m.folded[i.name]++
		seen.overflow = true
	}
	if seen.overflow {
		admitted = append(admitted, overflowKey)
		values[overflowKey] = rest
	}
	return admitted, values
}

func (m *Meter) counts(w *writer, i *instrument, levels *series[level]) {
	keys, values := m.fold(i, levels)
	if len(keys) == 0 {
		return
	}
	sum := i.metric(w.to).SetEmptySum()
	w.cumulative(sum, false)
	for _, k := range keys {
		w.number(sum.DataPoints().AppendEmpty(), i, k).SetIntValue(values[k].count)
	}
}

func (m *Meter) ages(w *writer, i *instrument, levels *series[level]) {
	keys, values := m.fold(i, levels)
	if len(keys) == 0 {
		return
	}
	points := i.metric(w.to).SetEmptyGauge().DataPoints()
	for _, k := range keys {
		w.instant(points.AppendEmpty(), i, k).SetDoubleValue(w.age(values[k].oldest))
	}
}

func (m *Meter) offsets(w *writer, i *instrument, levels *series[level]) {
	keys, values := m.fold(i, levels)
	if len(keys) == 0 {
		return
	}
	points := i.metric(w.to).SetEmptyGauge().DataPoints()
	for _, k := range keys {
		w.instant(points.AppendEmpty(), i, k).SetDoubleValue(time.Duration(values[k].count).Seconds())
	}
}
