package engine

import "github.com/throughline/throughline/internal/operation"

// names tell under which keys the records of one trace carry correlation IDs. While no key has two values, different keys
// name the same operation (an order ID on the spans, a correlation ID in the log lines). A second value of one key says that
// the trace belongs to several operations, and then says nothing about which keys belong together.
type names struct {
	// ranks has a bit for each key, by its rank. The values need not be kept: a record with the same one belongs to the owner
	// of the trace.
	ranks uint64
	// joined says that operations became one because of this trace, contradicted that a key has two values.
	joined, contradicted bool
}

// maxRank is the greatest rank that is told apart; keys beyond count as one.
const maxRank = 63

func bitOf(rank uint8) uint64 { return 1 << min(rank, maxRank) }

// agree reports whether the keys met so far may name one operation.
func (s *names) agree() bool { return s.ranks != 0 && !s.contradicted }

// name takes note of the ID that a record of the trace carries for the operation e. Where it is the first to contradict
// another one, what the trace had made one is taken apart.
func (x *identity) name(t *node, f *operation.Fact, e *entry) *entry {
	owner := t.owner.find()
	known := t.names.ranks&bitOf(f.IDRank) != 0
	t.names.ranks |= bitOf(f.IDRank)
	if !known || owner == e || t.names.contradicted {
		return e
	}
	t.names.contradicted = true
	if owner != nil && t.names.joined {
		x.takeApart(t, owner)
		e = x.entryOf(idKey{f.Namespace, f.ID}, nil)
		e.nodes = append(e.nodes, t)
	}
	return e
}

// takeApart undoes an operation that became one because of a trace that turned out to belong to several: all of its facts
// are attached anew. Where other traces or records say the same, they become one again.
func (x *identity) takeApart(t *node, e *entry) {
	x.engine.counts.splits.Add(1)
	for _, id := range e.ids {
		delete(x.ids, id)
	}
	for _, n := range e.nodes {
		if n != t && n.shared == nil && n.owner.find() == e {
			x.forget(n)
		}
	}
	facts := x.dissolve(e).Facts()
	e.removed, e.nodes, e.ids = true, nil, nil
	t.owner, t.claim = nil, claimHard
	t.shared = &sharedTrace{
		spans: make(map[operation.SpanID]*entry), children: make(map[operation.SpanID][]*entry),
		linked: make(map[operation.SpanID][]operation.TraceID),
	}
	for i := range facts {
		x.take(&facts[i], x.at)
	}
}
