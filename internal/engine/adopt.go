package engine

import (
	"math"

	"github.com/throughline/throughline/internal/operation"
)

// Adopt continues with what was made of operations by an earlier run, or by another collector: of several states of an operation, the one
// with the greatest revision, and of those of one revision the last. The next sweep tells those once more whose output is greater than told, which is the greatest number of
// an output that was told for certain. It returns those whose operation is not known: they are to be given again once more facts were
// replayed. The states of an operation are to be given in the order of their revisions, and not while anybody sweeps.
//
// With no states, it takes note of what was told.
func (e *Engine) Adopt(states []State, told int64) (unknown []State) {
	e.untold.settle(told)
	if len(states) == 0 {
		return nil
	}
	e.settleDepartures()
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range states {
		if !e.adopt(&states[i]) {
			unknown = append(unknown, states[i])
		} else if states[i].Output > told {
			e.untold.add(states[i:i+1], true, e)
		}
	}
	return unknown
}

// adopt reports whether the operation is known, or need not be.
func (e *Engine) adopt(s *State) bool {
	n := e.find(s.Namespace, s.ID)
	known := s.Again || e.adoptBy(n, s)
	e.spend(n, s)
	return known
}

// adoptBy lets an operation go on as it was, nil if it is not known.
func (e *Engine) adoptBy(n *entry, s *State) bool {
	e.untold.supersede(s)
	switch {
	case s.Gone:
		e.untold.forget(s.address())
	case s.Parted:
		e.untold.depart(s.depart(), e)
	}
	if s.Gone || s.Parted {
		if n != nil {
			e.adoptGone(n, s)
		}
		return true
	}
	if n == nil {
		return false
	}
	shard := e.shard(n)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	same := n.isCalled(s.address())
	switch {
	case same && s.Revision == 0:
		n.arrived = max(n.arrived, s.ArrivedAt)
		shard.quarantine(e, n, s)
	case same && (s.Revision >= n.revision || n.former() != nil):
		if former := n.former(); former != nil && former.missed() {
			// It was another operation that became this one since.
			e.untold.depart(former.depart(), e)
		}
		shard.adopt(e, n, s)
		n.setFormer(nil)
	case !same && s.Revision > 0 && (n.revision == 0 || n.former() != nil && s.Revision > n.former().Revision):
		former := n.former()
		if former != nil && former.missed() && former.address() != s.address() {
			e.untold.depart(former.depart(), e)
		}
		// It goes by another name since, or a part of it was told of by that name.
		shard.adopt(e, n, s)
		known := *s
		n.setFormer(&known)
	case !same && s.missed() && (n.former() == nil || n.former().address() != s.address()):
		e.untold.depart(s.depart(), e)
	}
	return true
}

// depart is what outputs are told by if the operation became another one.
func (s *State) depart() departure {
	known := *s
	return departure{
		before: s.Verdict, revision: s.Revision, finalRevision: s.FinalRevision, at: s.UpdatedAt, left: s.Left, state: &known,
	}
}

// former is the state by another name that the operation goes on from, nil without one. It is in extra, where few have anything.
func (n *entry) former() *State {
	if n.extra == nil {
		return nil
	}
	return n.extra.former
}

func (n *entry) setFormer(s *State) {
	if s != nil || n.extra != nil {
		n.more().former = s
	}
}

// adoptGone deals with an operation whose end was told, or is to be. If it left, what is held of it came before that. Called with
// Engine.mu held.
func (e *Engine) adoptGone(n *entry, s *State) {
	last := s.spent().revision
	shard := e.shard(n)
	shard.mu.Lock()
	former := n.former() != nil && n.former().address() == s.address()
	if !former && (!n.isCalled(s.address()) || last <= n.revision) {
		shard.mu.Unlock()
		return
	}
	if former {
		// It was not a former name, but an operation that became a part of this one.
		n.setFormer(nil)
		n.finalRevision, last = 0, 0
	}
	n.announced, n.judged, n.revision = false, false, last
	n.setVerdict(&operation.Verdict{Hop: -1, Consumer: -1})
	shard.shelve(e, n)
	shard.touch(n)
	shard.mu.Unlock()
	if s.Left {
		e.identity.remove(n)
	}
}

// adopt makes an operation what it was. Called with the lock held, and Engine.mu.
func (s *shard) adopt(e *Engine, n *entry, from *State) {
	n.setVerdict(&from.Verdict)
	n.judged, n.announced = true, true
	n.revision, n.finalRevision = from.Revision, uint16(min(from.FinalRevision, math.MaxUint16))
	n.ended, n.late, n.updated = from.Ended, from.Late, from.UpdatedAt
	n.arrived = max(n.arrived, from.ArrivedAt)
	if n.learned = from.Learned; n.learned {
		n.lasted = from.Taught
	}
	was := from.WasStuck << 1
	if from.Verdict.State == operation.StateStuck {
		was |= 1
	}
	if was != 0 || n.extra != nil {
		n.more().wasStuck = was
	}
	n.keepIncident(from.Incident)
	if from.Name != "" {
		n.call(e.symbols, from.Name)
		n.known = true
	}
	s.quarantine(e, n, from)
	s.shelve(e, n)
	s.outdate(n)
	if n.settled(from) {
		s.schedule(n, 0)
		n.dirty = false
	}
}

// settled reports whether nothing but new evidence can change the verdict: it need not be judged again.
func (n *entry) settled(from *State) bool {
	return n.finished && from.Facts != 0 && n.op.Pending() == int(from.Facts)
}

// recall prepares the first sweep after operations were replayed: others are judged by what is unpaired, or out of the usual, so it must be
// known beforehand, also of operations that are not judged anew.
func (e *Engine) recall(r *operation.Reducer) {
	if !e.replayed.Swap(false) {
		return
	}
	for from := uint32(0); ; {
		some := e.some(&from)
		if len(some) == 0 {
			return
		}
		for _, n := range some {
			e.recallSafely(r, n)
		}
	}
}

// recallSafely keeps a defect in reducing one operation from all others, as judgeSafely does.
func (e *Engine) recallSafely(r *operation.Reducer, n *entry) {
	s := e.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if recover() != nil {
			e.counts.drop(DropDefect)
		}
	}()
	several := n.learned && taught(n.lasted)>>taughtFlows != 0
	if n.op.Pending() == 0 || (!n.loose && !several) {
		return
	}
	view := r.View(&n.op, &e.habits)
	e.unpaired.update(n, view)
	if several {
		e.unpaired.addAgain(e.habits.learnOperation(n, view))
	}
}

// quarantine makes a runaway of what was one. Called with the lock held.
func (s *shard) quarantine(e *Engine, n *entry, from *State) {
	if from.Runaway && !n.runaway {
		n.runaway = true
		e.counts.runaways.Add(1)
	}
}

// shelve puts an entry among the open or the finished ones as its verdict says. Called with the lock held.
func (s *shard) shelve(e *Engine, n *entry) {
	final := n.state.Final()
	switch {
	case final && n.finished:
		s.finished.remove(n)
		s.finished.push(n)
	case final:
		s.open.remove(n)
		s.finished.push(n)
		n.finished = true
		e.counts.finished.Add(1)
	case n.finished:
		s.finished.remove(n)
		s.open.push(n)
		n.finished = false
		e.counts.finished.Add(-1)
	}
}
