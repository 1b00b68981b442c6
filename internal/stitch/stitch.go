package stitch

import (
	"cmp"
	"sync"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/deadletter"
	"github.com/throughline/throughline/internal/operation"
)

// Scope is the name of the instrumentation scope of derived spans, by which they are known and skipped on ingest.
const Scope = "github.com/throughline/throughline/stitch"

// Gives reports whether a change gives a derived trace: the operation became final, or stuck.
func Gives(c *operation.Change) bool {
	return !c.Gone && c.View != nil && (c.Verdict.State.Final() || c.Verdict.State == operation.StateStuck)
}

// Trace returns the derived trace of an operation: the complete one when it became final, a snapshot under a trace ID of
// its own when it became stuck, and an empty one for any other change. It is a pure function, and equal changes give
// equal bytes.
func Trace(c *operation.Change, settings Settings) (ptrace.Traces, Report) {
	traces := ptrace.NewTraces()
	if !Gives(c) {
		return traces, Report{}
	}
	b := newBuilder(c, settings)
	all := b.drafts()
	arrange(all)
	b.report.CutSpans = b.choose(all)
	b.nest(all)
	b.report.CutEvents = b.pick(all)
	b.write(traces, all)
	report := b.report
	b.release(all)
	return traces, report
}

// builders are used again.
var builders = sync.Pool{New: func() any {
	return &builder{room: &room{
		named: make(map[string]*names), byRecord: make(map[operation.Record]int), traces: make(map[operation.TraceID]int),
		ids: spanIDs{used: make(map[operation.SpanID]struct{})},
	}}
}}

// room is what a builder works in.
type room struct {
	all      []draft
	groups   []resource
	ids      spanIDs
	byRecord map[operation.Record]int
	// traces are the places of the source traces, first the first span of each.
	traces map[operation.TraceID]int
	first  []*operation.Origin
	// named are the names for destinations, latest those for the one that was asked for last.
	named    map[string]*names
	latest   *names
	latestOf string
}

// maxRoom bounds the drafts that a builder keeps room for, so that one giant does not occupy memory for ever.
const maxRoom = 256

// release gives back the builder and lets go of what it was given.
func (b *builder) release(all []draft) {
	r := b.room
	*b = builder{}
	if cap(all) > maxRoom {
		return
	}
	clear(all)
	clear(r.groups)
	clear(r.first)
	clear(r.byRecord)
	clear(r.traces)
	clear(r.ids.used)
	r.all, r.groups, r.first, r.ids.few = all[:0], r.groups[:0], r.first[:0], r.ids.few[:0]
	r.latest, r.latestOf = nil, ""
	b.room = r
	builders.Put(b)
}

// builder makes one trace.
type builder struct {
	change   *operation.Change
	view     *operation.View
	verdict  *operation.Verdict
	settings Settings
	report   Report

	// place is where the verdict rests, parked the dead-letter destination in which the message is known to be.
	place  deadletter.Place
	parked string

	trace    operation.TraceID
	snapshot bool
	// name is the operation's, bounded.
	name string
	// base is the time of whatever has none, until that to which open work is drawn; nanoseconds since 1970.
	base, until int64
	// left is what remains of MaxBytes.
	left int
	// events are the indices of the operation's own notes that are kept.
	events []int
	// parents are those of the copied originals, nil if none are copied.
	parents map[operation.Record]operation.SpanID
	*room
}

func newBuilder(c *operation.Change, settings Settings) *builder {
	v := c.View
	b := builders.Get().(*builder)
	r := b.room
	*b = builder{room: r, change: c, view: v, verdict: &c.Verdict, settings: settings, name: v.Name, left: settings.MaxBytes}
	if c.Policy != nil {
		b.name = cmp.Or(c.Policy.OperationName, v.Name)
	}
	b.name = line(b.name)
	b.place = deadletter.Deciding(v, b.verdict)
	if c.Verdict.State == operation.StateDeadLettered {
		b.parked = deadletter.Destination(v, b.place)
	}
	b.snapshot = !c.Verdict.State.Final()
	if b.snapshot {
		b.trace = SnapshotTraceID(v.ID, v.Namespace, c.Revision)
	} else {
		b.trace = TraceID(v.ID, v.Namespace, c.FinalRevision)
	}
	b.ids.trace = b.trace
	b.report.TraceID, b.report.Snapshot = b.trace, b.snapshot
	b.base = max(1, firstKnown(v.StartedAt, v.LastAt, c.At))
	b.until = max(b.base, v.LastAt, c.Verdict.EndedAt)
	if b.snapshot {
		b.until = max(b.until, c.At)
	}
	return b
}

// firstKnown returns the first time that is known, 0 if none is.
func firstKnown(times ...int64) int64 {
	for _, t := range times {
		if t > 0 {
			return t
		}
	}
	return 0
}
