package engine

import "github.com/throughline/throughline/internal/operation"

// node is a trace, a message or a correlation ID: something by which several records find the same operation. There are
// several for each operation, so they are small, have no pointer and lie in an array; see index.
type node struct {
	key key
	// holder is the number of the entry in whose list the node is, 0 while it is in none, and sibling chains that list, or the
	// nodes that are not in use. The holder owns the node unless that is shared.
	holder, sibling uint32
	// bits hold the kind, the claim and what is noted below, and above them the ranks of the keys under which records of a trace
	// carry their IDs; see names.go.
	bits uint32
}

// nodeKind says what a node stands for. 0 is a node that is not in use.
type nodeKind uint8

const (
	nodeTrace nodeKind = iota + 1
	nodeMessage
	nodeID
)

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

const (
	kindBits  = 3
	claimStep = 4
	claimBits = 3 * claimStep
	// sharedBit: several operations claim it, so that it belongs to none.
	sharedBit = 1 << 4
	// joinedBit: operations became one because of this trace. contradictedBit: a key has two values in it.
	joinedBit, contradictedBit = 1 << 5, 1 << 6
	// looseBit: nothing held it at some time in the course of the present fact.
	looseBit = 1 << 7
	// linkedBit: a consuming record of the trace has a link; see fansIn.
	linkedBit = 1 << 8
	rankShift = 9
)

func (n *node) kind() nodeKind        { return nodeKind(n.bits & kindBits) }
func (n *node) isFor(k nodeKind) bool { return n.kind() == k }
func (n *node) has(bit uint32) bool   { return n.bits&bit != 0 }
func (n *node) set(bit uint32)        { n.bits |= bit }
func (n *node) unset(bit uint32)      { n.bits &^= bit }
func (n *node) shared() bool          { return n.has(sharedBit) }

// claim is the strongest by which the owner has the node.
func (n *node) claim() claim { return claim(n.bits & claimBits / claimStep) }

func (n *node) setClaim(by claim) { n.bits = n.bits&^claimBits | uint32(by)*claimStep }

func (n *node) strengthen(by claim) { n.setClaim(max(n.claim(), by)) }

// owner returns the operation that the node belongs to, nil if there is none.
func (x *identity) owner(n *node) *entry {
	if n == nil || n.holder == 0 || n.shared() {
		return nil
	}
	return x.entries.at(n.holder)
}

// hold puts the node into the list of an operation, taking it out of that of another one.
func (x *identity) hold(n *node, e *entry) {
	x.release(n)
	x.holdNew(n, x.index.numberOf(n), e)
}

// holdNew is hold for a node that is in no list and has the given number.
func (x *identity) holdNew(n *node, number uint32, e *entry) {
	n.holder, n.sibling = e.number, e.nodes
	e.nodes = number
	if n.isFor(nodeID) {
		e.ids++
	} else {
		e.held++
	}
}

// release takes the node out of the list it is in.
func (x *identity) release(n *node) {
	if n.holder == 0 {
		return
	}
	e := x.entries.at(n.holder)
	at := &e.nodes
	for x.index.at(*at) != n {
		at = &x.index.at(*at).sibling
	}
	x.unlink(n, e, at)
}

// unlink takes the node out of the list of e, where at leads to it.
func (x *identity) unlink(n *node, e *entry, at *uint32) {
	*at = n.sibling
	n.holder, n.sibling = 0, 0
	if n.isFor(nodeID) {
		e.ids--
	} else {
		e.held--
	}
	x.loosen(n)
}

// handOver puts all nodes of one operation into the list of another one.
func (x *identity) handOver(from, to *entry) {
	if from.nodes == 0 {
		return
	}
	last := from.nodes
	for {
		n := x.index.at(last)
		n.holder = to.number
		if n.sibling == 0 {
			n.sibling = to.nodes
			break
		}
		last = n.sibling
	}
	to.nodes, from.nodes = from.nodes, 0
	to.held, from.held = to.held+from.held, 0
	to.ids, from.ids = to.ids+from.ids, 0
}

// prune takes those nodes out of the list of an operation for which leaves returns true.
func (x *identity) prune(e *entry, leaves func(*node) bool) {
	for at := &e.nodes; *at != 0; {
		n := x.index.at(*at)
		if leaves(n) {
			x.unlink(n, e, at)
		} else {
			at = &n.sibling
		}
	}
}

// loosen notes that nothing holds the node by now. It leaves the index when the present fact is done with, unless it is held
// again by then: whoever is at work with it goes on with the same node.
func (x *identity) loosen(n *node) {
	if !n.has(looseBit) {
		n.set(looseBit)
		x.loose = append(x.loose, n)
	}
}

// settle removes the nodes that nothing holds from the index.
func (x *identity) settle() {
	for _, n := range x.loose {
		n.unset(looseBit)
		if n.holder == 0 {
			x.forget(n)
			x.index.remove(n)
		}
	}
	x.loose = x.loose[:0]
}

// forget lets go of all that is known of a node.
func (x *identity) forget(n *node) {
	if n.shared() {
		delete(x.shared, n.key)
	}
	if n.has(linkedBit) {
		delete(x.links, x.index.numberOf(n))
	}
	n.bits &= kindBits | looseBit
}

// node returns the node of a trace, message or ID, a new one if there is none.
func (x *identity) node(kind nodeKind, k key) *node {
	n := x.index.find(kind, k)
	if n == nil {
		n, _ = x.index.add(kind, k)
		x.loosen(n)
	}
	return n
}

// traceNode returns the node of a trace, a new one if there is none.
func (x *identity) traceNode(id operation.TraceID) *node { return x.node(nodeTrace, x.traceKey(id)) }

// trace returns the node of a trace, nil if there is none.
func (x *identity) trace(id operation.TraceID) *node { return x.index.find(nodeTrace, x.traceKey(id)) }

// traceKey is that of the trace, which mostly is the same as before.
func (x *identity) traceKey(id operation.TraceID) key {
	if id != x.lastTrace || x.lastKey.isZero() {
		x.lastTrace, x.lastKey = id, traceKey(id)
	}
	return x.lastKey
}
