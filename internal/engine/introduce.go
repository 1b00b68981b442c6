package engine

import (
	"cmp"
	"math"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// An operation is not judged before telemetry has stopped arriving for it: no verdict but in_progress counts until then, and one
// that simply completes needs a single look, not one after the other. What others need of it meanwhile is taken from the facts.

// introduce takes from a fact what is needed before the operation is judged: a name for stamps, and whether it has to be judged
// early for the sake of others. Called with the shard's lock held.
func (n *entry) introduce(e *Engine, f *operation.Fact) {
	if n.judged || n.learned {
		return
	}
	n.loose = n.loose || mayBeUnpaired(f)
	if n.isHasty(e, f) {
		n.lasted = hasty
	}
	before := n.named
	switch {
	case f.OperationName != "":
		n.callSince(e.symbols, f.OperationName, math.MinInt64)
	case !e.settings.NamedByPolicy && (f.Kind == operation.KindSend || f.Kind == operation.KindReceive || f.Kind == operation.KindProcess):
		n.callSince(e.symbols, cmp.Or(f.Destination, f.Type), f.At)
	}
	n.lasts(before, max(f.At, f.End))
}

const (
	// tenth is the unit in which it is noted how long an operation lasted.
	tenth = int64(100 * time.Millisecond)
	// hasty takes the place of how long an operation lasted if something may come of it as soon as it is quiet.
	hasty = math.MaxUint16
	// severityError is the OTLP severity number from which on a record tells an error.
	severityError = 17
)

// isHasty reports whether more can come of the fact than that the operation goes on, completes, or is stuck in time.
func (n *entry) isHasty(e *Engine, f *operation.Fact) bool {
	switch f.Kind {
	case operation.KindSend:
		if kind := e.habits.kindOf(f.Destination); kind.deadLetter || kind.retry {
			return true
		}
	case operation.KindReceive, operation.KindProcess:
	case operation.KindWork:
		return f.End == 0
	case operation.KindStarted, operation.KindSucceeded, operation.KindLog:
		// What begins before any message is known to is not told from when that was.
		return f.Severity >= severityError || n.named == 0 || f.At < n.named
	default:
		return true
	}
	return f.Outcome == operation.OutcomeError || f.Disposition != 0 || f.Due != 0 || f.End == 0 || cmp.Or(f.Destination, f.Type) == ""
}

// lasts notes until when there are facts; before is the time from which that was counted until now.
func (n *entry) lasts(before, until int64) {
	if n.lasted == hasty || n.named == 0 {
		return
	}
	if n.named == math.MinInt64 {
		n.lasted = hasty
		return
	}
	if before != 0 {
		until = max(until, before+int64(n.lasted)*tenth)
	}
	// What lasts longer is looked at before it can have completed, and then again.
	n.lasted = max(n.lasted, uint16(min((until-n.named+tenth-1)/tenth, hasty-1)))
}

// soonest returns the time before which no verdict but in_progress can come of it, once it is quiet; 0 if that is not known.
func (n *entry) soonest(s *Settings) int64 {
	if s.Soonest <= 0 || n.lasted == hasty || n.learned {
		return 0
	}
	return n.named + min(int64(s.Soonest), int64(n.lasted)*tenth+int64(s.Settle))
}

// callSince names the operation as its view would, as far as one fact can tell: by what was first.
func (n *entry) callSince(symbols *operation.Symbols, name string, at int64) {
	if n.known || name == "" || (n.named != 0 && n.named <= at) {
		return
	}
	n.named = at
	n.call(symbols, name)
}

// mayBeUnpaired reports whether the fact is about a message that nothing names, or that nothing leads to: those of other
// operations are judged by it.
func mayBeUnpaired(f *operation.Fact) bool {
	switch f.Kind {
	case operation.KindSend, operation.KindInsert:
		return f.MessageID == ""
	case operation.KindReceive, operation.KindProcess, operation.KindTask:
		return f.ID == "" && f.Parent.IsZero() && f.LinkSpan.IsZero()
	}
	return false
}

// canWait reports whether an operation that was never judged need not be before it is quiet. Called with the shard's lock held.
func (n *entry) canWait(e *Engine) bool {
	return n.named != 0 && !n.loose && e.settings.Judged == nil
}
