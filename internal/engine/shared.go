package engine

import (
	"slices"

	"github.com/throughline/throughline/internal/operation"
)

// maxSharedSpans bounds the spans whose operation is remembered for one shared trace.
const maxSharedSpans = 20_000

// maxLinked bounds the traces that wait for one span of a shared trace.
const maxLinked = 100

// share declares a trace or message shared: what followed it into its owner is attached anew, each record for itself. A
// message that several operations claim says nothing.
func (x *identity) share(n *node, owner *entry) {
	x.engine.counts.splits.Add(1)
	n.shared = &sharedTrace{}
	n.owner = nil
	if !n.trace.IsZero() {
		n.shared.spans = make(map[operation.SpanID]*entry)
		n.shared.children = make(map[operation.SpanID][]*entry)
		n.shared.linked = make(map[operation.SpanID][]operation.TraceID)
		for _, span := range x.ownSpans(n.trace, owner) {
			x.own(n, span, owner)
		}
	}
	x.replace(owner)
}

// unshare gives a node that several operations had weaker claims on to the one with a stronger claim.
func (x *identity) unshare(n *node, e *entry, by claim) {
	former := make(map[*entry]struct{})
	for _, owner := range n.shared.spans {
		if o := owner.find(); o != nil && o != e {
			former[o] = struct{}{}
		}
	}
	n.shared, n.claim = nil, 0
	x.bind(n, e, by)
	for owner := range former {
		if owner.forward == nil && !owner.removed {
			x.replace(owner)
		}
	}
}

// await remembers that the fact's trace follows the span it is linked with, once its operation is known.
func (s *sharedTrace) await(f *operation.Fact) {
	if waiting := s.linked[f.LinkSpan]; len(s.linked) < maxSharedSpans && len(waiting) < maxLinked && !slices.Contains(waiting, f.Trace) {
		s.linked[f.LinkSpan] = append(waiting, f.Trace)
	}
}

