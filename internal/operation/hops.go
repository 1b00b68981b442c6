package operation

import (
	"cmp"
	"strings"
)

// sends opens a hop for each message that was sent. Creating, sending and sending again are records of one message.
func (r *Reducer) sends() {
	for i := range r.facts {
		f := &r.facts[i]
		if f.Kind != KindSend && (f.Kind != KindInsert || !r.habits.TaskTable(f.Destination)) {
			continue
		}
		if p, ok := r.placeOf(f.Record()); ok && !f.Batch && p.what == placeSend && r.hops[p.hop].fits(f) {
			r.amendSend(p, f)
			continue
		}
		hop := r.hopOfSend(f)
		h := &r.hops[hop]
		h.adopt(f)
		if f.MessageID != "" {
			r.messages.set(f.Destination, f.MessageID, hop)
		}
		h.Sends = append(h.Sends, Send{Origin: origin(f), StartedAt: f.At, EndedAt: f.End, Error: failure(f)})
		h.DueAt, h.table, h.several = max(h.DueAt, f.Due), h.table || f.Kind == KindInsert, h.several || f.Batch
		if !f.Batch {
			if p, sent := r.placeOf(f.Record()); sent && p.what == placeSend {
				r.sentAlso(f.Record(), p.hop)
			}
			r.setPlace(f.Record(), place{what: placeSend, hop: hop, send: len(h.Sends) - 1})
		}
		r.records.add(f.Record()).origin = hop
	}
}

// sentAlso notes that a span sent the message of a further hop.
func (r *Reducer) sentAlso(span Record, hop int) {
	if r.alsoSent == nil {
		r.alsoSent = make(map[Record][]int)
	}
	r.alsoSent[span] = append(r.alsoSent[span], hop)
}

// amendSend takes over the end from a further record of the same span.
func (r *Reducer) amendSend(p place, f *Fact) {
	s := &r.hops[p.hop].Sends[p.send]
	s.EndedAt = max(s.EndedAt, f.End)
	if s.Error == nil {
		s.Error = failure(f)
	}
}

func (r *Reducer) hopOfSend(f *Fact) int {
	if f.MessageID != "" {
		if hop, ok := r.messages.find(f.Destination, f.MessageID); ok {
			return hop
		}
	}
	for _, other := range [...]Record{{f.LinkTrace, f.LinkSpan}, {f.Trace, f.Parent}} {
		if p, ok := r.placeOf(other); ok && p.what == placeSend && r.hops[p.hop].fits(f) {
			return p.hop
		}
	}
	return r.openHop(f)
}

// fits reports whether a further send can be of the same message: neither the destination nor the message ID says otherwise.
func (h *hopBuild) fits(f *Fact) bool {
	return (h.Destination == "" || f.Destination == "" || h.Destination == f.Destination) &&
		(h.MessageID == "" || f.MessageID == "" || h.MessageID == f.MessageID) &&
		(h.Type == "" || f.Type == "" || h.Type == f.Type)
}

// learn fills in what only the consumer knows of a message: its ID, mostly.
func (r *Reducer) learn(hop int, f *Fact) {
	h := &r.hops[hop]
	if len(h.Sends) == 0 {
		h.adopt(f)
	}
	if h.Destination == "" {
		h.Destination, h.System = f.Destination, cmp.Or(h.System, f.System)
	}
	h.Type = cmp.Or(h.Type, f.Type)
	if h.table && f.Kind == KindTask {
		h.Type = cmp.Or(h.Type, f.Destination)
	}
	if h.MessageID == "" && f.MessageID != "" {
		h.learned = f.Destination
	}
	h.MessageID, h.Partition = cmp.Or(h.MessageID, f.MessageID), cmp.Or(h.Partition, f.Partition)
	if f.MessageID != "" && h.MessageID == f.MessageID {
		r.messages.set(f.Destination, f.MessageID, hop)
	}
}

