package operation

import (
	"encoding/binary"
	"strings"
)

// decoder reads facts back in the order in which they were written.
type decoder struct {
	o *Operation
	// borrow says that texts may share the operation's bytes: they must not outlive it, lest a word keep thousands of facts.
	borrow bool
	// room takes what is stored in another form, of those who borrow; nil: each text is one of its own.
	room *[]byte
	// at is how far it has come, traceAt and spanAt where the trace and the span stand that were read last.
	at, traceAt, spanAt int
}

func (d *decoder) more() bool { return d.at < len(d.o.data) }

func (d *decoder) next(f *Fact) {
	*f = Fact{}
	m := d.form(f)
	f.Consumer, f.Remote, f.Batch = m&hasConsumer != 0, m&hasRemote != 0, m&hasBatch != 0
	d.context(f, m)
	f.At = d.o.base + d.varint()
	if m&hasEnd != 0 {
		f.End = f.At + d.varint()
	}
	if m&hasLink != 0 {
		d.id(f.LinkTrace[:])
		d.id(f.LinkSpan[:])
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
	if m&hasPartition != 0 {
		f.Partition = Partition(d.uvarint())
	}
	d.texts(f, m)
}

func (d *decoder) context(f *Fact, m uint32) {
	context := d.byte()
	f.JoinedBy = Reason(context & reasonBits)
	last := d.spanAt
	if m&hasTrace != 0 {
		if context&sameTrace != 0 {
			copy(f.Trace[:], d.o.data[d.traceAt:])
		} else {
			d.traceAt = d.id(f.Trace[:])
		}
	}
	if m&hasSpan != 0 {
		switch {
		case context&sameSpan != 0:
		case context&newSpan != 0:
			d.spanAt = d.at
			d.at += len(f.Span)
		default:
			d.spanAt = int(d.uvarint())
		}
		copy(f.Span[:], d.o.data[d.spanAt:])
	}
	if m&hasParent != 0 {
		if context&nextSpan != 0 {
			copy(f.Parent[:], d.o.data[last:])
		} else {
			d.id(f.Parent[:])
		}
	}
}

func (d *decoder) texts(f *Fact, m uint32) {
	if m&hasID != 0 {
		f.ID = d.text()
	}
	if m&hasAlias != 0 {
		f.Alias = d.text()
	}
	if m&hasInstance != 0 {
		f.Instance = d.name()
	}
	if m&hasMessageID != 0 {
		f.MessageID = d.message()
	}
	if f.hasText() {
		f.Name = d.string()
	}
	if m&hasErrorMessage != 0 {
		f.ErrorMessage = d.string()
	}
	if m&hasDetail != 0 {
		f.Detail = d.string()
	}
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.o.data[d.at:])
	d.at += n
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.o.data[d.at:])
	d.at += n
	return v
}

// id reads the bytes of an ID, from here or from where they stood first, and returns where they are.
func (d *decoder) id(to []byte) int {
	at := int(d.uvarint()) - 1
	if at < 0 {
		at = d.at
		d.at += len(to)
	}
	copy(to, d.o.data[at:])
	return at
}

// text reads a text that may have stood before.
func (d *decoder) text() string { return d.textOf(d.stored(d.uvarint())) }

// stored returns so many bytes, from here or from where they stood first.
func (d *decoder) stored(n uint64) []byte {
	if n >= minAgain {
		if at := d.uvarint(); at != 0 {
			return d.o.data[at-1 : at-1+n]
		}
	}
	d.at += int(n)
	return d.o.data[d.at-int(n) : d.at]
}

func (d *decoder) byte() byte {
	d.at++
	return d.o.data[d.at-1]
}

func (d *decoder) string() string {
	n := int(d.uvarint())
	d.at += n
	return d.textOf(d.o.data[d.at-n : d.at])
}

func (d *decoder) textOf(b []byte) string {
	if d.borrow {
		return shareText(b)
	}
	return string(b)
}

func (d *decoder) name() string {
	if n := d.uvarint(); n != 0 {
		return d.o.symbols.Name(uint32(n))
	}
	// It may become known beyond its operation.
	return strings.Clone(d.string())
}
