package engine

import (
	"math"
	"slices"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// Sweep judges every operation with new facts or a deadline that has come, and returns the changes of verdict. Finished
// operations whose retention is over are let go. It costs nothing for operations that are neither new nor due.
func (e *Engine) Sweep(now time.Time) []operation.Change {
	changes, more := e.SweepSome(now)
	for more {
		var others []operation.Change
		others, more = e.SweepSome(now)
		changes = append(changes, others...)
	}
	return changes
}

// SweepSome is Sweep for somebody who would rather be called again than wait: it judges a bounded number of operations, and reports whether there are
// more. Operations that are left do not wait for ever, whatever comes meanwhile.
func (e *Engine) SweepSome(now time.Time) (changes []operation.Change, more bool) {
	at := now.UnixNano()
	r := e.reducers.Get().(*operation.Reducer)
	defer e.reducers.Put(r)
	if n := e.changes.Load(); n > 0 {
		// As many as there were before, mostly.
		changes = make([]operation.Change, 0, n+n/changesMore)
	}
	e.recall(r)
	changes = e.tellAgain(changes)
	first, left := e.sweepFrom.Load(), e.sweepMost
	for i := range uint32(shardCount) {
		if left <= 0 {
			more = true
			break
		}
		number := (first + i) % shardCount
		changes, left = e.shards[number].sweep(e, r, at, changes, left)
		e.sweepFrom.Store(number + 1)
	}
	more = more || left <= 0
	for _, n := range e.unpaired.takeAgain() {
		e.shard(n).touchLocked(n)
	}
	e.expire(at)
	e.changes.Store(int64(min(len(changes), maxChanges)))
	return changes, more
}

// sweepMost is how many operations are judged before others have their turn: it takes some tenths of a second.
const sweepMost = 50_000

const (
	// maxChanges bounds the changes for which room is made in advance, changesMore is the share that is added to those of the
	// sweep before, as one in so many.
	maxChanges  = 10_000
	changesMore = 4
)

// touchLocked lets the next sweep judge the operation once more, unless it left meanwhile.
func (s *shard) touchLocked(n *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.op.Pending() > 0 {
		s.touch(n)
	}
}

// sweep judges what is new or due in the shard, some at a time: between them others can have the lock. It judges no more than are left to be judged,
// and returns how many are left then.
func (s *shard) sweep(e *Engine, r *operation.Reducer, at int64, changes []operation.Change, left int) ([]operation.Change, int) {
	gone, dirty := s.begin(left)
	for i := range gone {
		changes = append(changes, gone[i].farewell(e))
	}
	for some := range slices.Chunk(dirty, atOnce) {
		changes = s.sweepDirty(e, r, some, at, changes)
	}
	left -= len(dirty)
	s.end(dirty)
	for judged := atOnce; judged == atOnce && left > 0; left -= judged {
		changes, judged = s.sweepDue(e, r, at, changes)
	}
	s.pruneStale()
	return changes, left
}

// begin returns what left and what is to be judged, the oldest of it if that is too much.
func (s *shard) begin(most int) ([]departure, []*entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone, dirty := s.gone, s.dirty
	s.gone, s.postponed = nil, 0
	if len(dirty) > most {
		s.dirty = dirty[most:]
		return gone, dirty[:most:most]
	}
	s.dirty, s.swept = s.swept[:0], nil
	return gone, dirty
}

// maxSwept bounds the room that is kept for the next sweep.
const maxSwept = 10_000

func (s *shard) end(dirty []*entry) {
	if cap(dirty) > maxSwept {
		return
	}
	clear(dirty)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swept = dirty
}

func (s *shard) sweepDirty(e *Engine, r *operation.Reducer, some []*entry, at int64, changes []operation.Change) []operation.Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range some {
		if !n.dirty {
			continue
		}
		n.dirty = false
		if !s.tooSoon(e, n, at) {
			changes = s.judgeSafely(e, r, n, at, changes)
		}
	}
	return changes
}

// sweepDue returns how many were due: if they are as many as can be, there may be more.
func (s *shard) sweepDue(e *Engine, r *operation.Reducer, at int64, changes []operation.Change) ([]operation.Change, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range atOnce {
		if len(s.deadlines) == 0 || s.deadlines[0].due > at {
			return changes, i
		}
		n := s.deadlines[0].entry
		s.schedule(n, 0)
		if !s.tooSoon(e, n, at) {
			changes = s.judgeSafely(e, r, n, at, changes)
		}
	}
	return changes, atOnce
}

// tooSoon reports whether an operation need not be judged yet, and sees to it that it will be: it is in progress, and no other
// verdict counts before telemetry has stopped arriving.
func (s *shard) tooSoon(e *Engine, n *entry, at int64) bool {
	due := n.arrived + int64(e.settings.ArrivalGrace)
	if !n.judged {
		if !n.canWait(e) {
			return false
		}
		due = max(due, n.soonest(&e.settings))
	}
	if n.state != operation.StateInProgress || due <= at || n.op.Pending() == 0 {
		return false
	}
	s.schedule(n, due)
	return true
}

