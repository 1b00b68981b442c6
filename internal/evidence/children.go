package evidence

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// children are spans that are no evidence by themselves (a query, a call) and whose parent is not in the same batch of
// telemetry: a parent of the same process that has ended is mostly exported along with them, so it may still be open, or
// may never come because its process was killed.
type children struct {
	signs []childSign
	// byParent finds the first sign of a parent.
	byParent map[operation.Record]int
}

type childSign struct {
	fact operation.Fact
	ref  Ref
	// found says that the parent is in the batch.
	found bool
}

// maxChildren bounds the parents that are waited for in one batch.
const maxChildren = 10_000

// child takes note of a finished span that is no evidence by itself.
func (b *Batch) child(span ptrace.Span, ref Ref) {
	// A remote parent lies in another process, whose telemetry comes by itself.
	if span.ParentSpanID().IsEmpty() || span.Flags()&remoteFlags == remoteFlags || !possible(span.EndTimestamp()) {
		return
	}
	parent := operation.Record{Trace: operation.TraceID(span.TraceID()), Span: operation.SpanID(span.ParentSpanID())}
	if i, known := b.children.byParent[parent]; known {
		f := &b.children.signs[i].fact
		f.At = min(f.At, int64(span.EndTimestamp()))
		return
	}
	if len(b.children.signs) >= maxChildren {
		b.drop(DropTooMany)
		return
	}
	if b.children.byParent == nil {
		b.children.byParent = make(map[operation.Record]int)
	}
	b.children.byParent[parent] = len(b.children.signs)
	b.children.signs = append(b.children.signs, childSign{ref: ref, fact: operation.Fact{
		Kind: operation.KindAlive, At: int64(span.EndTimestamp()), Trace: parent.Trace, Span: parent.Span,
		Service: b.resource.service, Instance: b.resource.instance,
	}})
}

// orphans appends a sign of life for each parent of such children that is not among the spans of the same resource.
func (b *Batch) orphans(rs ptrace.ResourceSpans) {
	c := &b.children
	if len(c.signs) == 0 {
		return
	}
	for _, ss := range rs.ScopeSpans().All() {
		for _, span := range ss.Spans().All() {
			if i, ok := c.byParent[operation.Record{Trace: operation.TraceID(span.TraceID()), Span: operation.SpanID(span.SpanID())}]; ok {
				c.signs[i].found = true
			}
		}
	}
	for i := range c.signs {
		if !c.signs[i].found {
			b.add(&c.signs[i].fact, c.signs[i].ref)
		}
	}
	c.clear()
}

func (c *children) clear() {
	clear(c.signs)
	c.signs = c.signs[:0]
	clear(c.byParent)
}
