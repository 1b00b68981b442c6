package engine

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"github.com/throughline/throughline/internal/operation"
)

// Chunk is a part of what the engine holds.
type Chunk struct {
	// At is when the facts arrived, or the oldest of them.
	At int64
	// Facts and States are good until the next chunk.
	Facts  []operation.Fact
	States []State
}

const (
	// chunkOperations and chunkFacts bound a chunk; an operation is not divided.
	chunkOperations = 64
	chunkFacts      = 2048
)

// Export yields everything the engine holds, little by little: if all chunks are replayed and adopted in their order, and after them what
// came since the export began, the same operations result. Facts may go on being applied meanwhile; sweeps may take place
// between two chunks, but not at the same time. One export at a time.
func (e *Engine) Export() iter.Seq[Chunk] {
	return func(yield func(Chunk) bool) {
		entries := e.beginExport()
		defer e.endExport()
		x := exporter{engine: e}
		for _, n := range entries {
			if x.add(n); x.full() && !x.flush(yield) {
				return
			}
		}
		x.finish(yield)
	}
}

func (e *Engine) beginExport() []*entry {
	e.mu.Lock()
	e.identity.moved = moved{on: true}
	e.mu.Unlock()
	var finished, open []aged
	for from := uint32(0); ; {
		some := e.some(&from)
		if len(some) == 0 {
			break
		}
		for _, n := range some {
			a, isFinished := e.age(n)
			if isFinished {
				finished = append(finished, a)
			} else {
				open = append(open, a)
			}
		}
	}
	entries := make([]*entry, 0, len(finished)+len(open))
	for _, list := range [...][]aged{finished, open} {
		slices.SortFunc(list, func(a, b aged) int { return cmp.Compare(a.at, b.at) })
		for _, a := range list {
			entries = append(entries, a.entry)
		}
	}
	return entries
}

// aged is an operation with the time by which it is the turn of one to give way: since when it is finished, or nothing came for it.
type aged struct {
	at    int64
	entry *entry
}

func (e *Engine) age(n *entry) (a aged, finished bool) {
	s := e.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.finished {
		return aged{n.updated, n}, true
	}
	return aged{n.arrived, n}, false
}

// some returns a chunk of the roster, none at its end.
func (e *Engine) some(from *uint32) []*entry {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := &e.identity.entries
	var some []*entry
	for len(some) == 0 && *from < r.used {
		for _, n := range r.chunks[*from/rosterChunk] {
			if n != nil {
				some = append(some, n)
			}
		}
		*from += rosterChunk
	}
	return some
}

func (e *Engine) endExport() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.identity.moved = moved{}
}

// exporter fills one chunk after the other.
type exporter struct {
	engine *Engine
	chunk  Chunk
	texts  []byte
}

func (x *exporter) full() bool {
	return len(x.chunk.States) >= x.engine.chunkSize || len(x.chunk.Facts) >= chunkFacts
}

// add puts an operation into the chunk, unless it is no more: what it was then went to another one.
func (x *exporter) add(n *entry) {
	op, s, of, held := x.engine.held(n)
	if !held {
		return
	}
	x.facts(&op, s.ArrivedAt)
	called := op.Called()
	s.Namespace, s.ID = called.Namespace, called.ID
	x.chunk.States = append(x.chunk.States, s)
	if !of.isZero() {
		x.chunk.States = append(x.chunk.States, spentState(called, of))
	}
}

// facts puts the facts of an operation into the chunk. The bytes of an operation never change, so no lock is needed.
func (x *exporter) facts(op *operation.Operation, at int64) {
	if len(x.chunk.Facts) == 0 || at < x.chunk.At {
		x.chunk.At = at
	}
	x.chunk.Facts, x.texts = op.AppendFacts(x.chunk.Facts, x.texts)
}

// held returns a copy of an operation, its state, and what else is spent of its facts; false if it is no more, or has no facts.
func (e *Engine) held(n *entry) (op operation.Operation, kept State, of spent, held bool) {
	e.mu.Lock()
	gone := n.moved || n.removed
	e.mu.Unlock()
	s := e.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if gone || n.op.Pending() == 0 {
		return op, kept, of, false
	}
	return n.op, n.kept(e), n.spentBefore(), true
}

