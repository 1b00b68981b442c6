package learn

import (
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/operation"
)

const (
	// maxClimb bounds how many spans lie between a message and the attempt that sent it, maxWorks how many are looked through.
	maxClimb, maxWorks = 16, 256
)

// follow learns what always follows. All hops of one flow teach together: each of them must have gone on.
func (l *lesson) follow() {
	for i := range l.hops {
		l.hops[i].cause = l.causeOf(i)
	}
	for i := range l.hops {
		if n := &l.hops[i]; n.done && !n.seen {
			f := n.named
			if f == nil && l.name == "" {
				f = n.all
			}
			if f != nil {
				l.followers(i, f)
			}
		}
	}
}

// followers takes note of what followed the hops of the flow, of which the one at i is the first.
func (l *lesson) followers(i int, f *flow) {
	b := l.book
	for k := range f.followers {
		// What followed by way of something else neither makes the habit nor breaks it.
		if w := &f.followers[k]; !l.followed(i, f, w.destination) {
			w.holds(false, b.now, &b.settings)
		}
	}
	for k := i; k < len(l.hops); k++ {
		l.hops[k].seen = l.hops[k].seen || l.of(k, f)
	}
	for j := range l.hops {
		next := &l.hops[j]
		if next.cause < 0 || !l.of(next.cause, f) || next.place == nil || next.place.aside || l.repeated(j, f) {
			continue
		}
		w := l.follower(f, next.hop.Destination)
		if l.followed(i, f, w.destination) {
			w.holds(true, b.now, &b.settings)
		}
		w.seen = b.now
		if from := l.hops[next.cause].ended; from != 0 {
			took := max(0, next.at-from)
			l.observe(f, &w.after, took, binOf(took))
		}
	}
}

// of reports whether the hop is one of the flow and done.
func (l *lesson) of(i int, f *flow) bool {
	n := &l.hops[i]
	return n.done && (n.named == f || (n.named == nil && n.all == f))
}

// repeated reports whether an earlier hop followed to the same destination.
func (l *lesson) repeated(j int, f *flow) bool {
	for k := range j {
		n := &l.hops[k]
		if n.cause >= 0 && n.hop.Destination == l.hops[j].hop.Destination && l.of(n.cause, f) {
			return true
		}
	}
	return false
}

// followed reports whether each hop of the flow, of which the one at first is the first, was followed by a message to the
// destination, or from there: the question that a judge will ask.
func (l *lesson) followed(first int, f *flow, destination string) bool {
	for i := first; i < len(l.hops); i++ {
		if l.of(i, f) && !l.followedBy(i, destination) {
			return false
		}
	}
	return true
}

func (l *lesson) followedBy(i int, destination string) bool {
	for j := range l.hops {
		if n := &l.hops[j]; n.at >= l.hops[i].begun && goesBy(n.hop, destination) {
			return true
		}
	}
	return false
}

// goesBy reports whether the destination of the hop has that name, for its producer or for a consumer.
func goesBy(h *operation.Hop, destination string) bool {
	if h.Destination == destination {
		return true
	}
	for i := range h.Consumers {
		for k := range h.Consumers[i].Attempts {
			if h.Consumers[i].Attempts[k].Destination == destination {
				return true
			}
		}
	}
	return false
}

// follower returns what is known of a destination that follows. The one that follows the least gives way to a new one.
func (l *lesson) follower(f *flow, destination string) *follower {
	weakest := 0
	for i := range f.followers {
		w := &f.followers[i]
		if w.destination == destination {
			return w
		}
		if o := &f.followers[weakest]; w.row < o.row || (w.row == o.row && w.seen < o.seen) {
			weakest = i
		}
	}
	if len(f.followers) >= maxFollowers {
		l.book.discard(f, f.followers[weakest].after)
		f.followers = slices.Delete(f.followers, weakest, weakest+1)
	}
	f.followers = append(f.followers, follower{destination: strings.Clone(destination)})
	return &f.followers[len(f.followers)-1]
}

// causeOf returns the index of the hop whose consumer sent the message of hop j, -1 if none did: by what the trace tells, and
// if it tells nothing, the last that the sender's service had begun to consume by then.
func (l *lesson) causeOf(j int) int {
	h := l.hops[j].hop
	service := ""
	if len(h.Sends) > 0 {
		s := &h.Sends[0]
		if cause, known := l.traced(&s.Origin); known {
			return cause
		}
		service = s.Service
	}
	cause := -1
	for i := range l.hops {
		begun := l.begunBy(i, service)
		if i != j && begun != 0 && begun <= l.hops[j].at && (cause < 0 || begun > l.begunBy(cause, service)) {
			cause = i
		}
	}
	return cause
}

// begunBy is when a service began to consume a hop, "" for any; 0 if it did not.
func (l *lesson) begunBy(i int, service string) int64 {
	if service == "" {
		return l.hops[i].begun
	}
	begun := int64(0)
	for k := range l.hops[i].hop.Consumers {
		if c := &l.hops[i].hop.Consumers[k]; c.Service == service {
			if at := beginOf(&c.Attempts[0]); begun == 0 || at < begun {
				begun = at
			}
		}
	}
	return begun
}

// traced climbs from a send to the attempt that it was made in. It returns -1 if the trace tells that there is none, and false if
// it does not tell.
func (l *lesson) traced(s *operation.Origin) (int, bool) {
	trace, span := s.Trace, s.Parent
	for range maxClimb {
		if span.IsZero() {
			return -1, !trace.IsZero() && !s.Linked
		}
		if i := l.attempt(trace, span); i >= 0 {
			return i, true
		}
		parent, known := l.parent(trace, span)
		if !known {
			return -1, false
		}
		span = parent
	}
	return -1, false
}

// attempt returns the hop that was consumed in a span, -1 without one.
func (l *lesson) attempt(trace operation.TraceID, span operation.SpanID) int {
	for i := range l.hops {
		for k := range l.hops[i].hop.Consumers {
			attempts := l.hops[i].hop.Consumers[k].Attempts
			for n := range attempts {
				if attempts[n].Span == span && attempts[n].Trace == trace {
					return i
				}
			}
		}
	}
	return -1
}

// parent returns the parent of a span that neither consumes nor is unknown.
func (l *lesson) parent(trace operation.TraceID, span operation.SpanID) (operation.SpanID, bool) {
	for i := range min(len(l.view.Works), maxWorks) {
		if w := &l.view.Works[i]; w.Span == span && w.Trace == trace {
			return w.Parent, true
		}
	}
	for i := range l.hops {
		sends := l.hops[i].hop.Sends
		for k := range sends {
			if sends[k].Span == span && sends[k].Trace == trace {
				return sends[k].Parent, true
			}
		}
	}
	return operation.SpanID{}, false
}
