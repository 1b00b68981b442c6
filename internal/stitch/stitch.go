package stitch

import (
	"cmp"

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
	nest(all)
	b.report.CutEvents = b.pick(all)
	b.ids = spanIDs{trace: b.trace, used: map[operation.SpanID]struct{}{{}: {}}}
	b.write(traces, all)
	return traces, b.report
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
	ids    spanIDs
	groups []resource
}

func newBuilder(c *operation.Change, settings Settings) *builder {
	v := c.View
	b := &builder{change: c, view: v, verdict: &c.Verdict, settings: settings, name: v.Name, left: settings.MaxBytes}
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
