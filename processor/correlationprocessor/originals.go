package correlationprocessor

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/evidence"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/originals"
)

// keepTraces keeps what somebody wants to show of the originals beside the facts that were drawn from them.
func (c *correlation) keepTraces(b *batch, td ptrace.Traces) {
	store := c.operations.Originals()
	if c.config.DryRun || !store.WantsSpans() {
		return
	}
	now := time.Now().UnixNano()
	b.noteShown(store, now)
	for r, rs := range td.ResourceSpans().All() {
		resource := saw(store, rs.Resource(), now)
		for s, ss := range rs.ScopeSpans().All() {
			if derived(ss.Scope()) {
				continue
			}
			for i, span := range ss.Spans().All() {
				ref := evidence.Ref{Resource: r, Scope: s, Index: i}
				if _, shown := b.shown[ref]; !shown && !b.Ignored(ref) && !span.TraceID().IsEmpty() && !span.SpanID().IsEmpty() {
					store.Keep(span, resource, now)
				}
			}
		}
	}
}

// sawTraces takes note of who made the spans before anything else is known of them: what is told of an operation must say the same after a
// restart.
func (c *correlation) sawTraces(td ptrace.Traces) {
	store := c.operations.Originals()
	if c.config.DryRun || !store.Wanted() {
		return
	}
	now := time.Now().UnixNano()
	for _, rs := range td.ResourceSpans().All() {
		saw(store, rs.Resource(), now)
	}
}

// keepLogs takes note of who wrote the records.
func (c *correlation) keepLogs(ld plog.Logs) {
	store := c.operations.Originals()
	if c.config.DryRun || !store.Wanted() {
		return
	}
	now := time.Now().UnixNano()
	for _, rl := range ld.ResourceLogs().All() {
		saw(store, rl.Resource(), now)
	}
}

func saw(store *originals.Store, resource pcommon.Resource, now int64) *originals.Resource {
	service, instance := evidence.ServiceOf(resource.Attributes())
	return store.Saw(service, instance, resource.Attributes(), now)
}

// noteShown notes the spans that are shown anyway, as they are facts of their own, and claims the traces of those that make an
// operation. Settling and signs of life are of the work in which they lie.
func (b *batch) noteShown(store *originals.Store, now int64) {
	for i := range b.Facts {
		f := &b.Facts[i]
		if !f.IsSpan() || f.Kind == operation.KindSettle {
			continue
		}
		b.shown[b.Refs[i]] = struct{}{}
		if f.IsStrong() && !f.IsAlone() && f.Trace != b.claimed {
			b.claimed = f.Trace
			store.Claim(pcommon.TraceID(f.Trace), now)
		}
	}
}
