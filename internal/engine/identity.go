package engine

import "github.com/throughline/throughline/internal/operation"

// identity finds out which operation a fact belongs to (design: identity). All of it is guarded by Engine.mu.
//
// A record with a correlation ID belongs to that operation and claims its trace for it. Records without one follow their
// trace; a trace that nobody claimed follows its links and message IDs, and is an operation of its own until it meets one.
// A trace that two operations claim belongs to neither: its records then follow their own span, link, message or parent.
type identity struct {
	engine  *Engine
	index   index
	entries roster
	// shared tell of traces that several operations claim. links have, by number of a trace's node, a hash of the trace that its
	// consuming records link to.
	shared map[key]*sharedTrace
	links  map[uint32]uint32
	parked waiting
	// loose are the nodes that nothing held at some time in the course of the present fact.
	loose []*node
	seq   uint64
	// lastTrace is the trace that lastKey is of.
	lastTrace operation.TraceID
	lastKey   key
	// current is the fact being taken by itself, currentMessage the key of its message.
	current        *operation.Fact
	currentMessage key
	// at is the arrival time of the fact being taken, standing what the observer knows of that.
	at       int64
	standing standing
	// fresh is what the observer knows of the facts that come: everything, while they are replayed.
	fresh standing
	// spent is what is spent of the fact at hand, which came from another operation.
	spent spent
	// moved are the facts that went to another operation since an export began.
	moved moved
}

// replaying reports whether the facts at hand were applied before, by an earlier run or by another collector.
func (x *identity) replaying() bool { return x.fresh == standingTold }

// arrival is when something last came for an operation to which the facts at hand come. What is replayed may be older than what it
// has.
func (x *identity) arrival(before int64) int64 {
	if x.replaying() {
		return max(before, x.at)
	}
	return x.at
}

// fansIn takes note of a link of a consuming record in the trace, and reports whether it leads elsewhere than another one's:
// a poll is the parent of messages that have nothing to do with each other.
func (x *identity) fansIn(t *node, f *operation.Fact) bool {
	if (f.Kind != operation.KindProcess && f.Kind != operation.KindReceive) || f.LinkTrace.IsZero() || f.LinkTrace == f.Trace {
		return false
	}
	link, number := traceKey(f.LinkTrace)[0], x.index.numberOf(t)
	if !t.has(linkedBit) {
		t.set(linkedBit)
		x.links[number] = link
	}
	return x.links[number] != link
}

// sharedTrace tells which operation each span of a shared trace belongs to.
type sharedTrace struct {
	spans map[operation.SpanID]*entry
	// children are the operations of the messages that a span sent: one span may have sent messages of several.
	children map[operation.SpanID][]*entry
	// linked are the traces with a link to a span whose operation is not known yet.
	linked map[operation.SpanID][]operation.TraceID
}

func newSharedTrace() *sharedTrace {
	return &sharedTrace{
		spans: make(map[operation.SpanID]*entry), children: make(map[operation.SpanID][]*entry),
		linked: make(map[operation.SpanID][]operation.TraceID),
	}
}

func (x *identity) init(e *Engine) {
	x.engine = e
	x.index.init()
	x.shared, x.links = make(map[key]*sharedTrace), make(map[uint32]uint32)
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
	t := x.trace(f.Trace)
	if t != nil && t.shared() {
		return x.takeAlone(f, t)
	}
	if f.IsStrong() {
		return x.takeJoined(f, x.traceNode(f.Trace))
	}
	owner := x.owner(t)
	if owner == nil {
		x.park(f)
		return nil
	}
	return x.attach(owner, f, operation.ReasonTrace)
}

