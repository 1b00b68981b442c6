package measure

import (
	"cmp"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/throughline/throughline/internal/gap"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

// Gauges is a look at everything that is open: fill one with [Gauges.Add] for each collection and hand it to
// [Meter.Collect]. It is not safe for concurrent use.
type Gauges struct {
	active, stuck, queues, processing, gaps, clocks series[level]
	// dropped is how many facts were dropped so far.
	dropped uint64
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
	n := min(gaugeRoom*m.settings.MaxSeries, boardSeries)
	return &Gauges{
		active: newSeries[level](n, 0), stuck: newSeries[level](n, 0), queues: newSeries[level](n, 0), processing: newSeries[level](n, 0),
		gaps: newSeries[level](n, 0), clocks: newSeries[level](n, 0),
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
	eachLevel(name, v, &verdict, func(what gauge, k key, since int64) { g.of(what).at(k, 0).add(1, since) })
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
			unconsumed(h, yield)
			continue
		}
		for _, group := range h.Awaited {
			yield(gaugeQueue, queueKey(h, group), waitsSince(h, h.SentAt()))
		}
		for k := range h.Consumers {
			consuming(h, &h.Consumers[k], yield)
		}
	}
}

// unconsumed yields the queue in which a message waits for the groups that are known to consume there, or for whom it may concern.
func unconsumed(h *operation.Hop, yield func(what gauge, k key, since int64)) {
	if h.State != operation.HopWaiting || len(h.Sends) == 0 {
		return
	}
	since := waitsSince(h, h.SentAt())
	for _, group := range h.Usual {
		yield(gaugeQueue, queueKey(h, group), since)
	}
	if len(h.Usual) == 0 {
		yield(gaugeQueue, queueKey(h, ""), since)
	}
}

// consuming yields what one group has to do with a message: it is at work on it, or is to try it again.
func consuming(h *operation.Hop, c *operation.Consumer, yield func(what gauge, k key, since int64)) {
	switch {
	case c.State == operation.HopWaiting:
		yield(gaugeQueue, queueKey(h, c.Group), waitsSince(h, c.WaitsSince()))
	case c.State == operation.HopProcessing && len(c.Attempts) > 0:
		// Only the last attempt is at work: a delivery that was followed by another one is over.
		a := &c.Attempts[len(c.Attempts)-1]
		yield(gaugeProcessing, queueKey(h, c.Group), cmp.Or(a.StartedAt, a.ReceivedAt))
	}
}

// waitsSince is since when a message waits that is in its destination since then: a scheduled one does not before it is due.
func waitsSince(h *operation.Hop, since int64) int64 {
	if since == 0 {
		return 0
	}
	return max(since, h.DueAt)
}

// AddGap counts one gap that lasts, of a service or, for "", of all.
func (g *Gauges) AddGap(service string, kind gap.Kind) {
	g.gaps.at(makeKey(service, kind.String()), 0).add(1, 0)
}

// AddClocks takes in that the clock of one service is behind that of another one by so many nanoseconds. Whichever of the two
// is behind, it is the same series.
func (g *Gauges) AddClocks(ahead, behind string, nanos int64) {
	if ahead > behind {
		ahead, behind, nanos = behind, ahead, -nanos
	}
	g.clocks.at(makeKey(ahead, behind), 0).add(nanos, 0)
}

// AddDropped counts facts that were dropped since the start, before they could become part of an operation.
func (g *Gauges) AddDropped(total uint64) { g.dropped += total }

// queueKey names a queue as seen by a consumer group, "" for none: which groups will consume a message is not known
// before they do.
func queueKey(h *operation.Hop, group string) key {
	return makeKey(h.System, stitch.Destination(h.Destination), group)
}

// fold reduces the levels to the series that are written, and returns those that have left. Those there is no room for are added to
// that of the overflow.
func (m *Meter) fold(w *writer, i *instrument, levels *series[level]) (keys []key, values map[key]level, gone []key) {
	seen, ok := m.memories[i.name]
	if !ok {
		seen = &memory{lastSeen: make(map[key]int64)}
		m.memories[i.name] = seen
	}
	present := make([]key, 0, len(levels.byKey))
	for k := range levels.byKey {
		if !k.overflow {
			present = append(present, k)
		}
	}
	keys, gone = seen.admit(present, int64(w.now), w.expired, m.settings.MaxSeries-1)
	values = make(map[key]level, len(keys)+1)
	for _, k := range keys {
		values[k] = level{}
	}
	var rest level
	for k, l := range levels.byKey {
		if _, ok := values[k]; ok {
			values[k] = l.state
			continue
		}
		rest.add(l.state.count, l.state.oldest)
		m.folded[i.name]++
		seen.overflowAt = int64(w.now)
	}
	switch {
	case seen.overflowAt == 0:
	case seen.overflowAt < w.expired:
		seen.overflowAt = 0
		gone = append(gone, overflowKey)
	default:
		keys = append(keys, overflowKey)
		values[overflowKey] = rest
	}
	return keys, values, gone
}

// counts writes how much there is of something: what goes up and down is told as it is, whatever the temporality.
func (m *Meter) counts(w *writer, i *instrument, levels *series[level]) {
	shape := func(m pmetric.Metric) pmetric.NumberDataPointSlice {
		sum := m.SetEmptySum()
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		return sum.DataPoints()
	}
	m.gauge(w, i, levels, shape, func(p pmetric.NumberDataPoint, l level) {
		p.SetStartTimestamp(pcommon.Timestamp(w.start))
		p.SetIntValue(l.count)
	})
}

func (m *Meter) ages(w *writer, i *instrument, levels *series[level]) {
	m.gauge(w, i, levels, emptyGauge, func(p pmetric.NumberDataPoint, l level) { p.SetDoubleValue(w.age(l.oldest)) })
}

func (m *Meter) offsets(w *writer, i *instrument, levels *series[level]) {
	m.gauge(w, i, levels, emptyGauge, func(p pmetric.NumberDataPoint, l level) { p.SetDoubleValue(time.Duration(l.count).Seconds()) })
}

func emptyGauge(m pmetric.Metric) pmetric.NumberDataPointSlice { return m.SetEmptyGauge().DataPoints() }

func (m *Meter) gauge(
	w *writer, i *instrument, levels *series[level],
	shape func(pmetric.Metric) pmetric.NumberDataPointSlice, put func(pmetric.NumberDataPoint, level),
) {
	keys, values, gone := m.fold(w, i, levels)
	for _, k := range gone {
		w.number(shape(i.metric(w.stale)).AppendEmpty(), i, k).SetFlags(noValue)
	}
	if len(keys) == 0 {
		return
	}
	points := shape(i.metric(w.to))
	points.EnsureCapacity(len(keys))
	for _, k := range keys {
		put(w.number(points.AppendEmpty(), i, k), values[k])
	}
}
