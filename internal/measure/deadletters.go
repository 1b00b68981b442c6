package measure

import (
	"hash/maphash"

	"github.com/throughline/throughline/internal/deadletter"
	"github.com/throughline/throughline/internal/operation"
)

// deadLettered counts the messages that were given up, by the group that gave up on each. What is only known by its
// dead-letter destination counts there, unless it can be the message of a group that is known to have given up.
func (m *Meter) deadLettered(c *operation.Change) {
	within := operation.DefaultPolicy().RetryWithin
	if c.Policy != nil {
		within = c.Policy.RetryWithin
	}
	v, origins := c.View, deadletter.OriginsOf(c.View)
	claimed := make(map[deadletter.Place]bool)
	var unclaimed []*operation.Hop
	for i := range v.Hops {
		h := &v.Hops[i]
		at, known := origins.Of(i)
		switch {
		case known:
			claimed[at] = true
			if m.letters.knows(letterOf(v, h, "")) {
				m.letters.first(letterOf(v, &v.Hops[at.Hop], v.Hops[at.Hop].Consumers[at.Consumer].Group))
			}
		case h.State == operation.HopDeadLettered && deadletter.Is(h):
			unclaimed = append(unclaimed, h)
		}
	}
	silent := 0
	for i := range v.Hops {
		for k := range v.Hops[i].Consumers {
			if group := &v.Hops[i].Consumers[k]; givenUp(group, int64(within), c.At) {
				m.deadLetter(v, &v.Hops[i], group.Group, c.At)
				if !claimed[deadletter.Place{Hop: i, Consumer: k}] {
					silent++
				}
			}
		}
	}
	for i, h := range unclaimed {
		if i < silent {
			m.letters.first(letterOf(v, h, ""))
			continue
		}
		m.deadLetter(v, h, "", c.At)
	}
}

// givenUp reports whether the group gave up on the message and a further attempt is not to be expected any more, as the
// judge has it: the verdict may rest on another message.
func givenUp(c *operation.Consumer, within, now int64) bool {
	if c.State != operation.HopDeadLettered || len(c.Attempts) == 0 {
		return false
	}
	last := &c.Attempts[len(c.Attempts)-1]
	return last.Disposition == operation.DispositionDeadLetter || last.EndedAt+within <= now
}

// deadLetter counts a message unless it was counted before.
func (m *Meter) deadLetter(v *operation.View, h *operation.Hop, group string, at int64) {
	if m.letters.first(letterOf(v, h, group)) {
		m.deadLetters.add(queueKey(h, group), 1, at)
	}
}

// letter is what tells the message of one group apart; record stands in for a message ID that is not known.
type letter struct {
	namespace, operation, system, destination, group, message string
	record                                                    operation.Record
}

func letterOf(v *operation.View, h *operation.Hop, group string) letter {
	l := letter{
		namespace: v.Namespace, operation: v.ID, system: h.System, destination: h.Destination, group: group, message: h.MessageID,
	}
	if l.message == "" {
		l.record = firstRecord(h)
	}
	return l
}

// firstRecord is the span that a hop is known by.
func firstRecord(h *operation.Hop) operation.Record {
	if len(h.Sends) > 0 {
		return operation.Record{Trace: h.Sends[0].Trace, Span: h.Sends[0].Span}
	}
	for i := range h.Consumers {
		for k := range h.Consumers[i].Attempts {
			a := &h.Consumers[i].Attempts[k]
			return operation.Record{Trace: a.Trace, Span: a.Span}
		}
	}
	return operation.Record{}
}

// maxLetters bounds the dead letters that are remembered: about 2 MiB.
const maxLetters = 1 << 16

// letters remembers which dead letters were counted: a verdict may leave dead_lettered for a further attempt and return to
// it. Beyond maxLetters the oldest is forgotten, and may count again.
type letters struct {
	seed maphash.Seed
	seen map[uint64]struct{}
	// order is a ring of what is in seen, oldest is where it begins once it is full.
	order  []uint64
	oldest int
	limit  int
}

func newLetters(limit int) letters {
	return letters{seed: maphash.MakeSeed(), seen: make(map[uint64]struct{}), limit: limit}
}

// knows reports whether the letter is remembered.
func (l *letters) knows(which letter) bool {
	_, ok := l.seen[maphash.Comparable(l.seed, which)]
	return ok
}

// first reports whether the letter is not remembered, and remembers it.
func (l *letters) first(which letter) bool {
	h := maphash.Comparable(l.seed, which)
	if _, ok := l.seen[h]; ok {
		return false
	}
	l.seen[h] = struct{}{}
	if len(l.order) < l.limit {
		l.order = append(l.order, h)
		return true
	}
	delete(l.seen, l.order[l.oldest])
	l.order[l.oldest] = h
	l.oldest = (l.oldest + 1) % l.limit
	return true
}
