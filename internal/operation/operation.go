package operation

import "slices"

// Operation is a set of facts. Adding and merging are commutative, associative and idempotent; the zero value is empty.
// It is not safe for concurrent use.
type Operation struct {
	// symbols are shared with other operations; without them names are stored in full.
	symbols *Symbols
	// data holds the facts as they came, encoded; equal ones are told apart from time to time and whenever the facts are
	// read. Times are relative to base.
	data []byte
	base int64
	// traceAt and spanAt are where the trace ID and the span ID stand that were written last, 0 without one.
	traceAt, spanAt uint32
	// called is where the field with the ID begins by which the operation is called, 0 without one, calledBy its rank and
	// calledIn the number of its namespace (see label).
	called, calledIn uint32
	calledBy         uint8
	// aliased says that there are several IDs.
	aliased bool
	// messageAt is where the message ID stands that was written last, 0 without one or too far off.
	messageAt uint16
	// filter has a bit for each span ID in data; see findSpan.
	filter uint32
	count  uint32
	// distinct is the number of facts when equal ones were last folded.
	distinct uint32
}

// New returns an empty operation that stores names in the given table.
func New(symbols *Symbols) Operation { return Operation{symbols: symbols} }

// Add puts a fact into the set.
func (o *Operation) Add(f *Fact) {
	if o.count > 2*o.distinct+32 {
		o.fold()
	}
	o.encode(f)
}

// Merge puts all facts of the other set into this one; the other is left as it is.
func (o *Operation) Merge(other *Operation) {
	d := decoder{o: other}
	var f Fact
	for d.more() {
		d.next(&f)
		o.Add(&f)
	}
}

// Len returns the number of distinct facts.
func (o *Operation) Len() int {
	if o.count != o.distinct {
		o.fold()
	}
	return int(o.count)
}

// Pending returns the number of facts added, without telling equal ones apart: a bound of Len that costs nothing.
func (o *Operation) Pending() int { return int(o.count) }

// Facts returns the facts in canonical order.
func (o *Operation) Facts() []Fact { return o.read() }

// Mentions reports whether a view may show the service and the destination, "" for any: a fact is of it, or habits say that the service sends to where a fact
// leads. Who looks for either need not compute the views of all others.
func (o *Operation) Mentions(service, destination string, habits Habits) bool {
	var f Fact
	var room []byte
	d := decoder{o: o, borrow: true, room: &room}
	for d.more() && (service != "" || destination != "") {
		room = room[:0]
		d.next(&f)
		if f.Service == service || (service != "" && f.Destination != "" && habits.Sender(f.Destination) == service) {
			service = ""
		}
		if f.Destination == destination {
			destination = ""
		}
	}
	return service == "" && destination == ""
}

// AppendFacts appends the facts as they came to facts. They share texts with the operation and with texts, which is made longer as
// need be.
func (o *Operation) AppendFacts(facts []Fact, texts []byte) (all []Fact, room []byte) {
	d := decoder{o: o, borrow: true, room: &texts}
	for d.more() {
		facts = append(facts, Fact{})
		d.next(&facts[len(facts)-1])
	}
	return facts, texts
}

// read returns the facts in canonical order and without duplicates. It leaves the stored bytes as they are unless there are
// duplicates among them.
func (o *Operation) read() []Fact {
	facts := make([]Fact, o.count)
	d := decoder{o: o}
	for i := range facts {
		d.next(&facts[i])
	}
	facts = order(facts)
	if len(facts) != int(o.count) {
		o.write(facts)
	}
	o.distinct = o.count
	return facts
}

// fold removes duplicates from the stored bytes.
func (o *Operation) fold() {
	r := reducers.Get().(*Reducer)
	defer reducers.Put(r)
	r.read(o)
}

// write replaces the stored bytes. The former ones stay as they are, for texts may share them.
func (o *Operation) write(facts []Fact) {
	*o = Operation{symbols: o.symbols, data: make([]byte, 0, len(o.data))}
	for i := range facts {
		o.encode(&facts[i])
	}
	o.distinct = o.count
}

// Equal reports whether two operations hold the same facts, attached for the same reasons.
func (o *Operation) Equal(other *Operation) bool {
	return slices.Equal(o.Facts(), other.Facts())
}

// Take removes the facts that match and returns them.
func (o *Operation) Take(match func(*Fact) bool) []Fact {
	var taken, kept []Fact
	for _, f := range o.Facts() {
		if match(&f) {
			taken = append(taken, f)
		} else {
			kept = append(kept, f)
		}
	}
	o.write(kept)
	return taken
}

// order puts facts into canonical order and folds equal ones into one, in place.
func order(facts []Fact) []Fact {
	if len(facts) < 2 {
		return facts
	}
	slices.SortFunc(facts, func(a, b Fact) int { return a.compare(&b) })
	return fold(facts)
}

// fold makes one of equal facts, which are in canonical order, in place.
func fold(facts []Fact) []Fact {
	if len(facts) < 2 {
		return facts
	}
	n := 1
	for i := 1; i < len(facts); i++ {
		if last := &facts[n-1]; last.same(&facts[i]) {
			last.JoinedBy = stronger(last.JoinedBy, facts[i].JoinedBy)
			continue
		}
		if n != i {
			facts[n] = facts[i]
		}
		n++
	}
	return latestSigns(facts[:n])
}

// sign tells signs of life of the same work apart from those of other work.
type sign struct {
	kind Kind
	// heartbeat says that the next one is due at some time.
	heartbeat bool
	Record
	service, destination, message string
}

// signOf returns what the fact is a sign of; false if it is none.
func signOf(f *Fact) (sign, bool) {
	switch f.Kind {
	case KindAlive:
		return sign{kind: f.Kind, heartbeat: f.End != 0, Record: f.Record()}, true
	case KindProgress:
		return sign{kind: f.Kind, Record: f.Record(), service: f.Service, destination: f.Destination, message: f.MessageID}, true
	}
	return sign{}, false
}

// latestSigns keeps of the heartbeats of one span only the latest, of its children only the first, and of the progress of one
// piece of work the first and the latest: a worker that is busy for a day gives thousands.
func latestSigns(facts []Fact) []Fact {
	type ends struct{ first, latest int }
	var signs map[sign]ends
	for i := range facts {
		s, ok := signOf(&facts[i])
		if !ok {
			continue
		}
		if signs == nil {
			signs = make(map[sign]ends)
		}
		at, known := signs[s]
		if !known {
			at.first = i
		}
		at.latest = i
		signs[s] = at
	}
	if signs == nil {
		return facts
	}
	kept := facts[:0]
	for i := range facts {
		s, ok := signOf(&facts[i])
		at := signs[s]
		first, latest := i == at.first, i == at.latest
		if !ok || (latest && (s.heartbeat || s.kind == KindProgress)) || (first && !s.heartbeat) {
			kept = append(kept, facts[i])
		}
	}
	return kept
}

// stronger returns the better of two reasons; an unknown one is the worst.
func stronger(a, b Reason) Reason {
	if a == ReasonUnknown || (b != ReasonUnknown && b < a) {
		return b
	}
	return a
}