// openHop begins a hop with what the fact says of its message.
func (r *Reducer) openHop(f *Fact) int {
	hop := r.newHop(f.At)
	r.hops[hop].adopt(f)
	if f.MessageID != "" {
		r.messages.set(f.Destination, f.MessageID, hop)
	}
	return hop
}

// adopt fills in what the hop does not know of its message yet.
func (h *hopBuild) adopt(f *Fact) {
	h.System = cmp.Or(h.System, f.System)
	h.Destination = cmp.Or(h.Destination, f.Destination)
	h.MessageID, h.Partition = cmp.Or(h.MessageID, f.MessageID), cmp.Or(h.Partition, f.Partition)
	h.Type = cmp.Or(h.Type, f.Type)
	h.first = min(h.first, f.At)
}

// hopOfConsumer finds the hop that a consuming record belongs to: by link or parent, then by message ID, then by the
// span that sent it even if that never arrived, then by destination in order of time (design: hops and verdicts).
func (r *Reducer) hopOfConsumer(f *Fact, depth int) (int, bool) {
	for _, other := range [...]Record{{f.LinkTrace, f.LinkSpan}, {f.Trace, f.Parent}} {
		if hop, ok := r.hopOfRecord(other, depth); ok {
			return r.furtherOf(r.amongSent(other, hop, f), f), true
		}
	}
	if hop, ok := r.hopOfMessage(f); ok {
		return hop, true
	}
	for _, other := range [...]Record{{f.LinkTrace, f.LinkSpan}, {f.Trace, f.Parent}} {
		if hop, ok := r.hopFrom(other); ok && !other.Span.IsZero() {
			return r.furtherOf(hop, f), true
		}
	}
	if f.Kind == KindTask {
		return r.hopOfTask(f)
	}
	return r.hopByTime(f)
}

// furtherOf returns the hop, or that of a further message that the same span sent: one span may send several, and tell the
// ID of none. Who consumes them does.
func (r *Reducer) furtherOf(hop int, f *Fact) int {
	h := &r.hops[hop]
	if h.learned == "" || f.MessageID == "" || f.MessageID == h.MessageID || f.Destination != h.learned {
		return hop
	}
	if !h.several && (!f.UniqueMessageID() || len(h.MessageID) < minUniqueID) {
		// Some number each delivery of one message anew.
		return hop
	}
	if known, ok := r.messages.find(f.Destination, f.MessageID); ok {
		return known
	}
	further := r.openHop(f)
	h = &r.hops[hop]
	r.hops[further].Sends = append(r.hops[further].Sends[:0], h.Sends...)
	r.hops[further].first, r.hops[further].DueAt, r.hops[further].several = h.first, h.DueAt, h.several
	r.hops[further].learned = f.Destination
	return further
}

// hopOfTask finds what a unit of work processes that nobody is seen to have asked for: what its service failed with before
// under the same name, else the earliest row of a task table that nobody took.
func (r *Reducer) hopOfTask(f *Fact) (int, bool) {
	row, found := 0, false
	for i := r.recent(); i < len(r.hops); i++ {
		h := &r.hops[i]
		if h.MessageID != "" && f.MessageID != "" && h.MessageID != f.MessageID {
			continue
		}
		for k := range h.Consumers {
			c := &h.Consumers[k]
			if last := &c.Attempts[len(c.Attempts)-1]; c.Service == f.Service && last.Destination == f.Destination && !last.succeeded() {
				return i, true
			}
		}
		if h.table && len(h.Consumers) == 0 && h.first <= f.At && (!found || h.first < r.hops[row].first) {
			row, found = i, true
		}
	}
	return row, found
}

// maxChain bounds how far a chain of receive and process spans is followed back to the send.
const maxChain = 16

