package deadletter

import "github.com/throughline/throughline/internal/operation"

// Place is a consumer group within a view: the indices of the hop and of the group in it, -1 where there is none.
type Place struct {
	Hop, Consumer int
}

// Is reports whether a hop is a message in a dead-letter destination: the judge took it for one, or its name says so.
func Is(h *operation.Hop) bool {
	if h.State == operation.HopDeadLettered && !gaveUp(h) {
		return true
	}
	return operation.DeadLetterName(h.Destination)
}

// gaveUp reports whether one of the hop's own groups gave up on the message.
func gaveUp(h *operation.Hop) bool {
	for i := range h.Consumers {
		if h.Consumers[i].State == operation.HopDeadLettered {
			return true
		}
	}
	return false
}

// Origins tells of the dead letters of one view who gave up on them.
type Origins struct {
	view     *operation.View
	attempts map[operation.Record]Place
}

// OriginsOf looks through a view once.
func OriginsOf(v *operation.View) Origins {
	o := Origins{view: v}
	for i := range v.Hops {
		for k := range v.Hops[i].Consumers {
			o.attempts = appendAttempts(o.attempts, &v.Hops[i].Consumers[k], Place{i, k})
		}
	}
	return o
}

// appendAttempts adds the attempts that gave up on their message, which are few.
func appendAttempts(to map[operation.Record]Place, c *operation.Consumer, at Place) map[operation.Record]Place {
	for i := range c.Attempts {
		a := &c.Attempts[i]
		if a.Disposition != operation.DispositionDeadLetter || a.Span.IsZero() {
			continue
		}
		if to == nil {
			to = make(map[operation.Record]Place)
		}
		to[operation.Record{Trace: a.Trace, Span: a.Span}] = at
	}
	return to
}

// Of returns the group within whose attempt the message of the hop was sent; false if the hop is none in a dead-letter
// destination, or if nobody is known to have given up on it.
func (o Origins) Of(hop int) (Place, bool) {
	h := &o.view.Hops[hop]
	if len(o.attempts) == 0 || !Is(h) {
		return Place{-1, -1}, false
	}
	for i := range h.Sends {
		s := &h.Sends[i]
		if at, ok := o.attempts[operation.Record{Trace: s.Trace, Span: s.Parent}]; ok && at.Hop != hop {
			return at, true
		}
	}
	return Place{-1, -1}, false
}

// Deciding returns the place on which the verdict rests. Where the judge points at a dead-letter destination, that is the
// group that gave up on the message, if it is known.
func Deciding(v *operation.View, verdict *operation.Verdict) Place {
	at := Place{-1, -1}
	if verdict.Hop < 0 || verdict.Hop >= len(v.Hops) {
		return at
	}
	at.Hop = verdict.Hop
	if k := verdict.Consumer; k >= 0 && k < len(v.Hops[at.Hop].Consumers) {
		at.Consumer = k
	}
	if verdict.State != operation.StateDeadLettered || at.Consumer >= 0 {
		return at
	}
	if origin, ok := OriginsOf(v).Of(at.Hop); ok {
		return origin
	}
	return at
}

// Destination returns the dead-letter destination in which the message of the place is known to be, "" if it is not known:
// most brokers dead-letter without leaving a record.
func Destination(v *operation.View, at Place) string {
	if at.Hop < 0 || at.Hop >= len(v.Hops) {
		return ""
	}
	h := &v.Hops[at.Hop]
	if at.Consumer < 0 || at.Consumer >= len(h.Consumers) {
		if Is(h) {
			return h.Destination
		}
		return ""
	}
	// Of all attempts only those of the group in question count, else a view of many hops would be looked through for each.
	o := Origins{view: v, attempts: appendAttempts(nil, &h.Consumers[at.Consumer], at)}
	if len(o.attempts) == 0 {
		return ""
	}
	for i := range v.Hops {
		if origin, ok := o.Of(i); ok && origin == at {
			return v.Hops[i].Destination
		}
	}
	return ""
}