// flush yields the chunk and begins another one.
func (x *exporter) flush(yield func(Chunk) bool) bool {
	if len(x.chunk.Facts) == 0 && len(x.chunk.States) == 0 {
		return true
	}
	if !yield(x.chunk) {
		return false
	}
	clear(x.chunk.Facts)
	clear(x.chunk.States)
	x.chunk = Chunk{Facts: x.chunk.Facts[:0], States: x.chunk.States[:0]}
	x.texts = x.texts[:0]
	return true
}

// finish yields what belongs to no operation, what went to another one meanwhile, and what was not told for certain.
func (x *exporter) finish(yield func(Chunk) bool) {
	if !x.flush(yield) || !x.waiting(yield) {
		return
	}
	for {
		went, at := x.engine.takeMoved()
		if len(went) == 0 {
			break
		}
		for i := range went {
			x.facts(&went[i].op, at)
			if of := went[i].spent; !of.isZero() {
				x.chunk.States = append(x.chunk.States, spentState(went[i].op.Called(), of))
			}
			if x.full() && !x.flush(yield) {
				return
			}
		}
		if !x.flush(yield) {
			return
		}
	}
	x.engine.settleDepartures()
	for some := range slices.Chunk(append(x.engine.untold.parted(), x.engine.untold.all()...), chunkOperations) {
		x.chunk.States = append(x.chunk.States, some...)
		if !x.flush(yield) {
			return
		}
	}
}

// waitingStep is what arrived within so many nanoseconds is taken to have arrived at the same time, of facts that wait.
const waitingStep = 100_000_000

// waiting yields the facts that wait for their operation to become known.
func (x *exporter) waiting(yield func(Chunk) bool) bool {
	for from := uint64(0); from != math.MaxUint64; {
		x.chunk.At, from = x.engine.waitingSome(&x.chunk, from)
		if !x.flush(yield) {
			return false
		}
	}
	return true
}

// waitingSome adds the facts from a position on that came at about the same time, with what is spent of them, and returns that time and the
// position after them, the greatest number at the end.
func (e *Engine) waitingSome(c *Chunk, from uint64) (int64, uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := &e.identity.parked
	at := int64(0)
	for pos := max(from, w.first); pos < w.next; pos++ {
		s := w.slot(pos)
		if !s.live {
			continue
		}
		if len(c.Facts) == 0 {
			at = s.at
		} else if s.at-at >= waitingStep || len(c.Facts) >= chunkOperations {
			return at, pos
		}
		c.Facts = append(c.Facts, s.fact)
		if !s.spent.isZero() {
			c.States = append(c.States, spentState(operation.Identity{ID: operation.ImplicitID(s.fact.Trace, s.fact.Span), Namespace: s.fact.Namespace}, s.spent))
		}
	}
	return at, math.MaxUint64
}

// moved are facts that went from one operation to another, or found theirs, while an export is under way: it may have been at the one
// already, and not yet at the other.
type moved struct {
	on  bool
	ops []movedFacts
}

// movedFacts are facts that moved at once, and what is spent of them.
type movedFacts struct {
	op    operation.Operation
	spent spent
}

func (m *moved) operation(op operation.Operation, of spent) {
	if m.on {
		m.ops = append(m.ops, movedFacts{op, of})
	}
}

func (m *moved) facts(facts []operation.Fact, of spent) {
	if !m.on || len(facts) == 0 {
		return
	}
	op := operation.New(nil)
	for i := range facts {
		op.Add(&facts[i])
	}
	m.ops = append(m.ops, movedFacts{op, of})
}

func (m *moved) waiters(waited []waiter) {
	if !m.on {
		return
	}
	for i := range waited {
		m.fact(&waited[i].fact, waited[i].spent)
	}
}

func (m *moved) fact(f *operation.Fact, of spent) {
	if m.on {
		m.facts([]operation.Fact{*f}, of)
	}
}

// takeMoved returns what moved until now, and when the last of it did.
func (e *Engine) takeMoved() ([]movedFacts, int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ops := e.identity.moved.ops
	e.identity.moved.ops = nil
	return ops, e.identity.at
}
