package operation

import (
	"bytes"
	"encoding/binary"
)

// A fact is stored as a few dozen bytes without a pointer, because a collector holds millions of them: fixed bytes for
// what is always there, a mask that says what else follows, numbers for names that many facts share. The encoding is
// private to the process; it is no storage format.

// The bits of the mask.
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
	hasNamespace
	hasOperationName
	hasInstance
	hasSystem
	hasDestination
	hasGroup
	hasMessageID
	hasErrorType
	hasErrorMessage
	hasDetail
	hasSeverity
	hasDisposition
	hasDue
	hasType
	hasDelivery
	hasProgress
)

func (f *Fact) mask() uint32 {
	var m uint32
	for i, b := range [...]bool{
		f.Consumer, f.Remote, f.Batch, f.End != 0, !f.Trace.IsZero(), !f.Span.IsZero(), !f.Parent.IsZero(),
		!f.LinkTrace.IsZero() || !f.LinkSpan.IsZero(), f.ID != "", f.Alias != "", f.Namespace != "", f.OperationName != "",
		f.Instance != "", f.System != "", f.Destination != "", f.Group != "", f.MessageID != "", f.ErrorType != "",
		f.ErrorMessage != "", f.Detail != "", f.Severity != 0, f.Disposition != 0, f.Due != 0, f.Type != "", f.Delivery != 0, f.Progress != 0,
	} {
		if b {
			m |= 1 << i
		}
	}
	return m
}

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
	if b == nil {
		b = make([]byte, 0, firstBytes)
		o.base = f.At
	} else if cap(b)-len(b) < roomBytes {
		b = append(make([]byte, 0, len(b)+max(growBytes, len(b)/growShare)), b...)
	}
	b = append(b, byte(f.Kind), byte(f.Outcome)|byte(f.JoinedBy)<<4)
	b = binary.AppendUvarint(b, uint64(m))
	b = binary.AppendVarint(b, f.At-o.base)
	if m&hasEnd != 0 {
		b = binary.AppendVarint(b, f.End-f.At)
	}
	if m&hasTrace != 0 {
		b = appendNear(b, f.Trace[:], &o.traceAt)
	}
	if m&hasSpan != 0 {
		if f.IsSpan() {
			// It speaks for the first time, mostly.
			b = append(b, 0)
			o.spanAt = uint32(len(b))
			b = append(b, f.Span[:]...)
		} else {
			b = appendID(b, f.Span[:])
		}
	}
	if m&hasParent != 0 {
		last := o.spanAt
		b = appendNear(b, f.Parent[:], &last)
	}
	if m&hasLink != 0 {
		b = appendID(appendID(b, f.LinkTrace[:]), f.LinkSpan[:])
	}
	if m&hasSeverity != 0 {
		b = append(b, f.Severity)
	}
	if m&hasDisposition != 0 {
		b = append(b, byte(f.Disposition))
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
	o.data = o.appendNames(b, f, m)
	o.count++
}

