package engine

import (
	"iter"

	"github.com/throughline/throughline/internal/operation"
)

// State is what the facts of an operation do not say: what was made of them, and what outputs were told. Times are nanoseconds since
// 1970.
type State struct {
	// Namespace and ID are those of the view, also of an operation that nobody gave an ID. Name is the operation's name.
	Namespace, ID, Name string
	// Verdict, Before, New, Revision, FinalRevision, WasStuck, Gone and Left are those of the change. Revision 0 says that nothing
	// was told of the operation.
	Verdict, Before         operation.Verdict
	New                     bool
	Revision, FinalRevision uint32
	WasStuck                uint64
	Gone, Left              bool
	// Parted says that the operation is no more, or no more of that name, and that nobody was told so yet.
	Parted bool
	// Again says that the change was told, or may have been, and that nothing else is to be made of this: an earlier state said it all, or
	// a later one does.
	Again bool
	// UpdatedAt is when the verdict changed last, ArrivedAt when a fact came last, 0 if that is not said here.
	UpdatedAt, ArrivedAt int64
	// Ended is the final state that it came to first, StateInProgress without one; Late says that late evidence led to another.
	Ended operation.State
	Late  bool
	// Runaway says that it takes no more facts. Facts is how many it had when it was judged for the last time, if it is not to be judged
	// anew; 0 if that is not known.
	Runaway bool
	Facts   uint32
	// Learned says that habits were learned from it, Taught as what it was counted then.
	Learned bool
	Taught  uint16
	// Incident is the ID of the incident that the operation is in since the change, "" without one.
	Incident string
	// Seen is that of the change: who is told to have consumed last stays the same if it is told again.
	Seen operation.Sighting
	// Output is the number of the output by which the change was told, 0 for none that need be told again.
	Output int64
}

// address is what an operation is called.
type address struct{ namespace, id string }

func (s *State) address() address { return address{s.Namespace, s.ID} }

// view is all that can be said of an operation without its facts.
func (s *State) view() *operation.View {
	_, implicit := operation.ParseImplicitID(s.ID)
	return &operation.View{ID: s.ID, Namespace: s.Namespace, Implicit: implicit, Name: s.Name, Aliases: []string{}, Progress: -1, StartedAt: s.UpdatedAt}
}

// missed reports whether outputs count on being told that the operation is no more.
func (s *State) missed() bool {
	return s.Revision > 0 && !s.Gone && (s.Verdict.State.Troubled() || s.Verdict.State == operation.StateUnknown)
}

// States returns what is to be kept of the changes that a sweep returned, if they are told by the output of that number, which grows
// from one sweep to the next; incident returns the ID of the incident that the operation of a change is in, "" for none. It is to be
// called before the next sweep.
// Expected operations that did not start are passed over: they have no facts, and are kept by whoever expects them.
func (e *Engine) States(changes []operation.Change, output int64, incident func(i int) string) []State {
	states := make([]State, 0, len(changes))
	for i := range changes {
		c := &changes[i]
		if c.View.Missed > 0 {
			continue
		}
		s := State{
			Namespace: c.View.Namespace, ID: c.View.ID, Name: nameOf(c.View, c.Policy), Verdict: c.Verdict, Before: c.Before, New: c.New,
			Revision: c.Revision, FinalRevision: c.FinalRevision, WasStuck: c.WasStuck, Gone: c.Gone, Left: c.Left, Again: c.Again, UpdatedAt: c.At,
			Late: c.Verdict.Flags&operation.FlagLateEvidence != 0, Incident: incident(i), Output: output, Seen: c.Seen,
		}
		if c.Verdict.State.Final() {
			s.Ended = c.Verdict.State
		}
		if !c.Again {
			s.Facts = uint32(c.View.Facts)
		}
		states = append(states, s)
	}
	e.complete(states)
	e.untold.add(states, false, e)
	return states
}

// complete fills in what changes do not say, and keeps the incident.
func (e *Engine) complete(states []State) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range states {
		s := &states[i]
		if s.Gone {
			continue
		}
		n := e.find(s.Namespace, s.ID)
		if n == nil {
			continue
		}
		shard := e.shard(n)
		shard.mu.Lock()
		if n.revision == s.Revision {
			n.keepIncident(s.Incident)
			s.Ended, s.Runaway, s.Learned = n.ended, n.runaway, n.learned
			if n.learned {
				s.Taught = n.lasted
			}
			if n.unpaired {
				// What is presumed of it hangs on others.
				s.Facts = 0
			}
		}
		shard.mu.Unlock()
	}
}

func (n *entry) keepIncident(id string) {
	if id != "" || n.extra != nil {
		n.more().incident = id
	}
}

// find returns the operation with the given ID or alias, nil if there is none. Called with Engine.mu held.
func (e *Engine) find(namespace, id string) *entry {
	x := &e.identity
	if n := x.owner(x.index.find(nodeID, idKey(namespace, id))); n != nil {
		return n
	}
	record, ok := operation.ParseImplicitID(id)
	if !ok {
		return nil
	}
	t := x.trace(record.Trace)
	if shared := x.sharedTrace(t); shared != nil {
		return shared.spans[record.Span].find()
	}
	return x.owner(t)
}

// isCalled reports whether the operation is the one of that name now. Called with the shard's lock held.
func (n *entry) isCalled(a address) bool {
	id, namespace := n.op.Label()
	if id == "" {
		called := n.op.Identity()
		id, namespace = called.ID, called.Namespace
	}
	return a == address{namespace, id}
}

// kept is what is to be kept of an operation that is as it was told. Called with the shard's lock held.
func (n *entry) kept(e *Engine) State {
	s := State{
		Name: n.title(e.symbols), Revision: n.revision, FinalRevision: uint32(n.finalRevision), UpdatedAt: n.updated, ArrivedAt: n.arrived,
		Ended: n.ended, Late: n.late, Runaway: n.runaway, Learned: n.learned,
	}
	if n.learned {
		s.Taught = n.lasted
	}
	if n.revision > 0 {
		s.Verdict = n.verdict()
	}
	if !n.dirty && n.place < 0 && !n.unpaired {
		s.Facts = uint32(n.op.Pending())
	}
	if n.extra != nil {
		s.Incident = n.extra.incident
		// The lowest bit is about the verdict itself.
		s.WasStuck = n.extra.wasStuck >> 1
	}
	return s
}

// InIncidents yields what is kept of the operations that were in an incident when their verdict changed last, and are in the trouble that
// made them so: those that are stuck, failed, dead-lettered, or unknown. No lock is held while the caller is at work.
func (e *Engine) InIncidents() iter.Seq[State] {
	return func(yield func(State) bool) {
		for from := uint32(0); ; {
			some := e.some(&from)
			if len(some) == 0 {
				return
			}
			for _, n := range some {
				if s, in := e.inIncident(n); in && !yield(s) {
					return
				}
			}
		}
	}
}

func (e *Engine) inIncident(n *entry) (State, bool) {
	s := e.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.extra == nil || n.extra.incident == "" || !n.missed() || n.op.Pending() == 0 {
		return State{}, false
	}
	kept, called := n.kept(e), n.op.Called()
	kept.Namespace, kept.ID = called.Namespace, called.ID
	return kept, true
}
