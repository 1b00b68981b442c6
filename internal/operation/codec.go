package operation

import (
	"bytes"
	"encoding/binary"
	"math"
)

// A fact is stored as a few dozen bytes without a pointer, because a collector holds millions of them: the number of its form,
// how it is connected with the facts before it, times, and what is its own. The encoding is private to the process; it is no
// storage format.

// The bits of the mask, which says what follows.
const (
	hasConsumer = 1 << iota
	hasRemote
	hasBatch
	hasEnd
	hasTrace
	hasSpan
	hasParent
	hasLink
	hasID
	hasAlias
	hasInstance
	hasMessageID
	hasErrorMessage
	hasDetail
	hasDue
	hasDelivery
	hasProgress
	hasPartition
)

func (f *Fact) mask() uint32 {
	return bit(f.Consumer, hasConsumer) | bit(f.Remote, hasRemote) | bit(f.Batch, hasBatch) | bit(f.End != 0, hasEnd) |
		bit(!f.Trace.IsZero(), hasTrace) | bit(!f.Span.IsZero(), hasSpan) | bit(!f.Parent.IsZero(), hasParent) |
		bit(!f.LinkTrace.IsZero() || !f.LinkSpan.IsZero(), hasLink) | bit(f.ID != "", hasID) | bit(f.Alias != "", hasAlias) |
		bit(f.Instance != "", hasInstance) | bit(f.MessageID != "", hasMessageID) | bit(f.ErrorMessage != "", hasErrorMessage) |
		bit(f.Detail != "", hasDetail) | bit(f.Due != 0, hasDue) | bit(f.Delivery != 0, hasDelivery) | bit(f.Progress != 0, hasProgress) |
		bit(f.Partition != 0, hasPartition)
}

func bit(set bool, mask uint32) uint32 {
	if set {
		return mask
	}
	return 0
}

// The bits that say how a fact is connected; the lowest are the reason of attachment.
const (
	reasonBits = 7
	// sameTrace: the trace is the one that was written last.
	sameTrace = 1 << 3
	// newSpan: the span is named for the first time; sameSpan: it is the one that was written last.
	newSpan  = 1 << 4
	sameSpan = 1 << 5
	// nextSpan: the parent is the span of the fact before.
	nextSpan = 1 << 6
)

const (
	// firstBytes is what an operation of a few hops takes.
	firstBytes = 352
	// growBytes is the least by which the room grows, growShare the share of what there is, as one in so many.
	growBytes = 192
	growShare = 4
	// roomBytes is what a fact takes at most, mostly.
	roomBytes = 96
	// wasteBytes is the room that is not worth being given back.
	wasteBytes = 24
)

// Compact gives back the room that is kept for further facts.
func (o *Operation) Compact() {
	if cap(o.data)-len(o.data) > wasteBytes {
		o.data = append(make([]byte, 0, len(o.data)), o.data...)
	}
}

// encode appends the fact to the operation's bytes. IDs that stand there already, which are most, are referred to.
func (o *Operation) encode(f *Fact) {
	m := f.mask()
	b := o.data
	if len(b) == 0 {
		o.base = f.At
	}
	if b == nil {
		b = make([]byte, 0, firstBytes)
	} else if cap(b)-len(b) < roomBytes {
		b = append(make([]byte, 0, len(b)+max(growBytes, len(b)/growShare)), b...)
	}
	b = o.appendForm(b, f, m)
	b = o.appendContext(b, f, m)
	b = binary.AppendVarint(b, f.At-o.base)
	if m&hasEnd != 0 {
		b = binary.AppendVarint(b, f.End-f.At)
	}
	if m&hasLink != 0 {
		b = o.appendSpan(appendID(b, f.LinkTrace[:]), f.LinkSpan)
	}
	if m&hasDue != 0 {
		b = binary.AppendVarint(b, f.Due-f.At)
	}
	if m&hasDelivery != 0 {
		b = binary.AppendUvarint(b, uint64(f.Delivery))
	}
	if m&hasProgress != 0 {
		b = binary.AppendUvarint(b, uint64(f.Progress))
	}
	if m&hasPartition != 0 {
		b = binary.AppendUvarint(b, uint64(f.Partition))
	}
	o.data = o.appendTexts(b, f, m)
	o.count++
}

