package engine

import (
	"hash/maphash"

	"github.com/throughline/throughline/internal/operation"
)

// names are the correlation IDs that the records of one trace carry: which key had which value. While no key has two,
// different keys name the same operation (an order ID on the spans, a correlation ID in the log lines). A second value of
// one key says that the trace belongs to several operations, and then says nothing about which keys belong together.
type names struct {
	// first is the name met first; more is there for the few traces that have several.
	first name
	more  *moreNames
}

type moreNames struct {
	// others are the names under other keys than the first one's.
	others []name
	// joined says that operations became one because of this trace, contradicted that a key has two values.
	joined, contradicted bool
}

func (s *names) further() *moreNames {
	if s.more == nil {
		s.more = &moreNames{}
	}
	return s.more
}

func (s *names) contradicted() bool { return s.more != nil && s.more.contradicted }
func (s *names) joined() bool       { return s.more != nil && s.more.joined }

// name is an ID, as a hash of it and its namespace, under the key of a rank. The zero value is none.
type name struct {
	hash uint64
	rank uint8
}

// maxNames bounds the keys that are remembered for a trace beside the first.
const maxNames = 8

func nameIn(namespace, id string, rank uint8) name {
	hash := maphash.String(messageSeed, id)
	if namespace != "" {
		hash = hash*31 + maphash.String(messageSeed, namespace)
	}
	return name{hash: hash | 1, rank: rank}
}

// agree reports whether the keys met so far may name one operation.
func (s *names) agree() bool { return !s.contradicted() && s.first.hash != 0 }

// known returns what was met under the key of a rank.
func (s *names) known(rank uint8) (name, bool) {
	if s.first.hash != 0 && s.first.rank == rank {
		return s.first, true
	}
	if s.more != nil {
		for _, n := range s.more.others {
			if n.rank == rank {
				return n, true
			}
		}
	}
	return name{}, false
}

// learn takes note of a name unless its key has one.
func (s *names) learn(n name) {
	switch _, known := s.known(n.rank); {
	case known:
	case s.first.hash == 0:
		s.first = n
	case len(s.further().others) < maxNames:
		s.more.others = append(s.more.others, n)
	}
}

// name takes note of the ID that a record of the trace carries for the operation e. Where it is the first to contradict
// another one, what the trace had made one is taken apart.
func (x *identity) name(t *node, f *operation.Fact, e *entry) *entry {
	owner := t.owner.find()
	if owner == e && owner != nil && t.names.first.hash != 0 && t.names.first.rank == f.IDRank {
		// It says what the trace has said before.
		return e
	}
	n := nameIn(f.Namespace, f.ID, f.IDRank)
	if known, ok := t.names.known(n.rank); !ok || known == n || owner == e || t.names.contradicted() {
		t.names.learn(n)
		return e
	}
	t.names.further().contradicted = true
	if owner != nil && t.names.joined() {
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
		x.takeAgain(&facts[i], standingTold)
	}
}