// ownSpans lists the spans of the trace that have a record with e's ID.
func (x *identity) ownSpans(trace operation.TraceID, e *entry) []operation.SpanID {
	s := x.engine.shard(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	var spans []operation.SpanID
	for _, f := range e.op.Facts() {
		if f.Trace == trace && f.ID != "" && !f.Batch {
			spans = append(spans, f.Span)
		}
	}
	return spans
}

// replace attaches anew whatever belongs to e by something else than its own ID or a trace that e has claimed. What
// follows from a claim that no longer holds is so corrected, whichever came first.
func (x *identity) replace(e *entry) {
	kept := e.nodes[:0]
	for _, n := range e.nodes {
		switch {
		case n.owner.find() == e && n.claim < claimHard:
			x.forget(n)
		case n.owner.find() == e || n.shared != nil:
			kept = append(kept, n)
		}
	}
	clear(e.nodes[len(kept):])
	e.nodes = kept
	moved, stayed := x.withdraw(e)
	x.disown(e, moved, stayed)
	for i := range stayed {
		if !stayed[i].IsStrong() {
			continue
		}
		message := claimMessage
		if stayed[i].ID != "" {
			message = claimHard
		}
		x.spread(e, &stayed[i], claimLink, message)
	}
	for i := range moved {
		x.takeAgain(&moved[i], standingTold)
	}
}

// disown forgets that spans of shared traces belong to e, as far as none of their records says so itself.
func (x *identity) disown(e *entry, moved, stayed []operation.Fact) {
	said := make(map[operation.Record]struct{})
	for i := range stayed {
		said[stayed[i].Record()] = struct{}{}
	}
	for i := range moved {
		f := &moved[i]
		t := x.traces[f.Trace]
		if _, own := said[f.Record()]; !own && t != nil && t.shared != nil && t.shared.spans[f.Span].find() == e {
			delete(t.shared.spans, f.Span)
		}
	}
}

// forget takes a node out of the index; whoever names it again begins with a new one.
func (x *identity) forget(n *node) {
	n.owner, n.claim = nil, 0
	if n.trace.IsZero() {
		delete(x.messages, n.message)
	} else {
		delete(x.traces, n.trace)
	}
}

// withdraw takes the facts out of e that belong to it by a soft claim, and lists those that stay.
func (x *identity) withdraw(e *entry) (moved, stayed []operation.Fact) {
	s := x.engine.shard(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	moved = e.op.Take(func(f *operation.Fact) bool {
		if f.ID != "" {
			return false
		}
		t := x.traces[f.Trace]
		return f.Batch || t == nil || t.owner.find() != e
	})
	stayed = e.op.Facts()
	s.touch(e)
	return moved, stayed
}

// takeAlone attaches a fact whose trace says nothing: the fact names one message of a batch, or several operations share
// its trace t, or it has no trace (t is nil).
func (x *identity) takeAlone(f *operation.Fact, t *node) *entry {
	e, reason := x.alone(f, t)
	if e == nil && f.Batch && f.IsStrong() && !f.LinkTrace.IsZero() {
		n := x.traceNode(f.LinkTrace)
		if n.shared == nil {
			e, reason = x.newEntry(), operation.ReasonLink
			x.bind(n, e, claimLink)
		}
	}
	if e == nil {
		if homeOf(f).IsZero() {
			x.lose(f, x.standing, DropNoOperation)
			return nil
		}
		x.copyToChildren(f, t)
		x.park(f)
		return nil
	}
	x.attach(e, f, reason)
	if t != nil && t.shared != nil {
		x.fetchParent(f, t, e)
		if f.IsSpan() {
			x.own(t, f.Span, e)
		}
	}
	return e
}

// alone finds the operation of a single record: that of its span, its link, its message, its parent.
func (x *identity) alone(f *operation.Fact, t *node) (*entry, operation.Reason) {
	if t != nil && t.shared != nil && !f.Batch {
		if e := t.shared.spans[f.Span].find(); e != nil {
			return e, operation.ReasonTrace
		}
	}
	if e := x.linked(f); e != nil {
		return e, operation.ReasonLink
	}
	if e := x.messaged(f); e != nil {
		return e, operation.ReasonMessageID
	}
	if t != nil && t.shared != nil {
		if e := t.shared.spans[f.Parent].find(); e != nil {
			return e, operation.ReasonParent
		}
	}
	return nil, operation.ReasonUnknown
}

// own remembers that a span of a shared trace belongs to e, and attaches what waited for that.
func (x *identity) own(t *node, span operation.SpanID, e *entry) {
	if span.IsZero() || len(t.shared.spans) >= maxSharedSpans || t.shared.spans[span].find() != nil {
		return
	}
	t.shared.spans[span] = e
	linked := t.shared.linked[span]
	delete(t.shared.linked, span)
	for _, trace := range linked {
		if n := x.traceNode(trace); n.shared == nil {
			x.claim(n, e, claimLink)
		} else {
			x.retry(trace, true)
		}
	}
	if t.shared == nil {
		return
	}
	var waited []waiter
	x.parked.drain(t.trace, func(w *waiter) bool {
		if w.fact.Span != span && w.fact.Parent != span {
			return false
		}
		waited = append(waited, *w)
		return true
	})
	for i := range waited {
		x.takeAgain(&waited[i].fact, waited[i].known)
	}
}

// fetchParent gives e its share of the span that sent the message f received, which may have sent messages of several
// operations and so belongs to none by itself.
func (x *identity) fetchParent(f *operation.Fact, t *node, e *entry) {
	if f.Parent.IsZero() || len(t.shared.children) >= maxSharedSpans || slices.Contains(t.shared.children[f.Parent], e) {
		return
	}
	t.shared.children[f.Parent] = append(t.shared.children[f.Parent], e)
	x.parked.each(t.trace, func(w *waiter) {
		if w.fact.Span == f.Parent && w.fact.Kind == operation.KindSend {
			x.attachWaiting(e, w, operation.ReasonParent)
		}
	})
}

// copyToChildren gives a send that belongs to no single operation to those whose messages it sent.
func (x *identity) copyToChildren(f *operation.Fact, t *node) {
	if t == nil || t.shared == nil || f.Kind != operation.KindSend {
		return
	}
	for _, child := range t.shared.children[f.Span] {
		if e := child.find(); e != nil {
			x.attach(e, f, operation.ReasonParent)
		}
	}
}
