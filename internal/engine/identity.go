package engine

import "github.com/throughline/throughline/internal/operation"

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
	seq      uint64
	// at is the arrival time of the fact being taken.
	at int64
}

type idKey struct{ namespace, id string }

// messageKey names a message; the destination is left out where the message ID is unmistakable by itself.
type messageKey struct{ destination, id string }

// minGlobalID is the length from which a message ID is taken to be unique over all destinations, because producer and
// consumer may know one destination by different names.
const minGlobalID = 16

// node is a trace or a message: something by which several records find the same operation.
type node struct {
	owner *entry
	// hard says that a record of the trace itself carries the owner's ID.
	hard bool
	// shared is set for a trace that several operations claim.
	shared  *sharedTrace
	trace   operation.TraceID
	message messageKey
}

// sharedTrace tells which operation each span of a shared trace belongs to.
type sharedTrace struct {
	spans map[operation.SpanID]*entry
	// children are the operations of the messages that a span sent: one span may have sent messages of several.
	children map[operation.SpanID][]*entry
}

func (x *identity) init(e *Engine) {
	x.engine = e
	x.traces = make(map[operation.TraceID]*node)
	x.messages = make(map[messageKey]*node)
	x.ids = make(map[idKey]*entry)
	x.parked.init(e.settings.MaxWaiting)
}

// take attaches a fact that arrived at the given time. It returns nil if its operation is not known yet.
func (x *identity) take(f *operation.Fact, at int64) *entry {
	x.at = at
	if f.ID != "" {
		return x.takeIdentified(f)
	}
	if f.Batch || f.Trace.IsZero() {
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
		e = x.claimTrace(x.traceNode(f.Trace), e, f)
	}
	e = x.joinAll(e, f)
	return x.attach(e.find(), f, operation.ReasonCorrelationID)
}

// claimTrace states that a record of the trace carries the ID of e.
func (x *identity) claimTrace(t *node, e *entry, f *operation.Fact) *entry {
	if t.shared != nil {
		x.own(t, f.Span, e)
		return e
	}
	owner := t.owner.find()
	switch {
	case owner == nil || owner == e:
		x.bind(t, e, true)
	case !owner.explicit:
		t.hard = true
		e = x.merge(e, owner)
	case t.hard:
		x.share(t, owner)
		x.own(t, f.Span, e)
	default:
		x.bind(t, e, true)
		x.replace(owner)
	}
	return e.find()
}

// takeJoined attaches a fact about a message that carries no correlation ID, by its trace, its link or its message ID.
func (x *identity) takeJoined(f *operation.Fact, t *node) *entry {
	e := t.owner.find()
	linked := x.linked(f)
	if e == nil {
		if e = linked; e == nil {
			e = x.messaged(f)
		}
		if e == nil {
			e = x.newEntry()
		}
		x.bind(t, e, false)
	} else if linked != nil && linked != e && linked.explicit && e.explicit && !t.hard {
		// The trace only followed its first link, and now another one leads elsewhere: several operations meet in it.
		x.share(t, e)
		return x.takeAlone(f, t)
	}
	e = x.joinAll(e.find(), f)
	return x.attach(e, f, x.reason(f, t))
}

// reason says by what a record without an ID belongs to its operation.
func (x *identity) reason(f *operation.Fact, t *node) operation.Reason {
	switch {
	case !f.LinkSpan.IsZero():
		return operation.ReasonLink
	case t.hard || f.Kind == operation.KindSend || !f.Parent.IsZero() || f.MessageID == "":
		return operation.ReasonTrace
	}
	return operation.ReasonMessageID
}

// joinAll lets what the fact's link and message ID lead to join e, unless that has an ID of its own.
func (x *identity) joinAll(e *entry, f *operation.Fact) *entry {
	if !f.LinkTrace.IsZero() && f.LinkTrace != f.Trace {
		e = x.join(e, x.traceNode(f.LinkTrace))
	}
	if key, ok := keyOf(f); ok {
		n := x.messages[key]
		if n == nil {
			n = &node{message: key}
			x.messages[key] = n
		}
		e = x.join(e, n)
	}
	return e
}

func (x *identity) join(e *entry, n *node) *entry {
	owner := n.owner.find()
	switch {
	case n.shared != nil || owner == e:
	case owner == nil:
		x.bind(n, e, false)
	case !owner.explicit || !e.explicit:
		return x.merge(e, owner)
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
		return n.shared.spans[f.LinkSpan].find()
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
		return messageKey{}, false
	}
	if len(f.MessageID) >= minGlobalID {
		return messageKey{id: f.MessageID}, true
	}
	return messageKey{f.Destination, f.MessageID}, f.Destination != ""
}

func (x *identity) traceNode(id operation.TraceID) *node {
	n := x.traces[id]
	if n == nil {
		n = &node{trace: id}
		x.traces[id] = n
	}
	return n
}

// bind gives a node its owner and attaches what waited for it.
func (x *identity) bind(n *node, e *entry, hard bool) {
	if n.owner.find() != e {
		n.owner = e
		e.nodes = append(e.nodes, n)
	}
	n.hard = n.hard || hard
	if !n.trace.IsZero() {
		x.parked.drain(n.trace, func(f *operation.Fact) bool {
			x.attach(e, f, operation.ReasonTrace)
			return true
		})
	}
}

// attach adds the fact to the operation, and writes the reason into it.
func (x *identity) attach(e *entry, f *operation.Fact, reason operation.Reason) *entry {
	f.JoinedBy = reason
	x.engine.counts.reason(reason)
	x.engine.shard(e).add(x.engine, e, f, x.at)
	return e
}

// park lets a fact wait for its operation to become known.
func (x *identity) park(f *operation.Fact) {
	x.parked.expire(x.at-int64(x.engine.settings.WaitFor), x.engine.counts.drop)
	if x.parked.add(f, x.at) {
		x.engine.counts.drop(DropWaitingFull)
	}
	x.engine.counts.waiting.Store(int64(x.parked.live))
}
