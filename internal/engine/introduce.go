package engine

import (
	"cmp"
	"math"

	"github.com/throughline/throughline/internal/operation"
)

// An operation is not judged before telemetry has stopped arriving for it: no verdict but in_progress counts until then, and one
// that simply completes needs a single look, not one after the other. What others need of it meanwhile is taken from the facts.

// introduce takes from a fact what is needed before the operation is judged: a name for stamps, and whether it has to be judged
// early for the sake of others. Called with the shard's lock held.
func (n *entry) introduce(e *Engine, f *operation.Fact) {
	if n.judged {
		return
	}
	n.loose = n.loose || mayBeUnpaired(f)
	switch {
	case f.OperationName != "":
		n.callSince(e.symbols, f.OperationName, math.MinInt64)
	case !e.settings.NamedByPolicy && (f.Kind == operation.KindSend || f.Kind == operation.KindReceive || f.Kind == operation.KindProcess):
		n.callSince(e.symbols, cmp.Or(f.Destination, f.Type), f.At)
	}
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
