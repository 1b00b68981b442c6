package engine

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/throughline/throughline/internal/operation"
)

// identity finds out which operation a fact belongs to (design: identity). All of it is guarded by Engine.mu.
//
// A record with a correlation ID belongs to that operation and claims its trace for it. Records without one follow their
// trace; a trace that nobody claimed follows its links and message IDs, and is an operation of its own until it meets one.
// A trace that two operations claim belongs to neither: its records then follow their own span, link, message or parent.
type identity struct {
	engine   *Engine
	traces   map[operation.TraceID]*node
	messages map[messageKey]*node
	ids      map[idKey]*entry
	parked   waiting
	// spare are nodes allocated and not used yet.
	spare []node
	seq   uint64
	// at is the arrival time of the fact being taken, standing what the observer knows of that.
	at       int64
	standing standing
}

type idKey struct{ namespace, id string }

// messageKey stands for a message: a hash of its ID, and of its destination unless the ID is unmistakable by itself. The
// seed is this process's own, so that nobody outside can make two messages collide. 0 is no message.
type messageKey uint64

var messageSeed = maphash.MakeSeed()

// node is a trace or a message: something by which several records find the same operation.
type node struct {
	owner *entry
	// claim is the strongest by which the owner has it.
	claim claim
	// shared is set for a trace that several operations claim.
	shared  *sharedTrace
	trace   operation.TraceID
	message messageKey
	// names are the IDs that records of a trace carry, one for each key; see names.go.
	names names
	// link is a hash of the trace that the consuming records of a trace link to, 0 while there is none.
	link uint64
}

// fansIn takes note of a link of a consuming record in the trace, and reports whether it leads elsewhere than another one's:
// a poll is the parent of messages that have nothing to do with each other.
func (n *node) fansIn(f *operation.Fact) bool {
	if (f.Kind != operation.KindProcess && f.Kind != operation.KindReceive) || f.LinkTrace.IsZero() || f.LinkTrace == f.Trace {
		return false
	}
	link := binary.LittleEndian.Uint64(f.LinkTrace[:8]) ^ binary.LittleEndian.Uint64(f.LinkTrace[8:]) | 1
	if n.link == 0 {
		n.link = link
	}
	return n.link != link
}

// claim says by what a trace or message belongs to an operation; a stronger one overrules.
type claim uint8

const (
	// claimMessage: a record of the trace names a message of the operation.
	claimMessage claim = iota + 1
	// claimLink: a record of the trace is linked with one of the operation.
	claimLink
	// claimHard: a record of the trace carries the operation's ID.
	claimHard
)

// sharedTrace tells which operation each span of a shared trace belongs to.
type sharedTrace struct {
	spans map[operation.SpanID]*entry
	// children are the operations of the messages that a span sent: one span may have sent messages of several.
	children map[operation.SpanID][]*entry
	// linked are the traces with a link to a span whose operation is not known yet.
	linked map[operation.SpanID][]operation.TraceID
}

func (x *identity) init(e *Engine) {
	x.engine = e
	x.traces = make(map[operation.TraceID]*node)
	x.messages = make(map[messageKey]*node)
	x.ids = make(map[idKey]*entry)
	x.parked.init(e.settings.MaxWaiting, x.lose)
}

// take attaches a fact that arrived at the given time. It returns nil if its operation is not known yet.
func (x *identity) take(f *operation.Fact, at int64) *entry {
	x.at = at
	if f.ID != "" {
		return x.takeIdentified(f)
	}
	if f.IsAlone() || f.Trace.IsZero() {
		return x.takeAlone(f, nil)
	}
	t := x.traces[f.Trace]
	if t != nil && t.shared != nil {
		return x.takeAlone(f, t)
	}
	if f.IsStrong() {
		return x.takeJoined(f, x.traceNode(f.Trace))
	}
	if t == nil || t.owner == nil {
		x.park(f)
		return nil
	}
	return x.attach(t.owner.find(), f, operation.ReasonTrace)
}

