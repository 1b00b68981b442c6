package engine

import (
	"math"

	"github.com/throughline/throughline/internal/operation"
)

// spent are the greatest numbers under which anything may have been told of some facts. A revision belongs to a name, and what an
// operation is called follows from its facts. So they go where the facts go, whichever operations these turn out to be: one that is called
// by a name that was in use before counts on from there, and no revision of a name is ever told for something else.
type spent struct {
	revision uint32
	final    uint16
}

func (s spent) isZero() bool { return s == spent{} }

func (s spent) and(other spent) spent {
	return spent{max(s.revision, other.revision), max(s.final, other.final)}
}

// spent returns what is spent of the operation's facts. Called with the shard's lock held.
func (n *entry) spent() spent {
	s := spent{n.revision, n.finalRevision}
	if n.extra != nil {
		s = s.and(n.extra.spent)
	}
	if n.announced && n.missed() {
		// If it is no more, that is told under a revision of its own.
		s.revision++
	}
	return s
}

// spend takes note of what is spent of facts that came to the operation. Called with the shard's lock held.
func (n *entry) spend(s spent) {
	if s.revision > n.revision || s.final > n.finalRevision {
		n.more().spent = n.more().spent.and(s)
	}
}

// last is the greatest revision that is spent, but for that of its end. Called with the shard's lock held.
func (n *entry) last() uint32 {
	if n.extra == nil {
		return n.revision
	}
	return max(n.revision, n.extra.spent.revision)
}

// lastFinal is the greatest number of a final verdict that is spent. Called with the shard's lock held.
func (n *entry) lastFinal() uint16 {
	if n.extra == nil {
		return n.finalRevision
	}
	return max(n.finalRevision, n.extra.spent.final)
}

// spent is what is spent of the name.
func (s *State) spent() spent {
	of := spent{s.Revision, uint16(min(s.FinalRevision, math.MaxUint16))}
	if s.Parted {
		of.revision++
	}
	return of
}

// spentBefore is what is spent of the operation's facts beyond what was told of itself. Called with the shard's lock held.
func (n *entry) spentBefore() spent {
	if n.extra == nil || (n.extra.spent.revision <= n.revision && n.extra.spent.final <= n.finalRevision) {
		return spent{}
	}
	return n.extra.spent
}

// spendLocked is [entry.spend] for an operation whose shard is not locked.
func (x *identity) spendLocked(n *entry, s spent) {
	if s.isZero() {
		return
	}
	shard := x.engine.shard(n)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	n.spend(s)
}

// spend takes note of what is spent of a name: by the operation that has it, nil if there is none, or by the facts that wait and would make
// one of that name. Called with Engine.mu held.
func (e *Engine) spend(n *entry, s *State) {
	of := s.spent()
	if n != nil {
		e.identity.spendLocked(n, of)
		return
	}
	record, ok := operation.ParseImplicitID(s.ID)
	if !ok {
		return
	}
	e.identity.parked.each(traceKey(record.Trace), func(w *waiter) { w.spent = w.spent.and(of) })
}

// spentState is what is to be kept of a name of which more is spent than its state says, or nothing else is known.
func spentState(called operation.Identity, of spent) State {
	return State{Namespace: called.Namespace, ID: called.ID, Again: true, Revision: of.revision, FinalRevision: uint32(of.final)}
}
