package operation

import "encoding/binary"

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
)

func (f *Fact) mask() uint32 {
	var m uint32
	for i, b := range [...]bool{
		f.Consumer, f.Remote, f.Batch, f.End != 0, !f.Trace.IsZero(), !f.Span.IsZero(), !f.Parent.IsZero(),
		!f.LinkTrace.IsZero() || !f.LinkSpan.IsZero(), f.ID != "", f.Alias != "", f.Namespace != "", f.OperationName != "",
		f.Instance != "", f.System != "", f.Destination != "", f.Group != "", f.MessageID != "", f.ErrorType != "",
		f.ErrorMessage != "", f.Detail != "", f.Severity != 0, f.Disposition != 0, f.Due != 0, f.Type != "",
	} {
		if b {
			m |= 1 << i
		}
	}
	return m
}

// firstBytes and firstTraces are what an operation of a few hops takes, so that most never grow.
const (
	firstBytes  = 448
	firstTraces = 2
)

// encode appends the fact to the operation's bytes.
func (o *Operation) encode(f *Fact) {
	m := f.mask()
	if o.data == nil {
		o.data, o.traces = make([]byte, 0, firstBytes), make([]TraceID, 0, firstTraces)
	}
	b := o.data
	b = append(b, byte(f.Kind), byte(f.Outcome)|byte(f.JoinedBy)<<4)
	b = binary.AppendUvarint(b, uint64(m))
	b = binary.LittleEndian.AppendUint64(b, uint64(f.At))
	if m&hasEnd != 0 {
		b = binary.AppendVarint(b, f.End-f.At)
	}
	if m&hasTrace != 0 {
		b = o.appendTrace(b, f.Trace)
	}
	if m&hasSpan != 0 {
		b = append(b, f.Span[:]...)
	}
	if m&hasParent != 0 {
		b = append(b, f.Parent[:]...)
	}
	if m&hasLink != 0 {
		b = append(o.appendTrace(b, f.LinkTrace), f.LinkSpan[:]...)
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
	o.data = o.appendNames(b, f, m)
	o.count++
}

func (o *Operation) appendNames(b []byte, f *Fact, m uint32) []byte {
	if m&hasID != 0 {
		b = appendString(append(b, f.IDRank), f.ID)
	}
	if m&hasAlias != 0 {
		b = appendString(append(b, f.AliasRank), f.Alias)
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
	for _, own := range [...]struct {
		bit  uint32
		text string
	}{{hasMessageID, f.MessageID}, {hasErrorMessage, f.ErrorMessage}, {hasDetail, f.Detail}} {
		if m&own.bit != 0 {
			b = appendString(b, own.text)
		}
	}
	return b
}

// appendTrace writes the number of the trace within this operation.
func (o *Operation) appendTrace(b []byte, id TraceID) []byte {
	for i := range o.traces {
		if o.traces[i] == id {
			return binary.AppendUvarint(b, uint64(i))
		}
	}
	o.traces = append(o.traces, id)
	return binary.AppendUvarint(b, uint64(len(o.traces)-1))
}

// appendName writes the number of a shared name, or 0 and the name itself.
func (o *Operation) appendName(b []byte, name string) []byte {
	n := o.symbols.number(name)
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
	f.At = int64(binary.LittleEndian.Uint64(d.data))
	d.data = d.data[8:]
	if m&hasEnd != 0 {
		length, n := binary.Varint(d.data)
		d.data = d.data[n:]
		f.End = f.At + length
	}
	if m&hasTrace != 0 {
		f.Trace = d.o.traces[d.uvarint()]
	}
	if m&hasSpan != 0 {
		d.data = d.data[copy(f.Span[:], d.data):]
	}
	if m&hasParent != 0 {
		d.data = d.data[copy(f.Parent[:], d.data):]
	}
	if m&hasLink != 0 {
		f.LinkTrace = d.o.traces[d.uvarint()]
		d.data = d.data[copy(f.LinkSpan[:], d.data):]
	}
	if m&hasSeverity != 0 {
		f.Severity = d.byte()
	}
	if m&hasDisposition != 0 {
		f.Disposition = Disposition(d.byte())
	}
	if m&hasDue != 0 {
		delay, n := binary.Varint(d.data)
		d.data = d.data[n:]
		f.Due = f.At + delay
	}
	d.names(f, m)
}

func (d *decoder) names(f *Fact, m uint32) {
	if m&hasID != 0 {
		f.IDRank = d.byte()
		f.ID = d.string()
	}
	if m&hasAlias != 0 {
		f.AliasRank = d.byte()
		f.Alias = d.string()
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
	for _, own := range [...]struct {
		bit  uint32
		text *string
	}{{hasMessageID, &f.MessageID}, {hasErrorMessage, &f.ErrorMessage}, {hasDetail, &f.Detail}} {
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
		return d.o.symbols.name(uint32(n))
	}
	return d.string()
}
