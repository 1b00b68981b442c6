package learn

import (
	"cmp"

	"github.com/throughline/throughline/internal/operation"
)

// lesson is one operation that is learned from. It is used again for the next one.
type lesson struct {
	book *Book
	view *operation.View
	// name is the name under which it is learned.
	name string
	hops []hopLesson
}

// hopLesson is one hop of it.
type hopLesson struct {
	hop   *operation.Hop
	place *place
	// named and all are the flow of operations of that name, nil if that is "", and that of all operations.
	named, all *flow
	// begun is the first sign of consumption, ended the end of the last attempt, at when it was sent or, if that is unknown, begun.
	begun, ended, at int64
	// cause is the index of the hop whose consumer sent it, -1 if none did.
	cause int
	// done says that it may teach what follows; seen that it did.
	done, seen bool
}

// begin looks at the hops.
func (l *lesson) begin(b *Book, v *operation.View) {
	l.book, l.view, l.name = b, v, v.LearnedAs()
	l.hops = l.hops[:0]
	for i := range min(len(v.Hops), maxHops) {
		h := &v.Hops[i]
		n := hopLesson{hop: h, cause: -1}
		n.begun, n.ended = consumption(h)
		n.at = cmp.Or(h.SentAt(), n.begun)
		if n.place = b.place(h.Destination); n.place != nil && !n.place.aside {
			n.done = h.State == operation.HopDone && !h.Uncertain && n.begun != 0
			l.flows(&n)
		}
		l.hops = append(l.hops, n)
	}
}

// end lets go of the view. Of some flows enough is known now.
func (l *lesson) end() {
	for i := range l.hops {
		for _, f := range [...]*flow{l.hops[i].named, l.hops[i].all} {
			if f != nil {
				l.book.use(f)
			}
		}
	}
	clear(l.hops)
	l.view = nil
}

// flows finds the flows of a hop.
func (l *lesson) flows(n *hopLesson) {
	key := flowKey{l.name, n.hop.Destination, n.hop.Type}
	if l.book.flows[key] == nil {
		if changing(key.messageType) {
			l.book.stats.Refused++
			n.done = false
			return
		}
		if key.operation != "" && changing(key.operation) {
			l.book.stats.Refused++
			key.operation = ""
		}
	}
	if key.operation != "" {
		n.named = l.book.flow(key)
		key.operation = ""
	}
	n.all = l.book.flow(key)
}

// consumption returns the first sign of consumption and the end of the last attempt, 0 without one.
func consumption(h *operation.Hop) (begun, ended int64) {
	for i := range h.Consumers {
		attempts := h.Consumers[i].Attempts
		if at := beginOf(&attempts[0]); begun == 0 || at < begun {
			begun = at
		}
		for k := range attempts {
			ended = max(ended, attempts[k].EndedAt)
		}
	}
	return begun, ended
}

// beginOf is the first sign of an attempt.
func beginOf(a *operation.Attempt) int64 { return cmp.Or(a.ReceivedAt, a.StartedAt, a.EndedAt) }

// times learns how long the hop took.
func (l *lesson) times(i int) {
	n := &l.hops[i]
	if !n.done {
		return
	}
	l.book.consumed(n.place, n.hop)
	first := int64(-1)
	for k := range n.hop.Consumers {
		c := &n.hop.Consumers[k]
		if wait, ok := waitOf(n.hop, c); ok {
			if first < 0 || wait < first {
				first = wait
			}
			if len(n.hop.Consumers) > 1 {
				l.group(n, c.Group, wait, func(g *groupStages) **stage { return &g.waiting })
			}
		}
		if took, ok := processingOf(c); ok {
			l.group(n, c.Group, took, func(g *groupStages) **stage { return &g.processing })
		}
	}
	if first >= 0 {
		bin := binOf(first)
		for _, f := range [...]*flow{n.named, n.all} {
			if f != nil {
				l.observe(f, &f.waiting, first, bin)
			}
		}
	}
}

// group learns a time of one group.
func (l *lesson) group(n *hopLesson, group string, nanos int64, of func(*groupStages) **stage) {
	bin := binOf(nanos)
	for _, f := range [...]*flow{n.named, n.all} {
		if f != nil {
			l.observe(f, of(l.book.group(f, group)), nanos, bin)
		}
	}
}

func (l *lesson) observe(f *flow, g **stage, nanos int64, bin int) {
	if *g == nil {
		*g = l.book.stage(f)
	}
	(*g).observe(nanos, bin, l.book.now, l.book)
}

// waitOf returns how long a message waited for the first attempt of a group, as far as that is seen. One that was sent again
// waited for that.
func waitOf(h *operation.Hop, c *operation.Consumer) (int64, bool) {
	return c.WaitedNanos, c.WaitedNanos >= 0 && len(h.Sends) == 1 && !c.Attempts[0].Inferred
}

// processingOf returns how long the attempt took that succeeded, as far as that is seen.
func processingOf(c *operation.Consumer) (int64, bool) {
	a := c.Deciding()
	begun := beginOf(a)
	return a.EndedAt - begun, c.State == operation.HopDone && !a.Inferred && begun != 0 && a.EndedAt >= begun
}
