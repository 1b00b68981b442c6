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
	if !x.replaying() {
		x.engine.counts.splits.Add(1)
	}
	n.set(sharedBit)
	if n.isFor(nodeTrace) {
		x.shared[n.key] = newSharedTrace()
		for _, f := range x.ownRecords(n, owner) {
			x.own(n, &f, owner)
		}
	}
	x.replace(owner)
}

// unshare gives a node that several operations had weaker claims on to the one with a stronger claim.
func (x *identity) unshare(n *node, e *entry, by claim) {
	former := make(map[*entry]struct{})
	if n.isFor(nodeTrace) {
		for _, owner := range x.shared[n.key].spans {
			if o := owner.find(); o != nil && o != e {
				former[o] = struct{}{}
			}
		}
		delete(x.shared, n.key)
	}
	x.release(n)
	n.unset(sharedBit)
	n.setClaim(0)
	x.bind(n, e, by)
	for owner := range former {
		if !owner.moved && !owner.removed {
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

// ownRecords returns the facts of the trace that carry e's ID.
func (x *identity) ownRecords(t *node, e *entry) []operation.Fact {
	s := x.engine.shard(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(e.op.Facts(), func(f operation.Fact) bool {
		return f.ID == "" || f.Batch || traceKey(f.Trace) != t.key
	})
}

// replace attaches anew whatever belongs to e by something else than its own ID or a trace that e has claimed. What
// follows from a claim that no longer holds is so corrected, whichever came first.
func (x *identity) replace(e *entry) {
	x.prune(e, func(n *node) bool {
		if n.isFor(nodeID) || n.shared() || n.claim() == claimHard {
			return false
		}
		x.forget(n)
		return true
	})
	moved, stayed, arrived, of := x.withdraw(e)
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
	x.moved.facts(moved, of)
	for i := range moved {
		x.takeAgain(&moved[i], standingTold, arrived, of)
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
		t := x.trace(f.Trace)
		if _, own := said[f.Record()]; own || t == nil || !t.shared() {
			continue
		}
		if spans := x.shared[t.key].spans; spans[f.Span].find() == e {
			delete(spans, f.Span)
		}
	}
}

// withdraw takes the facts out of e that belong to it by a soft claim, and lists those that stay. It returns when the last of them
// arrived, and what is spent of them.
func (x *identity) withdraw(e *entry) (moved, stayed []operation.Fact, arrived int64, of spent) {
	s := x.engine.shard(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	of = e.spent()
	former := e.depart(false)
	moved = e.op.Take(func(f *operation.Fact) bool {
		if f.ID != "" {
			return false
		}
		return f.Batch || x.owner(x.trace(f.Trace)) != e
	})
	stayed = e.op.Facts()
	if len(stayed) == 0 {
		s.vacate(x.engine, e, former)
	}
	s.touch(e)
	return moved, stayed, e.arrived, of
}

// takeAlone attaches a fact whose trace says nothing: the fact names one message of a batch, or several operations share
// its trace t, or it has no trace (t is nil).
func (x *identity) takeAlone(f *operation.Fact, t *node) *entry {
	e, reason := x.alone(f, t)
	if e == nil && f.Batch && f.IsStrong() && !f.LinkTrace.IsZero() {
		n := x.traceNode(f.LinkTrace)
		if !n.shared() {
			e, reason = x.newEntry(), operation.ReasonLink
			x.bind(n, e, claimLink)
		}
	}
	if e == nil {
		if homeOf(f).isZero() {
			x.lose(f, x.standing, DropNoOperation)
			return nil
		}
		x.copyToChildren(f, t)
		x.park(f)
		return nil
	}
	x.attach(e, f, reason)
	if t != nil && t.shared() {
		x.fetchParent(f, t, e)
		if f.IsSpan() {
			x.own(t, f, e)
		}
	}
	return e
}

// alone finds the operation of a single record: that of its span, its link, its message, its parent.
func (x *identity) alone(f *operation.Fact, t *node) (*entry, operation.Reason) {
	shared := x.sharedTrace(t)
	if shared != nil && !f.Batch {
		if e := shared.spans[f.Span].find(); e != nil {
			return e, operation.ReasonTrace
		}
	}
	if e := x.linked(f); e != nil {
		return e, operation.ReasonLink
	}
	if e := x.messaged(f); e != nil {
		return e, operation.ReasonMessageID
	}
	if shared != nil {
		if e := shared.spans[f.Parent].find(); e != nil {
			return e, operation.ReasonParent
		}
	}
	return nil, operation.ReasonUnknown
}

// sharedTrace returns what is known of a trace that several operations claim, nil for any other.
func (x *identity) sharedTrace(t *node) *sharedTrace {
	if t == nil || !t.shared() {
		return nil
	}
	return x.shared[t.key]
}

// own remembers that the record's span, of a shared trace, belongs to e, and attaches what waited for that.
func (x *identity) own(t *node, f *operation.Fact, e *entry) {
	shared, span := x.sharedTrace(t), f.Span
	if span.IsZero() || len(shared.spans) >= maxSharedSpans || shared.spans[span].find() != nil {
		return
	}
	shared.spans[span] = e
	linked := shared.linked[span]
	delete(shared.linked, span)
	for _, trace := range linked {
		if n := x.traceNode(trace); !n.shared() {
			x.claim(n, e, claimLink)
		} else {
			x.retry(n.key, true)
		}
	}
	if !t.shared() {
		return
	}
	var waited []waiter
	x.parked.drain(t.key, func(w *waiter) bool {
		if w.fact.Span != span && w.fact.Parent != span {
			return false
		}
		waited = append(waited, *w)
		return true
	})
	x.moved.waiters(waited)
	for i := range waited {
		x.takeAgain(&waited[i].fact, waited[i].known, waited[i].at, waited[i].spent)
	}
}

// fetchParent gives e its share of the span that sent the message f received, which may have sent messages of several
// operations and so belongs to none by itself.
func (x *identity) fetchParent(f *operation.Fact, t *node, e *entry) {
	children := x.sharedTrace(t).children
	if f.Parent.IsZero() || len(children) >= maxSharedSpans || slices.Contains(children[f.Parent], e) {
		return
	}
	children[f.Parent] = append(children[f.Parent], e)
	x.parked.each(t.key, func(w *waiter) {
		if w.fact.Span == f.Parent && w.fact.Kind == operation.KindSend {
			x.attachWaiting(e, w, operation.ReasonParent)
		}
	})
}

// copyToChildren gives a send that belongs to no single operation to those whose messages it sent.
func (x *identity) copyToChildren(f *operation.Fact, t *node) {
	shared := x.sharedTrace(t)
	if shared == nil || f.Kind != operation.KindSend {
		return
	}
	for _, child := range shared.children[f.Span] {
		if e := child.find(); e != nil {
			x.attach(e, f, operation.ReasonParent)
		}
	}
}
