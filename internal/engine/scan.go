package engine

import (
	"iter"

	"github.com/throughline/throughline/internal/operation"
)

// Glance is what can be told of an operation at almost no cost.
type Glance struct {
	State  operation.State
	Reason operation.StuckReason
	Flags  operation.Flags
	// UpdatedAt is that of the snapshot.
	UpdatedAt int64
}

// Scan yields the operations that are wanted after a glance and, unless called is nil, by their IDs and name, mostly those that began last first;
// whether one that begins meanwhile is among them is open. No lock is held while the caller is at work, but wants and called are called
// under one: they must be quick and must not call back.
//
// It goes by the numbers of the operations and not from one to the next: their addresses are known in advance, so that the processor fetches several at a time.
func (e *Engine) Scan(wants func(Glance) bool, called func(id, name string, aliases []string) bool) iter.Seq[Summary] {
	return func(yield func(Summary) bool) {
		var room scanRoom
		for chunk := e.rosterChunks() - 1; chunk >= 0; chunk-- {
			room.load(e, chunk)
			for i := range e.shards {
				room.summaries = e.shards[i].scan(e, room.of[i], wants, called, room.summaries[:0])
				for k := range room.summaries {
					if !yield(room.summaries[k]) {
						return
					}
				}
			}
		}
	}
}

// scanRoom holds some operations at a time, by their shards.
type scanRoom struct {
	slots     [rosterChunk]*entry
	of        [shardCount][]*entry
	summaries []Summary
}

func (e *Engine) rosterChunks() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.identity.entries.chunks)
}

// load takes over the operations of a chunk of the roster.
func (r *scanRoom) load(e *Engine, chunk int) {
	e.mu.Lock()
	r.slots = *e.identity.entries.chunks[chunk]
	e.mu.Unlock()
	for i := range r.of {
		r.of[i] = r.of[i][:0]
	}
	for i := len(r.slots) - 1; i >= 0; i-- {
		if n := r.slots[i]; n != nil {
			of := &r.of[n.seq%shardCount]
			*of = append(*of, n)
		}
	}
}

// scan appends summaries of the entries that are wanted.
func (s *shard) scan(
	e *Engine, of []*entry, wants func(Glance) bool, called func(id, name string, aliases []string) bool, all []Summary,
) []Summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range of {
		g := Glance{State: n.state, Reason: n.reason, Flags: n.flags, UpdatedAt: max(n.arrived, n.updated)}
		if n.op.Pending() == 0 || !wants(g) {
			continue
		}
		if called != nil {
			s.know(e, n)
			identity := n.op.Called()
			if !called(identity.ID, n.title(e.symbols), identity.Aliases) {
				continue
			}
		}
		all = append(all, s.summary(e, n))
	}
	return all
}

// summary is called with the lock held.
func (s *shard) summary(e *Engine, n *entry) Summary {
	s.know(e, n)
	return Summary{n.op.Called(), n.title(e.symbols), n.verdict(), n.judgedBy(e.symbols), max(n.arrived, n.updated), n}
}

// know sees to it that the name is known. Called with the lock held.
func (s *shard) know(e *Engine, n *entry) {
	if !n.known {
		view := n.op.View(&e.habits)
		n.know(e.symbols, view, e.policy(view))
	}
}