// takeIdentified attaches a fact that carries a correlation ID.
func (x *identity) takeIdentified(f *operation.Fact) *entry {
	var owner *entry
	if !f.Batch && !f.Trace.IsZero() {
		owner = x.owner(x.trace(f.Trace))
	}
	e := x.entryOf(f.Namespace, f.ID, owner)
	if f.Alias != "" {
		e = x.merge(e, x.entryOf(f.Namespace, f.Alias, nil))
	}
	if e.nodesFull(x.engine.settings.MaxFacts) {
		return x.attach(e, f, operation.ReasonCorrelationID)
	}
	if !f.Batch && !f.Trace.IsZero() {
		t := x.traceNode(f.Trace)
		e = x.name(t, f, e)
		e = x.claim(t, e, claimHard)
		if t.shared() {
			x.own(t, f, e)
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
	owner := x.owner(n)
	switch {
	case n.shared() && by > n.claim():
		x.unshare(n, e, by)
	case n.shared():
	case owner == nil || owner == e:
		x.bind(n, e, by)
	case !owner.explicit || !e.explicit:
		n.strengthen(by)
		return x.merge(e, owner)
	case by > n.claim():
		x.bind(n, e, by)
		x.replace(owner)
	case by == claimHard && n.claim() == claimHard && n.agrees() && x.mergeable(owner, e):
		// Different keys that one trace carries, each with one value, name the same operation.
		n.set(joinedBit)
		return x.merge(e, owner)
	case by == n.claim():
		x.share(n, owner)
	}
	return e.find()
}

// takeJoined attaches a fact about a message that carries no correlation ID, by its trace, its link or its message ID.
func (x *identity) takeJoined(f *operation.Fact, t *node) *entry {
	if x.fansIn(t, f) && t.claim() < claimHard {
		if owner := x.owner(t); owner != nil {
			x.share(t, owner)
			return x.takeAlone(f, t)
		}
	}
	e, by := x.linked(f), claimLink
	if e == nil {
		e, by = x.messaged(f), claimMessage
	}
	if e == nil {
		if e = x.owner(t); e == nil {
			e = x.newEntry()
		}
		by = claimMessage
	}
	x.claim(t, e, by)
	if t.shared() {
		return x.takeAlone(f, t)
	}
	if owner := x.owner(t); owner != nil {
		e = owner
	}
	e = x.spread(e.find(), f, min(t.claim(), claimLink), claimMessage)
	return x.attach(e, f, x.reason(f, t))
}

// reason says by what a record without an ID belongs to its operation.
func (x *identity) reason(f *operation.Fact, t *node) operation.Reason {
	switch {
	case !f.LinkSpan.IsZero():
		return operation.ReasonLink
	case t.claim() == claimHard || f.Kind == operation.KindSend || !f.Parent.IsZero() || f.MessageID == "":
		return operation.ReasonTrace
	}
	return operation.ReasonMessageID
}

// spread lets e claim what the fact is linked with, and its message, with no more right than the fact itself has to be e's. A
// runaway claims no more.
func (x *identity) spread(e *entry, f *operation.Fact, link, message claim) *entry {
	if e.nodesFull(x.engine.settings.MaxFacts) {
		return e
	}
	if !f.LinkTrace.IsZero() && f.LinkTrace != f.Trace {
		e = x.claim(x.traceNode(f.LinkTrace), e, link)
	}
	if k := x.messageKey(f); !k.isZero() {
		e = x.claim(x.node(nodeMessage, k), e, message)
	}
	return e
}

// linked returns the operation that the fact's link leads to, nil if that is not known.
func (x *identity) linked(f *operation.Fact) *entry {
	if f.LinkTrace.IsZero() {
		return nil
	}
	n := x.index.find(nodeTrace, traceKey(f.LinkTrace))
	if n == nil {
		return nil
	}
	if shared := x.sharedTrace(n); shared != nil {
		e := shared.spans[f.LinkSpan].find()
		if e == nil && !f.Batch {
			shared.await(f)
		}
		return e
	}
	return x.roomy(x.owner(n))
}

// roomy returns the operation unless it is a runaway, which must not draw others in.
func (x *identity) roomy(e *entry) *entry {
	if e != nil && e.nodesFull(x.engine.settings.MaxFacts) {
		return nil
	}
	return e
}

// messageKey is the function of that name.
func (x *identity) messageKey(f *operation.Fact) key {
	if f == x.current {
		return x.currentMessage
	}
	return messageKey(f)
}

func (x *identity) messaged(f *operation.Fact) *entry {
	k := x.messageKey(f)
	if k.isZero() {
		return nil
	}
	return x.roomy(x.owner(x.index.find(nodeMessage, k)))
}

// bind gives a node its owner and attaches what waited for it.
func (x *identity) bind(n *node, e *entry, by claim) {
	n.strengthen(by)
	if x.owner(n) == e {
		return
	}
	x.hold(n, e)
	if x.parked.live == 0 {
		return
	}
	if n.isFor(nodeMessage) {
		x.retry(x.parked.wantedMessage(n.key))
		return
	}
	x.parked.drain(n.key, func(w *waiter) bool {
		x.attachWaiting(e, w, operation.ReasonTrace)
		return true
	})
	x.retry(x.parked.wantedLink(n.key))
}

// retry takes once more the facts that wait at one place, because something one of them names became known.
func (x *identity) retry(home key, wanted bool) {
	if !wanted {
		return
	}
	var waited []waiter
	x.parked.drain(home, func(w *waiter) bool {
		waited = append(waited, *w)
		return true
	})
	x.moved.waiters(waited)
	for i := range waited {
		x.takeAgain(&waited[i].fact, waited[i].known, waited[i].at, waited[i].spent)
	}
}

// attach adds the fact to the operation, and writes the reason into it.
func (x *identity) attach(e *entry, f *operation.Fact, reason operation.Reason) *entry {
	e = e.find()
	f.JoinedBy = reason
	if !x.replaying() {
		x.engine.counts.reason(reason)
	}
	hadRoom := x.engine.shard(e).add(x.engine, e, f)
	x.spendLocked(e, x.spent)
	x.tellAttached(f, hadRoom)
	return e
}

// park lets a fact wait for its operation to become known.
func (x *identity) park(f *operation.Fact) {
	x.tellWaiting(f)
	x.parked.expire(x.at - int64(x.engine.settings.WaitFor))
	x.parked.add(f, x.at, x.standing, x.spent)
	x.engine.counts.waiting.Store(int64(x.parked.live))
}