// takeIdentified attaches a fact that carries a correlation ID.
func (x *identity) takeIdentified(f *operation.Fact) *entry {
	var owner *entry
	if t := x.traces[f.Trace]; t != nil && !f.Batch {
		owner = t.owner.find()
	}
	e := x.entryOf(idKey{f.Namespace, f.ID}, owner)
	if f.Alias != "" {
		e = x.merge(e, x.entryOf(idKey{f.Namespace, f.Alias}, nil))
	}
	if e.nodesFull(x.engine.settings.MaxFacts) {
		return x.attach(e, f, operation.ReasonCorrelationID)
	}
	if !f.Batch && !f.Trace.IsZero() {
		t := x.traceNode(f.Trace)
		e = x.name(t, f, e)
		e = x.claim(t, e, claimHard)
		if t.shared != nil {
			x.own(t, f.Span, e)
		}
	}
	e = x.spread(e, f, claimLink, claimHard)
	return x.attach(e, f, operation.ReasonCorrelationID)
}

// claim states that a trace or message belongs to e, and returns the operation that e then is. Of two operations with IDs
// the one with the stronger claim has it; claims of the same strength make it shared.
func (x *identity) claim(n *node, e *entry, by claim) *entry {
	// What was attached or merged meanwhile may have made it part of another one.
	e = e.find()
	owner := n.owner.find()
	switch {
	case n.shared != nil && by > n.claim:
		x.unshare(n, e, by)
	case n.shared != nil:
	case owner == nil || owner == e:
		x.bind(n, e, by)
	case !owner.explicit || !e.explicit:
		n.claim = max(n.claim, by)
		return x.merge(e, owner)
	case by > n.claim:
		n.claim = by
		x.bind(n, e, by)
		x.replace(owner)
	case by == claimHard && n.claim == claimHard && n.names.agree() && x.mergeable(owner, e):
		// Different keys that one trace carries, each with one value, name the same operation.
		n.names.joined = true
		return x.merge(e, owner)
	case by == n.claim:
		x.share(n, owner)
	}
	return e.find()
}

// takeJoined attaches a fact about a message that carries no correlation ID, by its trace, its link or its message ID.
func (x *identity) takeJoined(f *operation.Fact, t *node) *entry {
	if t.fansIn(f) && t.claim < claimHard {
		if owner := t.owner.find(); owner != nil {
			x.share(t, owner)
			return x.takeAlone(f, t)
		}
	}
	e, by := x.linked(f), claimLink
	if e == nil {
		e, by = x.messaged(f), claimMessage
	}
	if e == nil {
		if e = t.owner.find(); e == nil {
			e = x.newEntry()
		}
		by = claimMessage
	}
	x.claim(t, e, by)
	if t.shared != nil {
		return x.takeAlone(f, t)
	}
	if owner := t.owner.find(); owner != nil {
		e = owner
	}
	e = x.spread(e.find(), f, min(t.claim, claimLink), claimMessage)
	return x.attach(e, f, x.reason(f, t))
}

// reason says by what a record without an ID belongs to its operation.
func (x *identity) reason(f *operation.Fact, t *node) operation.Reason {
	switch {
	case !f.LinkSpan.IsZero():
		return operation.ReasonLink
	case t.claim == claimHard || f.Kind == operation.KindSend || !f.Parent.IsZero() || f.MessageID == "":
		return operation.ReasonTrace
	}
	return operation.ReasonMessageID
}

// spread lets e claim what the fact is linked with, and its message, with no more right than the fact itself has to be e's.
func (x *identity) spread(e *entry, f *operation.Fact, link, message claim) *entry {
	if !f.LinkTrace.IsZero() && f.LinkTrace != f.Trace {
		e = x.claim(x.traceNode(f.LinkTrace), e, link)
	}
	if key, ok := keyOf(f); ok {
		n := x.messages[key]
		if n == nil {
			n = x.newNode()
			n.message = key
			x.messages[key] = n
		}
		e = x.claim(n, e, message)
	}
	return e
}

