package engine

import "github.com/throughline/throughline/internal/operation"

// departure is an operation of which outputs were told and that is no more.
type departure struct {
	op                      operation.Operation
	before                  operation.Verdict
	revision, finalRevision uint32
	at                      int64
	// left says that it gave way, and did not become another one.
	left bool
	// state is what is known of one whose facts are not, nil otherwise.
	state *State
}

func (n *entry) depart(left bool) departure {
	return departure{op: n.op, before: n.verdict(), revision: n.last(), finalRevision: uint32(n.lastFinal()), at: n.updated, left: left}
}

// address is what the operation was called.
func (d *departure) address() address {
	if d.state != nil {
		return d.state.address()
	}
	id := d.op.Called()
	return address{id.Namespace, id.ID}
}

// parted is what is to be kept while nobody was told of it.
func (d *departure) parted() State {
	a := d.address()
	s := State{
		Namespace: a.namespace, ID: a.id, Verdict: d.before, Revision: d.revision, FinalRevision: d.finalRevision, UpdatedAt: d.at,
		Left: d.left, Parted: true,
	}
	if d.state != nil {
		s.Name = d.state.Name
	}
	return s
}

// farewell is the change by which outputs learn of it: it is neither stuck nor failed. No lock need be held.
func (d *departure) farewell(e *Engine) operation.Change {
	var view *operation.View
	if d.state != nil {
		view = d.state.view()
	} else {
		view = d.op.View(&e.habits)
	}
	return operation.Change{
		View: view, Before: d.before, Verdict: operation.Verdict{Hop: -1, Consumer: -1}, Policy: e.policy(view),
		Revision: d.revision + 1, FinalRevision: d.finalRevision, Gone: true, Left: d.left, At: d.at,
	}
}
