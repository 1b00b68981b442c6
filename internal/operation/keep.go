package operation

import "unsafe"

// Keep returns a copy of the view that was made last, which shares nothing with the room or the operation.
func (r *Reducer) Keep() *View {
	k := keeper{stored: r.bytes, unpacked: r.texts}
	v := new(View)
	*v = r.view
	k.room(v)
	v.ID, v.Name, v.Namespace = k.text(v.ID), k.text(v.Name), k.text(v.Namespace)
	v.Aliases = append(make([]string, 0, len(v.Aliases)), v.Aliases...)
	for i := range v.Aliases {
		v.Aliases[i] = k.text(v.Aliases[i])
	}
	v.Traces = append([]TraceID(nil), v.Traces...)
	v.Notes = k.keepNotes(v.Notes)
	v.Works = append([]Work(nil), v.Works...)
	for i := range v.Works {
		w := &v.Works[i]
		k.origin(&w.Origin)
		k.failure(w.Error)
		w.Notes = k.keepNotes(w.Notes)
	}
	v.Hops = append(make([]Hop, 0, len(v.Hops)), v.Hops...)
	for i := range v.Hops {
		k.hop(&v.Hops[i])
	}
	return v
}

// keeper copies a view: everything of one kind into one piece of memory.
type keeper struct {
	// stored and unpacked are the bytes that texts of the view may share.
	stored, unpacked []byte
	// chunk has room for further texts; none that was written once is ever changed.
	chunk     []byte
	sends     []Send
	consumers []Consumer
	attempts  []Attempt
	notes     []Note
	strings   []string
}

// room makes room for all of the view, to the last item.
func (k *keeper) room(v *View) {
	sends, consumers, attempts, notes, strings := 0, 0, 0, len(v.Notes), 0
	for i := range v.Works {
		notes += len(v.Works[i].Notes)
	}
	for i := range v.Hops {
		h := &v.Hops[i]
		sends, consumers, strings = sends+len(h.Sends), consumers+len(h.Consumers), strings+len(h.Awaited)
		for n := range h.Consumers {
			attempts += len(h.Consumers[n].Attempts)
			for m := range h.Consumers[n].Attempts {
				a := &h.Consumers[n].Attempts[m]
				notes, strings = notes+len(a.Notes), strings+len(a.sentTo)
			}
		}
	}
	k.sends, k.consumers, k.attempts = make([]Send, 0, sends), make([]Consumer, 0, consumers), make([]Attempt, 0, attempts)
	k.notes, k.strings = make([]Note, 0, notes), make([]string, 0, strings)
}

// part appends the items to the room, and returns where they are; nil for none.
func part[T any](room *[]T, items []T) []T {
	if len(items) == 0 {
		return nil
	}
	from := len(*room)
	*room = append(*room, items...)
	return (*room)[from:len(*room):len(*room)]
}

func (k *keeper) hop(h *Hop) {
	h.MessageID = k.text(h.MessageID)
	h.Sends, h.Consumers, h.Awaited = part(&k.sends, h.Sends), part(&k.consumers, h.Consumers), part(&k.strings, h.Awaited)
	for i := range h.Sends {
		k.origin(&h.Sends[i].Origin)
		k.failure(h.Sends[i].Error)
	}
	for i := range h.Consumers {
		c := &h.Consumers[i]
		c.Attempts = part(&k.attempts, c.Attempts)
		for n := range c.Attempts {
			a := &c.Attempts[n]
			k.origin(&a.Origin)
			k.failure(a.Error)
			a.Notes, a.sentTo = k.keepNotes(a.Notes), part(&k.strings, a.sentTo)
		}
	}
}

func (k *keeper) keepNotes(notes []Note) []Note {
	notes = part(&k.notes, notes)
	for i := range notes {
		n := &notes[i]
		k.origin(&n.Origin)
		k.failure(n.Error)
		n.Body = k.text(n.Body)
	}
	return notes
}

// origin keeps the only text of an origin that may be free: the others are names, which are shared or copied by then.
func (k *keeper) origin(o *Origin) { o.Name = k.text(o.Name) }

// failure keeps the texts of an error, which each view has its own of.
func (k *keeper) failure(e *Error) {
	if e != nil {
		e.Message, e.Stack = k.text(e.Message), k.text(e.Stack)
	}
}

const (
	// chunkBytes is the size of what texts are put into together, shortBytes the length up to which they are: whoever keeps one
	// keeps all of its chunk.
	chunkBytes = 128
	shortBytes = 64
)

// text returns the text in memory of its own, or as it is if it shares nothing.
func (k *keeper) text(s string) string {
	if s == "" || (!within(s, k.stored) && !within(s, k.unpacked)) {
		return s
	}
	if len(s) > shortBytes {
		return string([]byte(s))
	}
	if cap(k.chunk)-len(k.chunk) < len(s) {
		k.chunk = make([]byte, 0, chunkBytes)
	}
	from := len(k.chunk)
	k.chunk = append(k.chunk, s...)
	return shareText(k.chunk[from:])
}

// within reports whether the text is a part of the bytes.
func within(s string, b []byte) bool {
	at, from := uintptr(unsafe.Pointer(unsafe.StringData(s))), uintptr(unsafe.Pointer(unsafe.SliceData(b))) //nolint:gosec // They are compared, and nothing else.
	return at >= from && at < from+uintptr(cap(b))
}
