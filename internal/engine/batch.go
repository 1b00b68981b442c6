package engine

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/throughline/throughline/internal/operation"
)

// window is how many facts are taken at a time, while the engine's lock is held.
const window = 512

// none ends a list of facts.
const none = -1

// batch puts the facts that come together into the order in which they are taken: those of one trace one after another, of
// these first those that carry an ID. Most of the others then need no more than to follow them.
type batch struct {
	groups []group
	// next is the fact that comes after each in its group; messages are the keys of their messages.
	next     [window]int16
	messages [window]key
	// slots find the groups by their traces, by open addressing, and are twice as many; 0 is none, others are the number of a group plus 1.
	slots [1 << slotBits]uint16
	// touched is of no meaning; see touch.
	touched uint32
	// kinds and reasons count the facts, until they are added to the engine's counters.
	kinds   [operation.KindCount]uint32
	reasons [operation.ReasonParent + 1]uint32
}

// group is a list of facts. Those that follow no trace are in groups of their own, with a zero trace.
type group struct {
	id    operation.TraceID
	trace key
	// named is the last of the facts with an ID, which are the first ones.
	first, named, last int16
}

// fill puts the facts, which are at most window, into groups.
func (b *batch) fill(x *index, facts []operation.Fact) {
	b.groups = b.groups[:0]
	clear(b.slots[:])
	before := -1
	for i := range facts {
		f := &facts[i]
		b.kinds[f.Kind]++
		if f.Kind == operation.KindPoll {
			before = -1
			continue
		}
		if f.MessageID != "" {
			b.messages[i] = messageKey(f)
			b.touch(x, b.messages[i])
		} else {
			b.messages[i] = key{}
		}
		if f.IsAlone() || f.Trace.IsZero() {
			before = -1
			b.begin(operation.TraceID{}, key{}, int16(i))
			continue
		}
		if before < 0 || facts[i-1].Trace != f.Trace {
			before = b.find(x, f.Trace)
		}
		b.put(&b.groups[before], int16(i), f.ID != "")
	}
}

// begin makes a group of one fact, or of none as yet.
func (b *batch) begin(id operation.TraceID, trace key, first int16) {
	if first != none {
		b.next[first] = none
	}
	b.groups = append(b.groups, group{id: id, trace: trace, first: first, named: none, last: first})
}

// touch brings the place where a key is looked for later into the processor's cache. As nothing waits for what is read, several
// are fetched from memory at a time.
func (b *batch) touch(x *index, k key) { b.touched += x.bucket(k).more }

// find returns the number of the group of a trace, a new one if there is none.
func (b *batch) find(x *index, id operation.TraceID) int {
	for at := slotOf(id); ; at++ {
		slot := &b.slots[at%len(b.slots)]
		if *slot == 0 {
			k := traceKey(id)
			b.touch(x, k)
			b.begin(id, k, none)
			*slot = uint16(len(b.groups))
		} else if b.groups[*slot-1].id != id {
			continue
		}
		return int(*slot - 1)
	}
}

// slotOf spreads traces over the slots, by numbers that nobody outside knows. A whole key would cost more.
func slotOf(id operation.TraceID) int {
	first, second := binary.LittleEndian.Uint64(id[:8]), binary.LittleEndian.Uint64(id[8:])
	return int((first*slotSeeds[0] + second*slotSeeds[1]) >> slotShift)
}

const (
	slotBits  = 10
	slotShift = 64 - slotBits
)

var slotSeeds = [2]uint64{rand.Uint64() | 1, rand.Uint64() | 1}

// put adds a fact to a group.
func (b *batch) put(g *group, i int16, named bool) {
	after := g.last
	if named {
		after = g.named
		g.named = i
	}
	if after == none {
		b.next[i], g.first = g.first, i
	} else {
		b.next[i], b.next[after] = b.next[after], i
	}
	if after == g.last {
		g.last = i
	}
}

// forget lets go of what was counted.
func (b *batch) forget() {
	clear(b.kinds[:])
	clear(b.reasons[:])
}

