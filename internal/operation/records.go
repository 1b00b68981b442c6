package operation

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// records holds what a reduction knows of spans. Its room is used again for one operation after the other.
type records struct {
	all []knownSpan
	// slots hold the indices in all, plus 1, where the hash of a span leads to, or in the next ones; their number is a power of
	// two.
	slots []uint32
}

// knownSpan is what is known of one span.
type knownSpan struct {
	Record

	// place is where it went, placed says that it has one.
	place  place
	placed bool
	// batch says that it concerns several messages, so that it has no place of its own.
	batch bool
	// origin is the hop of the message that it sent, even if the span itself never arrived, -1 if it is not known to have sent
	// one; consumes is the index of the receive or process span in the facts, -1 if it is none.
	origin, consumes int
}

const (
	leastSlots = 64
	// slotsEach is the least number of slots for each span.
	slotsEach = 2
)

// seeds keep senders of telemetry from choosing spans whose hashes are the same.
var seeds = [...]uint64{rand.Uint64(), rand.Uint64()}

func (r *Record) hash() uint64 {
	trace := binary.LittleEndian.Uint64(r.Trace[:8]) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(r.Trace[8:]), 1)
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(r.Span[:])^seeds[0], trace^seeds[1])
	return hi ^ lo
}

// reset forgets all spans and makes room for so many.
func (t *records) reset(n int) {
	t.all = t.all[:0]
	size := leastSlots
	for size < slotsEach*n {
		size *= 2
	}
	if size > cap(t.slots) {
		t.slots = make([]uint32, size)
		return
	}
	t.slots = t.slots[:size]
	clear(t.slots)
}

// find returns what is known of a span, nil if there is nothing. It is good until the next add.
func (t *records) find(r Record) *knownSpan {
	for i := r.hash(); ; i++ {
		n := t.slots[i&uint64(len(t.slots)-1)]
		if n == 0 {
			return nil
		}
		if known := &t.all[n-1]; known.Span == r.Span && known.Trace == r.Trace {
			return known
		}
	}
}

// add is find that takes in a span of which nothing is known.
func (t *records) add(r Record) *knownSpan {
	if known := t.find(r); known != nil {
		return known
	}
	t.all = append(t.all, knownSpan{Record: r, origin: -1, consumes: -1})
	if slotsEach*len(t.all) > len(t.slots) {
		t.grow()
	} else {
		t.enter(len(t.all))
	}
	return &t.all[len(t.all)-1]
}

// enter puts the n-th span, counted from 1, into its slot.
func (t *records) enter(n int) {
	i := t.all[n-1].hash()
	for t.slots[i&uint64(len(t.slots)-1)] != 0 {
		i++
	}
	t.slots[i&uint64(len(t.slots)-1)] = uint32(n)
}

func (t *records) grow() {
	t.slots = make([]uint32, 2*len(t.slots))
	for n := range t.all {
		t.enter(n + 1)
	}
}

// placeOf returns where the record of a span went; false if it has no place.
func (r *Reducer) placeOf(span Record) (place, bool) {
	if known := r.records.find(span); known != nil && known.placed {
		return known.place, true
	}
	return place{}, false
}

// setPlace notes where the record of a span went.
func (r *Reducer) setPlace(span Record, p place) {
	known := r.records.add(span)
	known.place, known.placed = p, true
}

// hopFrom returns the hop of the message that a span sent, even if the span itself never arrived.
func (r *Reducer) hopFrom(span Record) (int, bool) {
	if known := r.records.find(span); known != nil && known.origin >= 0 {
		return known.origin, true
	}
	return 0, false
}

// isBatch reports whether the span concerns several messages.
func (r *Reducer) isBatch(span Record) bool {
	known := r.records.find(span)
	return known != nil && known.batch
}

// messages finds hops by their message. Its room is used again for one operation after the other.
type messages struct {
	few  []keyedHop
	many map[messageKey]int
}

type messageKey struct{ destination, id string }

type keyedHop struct {
	messageKey

	hop int
}

// maxFew is the number of messages up to which they are looked through.
const maxFew = 16

func (m *messages) reset() {
	clear(m.few)
	m.few, m.many = m.few[:0], nil
}

// find returns the hop of a message.
func (m *messages) find(destination, id string) (int, bool) {
	if m.many != nil {
		hop, ok := m.many[messageKey{destination, id}]
		return hop, ok
	}
	for i := range m.few {
		if k := &m.few[i]; k.id == id && k.destination == destination {
			return k.hop, true
		}
	}
	return 0, false
}

// set notes the hop of a message, in place of any before.
func (m *messages) set(destination, id string, hop int) {
	k := messageKey{destination, id}
	if m.many != nil {
		m.many[k] = hop
		return
	}
	for i := range m.few {
		if m.few[i].messageKey == k {
			m.few[i].hop = hop
			return
		}
	}
	if len(m.few) < maxFew {
		m.few = append(m.few, keyedHop{k, hop})
		return
	}
	m.many = make(map[messageKey]int, 2*maxFew)
	for i := range m.few {
		m.many[m.few[i].messageKey] = m.few[i].hop
	}
	m.many[k] = hop
}