// appendContext writes trace, span and parent, as far as they are not those that were written last. They are looked for in what
// stood there before, for the bits of the context are still to be set.
func (o *Operation) appendContext(b []byte, f *Fact, m uint32) []byte {
	context := len(b)
	before := b[:context:context]
	b = append(b, byte(f.JoinedBy)&reasonBits)
	last := o.spanAt
	if m&hasTrace != 0 {
		if standsAt(b, f.Trace[:], o.traceAt) {
			b[context] |= sameTrace
		} else if at := find(before, f.Trace[:]); at >= 0 {
			b, o.traceAt = binary.AppendUvarint(b, uint64(at)+1), uint32(at)
		} else {
			b = append(b, 0)
			o.traceAt = uint32(len(b))
			b = append(b, f.Trace[:]...)
		}
	}
	if m&hasSpan != 0 {
		if standsAt(b, f.Span[:], last) {
			b[context] |= sameSpan
		} else if at := o.findSpan(before, f.Span); at >= 0 {
			b = binary.AppendUvarint(b, uint64(at))
			o.spanAt = uint32(at)
		} else {
			b[context] |= newSpan
			o.spanAt = uint32(len(b))
			b = append(b, f.Span[:]...)
		}
	}
	if m&hasParent != 0 {
		if standsAt(b, f.Parent[:], last) {
			b[context] |= nextSpan
		} else {
			b = o.appendSpan(b, f.Parent)
		}
	}
	return b
}

// findSpan returns where a span ID stands, -1 if it does not, and takes note that it will from now on: most are new, which a
// filter of one bit for each tells without looking.
func (o *Operation) findSpan(b []byte, id SpanID) int {
	bit := uint32(1) << (binary.LittleEndian.Uint64(id[:]) * spread >> (64 - filterBits))
	if o.filter&bit == 0 {
		o.filter |= bit
		return -1
	}
	return find(b, id[:])
}

const (
	// filterBits are those of the number of a bit of Operation.filter; spread makes them depend on all of an ID.
	filterBits = 5
	spread     = 0x9e3779b97f4a7c15
)

// appendSpan is appendID for a span ID.
func (o *Operation) appendSpan(b []byte, id SpanID) []byte {
	if at := o.findSpan(b, id); at >= 0 {
		return binary.AppendUvarint(b, uint64(at)+1)
	}
	return append(append(b, 0), id[:]...)
}

// standsAt reports whether the bytes stand at that place; 0 is none.
func standsAt(b, id []byte, at uint32) bool {
	end := int(at) + len(id)
	return at != 0 && end <= len(b) && bytes.Equal(b[at:end], id)
}

// appendID writes the position plus 1 at which the bytes stand already, or 0 and the bytes.
func appendID(b, id []byte) []byte {
	if at := find(b, id); at >= 0 {
		return binary.AppendUvarint(b, uint64(at)+1)
	}
	return append(append(b, 0), id...)
}

// findBytes bounds how far back something is looked for, so that the cost of a fact does not grow with their number.
const findBytes = 4096

// find returns where the bytes stand, -1 if they do not or too far back.
func find(b, id []byte) int {
	from := max(0, len(b)-findBytes)
	if at := bytes.Index(b[from:], id); at >= 0 {
		return from + at
	}
	return -1
}

