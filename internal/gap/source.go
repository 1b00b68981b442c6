package gap

import (
	"math"
	"time"
)

const (
	// tick is the least time between two waits that are learned: what comes within it is of one batch.
	tick = int64(time.Second)
	// lagMemory is how long the least delay of a service is remembered in full; after twice as long it is forgotten.
	lagMemory = int64(30 * time.Minute)
)

// lag is the least delay between an event and its arrival. It is what a clock that is behind adds to all of them.
type lag struct {
	least, before, turned int64
}

func newLag(delay, now int64) lag { return lag{least: delay, before: math.MaxInt64, turned: now} }

func (l *lag) observe(delay, now int64) {
	if now-l.turned >= lagMemory {
		l.before, l.least, l.turned = l.least, delay, now
	}
	l.least = min(l.least, delay)
}

func (l *lag) value() int64 { return min(l.least, l.before) }

// source is one signal of one service.
type source struct {
	// newest is the time of the newest event, by the clock of the service but never later than its arrival.
	newest int64
	// arrived is when something came last, 0 if nothing ever did; learned is when a wait was learned last.
	arrived, learned int64
	lag              lag
	habit            habit
	// silent says that there is an open gap, and stale is what comes while it lasts.
	silent bool
	stale  stale
}

// stale is a time in which a service sends nothing but old telemetry.
type stale struct {
	// since is when it began, 0 if it did not; first is the delay then, and least the least one since.
	since, first, least int64
	newest              int64
}

func (s *source) begin(event, arrival int64) {
	*s = source{newest: event, arrived: arrival, learned: arrival, lag: newLag(arrival-event, arrival)}
}

// shift converts the time of an event of this source to the clock of the collector.
func (s *source) shift(event int64) int64 { return min(event+s.lag.value(), s.arrived) }

// watermark is when the newest event happened, by the clock of the collector.
func (s *source) watermark() int64 { return s.shift(s.newest) }

// due is when the source will have been silent for too long; never without a habit. How long the collector was not running before it
// was awake is nobody's silence.
func (s *source) due(awake int64) int64 {
	if s.habit.threshold == 0 || s.silent {
		return math.MaxInt64
	}
	return max(s.watermark(), awake) + s.habit.threshold
}

// advance takes note of an event that arrived now while there is no gap.
func (s *source) advance(event, arrival, awake int64, settings *Settings) {
	before := s.watermark()
	if s.arrived < awake {
		// Who knows what came in between.
		s.learned, before = arrival, arrival
	}
	s.arrived = arrival
	s.lag.observe(arrival-event, arrival)
	if event <= s.newest {
		return
	}
	s.newest = event
	if arrival-s.learned >= tick {
		s.habit.learn(arrival-before, arrival-s.learned, arrival, settings)
		s.learned = arrival
	}
}

// catchUp takes note of an event that arrived now in a gap. It reports whether the gap is over: what comes is new again, or
// has been late by the same time for so long that the clock must have been set.
func (s *source) catchUp(event, arrival int64, settings *Settings) bool {
	pause := arrival - s.arrived
	s.arrived = arrival
	s.lag.least = min(s.lag.least, arrival-event)
	s.newest = max(s.newest, event)
	if arrival-s.watermark() <= s.habit.threshold {
		s.stale = stale{}
		return true
	}
	delay := arrival - event
	if t := &s.stale; t.since == 0 || pause > s.habit.threshold || t.first-min(t.least, delay) > s.habit.threshold {
		*t = stale{since: arrival, first: delay, least: delay, newest: event}
		return false
	}
	t := &s.stale
	t.least, t.newest = min(t.least, delay), max(t.newest, event)
	if arrival-t.since < int64(settings.Relearn) {
		return false
	}
	s.newest, s.lag = t.newest, newLag(t.least, arrival)
	s.stale = stale{}
	return true
}
