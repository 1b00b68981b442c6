package operation

import (
	"encoding/binary"
	"unsafe"
)

// callBy takes note of an ID whose field begins at the given place: the operation is called by the one under the key listed
// first, the smallest of several.
func (o *Operation) callBy(b []byte, at int, rank uint8, id, namespace string) {
	if o.called != 0 {
		present := textAt(b, o.called)
		o.aliased = o.aliased || id != present
		if rank > o.calledBy || (rank == o.calledBy && id >= present) {
			return
		}
	}
	if o.calledIn = o.symbols.Number(namespace); o.calledIn == 0 && namespace != "" {
		o.calledIn = namelessSpace
	}
	o.called, o.calledBy = uint32(at), rank
}

// namelessSpace stands for a namespace that has no number.
const namelessSpace = 1<<32 - 1

// Label returns the correlation ID by which the operation is called, and its namespace; "" without one. It allocates nothing:
// the text is a part of the operation's own bytes, of which none ever changes.
func (o *Operation) Label() (id, namespace string) {
	switch o.calledIn {
	case 0:
	case namelessSpace:
		return textAt(o.data, o.called), o.Identity().Namespace
	default:
		namespace = o.symbols.Name(o.calledIn)
	}
	return textAt(o.data, o.called), namespace
}

// Called is Identity, as quick as may be.
func (o *Operation) Called() Identity {
	if o.called == 0 || o.aliased {
		return o.Identity()
	}
	id, namespace := o.Label()
	return Identity{ID: id, Aliases: []string{}, Namespace: namespace}
}

// textAt returns the text of a field that appendText wrote, "" for place 0.
func textAt(b []byte, at uint32) string {
	if at == 0 {
		return ""
	}
	size, _ := binary.Uvarint(b[at:])
	from := uint64(placeOf(b, at))
	return shareText(b[from : from+size])
}

// shareText returns bytes of an operation as text: none that was written once is ever changed.
func shareText(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // See above.
}

// placeOf returns where the text of a field stands.
func placeOf(b []byte, at uint32) uint32 {
	size, n := binary.Uvarint(b[at:])
	at += uint32(n)
	if size < minAgain {
		return at
	}
	again, n := binary.Uvarint(b[at:])
	if again != 0 {
		return uint32(again) - 1
	}
	return at + uint32(n)
}
