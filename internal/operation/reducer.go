package operation

import (
	"slices"
	"sync"
)

// Reducer reduces operations to views, one after the other, in room that is used again: where nothing becomes of a view, it
// costs no memory. The zero value is ready. It is not safe for concurrent use.
type Reducer struct {
	facts  []Fact
	habits Habits
	view   View
	hops   []hopBuild
	// records tell for each span what became of it, messages find a hop by its message.
	records  records
	messages messages
	// alsoSent has the further hops of spans that sent several messages; nil without any.
	alsoSent map[Record][]int
	// busy are the times at which the services had spans open, busyOtherwise those without their sends; made when asked for.
	busy, busyOtherwise times
	// kinds has a bit for each kind of the facts.
	kinds uint32

	// decoded is the room for facts in the order in which they came, sorted for those in canonical order, texts for texts that
	// are stored in another form; bytes are those of the operation. Facts share texts with both.
	decoded, sorted []Fact
	texts, bytes    []byte
	order           []int
	aliases         []string
}

// maxReduced is the number of facts up to which the room for an operation is kept for the next one.
const maxReduced = 1024

// View reduces the facts of an operation to hops. It depends on the set of facts and the habits alone. The view is good until
// the next one, and is not to be kept, nor any text of it: see [Reducer.Keep]. Whoever has it may complete it.
func (r *Reducer) View(o *Operation, habits Habits) *View {
	if cap(r.decoded) > maxReduced {
		*r = Reducer{}
	}
	facts := r.read(o)
	r.facts, r.habits = supersede(facts), habits
	r.reset(len(facts))
	r.index()
	r.sends()
	r.consumers()
	r.works()
	r.lifecycle()
	r.notes()
	r.wrappers()
	r.alive()
	r.schedule()
	r.infer()
	r.retries()
	r.forward()
	r.finish()
	return &r.view
}

// reducers lends them to those who reduce an operation now and then.
var reducers = sync.Pool{New: func() any { return new(Reducer) }}

// View is [Reducer.View] for a view that can be kept.
func (o *Operation) View(habits Habits) *View {
	r := reducers.Get().(*Reducer)
	defer reducers.Put(r)
	r.View(o, habits)
	return r.Keep()
}

// read returns the facts of the operation in canonical order, without duplicates.
func (r *Reducer) read(o *Operation) []Fact {
	r.decoded, r.texts, r.bytes = r.decoded[:0], r.texts[:0], o.data
	r.decoded = slices.Grow(r.decoded, int(o.count))
	d := decoder{o: o, borrow: true, room: &r.texts}
	for d.more() {
		r.decoded = r.decoded[:len(r.decoded)+1]
		d.next(&r.decoded[len(r.decoded)-1])
	}
	facts := fold(r.inOrderOfTime())
	if len(facts) != int(o.count) {
		o.write(facts)
	}
	o.distinct = o.count
	return facts
}

// inOrderOfTime returns the decoded facts in canonical order. They are large, so each is moved once at most.
func (r *Reducer) inOrderOfTime() []Fact {
	r.order = r.order[:0]
	inOrder := true
	for i := range r.decoded {
		r.order = append(r.order, i)
		inOrder = inOrder && (i == 0 || r.decoded[i-1].compare(&r.decoded[i]) <= 0)
	}
	if inOrder {
		return r.decoded
	}
	slices.SortFunc(r.order, func(a, b int) int { return r.decoded[a].compare(&r.decoded[b]) })
	r.sorted = r.sorted[:0]
	for _, i := range r.order {
		r.sorted = append(r.sorted, r.decoded[i])
	}
	return r.sorted
}

// reset empties the room.
func (r *Reducer) reset(facts int) {
	v := &r.view
	*v = View{Facts: facts, Progress: -1, Hops: v.Hops[:0], Works: v.Works[:0], Notes: v.Notes[:0], Traces: v.Traces[:0]}
	r.hops, r.alsoSent = r.hops[:0], nil
	r.busy, r.busyOtherwise = nil, nil
	r.records.reset(facts)
	r.messages.reset()
}

// newHop begins a hop in the room of an earlier one, and returns its index.
func (r *Reducer) newHop(first int64) int {
	n := len(r.hops)
	r.hops = extend(r.hops)
	h := &r.hops[n]
	*h = hopBuild{Hop: Hop{Sends: h.Sends[:0], Consumers: h.Consumers[:0]}, first: first}
	return n
}

// newConsumer begins a consumer group.
func (h *hopBuild) newConsumer(group, service string) *Consumer {
	h.Consumers = extend(h.Consumers)
	c := &h.Consumers[len(h.Consumers)-1]
	*c = Consumer{Group: group, Service: service, WaitedNanos: -1, Attempts: c.Attempts[:0]}
	return c
}

// newAttempt begins an attempt, and returns its index.
func (c *Consumer) newAttempt() int {
	n := len(c.Attempts)
	c.Attempts = extend(c.Attempts)
	a := &c.Attempts[n]
	*a = Attempt{Notes: a.Notes[:0], sentTo: a.sentTo[:0]}
	return n
}

// infer adds an attempt of which nothing is left but that it ended by the given time.
func (c *Consumer) infer(end int64) *Attempt {
	a := &c.Attempts[c.newAttempt()]
	a.Service, a.EndedAt, a.Inferred = c.Service, end, true
	return a
}

// newWork begins a piece of work.
func (r *Reducer) newWork() *Work {
	v := &r.view
	v.Works = extend(v.Works)
	w := &v.Works[len(v.Works)-1]
	*w = Work{Notes: w.Notes[:0]}
	return w
}

// extend makes the slice longer by one, which is what stood there before where there was room for it.
func extend[T any](s []T) []T {
	if len(s) < cap(s) {
		return s[:len(s)+1]
	}
	var zero T
	return append(s, zero)
}

// has reports whether there are facts of one of the kinds.
func (r *Reducer) has(kinds ...Kind) bool {
	for _, k := range kinds {
		if r.kinds&(1<<k) != 0 {
			return true
		}
	}
	return false
}

// hasLines reports whether there are facts that are not drawn from spans.
func (r *Reducer) hasLines() bool { return r.kinds>>KindStarted != 0 }