// hopOfRecord returns the hop of a send, or of another consuming record on the way back to it.
func (r *Reducer) hopOfRecord(other Record, depth int) (int, bool) {
	if other.Span.IsZero() || depth > maxChain {
		return 0, false
	}
	if p, ok := r.placeOf(other); ok && (p.what == placeSend || p.what == placeAttempt) {
		return p.hop, true
	}
	if known := r.records.find(other); known != nil && known.consumes >= 0 && r.facts[known.consumes].Kind == KindReceive {
		return r.hopOfConsumer(&r.facts[known.consumes], depth+1)
	}
	return 0, false
}

// hopOfMessage finds the hop by message ID: in the same destination, or in any if the ID is unmistakable, because
// producer and consumer may know the destination by different names (an exchange and a queue).
func (r *Reducer) hopOfMessage(f *Fact) (int, bool) {
	if f.MessageID == "" {
		return 0, false
	}
	if hop, ok := r.messages.find(f.Destination, f.MessageID); ok {
		return hop, true
	}
	if !f.UniqueMessageID() {
		return 0, false
	}
	for i := r.recent(); i < len(r.hops); i++ {
		if r.hops[i].MessageID == f.MessageID {
			return i, true
		}
	}
	return 0, false
}

// amongSent returns, of the hops of the messages that one span sent, the one that the record speaks of.
func (r *Reducer) amongSent(span Record, hop int, f *Fact) int {
	for _, other := range r.alsoSent[span] {
		if h := &r.hops[hop]; h.fits(f) && !h.consumedBy(f) {
			break
		}
		hop = other
	}
	return hop
}

// hopByTime finds the earliest message of the same destination that was sent before and that the record's group has not
// begun to consume. A message of the same type comes first.
func (r *Reducer) hopByTime(f *Fact) (int, bool) {
	if f.Destination == "" || f.Remote {
		return 0, false
	}
	best, likeness := 0, 0
	for i := r.recent(); i < len(r.hops); i++ {
		h := &r.hops[i]
		if len(h.Sends) == 0 || h.first > f.At || h.consumedBy(f) || (f.MessageID != "" && h.MessageID != "") {
			continue
		}
		if l := h.likeness(f); l > likeness || (l > 0 && l == likeness && h.first < r.hops[best].first) {
			best, likeness = i, l
		}
	}
	return best, likeness > 0
}

// likeness says how much speaks for the record being about the hop's message, by destination and type alone; 0 if they
// differ. A consumer that does not tell the type may be named for it, and a producer may not know the destination.
func (h *hopBuild) likeness(f *Fact) int {
	switch {
	case h.Type != "" && f.Type != "" && h.Type != f.Type:
		return 0
	case h.Destination == "" && h.Type != "" && h.Type == f.Type:
		return 1
	case h.Destination != f.Destination:
		return 0
	case h.Type != "" && (h.Type == f.Type || h.Type == f.Name):
		return 3
	}
	return 2
}

// consumedBy reports whether the group of the record showed a sign of consuming the hop's message before.
func (h *hopBuild) consumedBy(f *Fact) bool {
	for i := range h.Consumers {
		if h.Consumers[i].is(f) {
			return true
		}
	}
	return false
}

// is reports whether a record was made by this consumer group. Records that do not name the group (log lines) are told
// by their service.
func (c *Consumer) is(f *Fact) bool {
	if f.Group != "" && c.named() {
		return c.Group == f.Group
	}
	return c.Service == f.Service && !c.otherHandler(f)
}

// otherHandler reports whether the record is of another handler of the same service: consumers of an in-process bus name
// no groups, and their spans are named for what they do. A name that goes on where the other ends counts attempts.
func (c *Consumer) otherHandler(f *Fact) bool {
	if !f.Consumer || f.Group != "" || f.Kind != KindProcess || c.handler == "" {
		return false
	}
	return !strings.HasPrefix(f.Name, c.handler) && !strings.HasPrefix(c.handler, f.Name)
}

// named reports whether the group's name is one of its own, and not its service's.
func (c *Consumer) named() bool { return c.Group != c.Service }