// appendNear is appendID for an ID that mostly is the one that was written last, and notes where that is.
func appendNear(b, id []byte, last *uint32) []byte {
	if at := int(*last); at+len(id) <= len(b) && bytes.Equal(b[at:at+len(id)], id) {
		return binary.AppendUvarint(b, uint64(at)+1)
	}
	if at := find(b, id); at >= 0 {
		*last = uint32(at)
		return binary.AppendUvarint(b, uint64(at)+1)
	}
	b = append(b, 0)
	*last = uint32(len(b))
	return append(b, id...)
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

func (o *Operation) appendNames(b []byte, f *Fact, m uint32) []byte {
	if m&hasID != 0 {
		head := len(b) + 1
		b = appendText(append(b, f.IDRank), f.ID, &o.idAt)
		o.callBy(b, head, f.IDRank, f.ID, f.Namespace)
	}
	if m&hasAlias != 0 {
		head := len(b) + 1
		b = appendText(append(b, f.AliasRank), f.Alias, nil)
		o.callBy(b, head, f.AliasRank, f.Alias, f.Namespace)
	}
	b = o.appendName(b, f.Service)
	if f.Kind == KindLog || f.Kind == KindException {
		// Lines differ from each other; as shared names they would crowd out all others.
		b = appendString(append(b, 0), f.Name)
	} else {
		b = o.appendName(b, f.Name)
	}
	for _, shared := range [...]struct {
		bit  uint32
		name string
	}{
		{hasNamespace, f.Namespace}, {hasOperationName, f.OperationName}, {hasInstance, f.Instance}, {hasSystem, f.System},
		{hasDestination, f.Destination}, {hasGroup, f.Group}, {hasErrorType, f.ErrorType}, {hasType, f.Type},
	} {
		if m&shared.bit != 0 {
			b = o.appendName(b, shared.name)
		}
	}
	if m&hasMessageID != 0 {
		if f.Kind == KindSend && len(f.MessageID) >= minAgain {
			// A message is sent once, mostly.
			b = append(append(binary.AppendUvarint(b, uint64(len(f.MessageID))), 0), f.MessageID...)
		} else {
			b = appendText(b, f.MessageID, nil)
		}
	}
	for _, own := range [...]struct {
		bit  uint32
		text string
	}{{hasErrorMessage, f.ErrorMessage}, {hasDetail, f.Detail}} {
		if m&own.bit != 0 {
			b = appendString(b, own.text)
		}
	}
	return b
}

// minAgain is the length from which a text is worth referring to.
const minAgain = 4

// maxAgain is the length up to which a text is looked for.
const maxAgain = 64

// appendText writes a text that other facts are likely to have, too: its length, and its position plus 1 if it stands there
// already, or 0 and itself. last is where it stands, mostly, if that is known.
func appendText(b []byte, s string, last *uint32) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	if len(s) < minAgain {
		return append(b, s...)
	}
	var room [maxAgain]byte
	if len(s) > len(room) {
		return append(append(b, 0), s...)
	}
	text := room[:copy(room[:], s)]
	if last != nil {
		return appendNear(b, text, last)
	}
	return appendID(b, text)
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

// decoder reads facts back in the order in which they were written.
type decoder struct {
	o    *Operation
	data []byte
}

func (d *decoder) more() bool { return len(d.data) > 0 }

func (d *decoder) next(f *Fact) {
	*f = Fact{Kind: Kind(d.data[0]), Outcome: Outcome(d.data[1] & 15), JoinedBy: Reason(d.data[1] >> 4)}
	d.data = d.data[2:]
	m := uint32(d.uvarint())
	f.Consumer, f.Remote, f.Batch = m&hasConsumer != 0, m&hasRemote != 0, m&hasBatch != 0
	f.At = d.o.base + d.varint()
	if m&hasEnd != 0 {
		f.End = f.At + d.varint()
	}
	if m&hasTrace != 0 {
		d.id(f.Trace[:])
	}
	if m&hasSpan != 0 {
		d.id(f.Span[:])
	}
	if m&hasParent != 0 {
		d.id(f.Parent[:])
	}
	if m&hasLink != 0 {
		d.id(f.LinkTrace[:])
		d.id(f.LinkSpan[:])
	}
	if m&hasSeverity != 0 {
		f.Severity = d.byte()
	}
	if m&hasDisposition != 0 {
		f.Disposition = Disposition(d.byte())
	}
	if m&hasDue != 0 {
		f.Due = f.At + d.varint()
	}
	if m&hasDelivery != 0 {
		f.Delivery = uint16(d.uvarint())
	}
	if m&hasProgress != 0 {
		f.Progress = uint16(d.uvarint())
	}
	d.names(f, m)
}

func (d *decoder) names(f *Fact, m uint32) {
	if m&hasID != 0 {
		f.IDRank = d.byte()
		f.ID = d.again()
	}
	if m&hasAlias != 0 {
		f.AliasRank = d.byte()
		f.Alias = d.again()
	}
	f.Service, f.Name = d.name(), d.name()
	for _, shared := range [...]struct {
		bit  uint32
		name *string
	}{
		{hasNamespace, &f.Namespace}, {hasOperationName, &f.OperationName}, {hasInstance, &f.Instance}, {hasSystem, &f.System},
		{hasDestination, &f.Destination}, {hasGroup, &f.Group}, {hasErrorType, &f.ErrorType}, {hasType, &f.Type},
	} {
		if m&shared.bit != 0 {
			*shared.name = d.name()
		}
	}
	if m&hasMessageID != 0 {
		f.MessageID = d.again()
	}
	for _, own := range [...]struct {
		bit  uint32
		text *string
	}{{hasErrorMessage, &f.ErrorMessage}, {hasDetail, &f.Detail}} {
		if m&own.bit != 0 {
			*own.text = d.string()
		}
	}
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.data)
	d.data = d.data[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.data)
	d.data = d.data[n:]
	return v
}

// id reads the bytes of an ID, from here or from where they stood first.
func (d *decoder) id(to []byte) {
	if at := d.uvarint(); at != 0 {
		copy(to, d.o.data[at-1:])
		return
	}
	d.data = d.data[copy(to, d.data):]
}

// again reads a text that may have stood before.
func (d *decoder) again() string {
	n := d.uvarint()
	from := d.data
	if n >= minAgain {
		if at := d.uvarint(); at != 0 {
			return string(d.o.data[at-1 : at-1+n])
		}
		from = d.data
	}
	d.data = from[n:]
	return string(from[:n])
}

func (d *decoder) byte() byte {
	b := d.data[0]
	d.data = d.data[1:]
	return b
}

func (d *decoder) string() string {
	n := d.uvarint()
	s := string(d.data[:n])
	d.data = d.data[n:]
	return s
}

func (d *decoder) name() string {
	if n := d.uvarint(); n != 0 {
		return d.o.symbols.Name(uint32(n))
	}
	return d.string()
}
