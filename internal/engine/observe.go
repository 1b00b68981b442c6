package engine

import "github.com/throughline/throughline/internal/operation"

// Observer is told what becomes of each fact, once: it is attached, or lost, or waits first and is one of both later. What
// happens to its operation afterwards (it turns out to be another one, or gives way) is not told. All methods are called
// under the engine's lock by the goroutine that applies or sweeps, so they must be quick, must not allocate in the steady
// state, and must not call back. The fact is theirs for the time of the call.
type Observer interface {
	// Attached: the fact belongs to an operation by the reason in JoinedBy; late if it waited for that.
	Attached(f *operation.Fact, late bool)
	// Waiting: the fact waits for its operation to become known.
	Waiting(f *operation.Fact)
	// Lost: the fact was dropped for the given reason; late if it waited before.
	Lost(f *operation.Fact, late bool, why Drop)
}

// standing is what the observer knows of a fact.
type standing uint8

const (
	// standingNew: nothing yet.
	standingNew standing = iota
	// standingWaiting: that it waits.
	standingWaiting
	// standingTold: what became of it.
	standingTold
)

// takeAgain takes a fact for another time, in the midst of taking one. It arrived at the given time, which may be later than that of
// one that is replayed. of is what is spent of it.
func (x *identity) takeAgain(f *operation.Fact, known standing, arrived int64, of spent) {
	outer, at, before := x.standing, x.at, x.spent
	x.standing, x.spent = known, of
	x.take(f, max(x.at, arrived))
	x.standing, x.at, x.spent = outer, at, before
}

// attachWaiting attaches a fact from among the waiting ones.
func (x *identity) attachWaiting(e *entry, w *waiter, reason operation.Reason) {
	x.moved.fact(&w.fact, w.spent)
	outer, at, before := x.standing, x.at, x.spent
	x.standing, x.at, x.spent = w.known, max(x.at, w.at), w.spent
	x.attach(e, &w.fact, reason)
	w.known, x.standing, x.at, x.spent = x.standing, outer, at, before
}

// tellAttached tells that the fact being taken was attached, or had no room in its operation.
func (x *identity) tellAttached(f *operation.Fact, hadRoom bool) {
	known := x.standing
	x.standing = standingTold
	o := x.engine.settings.Observer
	switch {
	case o == nil || known == standingTold:
	case hadRoom:
		o.Attached(f, known == standingWaiting)
	default:
		o.Lost(f, known == standingWaiting, DropRunaway)
	}
}

// tellWaiting tells that the fact being taken waits.
func (x *identity) tellWaiting(f *operation.Fact) {
	if x.standing != standingNew {
		return
	}
	x.standing = standingWaiting
	if o := x.engine.settings.Observer; o != nil {
		o.Waiting(f)
	}
}

// lose counts a fact that is let go, and tells so unless it has been attached before.
func (x *identity) lose(f *operation.Fact, known standing, why Drop) {
	if !x.replaying() {
		x.engine.counts.drop(why)
	}
	if o := x.engine.settings.Observer; o != nil && known != standingTold {
		o.Lost(f, known == standingWaiting, why)
	}
}
