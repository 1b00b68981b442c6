package engine

import (
	"strings"

	"github.com/throughline/throughline/internal/operation"
)

// entry is one operation that the engine holds. There are millions of them, so it has no more in it than any operation
// needs; what few need is in extra.
type entry struct {
	// newer and older chain the entries of a shard in order of age, the open and the finished ones apart. Guarded by the
	// shard's lock.
	newer, older *entry

	seq uint64 // immutable

	// Guarded by Engine.mu: what leads to this operation. moved is set when it turned out to be another one (see extra), removed
	// when the engine let it go. number is its place in the roster, 0 since one of both.
	number uint32
	// nodes is the number of the first node of those that lead to it: so many traces and messages, and so many IDs.
	nodes, held uint32
	ids         uint8
	// explicit says that a correlation ID names it.
	explicit, moved, removed bool

	// Guarded by the shard's lock.
	runaway bool
	// judged says that there is a verdict, known that the name is that of the view, dirty that the next sweep judges it.
	judged, known, dirty bool
	// active says that facts came since it was last looked at whether it is idle; see idlest.
	active bool
	// stale says that facts came since Settings.Open was told of it.
	stale bool
	// announced says that a change was returned for it, so that its end must be told too.
	announced bool
	// late says that evidence led to another final state than ended, the one it came to first (StateInProgress: none).
	late  bool
	ended operation.State
	// loose says that it is judged early; see introduce.
	loose bool
	// learned says that habits were learned from it, unpaired that Engine.unpaired has it.
	learned, unpaired bool
	// state, reason, flags and endedAt are the verdict, if there is no more to it; see setVerdict.
	state  operation.State
	reason operation.StuckReason
	flags  operation.Flags
	// finished says that the verdict is final.
	finished bool
	// finalRevision counts how often the operation became final, up to the greatest number.
	finalRevision uint16
	// lasted is how long after named facts go on, in tenths of a second, rounded up; see introduce. Once it is learned, it is what
	// the habits counted it as instead; see taught.
	lasted uint16
	// name and rule are the numbers of the operation's name and of the rule it was judged by, 0 if unknown, without one, or in extra.
	name, rule, revision uint32
	// noted is the number under which Settings.Open knows of it, 0 if it does not.
	noted uint32
	// place is the position in the heap of deadlines, -1 without one.
	place   int32
	op      operation.Operation
	endedAt int64
	// arrived is when the last fact came, updated when the verdict last changed.
	arrived, updated int64
	// named is the time of the fact that it has its name from, before it was judged; 0 without one.
	named int64
	extra *extra
}

// extra is what few operations need.
type extra struct {
	// verdict is one that says more than a state.
	verdict operation.Verdict
	full    bool
	// name and rule are those that have no number.
	name, rule string
	// forward is the operation that this one turned out to be. Guarded by Engine.mu.
	forward *entry
	// wasStuck is about the verdicts so far: see operation.Change. The lowest bit is about the current one.
	wasStuck uint64
	// incident is the ID of the one that the operation was in when its verdict changed last, "" without one.
	incident string
	// former is the state by another name from which the operation goes on; see Engine.Adopt.
	former *State
	// spent is what is spent of facts that came from other operations.
	spent spent
}

// revise counts a new verdict, and returns which of those before were stuck.
func (n *entry) revise(state operation.State) uint64 {
	n.revision = n.last() + 1
	if n.extra == nil && state != operation.StateStuck {
		return 0
	}
	x := n.more()
	before := x.wasStuck
	x.wasStuck = before << 1
	if state == operation.StateStuck {
		x.wasStuck |= 1
	}
	return before
}

func (n *entry) more() *extra {
	if n.extra == nil {
		n.extra = &extra{}
	}
	return n.extra
}

// verdict returns the verdict. Called with the shard's lock held.
func (n *entry) verdict() operation.Verdict {
	if n.extra != nil && n.extra.full {
		return n.extra.verdict
	}
	return operation.Verdict{State: n.state, Reason: n.reason, Flags: n.flags, Hop: -1, Consumer: -1, EndedAt: n.endedAt}
}

// setVerdict keeps all of a verdict but for Next, which is of no use to anybody later.
func (n *entry) setVerdict(v *operation.Verdict) {
	n.state, n.reason, n.flags, n.endedAt = v.State, v.Reason, v.Flags, v.EndedAt
	plain := operation.Verdict{State: v.State, Reason: v.Reason, Flags: v.Flags, Hop: -1, Consumer: -1, EndedAt: v.EndedAt, Next: v.Next}
	if *v != plain {
		n.more().verdict, n.extra.full = *v, true
	} else if n.extra != nil {
		n.extra.verdict, n.extra.full = operation.Verdict{}, false
	}
}

// call sets the operation's name. Called with the shard's lock held.
func (n *entry) call(symbols *operation.Symbols, name string) {
	n.name = symbols.Number(name)
	if n.name == 0 && (name != "" || n.extra != nil) {
		n.more().name = strings.Clone(name)
	}
}

// judgeBy notes the rule by which the operation is judged. Called with the shard's lock held.
func (n *entry) judgeBy(symbols *operation.Symbols, rule string) {
	n.rule = symbols.Number(rule)
	if n.rule == 0 && (rule != "" || n.extra != nil) {
		n.more().rule = rule
	}
}

// judgedBy returns the name of the rule by which it was judged last. Called with the shard's lock held.
func (n *entry) judgedBy(symbols *operation.Symbols) string {
	if n.rule == 0 && n.extra != nil {
		return n.extra.rule
	}
	return symbols.Name(n.rule)
}

