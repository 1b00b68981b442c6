package engine

import "github.com/throughline/throughline/internal/operation"

// The node of a trace tells under which keys its records carry correlation IDs: it has a bit for the rank of each. While no key
// has two values, different keys name the same operation (an order ID on the spans, a correlation ID in the log lines). A
// second value of one key says that the trace belongs to several operations, and then says nothing about which keys belong
// together. The values need not be kept: a record with the same one belongs to the owner of the trace.

// maxRank is the greatest rank that is told apart; keys beyond count as one.
const maxRank = 31 - rankShift

func bitOf(rank uint8) uint32 { return 1 << (rankShift + min(rank, maxRank)) }

// agrees reports whether the keys met so far may name one operation.
func (n *node) agrees() bool { return n.bits>>rankShift != 0 && !n.has(contradictedBit) }

// name takes note of the ID that a record of the trace carries for the operation e. Where it is the first to contradict
// another one, what the trace had made one is taken apart.
func (x *identity) name(t *node, f *operation.Fact, e *entry) *entry {
	owner, rank := x.owner(t), bitOf(f.IDRank)
	known := t.has(rank)
	t.set(rank)
	if !known || owner == e || t.has(contradictedBit) {
		return e
	}
	t.set(contradictedBit)
	if owner != nil && t.has(joinedBit) {
		kept := x.takeApart(t, owner)
		e = x.entryOf(f.Namespace, f.ID, nil)
		for _, n := range kept {
			if n.holder == 0 {
				x.hold(n, e)
			}
		}
	}
	return e
}

// takeApart undoes an operation that became one because of a trace that turned out to belong to several: all of its facts
// are attached anew. Where other traces or records say the same, they become one again. It returns the shared traces and
// messages that the operation held.
func (x *identity) takeApart(t *node, e *entry) []*node {
	if !x.replaying() {
		x.engine.counts.splits.Add(1)
	}
	t.setClaim(claimHard)
	t.set(sharedBit)
	x.shared[t.key] = newSharedTrace()
	var kept []*node
	x.prune(e, func(n *node) bool {
		if n.shared() {
			kept = append(kept, n)
		} else {
			x.forget(n)
		}
		return true
	})
	former, of := x.dissolve(e, false)
	x.moved.operation(former, of)
	facts := former.Facts()
	x.discard(e)
	outer, at := x.spent, x.at
	x.spent = of
	for i := range facts {
		x.take(&facts[i], max(at, e.arrived))
	}
	x.spent, x.at = outer, at
	return kept
}
