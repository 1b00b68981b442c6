package engine

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/throughline/throughline/internal/operation"
)

// untold are the changes of which it is not certain that they were told, and the ends of operations that nobody was told of yet by
// the one whose part it is.
type untold struct {
	mu sync.Mutex
	// states are changes, by the operation and the revision. They are told by one output or another that is greater than told.
	states map[revised]pending // guarded by mu
	told   int64               // guarded by mu
	// left are operations that are no more.
	left map[address]departure // guarded by mu
}

// revised is one revision of an operation.
type revised struct {
	address
	revision uint32
}

type pending struct {
	State
	// again says that the next sweep tells it.
	again bool
}

// maxUntold bounds the changes that may have to be told again, and the ends that are to be told.
const maxUntold = 200_000

func (u *untold) init() { u.states, u.left = make(map[revised]pending), make(map[address]departure) }

// add takes note of changes that were not told for certain; again says that they are to be told by the next sweep.
func (u *untold) add(states []State, again bool, e *Engine) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := range states {
		s := &states[i]
		key := revised{s.address(), s.Revision}
		if known, ok := u.states[key]; s.Output <= u.told || (ok && known.Output > s.Output) {
			continue
		} else if !ok && len(u.states) >= maxUntold {
			e.counts.drop(DropUntold)
			continue
		}
		u.states[key] = pending{*s, again}
	}
}

// settle lets go of what was told by now.
func (u *untold) settle(told int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if told <= u.told {
		return
	}
	u.told = told
	maps.DeleteFunc(u.states, func(_ revised, p pending) bool { return p.Output <= told })
}

// take returns the changes that are to be told again, in the order in which they were made.
func (u *untold) take() []State {
	u.mu.Lock()
	defer u.mu.Unlock()
	var states []State
	for key, p := range u.states {
		if p.again {
			states = append(states, p.State)
			u.states[key] = pending{p.State, false}
		}
	}
	return inOrder(states)
}

// all returns the changes that are not told for certain, in the order in which they were made.
func (u *untold) all() []State {
	u.mu.Lock()
	defer u.mu.Unlock()
	states := make([]State, 0, len(u.states))
	for _, p := range u.states {
		s := p.State
		s.Again = true
		states = append(states, s)
	}
	return inOrder(states)
}

func inOrder(states []State) []State {
	slices.SortFunc(states, func(a, b State) int {
		return cmp.Or(cmp.Compare(a.Output, b.Output), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Revision, b.Revision))
	})
	return states
}

// depart takes note of an operation that is no more.
func (u *untold) depart(d departure, e *Engine) {
	a := d.address()
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, known := u.left[a]; !known && len(u.left) >= maxUntold {
		e.counts.drop(DropUntold)
		return
	}
	u.left[a] = d
}

// supersede lets go of the end of an operation that went on after what is known of that.
func (u *untold) supersede(s *State) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if d, known := u.left[s.address()]; known && d.revision < s.Revision {
		delete(u.left, s.address())
	}
}

// forget says that the end of an operation was told.
func (u *untold) forget(a address) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.left, a)
}

// reset lets go of everything.
func (u *untold) reset() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.states, u.left = make(map[revised]pending), make(map[address]departure)
}

func (u *untold) takeLeft() map[address]departure {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.left) == 0 {
		return nil
	}
	left := u.left
	u.left = make(map[address]departure)
	return left
}

// parted returns those who are no more, without anybody having been told.
func (u *untold) parted() []State {
	u.mu.Lock()
	defer u.mu.Unlock()
	states := make([]State, 0, len(u.left))
	for _, d := range u.left {
		states = append(states, d.parted())
	}
	return inOrder(states)
}

// tellAgain appends the changes that may not have been told, as they were, and the ends that were not.
func (e *Engine) tellAgain(changes []operation.Change) []operation.Change {
	for _, s := range e.untold.take() {
		changes = append(changes, e.repeat(&s))
	}
	left := e.untold.takeLeft()
	addresses := slices.SortedFunc(maps.Keys(left), func(a, b address) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.id, b.id))
	})
	for _, a := range addresses {
		d := left[a]
		changes = append(changes, d.farewell(e))
		e.part(a, &d)
	}
	return changes
}

// part lets go of an operation whose end is told, if what came since that made it anew.
func (e *Engine) part(a address, d *departure) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := State{Namespace: a.namespace, ID: a.id, Revision: d.revision + 1, FinalRevision: d.finalRevision, Gone: true, Left: d.left}
	n := e.find(a.namespace, a.id)
	if e.spend(n, &s); n != nil {
		e.adoptGone(n, &s)
	}
}

// repeat is a change once more. What the view says may be newer.
func (e *Engine) repeat(s *State) operation.Change {
	view := e.viewAs(s)
	c := operation.Change{
		View: view, Verdict: s.Verdict, Before: s.Before, New: s.New, Revision: s.Revision, FinalRevision: s.FinalRevision, WasStuck: s.WasStuck,
		Gone: s.Gone, Left: s.Left, Again: true, Policy: e.policy(view), At: s.UpdatedAt, Seen: s.Seen,
	}
	for _, v := range [...]*operation.Verdict{&c.Verdict, &c.Before} {
		if v.Hop >= len(view.Hops) || (v.Hop >= 0 && v.Consumer >= len(view.Hops[v.Hop].Consumers)) {
			v.Hop, v.Consumer = -1, -1
		}
	}
	return c
}

// viewAs returns the operation under the name that it had.
func (e *Engine) viewAs(s *State) *operation.View {
	if s.Gone {
		return s.view()
	}
	n := e.lookup(s.Namespace, s.ID)
	if n == nil {
		return s.view()
	}
	snapshot, ok := e.snapshot(n)
	if !ok {
		return s.view()
	}
	view := snapshot.View
	if view.ID != s.ID || view.Namespace != s.Namespace {
		view.ID, view.Namespace = s.ID, s.Namespace
		_, view.Implicit = operation.ParseImplicitID(s.ID)
	}
	return view
}
