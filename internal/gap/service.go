package gap

import (
	"math"
	"slices"
	"time"
)

// interval is a gap of one service, or one of all of them, and what is known of it beyond what is told.
type interval struct {
	id          uint64
	kind        Kind
	from, until int64
	// opened is when the gap was noticed.
	opened int64
	// told says that the beginning was told, idle that it is usual at this time and no gap at all.
	told, idle, gone bool
	parts            [SignalCount]part
}

// part is the gap of one signal; from is 0 if there is none, until is 0 while it lasts.
type part struct {
	from, until int64
	fill        fill
}

// describe returns what is told of the gap; now counts as its end while it lasts.
func (g *interval) describe(name string, now int64) Gap {
	out := Gap{ID: g.id, Service: name, Kind: g.kind, From: g.from, Until: g.until, Gone: g.gone, Filled: 1}
	whole := true
	for i := range g.parts {
		if p := &g.parts[i]; p.from != 0 {
			whole = false
			out.Signals[i] = true
			end := p.until
			if end == 0 {
				end = max(now, p.fill.last+1)
			}
			out.Filled = min(out.Filled, p.fill.share(end))
		}
	}
	if whole {
		out.Filled = 0
	}
	return out
}

// lacks reports whether something of the gap may be lacking between two times.
func (g *interval) lacks(from, until int64) bool {
	if g.idle {
		return false
	}
	for i := range g.parts {
		if p := &g.parts[i]; p.from != 0 && p.fill.lacks(from, until, p.until) {
			return true
		}
	}
	return false
}

// downtime tells how much of a time without the collector a service made up for.
type downtime struct {
	id   uint64
	fill fill
}

// service is what is known of one service.
type service struct {
	name    string
	sources [SignalCount]source
	// open is the gap that lasts, if any; closed are those that are over, by their ends, and closedUntil the last of these.
	open        *interval
	closed      []*interval
	closedUntil int64
	downs       []downtime
	// heard is what others are to be told of it.
	heard [SignalCount]heard
}

// quiet reports whether each signal that has a habit is silent, and one is.
func (v *service) quiet() bool {
	for i := range v.sources {
		if s := &v.sources[i]; s.habit.threshold != 0 && !s.silent {
			return false
		}
	}
	return v.open != nil
}

// patience is how long the service may be silent: that of its liveliest signal. It is 0 without a habit.
func (v *service) patience() int64 {
	least := int64(math.MaxInt64)
	for i := range v.sources {
		if t := v.sources[i].habit.threshold; t != 0 {
			least = min(least, t)
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// arrived is when something of the service came last.
func (v *service) arrived() int64 {
	var last int64
	for i := range v.sources {
		last = max(last, v.sources[i].arrived)
	}
	return last
}

// tolerance is how far a silence may be from the time of another one, a day or a week ago, to be usual.
const tolerance = 30 * time.Minute

// usual reports whether the service was silent at this time of an earlier day, and did not make up for it.
func (v *service) usual(now int64) bool {
	for _, ago := range []time.Duration{24 * time.Hour, 7 * 24 * time.Hour} {
		at := now - int64(ago)
		for _, g := range v.closed {
			around := min(int64(tolerance), (g.until-g.from)/4)
			if g.from-around <= at && at <= g.until+around && g.describe("", now).Filled < 0.5 {
				return true
			}
		}
	}
	return false
}

// keep puts a gap that is over among those that are kept.
func (v *service) keep(g *interval, most int) {
	v.closed = append(v.closed, g)
	if len(v.closed) > most {
		shortest := 0
		for i, c := range v.closed {
			if c.until-c.from < v.closed[shortest].until-v.closed[shortest].from {
				shortest = i
			}
		}
		v.closed = slices.Delete(v.closed, shortest, shortest+1)
	}
	v.bound()
}

func (v *service) bound() {
	v.closedUntil = 0
	for _, g := range v.closed {
		v.closedUntil = max(v.closedUntil, g.until)
	}
}

// forget removes the gaps that were over by then.
func (v *service) forget(then int64) {
	v.closed = slices.DeleteFunc(v.closed, func(g *interval) bool { return g.until < then })
	v.bound()
}

// over reports whether an event of that time is of a gap that is over, for this signal at least.
func (v *service) over(signal Signal, at int64) bool {
	return at < v.closedUntil || (v.open != nil && at < v.open.parts[signal].until)
}

// fillIn takes note of an event that came late, of the time of a gap that is over.
func (v *service) fillIn(signal Signal, at int64) {
	for _, g := range v.closed {
		g.fillIn(signal, at, v.sources[signal].habit.usual)
	}
	if v.open != nil {
		v.open.fillIn(signal, at, v.sources[signal].habit.usual)
	}
}

func (g *interval) fillIn(signal Signal, at, usual int64) {
	if p := &g.parts[signal]; p.from != 0 && p.from <= at && at < p.until {
		p.fill.markIn(at, usual, p.until)
	}
}