// settle adds what was counted to the engine's counters.
func (b *batch) settle(c *counters) {
	for kind, n := range b.kinds {
		if n != 0 {
			c.facts[kind].Add(uint64(n))
		}
	}
	for reason, n := range b.reasons {
		if n != 0 {
			c.reasons[reason].Add(uint64(n))
		}
	}
	b.forget()
}

// takeGroup attaches the facts of a group, and tells of each to which operation unless out is nil.
func (x *identity) takeGroup(b *batch, g *group, facts []operation.Fact, out []Assignment) {
	// said is the last fact that was taken by itself, if it carries an ID.
	var said *operation.Fact
	for i := g.first; i != none; i = b.next[i] {
		if !g.trace.isZero() {
			if i = x.follow(b, g, i, said, facts, out); i == none {
				return
			}
			x.lastTrace, x.lastKey = g.id, g.trace
		}
		f := &facts[i]
		x.standing = x.fresh
		x.current, x.currentMessage = f, b.messages[i]
		if e := x.take(f, x.at); out != nil {
			out[i] = x.engine.assignment(e)
		}
		x.current = nil
		x.settle()
		x.engine.trim()
		said = nil
		if f.ID != "" {
			said = f
		}
	}
}

// follow attaches facts of a group, from the given one on, as long as they belong to an operation for no other reason than that
// their trace does. It returns the first that has to be taken by itself.
func (x *identity) follow(b *batch, g *group, i int16, said *operation.Fact, facts []operation.Fact, out []Assignment) int16 {
	t := x.index.find(nodeTrace, g.trace)
	e := x.owner(t)
	if e == nil || !x.follows(t, e, &facts[i], b.messages[i], said) {
		return i
	}
	first, s := i, x.engine.shard(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		f := &facts[i]
		f.JoinedBy = x.followsBy(t, f)
		b.reasons[f.JoinedBy]++
		x.standing = x.fresh
		x.tellAttached(f, s.put(x.engine, e, f))
		i = b.next[i]
		if i == none || !x.follows(t, e, &facts[i], b.messages[i], said) {
			break
		}
	}
	if out == nil {
		return i
	}
	a := x.engine.assignmentOf(e)
	for ; first != i; first = b.next[first] {
		out[first] = a
	}
	return i
}

// follows reports whether a fact belongs to e, as its trace t does, without telling anything new but its message, which it
// then lets e have. What it names itself has been said by another fact.
func (x *identity) follows(t *node, e *entry, f *operation.Fact, message key, said *operation.Fact) bool {
	if !f.LinkTrace.IsZero() || !f.LinkSpan.IsZero() {
		return false
	}
	by := claimMessage
	if f.ID != "" {
		if f.Batch || said == nil || !saysSame(f, said) || t.claim() != claimHard {
			return false
		}
		by = claimHard
	}
	if message.isZero() || !f.IsStrong() || e.nodesFull(x.engine.settings.MaxFacts) {
		return true
	}
	n := x.index.find(nodeMessage, message)
	switch {
	case n == nil:
		if _, wanted := x.parked.wantedMessage(message); wanted {
			return false
		}
		n, number := x.index.add(nodeMessage, message)
		n.setClaim(by)
		x.holdNew(n, number, e)
	case n.shared():
		return by <= n.claim()
	case n.holder == e.number:
		n.strengthen(by)
	default:
		return false
	}
	return true
}

// saysSame reports whether two facts carry the same IDs under the same key.
func saysSame(f, g *operation.Fact) bool {
	return f.ID == g.ID && f.Alias == g.Alias && f.Namespace == g.Namespace && f.IDRank == g.IDRank
}

// followsBy says by what a fact belongs to its operation that follows its trace.
func (x *identity) followsBy(t *node, f *operation.Fact) operation.Reason {
	switch {
	case f.ID != "":
		return operation.ReasonCorrelationID
	case f.IsStrong():
		return x.reason(f, t)
	}
	return operation.ReasonTrace
}
