package engine

import (
	"cmp"
	"sync/atomic"

	"github.com/throughline/throughline/internal/operation"
)

// entry is one operation that the engine holds.
type entry struct {
	seq uint64 // immutable

	// Guarded by Engine.mu: what leads to this operation. forward is set when it turned out to be another one; removed when
	// the engine let it go.
	forward *entry
	removed bool
	// explicit says that a correlation ID names it; ids are all of its IDs.
	explicit bool
	ids      []idKey
	nodes    []*node
	// firstIDs and firstNodes are the room for those of an operation of a few hops.
	firstIDs   [1]idKey
	firstNodes [4]*node

	// stamped is what originals are stamped with. It is replaced with the shard's lock held, and read by anybody.
	stamped atomic.Pointer[Assignment]

	// Guarded by the shard's lock.
	op      operation.Operation
	runaway bool
	// arrived is when the last fact came, updated when the verdict last changed, finished when it became final (0: it is not).
	arrived, updated, finished int64
	judged                     bool
	identity                   operation.Identity
	name                       string
	verdict                    operation.Verdict
	policy                     *operation.Policy
	revision, finalRevision    uint32
	// announced says that a change was returned for it, so that its end must be told too.
	announced bool
	dirty     bool
	// ended is the final state it came to first (StateInProgress: none), late says that evidence led to another one since.
	ended operation.State
	late  bool
	// learned says that the habits know of it.
	learned   bool
	due       int64
	heapIndex int
	// flows are the keys under which it is unpaired. Guarded by the lock of Engine.unpaired.
	flows []string
	// newer and older chain the entries of a shard in order of age, the open and the finished ones apart.
	newer, older *entry
}

// find follows forwards to the operation that this one turned out to be, shortening the way; nil if it is gone.
func (n *entry) find() *entry {
	if n == nil {
		return nil
	}
	root := n
	for root.forward != nil {
		root = root.forward
	}
	for n.forward != nil {
		n.forward, n = root, n.forward
	}
	if root.removed {
		return nil
	}
	return root
}

// assignment is what the originals can be stamped with.
func (n *entry) assignment() Assignment {
	if n = n.find(); n == nil {
		return Assignment{}
	}
	if a := n.stamped.Load(); a != nil {
		return *a
	}
	return Assignment{}
}

// stamp changes what originals are stamped with. Called with the shard's lock held.
func (n *entry) stamp(change func(*Assignment)) {
	var a Assignment
	if before := n.stamped.Load(); before != nil {
		a = *before
	}
	after := a
	if change(&after); after != a {
		n.stamped.Store(&after)
	}
}

// nodesFull reports whether a runaway operation has claimed more traces and messages than it may have facts.
func (n *entry) nodesFull(limit int) bool { return len(n.nodes) >= limit }

// newEntry begins an operation.
func (x *identity) newEntry() *entry {
	x.seq++
	n := &entry{seq: x.seq, heapIndex: -1, op: operation.New(x.engine.symbols)}
	n.ids, n.nodes = n.firstIDs[:0], n.firstNodes[:0]
	s := x.engine.shard(n)
	s.mu.Lock()
	s.open.push(n)
	s.mu.Unlock()
	x.engine.counts.entries.Add(1)
	return n
}

// entryOf returns the operation with the given ID, beginning it if need be: the one that candidate is, if that has no ID
// yet and so can take this one.
func (x *identity) entryOf(key idKey, candidate *entry) *entry {
	if n := x.ids[key].find(); n != nil {
		return n
	}
	n := candidate
	if n == nil || n.explicit {
		n = x.newEntry()
	}
	n.explicit = true
	n.ids = append(n.ids, key)
	x.ids[key] = n
	s := x.engine.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	n.stamp(func(a *Assignment) { a.ID, a.Namespace = key.id, key.namespace })
	return n
}

// maxIDs bounds the IDs of one operation, so that one bad record cannot fuse the world.
const maxIDs = 16

// merge makes two operations one and returns it: the one with an ID, the older of two.
func (x *identity) merge(a, b *entry) *entry {
	a, b = a.find(), b.find()
	if a == nil {
		return b
	}
	if b == nil || a == b || !x.mergeable(a, b) {
		return a
	}
	if (b.explicit && !a.explicit) || (a.explicit == b.explicit && b.seq < a.seq) {
		a, b = b, a
	}
	x.engine.counts.merges.Add(1)
	facts := x.dissolve(b)
	b.forward = a
	a.nodes = append(a.nodes, b.nodes...)
	a.ids = append(a.ids, b.ids...)
	a.explicit = a.explicit || b.explicit
	b.nodes, b.ids = nil, nil
	s := x.engine.shard(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	a.op.Merge(facts)
	if former := b.stamped.Load(); former != nil {
		a.stamp(func(s *Assignment) { s.Name = cmp.Or(s.Name, former.Name) })
	}
	if len(a.ids) > 1 {
		a.restamp()
	}
	s.touch(a)
	a.arrived = x.at
	return a
}

// mergeable reports whether two operations together keep within the bounds of one.
func (x *identity) mergeable(a, b *entry) bool {
	return len(a.ids)+len(b.ids) <= maxIDs && len(a.nodes)+len(b.nodes) <= x.engine.settings.MaxFacts
}

// dissolve takes an operation out of its shard and returns its facts.
func (x *identity) dissolve(n *entry) *operation.Operation {
	s := x.engine.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave(x.engine, n)
	x.engine.counts.entries.Add(-1)
	facts := n.op
	n.op = operation.New(x.engine.symbols)
	return &facts
}

// restamp brings the stamp up to date with the facts. Called with both locks held.
func (n *entry) restamp() {
	if !n.explicit {
		return
	}
	id := n.op.Identity()
	if !id.Implicit {
		n.stamp(func(a *Assignment) { a.ID, a.Namespace = id.ID, id.Namespace })
	}
}