// title returns the operation's name, "" while it is unknown. Called with the shard's lock held.
func (n *entry) title(symbols *operation.Symbols) string {
	if n.name == 0 && n.extra != nil {
		return n.extra.name
	}
	return symbols.Name(n.name)
}

// find follows forwards to the operation that this one turned out to be, shortening the way; nil if it is gone.
func (n *entry) find() *entry {
	if n == nil {
		return nil
	}
	root := n
	for root.moved {
		root = root.extra.forward
	}
	for n.moved {
		n.extra.forward, n = root, n.extra.forward
	}
	if root.removed {
		return nil
	}
	return root
}

// assignment is what the originals can be stamped with.
func (e *Engine) assignment(n *entry) (a Assignment) {
	if n = n.find(); n == nil {
		return a
	}
	s := e.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.assignmentOf(n)
}

// assignmentOf is assignment for an operation whose shard is locked.
func (e *Engine) assignmentOf(n *entry) (a Assignment) {
	a.ID, a.Namespace = n.op.Label()
	a.Name = n.title(e.symbols)
	return a
}

// nodesFull reports whether a runaway operation has claimed more traces and messages than it may have facts.
func (n *entry) nodesFull(limit int) bool { return int(n.held) >= limit }

// newEntry begins an operation.
func (x *identity) newEntry() *entry {
	x.seq++
	n := &entry{seq: x.seq, place: -1, op: operation.New(x.engine.symbols)}
	x.entries.add(n)
	s := x.engine.shard(n)
	s.mu.Lock()
	s.open.push(n)
	s.mu.Unlock()
	x.engine.counts.entries.Add(1)
	return n
}

// entryOf returns the operation with the given ID, beginning it if need be: the one that candidate is, if that has no ID
// yet and so can take this one.
func (x *identity) entryOf(namespace, id string, candidate *entry) *entry {
	k := idKey(namespace, id)
	t := x.index.find(nodeID, k)
	if n := x.owner(t); n != nil {
		return n
	}
	n := candidate
	if n == nil || n.explicit {
		n = x.newEntry()
	}
	n.explicit = true
	if t == nil {
		t, number := x.index.add(nodeID, k)
		x.holdNew(t, number, n)
	} else {
		x.hold(t, n)
	}
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
	if x.precedes(b, a) {
		a, b = b, a
	}
	if !x.replaying() {
		x.engine.counts.merges.Add(1)
	}
	facts, spent := x.dissolve(b, false)
	x.moved.operation(facts, spent)
	x.handOver(b, a)
	x.entries.remove(b)
	b.moved, b.extra = true, &extra{name: b.title(x.engine.symbols), forward: a}
	a.explicit = a.explicit || b.explicit
	s := x.engine.shard(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	a.op.Merge(&facts)
	a.spend(spent)
	if b.named != 0 {
		a.callSince(x.engine.symbols, b.extra.name, b.named)
	}
	a.loose = a.loose || b.loose
	if !a.learned {
		a.lasted = hasty
	}
	s.touch(a)
	a.arrived = x.arrival(max(a.arrived, b.arrived))
	return a
}

// precedes reports whether it is b that goes on when it and a are one: the one with an ID; of two that were told of the one whose name
// stays, so that outputs need not be told of another; the one that was told of; the older.
func (x *identity) precedes(b, a *entry) bool {
	if a.explicit != b.explicit {
		return b.explicit
	}
	before, after := x.toldAs(a), x.toldAs(b)
	switch {
	case before == nil && after == nil:
		return b.seq < a.seq
	case before == nil || after == nil:
		return before == nil
	}
	one := operation.New(nil)
	for _, op := range [...]*operation.Operation{before, after} {
		facts := op.Facts()
		for i := range facts {
			one.Add(&facts[i])
		}
	}
	called, former, other := one.Called(), before.Called(), after.Called()
	stays, comes := former.ID == called.ID && former.Namespace == called.Namespace, other.ID == called.ID && other.Namespace == called.Namespace
	if stays != comes {
		return comes
	}
	return b.seq < a.seq
}

// toldAs returns a copy of what outputs were told of, nil if they were not.
func (x *identity) toldAs(n *entry) *operation.Operation {
	s := x.engine.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !n.announced {
		return nil
	}
	op := n.op
	return &op
}

// mergeable reports whether two operations together keep within the bounds of one.
func (x *identity) mergeable(a, b *entry) bool {
	return a.ids+b.ids <= maxIDs && int(a.held+b.held) <= x.engine.settings.MaxFacts
}

// discard gives up an operation that is in no shard any more.
func (x *identity) discard(n *entry) {
	x.prune(n, func(t *node) bool {
		x.forget(t)
		return true
	})
	x.entries.remove(n)
	n.removed = true
}

// remove lets an operation go, with everything that leads to it. It is called between facts, when no node is loose.
func (x *identity) remove(n *entry) {
	x.dissolve(n, true)
	for n.nodes != 0 {
		t := x.index.at(n.nodes)
		n.nodes = t.sibling
		x.forget(t)
		x.index.remove(t)
	}
	n.held, n.ids = 0, 0
	x.entries.remove(n)
	n.removed = true
}

// dissolve takes an operation out of its shard and returns its facts, and what is spent of them. Left says that it gives way, and does not
// become another one.
func (x *identity) dissolve(n *entry, left bool) (operation.Operation, spent) {
	s := x.engine.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	of := n.spent()
	s.leave(x.engine, n, left)
	x.engine.counts.entries.Add(-1)
	facts := n.op
	n.op = operation.New(x.engine.symbols)
	return facts, of
}