// judgeSafely keeps a defect in judging one operation from all others. It is counted, and the operation is left as it was
// until something new comes of it.
func (s *shard) judgeSafely(
	e *Engine, r *operation.Reducer, n *entry, at int64, changes []operation.Change,
) (judged []operation.Change) {
	defer func() {
		if recover() != nil {
			e.counts.drop(DropDefect)
			judged = changes
		}
	}()
	return s.judge(e, r, n, at, changes)
}

// judge brings one operation's verdict up to date. Called with the lock held.
func (s *shard) judge(e *Engine, r *operation.Reducer, n *entry, at int64, changes []operation.Change) []operation.Change {
	if n.op.Pending() == 0 {
		s.emptied(e, n)
		return changes
	}
	n.op.Compact()
	view := r.View(&n.op, &e.habits)
	e.unpaired.update(n, view)
	e.unpaired.presume(view)
	policy := e.policy(view)
	n.know(e.symbols, view, policy)
	if policy.Rule != n.judgedBy(e.symbols) {
		n.judgeBy(e.symbols, policy.Rule)
		if matched := e.settings.Matched; matched != nil && policy.Rule != "" {
			matched(policy, at)
		}
	}
	if judged := e.settings.Judged; judged != nil {
		judged(view, policy, at)
	}
	verdict := n.verdictAt(view, policy, &e.settings.Circumstances, at)
	if !verdict.State.Final() {
		view.Await(policy, &e.settings.Circumstances)
	}
	quiet := n.arrived + int64(e.settings.ArrivalGrace)
	if verdict.State != operation.StateInProgress && quiet > at && !verdict.SameOutcome(n.verdict()) {
		s.schedule(n, quiet)
		e.note(n, view, policy)
		return changes
	}
	if verdict.State == operation.StateCompleted {
		if !n.learned {
			e.habits.learnClocks(view)
		}
		// What was learned is known from the change, which is kept.
		e.unpaired.addAgain(e.habits.learnOperation(n, view))
	}
	s.schedule(n, verdict.Next)
	before, first := n.verdict(), n.revision == 0
	n.setVerdict(&verdict)
	n.judged = true
	e.note(n, view, policy)
	n.late = verdict.Flags&operation.FlagLateEvidence != 0
	if n.ended == operation.StateInProgress && verdict.State.Final() {
		n.ended = verdict.State
	}
	if first {
		before = operation.Verdict{Hop: -1, Consumer: -1}
	}
	if verdict.SameOutcome(before) {
		return changes
	}
	n.updated = at
	wasStuck := n.revise(verdict.State)
	s.finish(e, n)
	n.announced = true
	return append(changes, operation.Change{
		View: r.Keep(), Verdict: verdict, Before: before, New: first, Policy: policy,
		Revision: n.revision, FinalRevision: uint32(n.finalRevision), WasStuck: wasStuck, At: at,
	})
}

// verdictAt judges. An operation that has settled once need not settle again because a late record came, nor go on to what
// experience has learned to expect since.
func (n *entry) verdictAt(view *operation.View, policy *operation.Policy, c *operation.Circumstances, at int64) operation.Verdict {
	verdict := operation.Verdict{}
	if n.state == operation.StateCompleted {
		settled := *policy
		settled.Settle = 0
		verdict = operation.Judge(view, &settled, &operation.Circumstances{Telemetry: c.Telemetry}, at)
	} else {
		verdict = operation.Judge(view, policy, c, at)
	}
	other := n.ended != operation.StateInProgress && verdict.State != n.ended && verdict.State != operation.StateInProgress
	if n.late || other {
		verdict.Flags |= operation.FlagLateEvidence
	}
	return verdict
}

// emptied deals with an operation that has no facts.
func (s *shard) emptied(e *Engine, n *entry) {
	s.schedule(n, 0)
	s.empty = append(s.empty, n)
	e.unnote(n)
}

// finish counts that the operation became final, and moves its entry as its verdict says.
func (s *shard) finish(e *Engine, n *entry) {
	if n.state.Final() && n.lastFinal() < math.MaxUint16 {
		n.finalRevision = n.lastFinal() + 1
	}
	s.shelve(e, n)
}

// know keeps the name that lists and stamps need of the view.
func (n *entry) know(symbols *operation.Symbols, view *operation.View, policy *operation.Policy) {
	n.known = true
	n.call(symbols, nameOf(view, policy))
}

func nameOf(view *operation.View, policy *operation.Policy) string {
	if policy.OperationName != "" {
		return policy.OperationName
	}
	return view.Name
}
