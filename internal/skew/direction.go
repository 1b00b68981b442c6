package skew

import (
	"math"
	"slices"
	"time"
)

const (
	// moments is the number of samples kept for each direction, and recent how many of them, the latest, a correction is
	// taken from: once a clock is fixed, it takes that many moments until nothing is corrected any more.
	moments, recent = 16, 5
	// support is how many moments must show about the same before it is believed: one record with a wrong time, or two of
	// them, prove nothing about clocks.
	support = 3
	// slack is what a sample may exceed the one that has support by, as one in so many of it. It is what waits scatter by.
	slack = 4
)

// maxWait bounds the waits that are taken for waits, in nanoseconds: more than 70 years are no wait and no clock. It also
// keeps sums from overflowing.
const maxWait = math.MaxInt64 / 4

// moment is the least wait among those of one moment.
type moment struct {
	at, least int64
	// seq is the number of the observation that was the last in it.
	seq uint64
}

// direction holds what is known of the messages from one service to another one. The moments stand in the order in which
// they became known, not in that of their times: a record with a time of the year 2200 must not outlive the others.
type direction struct {
	ring [moments]moment
	// count is the number of moments ever begun.
	count uint64
}

// add takes a wait into its moment. It reports whether that tells anything new.
func (d *direction) add(at, wait int64, seq uint64) bool {
	held := min(d.count, moments)
	for i := range held {
		m := &d.ring[(d.count-1-i)%moments]
		if m.at == at {
			news := wait < m.least
			m.least, m.seq = min(m.least, wait), seq
			return news
		}
	}
	d.ring[d.count%moments] = moment{at, wait, seq}
	d.count++
	return true
}

// proves reports whether there are negative waits enough, be they near the latest moment or not.
func (d *direction) proves() bool {
	negative := 0
	for i := range d.ring {
		if d.ring[i].least < 0 {
			negative++
		}
	}
	return negative >= support
}

// latest returns the moment that began last; count must not be 0.
func (d *direction) latest() *moment { return &d.ring[(d.count-1)%moments] }

// valid appends the moments near the latest one to out, the latest first.
func (d *direction) valid(maxAge time.Duration, out []moment) []moment {
	if d.count == 0 {
		return out
	}
	near := d.latest().at
	for i := range min(d.count, moments) {
		if m := d.ring[(d.count-1-i)%moments]; distance(m.at, near) <= uint64(maxAge) {
			out = append(out, m)
		}
	}
	return out
}

// distance is how far apart two times are.
func distance(a, b int64) uint64 {
	if a < b {
		a, b = b, a
	}
	return uint64(a) - uint64(b)
}

// claim says by how much the receiver's clock is proven to be behind, 0 if nothing is proven, and the number of the first
// observation that this rests on.
func (d *direction) claim(maxAge time.Duration) (behind int64, since uint64) {
	if !d.proves() {
		return 0, 0
	}
	var buffer [moments]moment
	known := d.valid(maxAge, buffer[:0])
	if len(known) < support {
		return 0, 0
	}
	var sorted [moments]int64
	for i := range known {
		sorted[i] = known[i].least
	}
	slices.Sort(sorted[:len(known)])
	proven := sorted[support-1]
	if proven >= 0 {
		return 0, 0
	}
	proven += proven / slack
	least, since := int64(0), uint64(math.MaxUint64)
	for _, m := range known[:min(recent, len(known))] {
		since = min(since, m.seq)
		if m.least >= proven {
			least = min(least, m.least)
		}
	}
	return -least, since
}

// leastSince is the least wait of the moments that were added to at that observation or later; ok is false without any.
func (d *direction) leastSince(since uint64, maxAge time.Duration) (wait int64, ok bool) {
	var buffer [moments]moment
	for _, m := range d.valid(maxAge, buffer[:0]) {
		if m.seq >= since && (!ok || m.least < wait) {
			wait, ok = m.least, true
		}
	}
	return wait, ok
}
