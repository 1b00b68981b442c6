package gap

import (
	"math"
	"math/bits"
	"time"
)

// slots is the number of parts that a gap is divided into to tell which of them came late.
const slots = 64

// fill tells which parts of a gap came late. The parts are of equal length; while the gap lasts, they get longer.
type fill struct {
	from, unit int64
	// last is the latest event that came.
	last int64
	bits uint64
}

func newFill(from int64) fill { return fill{from: from, unit: int64(time.Second), last: from} }

// mark takes note of an event at or after the beginning of the gap. What is regular need not have an event in each part:
// between two events no further apart than usual nothing is lacking, whichever came first.
func (f *fill) mark(at, usual int64) {
	for (at-f.from)/f.unit >= slots {
		f.widen()
	}
	slot, reach := f.slot(at), usual/f.unit+1
	first, last := slot, slot
	if at-f.from <= usual {
		first = 0
	} else if at >= f.last && at-f.last <= usual {
		// Its part may have been given up when the parts got longer.
		first = f.slot(f.last)
	} else if before := int64(bits.Len64(f.bits&(1<<slot-1))) - 1; before >= 0 && slot-before <= reach {
		first = before
	}
	if after := slot + 1 + int64(bits.TrailingZeros64(f.bits>>slot>>1)); after < slots && after-slot <= reach {
		last = after
	}
	f.bits |= between(first, last)
	f.last = max(f.last, at)
}

// markIn takes note of an event of a gap that ended at until.
func (f *fill) markIn(at, usual, until int64) {
	f.mark(at, usual)
	if until-at <= usual {
		f.bits |= between(f.slot(at), f.slot(until-1))
	}
}

// widen doubles the length of the parts. What came in one half of a part only is not enough for all of it.
func (f *fill) widen() {
	var wider uint64
	for i := range slots / 2 {
		if f.bits>>(2*i)&3 == 3 {
			wider |= 1 << i
		}
	}
	f.bits = wider
	f.unit *= 2
}

func (f *fill) slot(at int64) int64 { return (at - f.from) / f.unit }

// between has the bits from first to last, both within the slots.
func between(first, last int64) uint64 {
	return math.MaxUint64 >> (slots - 1 - (last - first)) << first
}

// end makes room for all of a gap that ends at that time.
func (f *fill) end(until int64) {
	for (until-1-f.from)/f.unit >= slots {
		f.widen()
	}
}

// share is the part of the gap that came, if it ends at that time.
func (f *fill) share(until int64) float64 {
	if until <= f.from {
		return 1
	}
	f.end(until)
	last := f.slot(until - 1)
	return float64(bits.OnesCount64(f.bits&between(0, last))) / float64(last+1)
}

// lacks reports whether something may be lacking between two times, of a gap that ends at until, or lasts if that is 0.
func (f *fill) lacks(from, to, until int64) bool {
	if until != 0 {
		to = min(to, until-1)
	}
	from = max(from, f.from)
	if from > to {
		return false
	}
	first, last := f.slot(from), f.slot(to)
	if last >= slots {
		// Parts that far away had no event, else they would be longer.
		return true
	}
	want := between(first, last)
	return f.bits&want != want
}