// linked returns the operation that the fact's link leads to, nil if that is not known.
func (x *identity) linked(f *operation.Fact) *entry {
	if f.LinkTrace.IsZero() {
		return nil
	}
	n := x.traces[f.LinkTrace]
	if n == nil {
		return nil
	}
	if n.shared != nil {
		e := n.shared.spans[f.LinkSpan].find()
		if e == nil && !f.Batch {
			n.shared.await(f)
		}
		return e
	}
	return x.roomy(n.owner.find())
}

// roomy returns the operation unless it is a runaway, which must not draw others in.
func (x *identity) roomy(e *entry) *entry {
	if e != nil && e.nodesFull(x.engine.settings.MaxFacts) {
		return nil
	}
	return e
}

func (x *identity) messaged(f *operation.Fact) *entry {
	key, ok := keyOf(f)
	if !ok {
		return nil
	}
	if n := x.messages[key]; n != nil {
		return x.roomy(n.owner.find())
	}
	return nil
}

func keyOf(f *operation.Fact) (messageKey, bool) {
	if f.MessageID == "" {
		return 0, false
	}
	key := maphash.String(messageSeed, f.MessageID)
	if !f.UniqueMessageID() {
		if f.Destination == "" {
			return 0, false
		}
		key = key*31 + maphash.String(messageSeed, f.Destination)
	}
	return messageKey(key), key != 0
}

// nodeChunk is how many nodes are allocated at once: there are several for each operation, and they live about as long.
const nodeChunk = 32

func (x *identity) newNode() *node {
	if len(x.spare) == 0 {
		x.spare = make([]node, nodeChunk)
	}
	n := &x.spare[0]
	x.spare = x.spare[1:]
	return n
}

func (x *identity) traceNode(id operation.TraceID) *node {
	n := x.traces[id]
	if n == nil {
		n = x.newNode()
		n.trace = id
		x.traces[id] = n
	}
	return n
}

// bind gives a node its owner and attaches what waited for it.
func (x *identity) bind(n *node, e *entry, by claim) {
	n.claim = max(n.claim, by)
	if n.owner.find() == e {
		return
	}
	n.owner = e
	e.nodes = append(e.nodes, n)
	if n.trace.IsZero() {
		x.retry(x.parked.wantedMessage(n.message))
		return
	}
	x.parked.drain(n.trace, func(w *waiter) bool {
		x.attachWaiting(e, w, operation.ReasonTrace)
		return true
	})
	x.retry(x.parked.wantedLink(n.trace))
}

// retry takes once more the facts that wait in a shared trace, because something one of them names became known.
func (x *identity) retry(trace operation.TraceID, wanted bool) {
	if !wanted {
		return
	}
	var waited []waiter
	x.parked.drain(trace, func(w *waiter) bool {
		waited = append(waited, *w)
		return true
	})
	for i := range waited {
		x.takeAgain(&waited[i].fact, waited[i].known)
	}
}

// attach adds the fact to the operation, and writes the reason into it.
func (x *identity) attach(e *entry, f *operation.Fact, reason operation.Reason) *entry {
	e = e.find()
	f.JoinedBy = reason
	x.engine.counts.reason(reason)
	hadRoom := x.engine.shard(e).add(x.engine, e, f, x.at)
	x.tellAttached(f, hadRoom)
	return e
}

// park lets a fact wait for its operation to become known.
func (x *identity) park(f *operation.Fact) {
	x.tellWaiting(f)
	x.parked.expire(x.at - int64(x.engine.settings.WaitFor))
	x.parked.add(f, x.at, x.standing)
	x.engine.counts.waiting.Store(int64(x.parked.live))
}
