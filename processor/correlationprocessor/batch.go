package correlationprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/evidence"
	"github.com/throughline/throughline/internal/operation"
)

// batch is the reusable space for what is drawn from one batch of telemetry.
type batch struct {
	evidence.Batch
	// assigned has one entry for each fact.
	assigned []engine.Assignment
	// traces are those of the batch, and index their places; owners are the operations that they belong to as a whole, and
	// stamps what their records are stamped with.
	traces []operation.TraceID
	index  map[operation.TraceID]int
	owners []engine.Assignment
	stamps []stamp
	// latest is the trace of the record before, whose stamp is current: most follow one of the same trace.
	latest  operation.TraceID
	current *stamp
	// shown are the spans that are facts of their own, and claimed is the trace that was claimed last; see noteShown.
	shown   map[evidence.Ref]struct{}
	claimed operation.TraceID
}

func newBatch() *batch {
	return &batch{index: make(map[operation.TraceID]int), shown: make(map[evidence.Ref]struct{})}
}

// noStamp is that of records of which nothing is known.
var noStamp stamp

// maxKept bounds the facts and traces that a batch keeps room for, so that one giant does not occupy memory for ever.
const maxKept = 10_000

// clear empties the batch, and reports whether it is fit to be used again.
func (b *batch) clear() bool {
	if cap(b.Facts) > maxKept || len(b.traces) > maxKept {
		return false
	}
	b.Reset()
	clear(b.assigned)
	b.assigned = b.assigned[:0]
	clear(b.index)
	clear(b.shown)
	clear(b.owners)
	clear(b.stamps)
	b.traces, b.owners, b.stamps = b.traces[:0], b.owners[:0], b.stamps[:0]
	b.latest, b.current, b.claimed = operation.TraceID{}, &noStamp, operation.TraceID{}
	return true
}

// stampTraces stamps all spans whose operation is known by now, and returns how many.
func (b *batch) stampTraces(o operationsextension.Operations, td ptrace.Traces) int {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				b.ask(span.TraceID())
			}
		}
	}
	some := b.resolve(o)
	stamped := b.stampOwn(func(ref evidence.Ref) pcommon.Map {
		return td.ResourceSpans().At(ref.Resource).ScopeSpans().At(ref.Scope).Spans().At(ref.Index).Attributes()
	})
	if !some {
		return stamped
	}
	for r, rs := range td.ResourceSpans().All() {
		for s, ss := range rs.ScopeSpans().All() {
			for i, span := range ss.Spans().All() {
				if !b.Ignored(evidence.Ref{Resource: r, Scope: s, Index: i}) {
					stamped += b.stampByTrace(span.TraceID(), span.Attributes())
				}
			}
		}
	}
	return stamped
}

// stampLogs stamps all records whose operation is known by now, and returns how many.
func (b *batch) stampLogs(o operationsextension.Operations, ld plog.Logs) int {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				b.ask(record.TraceID())
			}
		}
	}
	some := b.resolve(o)
	stamped := b.stampOwn(func(ref evidence.Ref) pcommon.Map {
		return ld.ResourceLogs().At(ref.Resource).ScopeLogs().At(ref.Scope).LogRecords().At(ref.Index).Attributes()
	})
	if !some {
		return stamped
	}
	for r, rl := range ld.ResourceLogs().All() {
		for s, sl := range rl.ScopeLogs().All() {
			for i, record := range sl.LogRecords().All() {
				if ref := (evidence.Ref{Resource: r, Scope: s, Index: i}); !b.Detached(ref) && !b.Ignored(ref) {
					stamped += b.stampByTrace(record.TraceID(), record.Attributes())
				}
			}
		}
	}
	return stamped
}

// ask puts a trace among those whose operation is wanted.
func (b *batch) ask(trace pcommon.TraceID) {
	id := operation.TraceID(trace)
	if id == b.latest || id.IsZero() {
		return
	}
	b.latest = id
	if _, known := b.index[id]; !known {
		b.index[id] = len(b.traces)
		b.traces = append(b.traces, id)
	}
}

// resolve finds the operations of all traces in the batch that belong to one as a whole, and reports whether there are any.
func (b *batch) resolve(o operationsextension.Operations) bool {
	b.latest, b.current = operation.TraceID{}, &noStamp
	if len(b.traces) == 0 {
		return false
	}
	b.owners = o.Traces(b.traces, b.owners)
	some := false
	for i := range b.owners {
		if b.owners[i].ID == "" {
			b.stamps = append(b.stamps, stamp{})
			continue
		}
		b.stamps = append(b.stamps, newStamp(b.owners[i]))
		some = true
	}
	return some
}

// of returns the stamp of a trace, an empty one if it belongs to no operation as a whole.
func (b *batch) of(trace operation.TraceID) *stamp {
	if i, known := b.index[trace]; known {
		return &b.stamps[i]
	}
	return &noStamp
}

// stampByTrace stamps a record that belongs to the operation of its trace. It returns 1 if anything was added.
func (b *batch) stampByTrace(trace pcommon.TraceID, attributes pcommon.Map) int {
	if id := operation.TraceID(trace); id != b.latest {
		b.latest, b.current = id, b.of(id)
	}
	return b.current.put(attributes)
}

// stampOwn stamps the records that cannot get it by their trace, because several operations share that, there is none, or
// the record speaks of spans elsewhere, and returns how many. The facts of one record stand together.
func (b *batch) stampOwn(attributes func(evidence.Ref) pcommon.Map) int {
	stamped := 0
	for from, to := 0, 0; from < len(b.Facts); from = to {
		for to = from + 1; to < len(b.Facts) && b.Refs[to] == b.Refs[from]; {
			to++
		}
		s := b.of(b.Facts[from].Trace)
		if s.ID != "" && !b.Detached(b.Refs[from]) {
			continue
		}
		if a := b.own(from, to); a.ID != "" && a != s.Assignment {
			another := newStamp(a)
			s = &another
		}
		stamped += s.put(attributes(b.Refs[from]))
	}
	return stamped
}

// own returns the operation of the record that gave the facts from one index to another. A batch that concerns messages of
// several operations, or may do so, belongs to none of them; of any other record the last fact knows best.
func (b *batch) own(from, to int) engine.Assignment {
	var a engine.Assignment
	for i := from; i < to; i++ {
		next, f := b.assigned[i], &b.Facts[i]
		switch {
		case f.Batch && !f.IsSpan():
			// An exception or an alias says nothing of a message.
		case f.Batch && i > from && (next.ID != a.ID || next.Namespace != a.Namespace):
			return engine.Assignment{}
		case next.ID != "":
			a = next
		}
	}
	return a
}
