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
	// byParent finds the sign of a parent, latest is the one found last: siblings come one after another.
	byParent map[operation.Record]int
	latest   int
	// came has a bit for each span of the resource, by 14 bits of its ID, which is random: a parent whose bit is set is taken
	// to be among them, at the price of missing a sign now and then.
	came [1 << 8]uint64
}

type childSign struct {
	fact operation.Fact
	ref  Ref
}

// maxChildren bounds the parents that are waited for in one batch.
const maxChildren = 10_000

// mark takes note that a span is in the batch.
func (c *children) mark(id operation.SpanID) { c.came[id[0]] |= 1 << (id[1] & 63) }

func (c *children) marked(id operation.SpanID) bool { return c.came[id[0]]&(1<<(id[1]&63)) != 0 }

// child takes note of a finished span that is no evidence by itself.
func (b *Batch) child(span ptrace.Span, ref Ref) {
	// A remote parent lies in another process, whose telemetry comes by itself.
	if span.ParentSpanID().IsEmpty() || span.Flags()&remoteFlags == remoteFlags || !possible(span.EndTimestamp()) {
		return
	}
	c := &b.children
	parent := operation.Record{Trace: operation.TraceID(span.TraceID()), Span: operation.SpanID(span.ParentSpanID())}
	if f := c.sign(parent); f != nil {
		f.At = min(f.At, int64(span.EndTimestamp()))
		return
	}
	// A parent that came before its children needs no look at the end.
	if c.marked(parent.Span) {
		return
	}
	if len(c.signs) >= maxChildren {
		b.drop(DropTooMany)
		return
	}
	if c.byParent == nil {
		c.byParent = make(map[operation.Record]int)
	}
	c.latest = len(c.signs)
	c.byParent[parent] = c.latest
	c.signs = append(c.signs, childSign{ref: ref, fact: operation.Fact{
		Kind: operation.KindAlive, At: int64(span.EndTimestamp()), Trace: parent.Trace, Span: parent.Span,
		Service: b.resource.service, Instance: b.resource.instance,
	}})
}

// sign returns the sign of a parent that is known, nil without one.
func (c *children) sign(parent operation.Record) *operation.Fact {
	if len(c.signs) == 0 {
		return nil
	}
	if f := &c.signs[c.latest].fact; f.Record() == parent {
		return f
	}
	i, known := c.byParent[parent]
	if !known {
		return nil
	}
	c.latest = i
	return &c.signs[i].fact
}

// orphans appends a sign of life for each parent of such children that is not among the spans of the same resource.
func (b *Batch) orphans() {
	c := &b.children
	for i := range c.signs {
		if !c.marked(c.signs[i].fact.Span) {
			b.add(&c.signs[i].fact, c.signs[i].ref)
		}
	}
	c.clear()
}

func (c *children) clear() {
	clear(c.came[:])
	if len(c.signs) > 0 {
		clear(c.signs)
		c.signs, c.latest = c.signs[:0], 0
		clear(c.byParent)
	}
}