// appendTexts writes what is the fact's own.
func (o *Operation) appendTexts(b []byte, f *Fact, m uint32) []byte {
	if m&hasID != 0 {
		at := len(b)
		b = o.appendCall(b, f.ID)
		o.callBy(b, at, f.IDRank, f.ID, f.Namespace)
	}
	if m&hasAlias != 0 {
		at := len(b)
		b = appendText(b, f.Alias)
		o.callBy(b, at, f.AliasRank, f.Alias, f.Namespace)
	}
	if m&hasInstance != 0 {
		b = o.appendName(b, f.Instance)
	}
	if m&hasMessageID != 0 {
		b = o.appendMessage(b, f)
	}
	if f.hasText() {
		b = appendString(b, f.Name)
	}
	if m&hasErrorMessage != 0 {
		b = appendString(b, f.ErrorMessage)
	}
	if m&hasDetail != 0 {
		b = appendString(b, f.Detail)
	}
	return b
}

// appendCall is appendText for an ID that mostly is the one by which the operation is called.
func (o *Operation) appendCall(b []byte, id string) []byte {
	if len(id) >= minAgain && o.called != 0 && textAt(b, o.called) == id {
		return binary.AppendUvarint(binary.AppendUvarint(b, uint64(len(id))), uint64(placeOf(b, o.called))+1)
	}
	return appendText(b, id)
}

// appendMessage writes the ID of a message, packed if that makes it shorter.
func (o *Operation) appendMessage(b []byte, f *Fact) []byte {
	var room [maxAgain]byte
	stored, packed := room[:0], false
	if len(f.MessageID) <= maxAgain {
		if stored, packed = pack(stored, f.MessageID); !packed {
			stored = append(stored, f.MessageID...)
		}
	} else {
		stored = []byte(f.MessageID)
	}
	head := uint64(len(stored)) << messageShift
	if packed {
		head |= packedMessage
	}
	again := -1
	switch {
	case len(stored) < minAgain:
	case standsAt(b, stored, uint32(o.messageAt)):
		again = int(o.messageAt)
	case f.Kind != KindSend && len(stored) <= maxAgain:
		// A message is sent once, mostly, and then consumed.
		again = find(b, stored)
	}
	if again >= 0 {
		return binary.AppendUvarint(binary.AppendUvarint(b, head|againMessage), uint64(again))
	}
	b = binary.AppendUvarint(b, head)
	if o.messageAt = 0; len(b) <= math.MaxUint16 {
		o.messageAt = uint16(len(b))
	}
	return append(b, stored...)
}

// A message ID begins with its length as stored, and below that these bits: it is packed; it stands before already, at the
// position that follows.
const (
	packedMessage = 1 << iota
	againMessage
	messageShift = iota
)

// message reads what appendMessage wrote.
func (d *decoder) message() string {
	head := d.uvarint()
	n, at := int(head>>messageShift), d.at
	if head&againMessage != 0 {
		at = int(d.uvarint())
	} else {
		d.at += n
	}
	stored := d.o.data[at : at+n]
	switch {
	case head&packedMessage == 0:
		return d.textOf(stored)
	case d.room == nil:
		return string(unpack(nil, stored))
	}
	from := len(*d.room)
	*d.room = unpack(*d.room, stored)
	return shareText((*d.room)[from:])
}

// minAgain is the length from which a text is worth referring to.
const minAgain = 4

// maxAgain is the length up to which a text is looked for.
const maxAgain = 64

// appendText writes a text that other facts are likely to have, too: its length, and its position plus 1 if it stands there
// already, or 0 and itself.
func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	if len(s) < minAgain {
		return append(b, s...)
	}
	var room [maxAgain]byte
	if len(s) > len(room) {
		return append(append(b, 0), s...)
	}
	return appendID(b, room[:copy(room[:], s)])
}

// appendName writes the number of a shared name, or 0 and the name itself.
func (o *Operation) appendName(b []byte, name string) []byte {
	n := o.symbols.Number(name)
	b = binary.AppendUvarint(b, uint64(n))
	if n == 0 {
		b = appendString(b, name)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
