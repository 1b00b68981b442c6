package chaos

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/event"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

// The attributes by which derived telemetry is told apart.
const (
	attrOperation     = "async.operation.id"
	attrState         = "async.operation.state"
	attrReason        = "async.operation.reason"
	attrPreviousState = "async.operation.previous.state"
	attrRevision      = "async.operation.revision"
	attrSnapshot      = "async.operation.snapshot"
	attrIncident      = "async.incident.id"
	attrIncidentKind  = "async.incident.kind"
	attrIncidentRev   = "async.incident.revision"
	attrCause         = "async.incident.cause"
)

// Ledger keeps what collectors told: the spans they passed on, the traces and the events they derived. It is safe for concurrent use.
type Ledger struct {
	mu        sync.Mutex
	originals map[pcommon.SpanID]pcommon.TraceID
	derived   map[pcommon.TraceID]*derivedTrace
	events    map[eventKey]*eventSeen
	conflicts []string
	tally     Tally
}

// derivedTrace holds a hash of each span.
type derivedTrace struct {
	operation string
	snapshot  bool
	spans     map[pcommon.SpanID]content
	repeated  bool
}

// eventKey is what makes an event that comes again a repetition: whom it concerns, and the revision.
type eventKey struct {
	incident bool
	id       string
	name     string
	revision int64
}

// eventSeen is what the event said, in short.
type eventSeen struct {
	says  string
	times int
}

// Tally counts what a ledger has seen.
type Tally struct {
	// Originals are different spans that services sent; OriginalRepeats came again.
	Originals, OriginalRepeats int
	// Derived are derived traces, Spans their spans; DerivedRepeats are traces that came again.
	Derived, Spans, DerivedRepeats int
	// Events are different events, EventRepeats those that came again.
	Events, EventRepeats int
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{
		originals: map[pcommon.SpanID]pcommon.TraceID{},
		derived:   map[pcommon.TraceID]*derivedTrace{},
		events:    map[eventKey]*eventSeen{},
	}
}

// Tally returns what has been seen so far.
func (l *Ledger) Tally() Tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tally
}

// TakeTraces notes spans.
func (l *Ledger) TakeTraces(td ptrace.Traces) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, resource := range td.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				if scope.Scope().Name() == stitch.Scope {
					l.takeDerived(resource.Resource(), span)
				} else {
					l.takeOriginal(span.SpanID(), span.TraceID())
				}
			}
		}
	}
}

func (l *Ledger) takeOriginal(id pcommon.SpanID, trace pcommon.TraceID) {
	if _, ok := l.originals[id]; ok {
		l.tally.OriginalRepeats++
		return
	}
	l.originals[id] = trace
	l.tally.Originals++
}

func (l *Ledger) takeDerived(resource pcommon.Resource, span ptrace.Span) {
	trace := l.derived[span.TraceID()]
	if trace == nil {
		trace = &derivedTrace{spans: map[pcommon.SpanID]content{}}
		l.derived[span.TraceID()] = trace
		l.tally.Derived++
	}
	if span.ParentSpanID().IsEmpty() {
		trace.operation = text(span.Attributes(), attrOperation)
		_, trace.snapshot = span.Attributes().Get(attrSnapshot)
	}
	now := contentOf(resource, span)
	before, ok := trace.spans[span.SpanID()]
	switch {
	case !ok:
		trace.spans[span.SpanID()] = now
		l.tally.Spans++
		if trace.repeated {
			l.conflict("trace %s came again with a further span %q", span.TraceID(), span.Name())
		}
	case before.span != now.span:
		l.conflict("span %s %q of trace %s came again with other content", span.SpanID(), span.Name(), span.TraceID())
	case before.resource != now.resource:
		l.conflict("span %s %q of trace %s came again with another resource: %v", span.SpanID(), span.Name(), span.TraceID(), resource.Attributes().AsRaw())
	case !trace.repeated:
		trace.repeated = true
		l.tally.DerivedRepeats++
	}
}

func (l *Ledger) conflict(format string, args ...any) {
	l.conflicts = append(l.conflicts, fmt.Sprintf(format, args...))
}

// content has a hash of all that a span says, and one of who says it.
type content struct{ span, resource uint64 }

func contentOf(resource pcommon.Resource, span ptrace.Span) content {
	what, who := ptrace.NewTraces(), ptrace.NewTraces()
	span.CopyTo(what.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	resource.CopyTo(who.ResourceSpans().AppendEmpty().Resource())
	return content{hash(what), hash(who)}
}

func hash(td ptrace.Traces) uint64 {
	var marshaler ptrace.ProtoMarshaler
	data, err := marshaler.MarshalTraces(td)
	if err != nil {
		// It came as such a message a moment ago.
		panic(err)
	}
	h := fnv.New64a()
	h.Write(data)
	return h.Sum64()
}

// TakeLogs notes events; what services logged is passed over.
func (l *Ledger) TakeLogs(ld plog.Logs) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, resource := range ld.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			if scope.Scope().Name() != event.ScopeName {
				continue
			}
			for _, record := range scope.LogRecords().All() {
				l.takeEvent(record)
			}
		}
	}
}

func (l *Ledger) takeEvent(record plog.LogRecord) {
	attrs := record.Attributes()
	key := eventKey{id: text(attrs, attrOperation), name: record.EventName(), revision: number(attrs, attrRevision)}
	says := []string{text(attrs, attrState), text(attrs, attrReason), text(attrs, attrPreviousState)}
	if strings.HasPrefix(record.EventName(), "async.incident.") {
		key = eventKey{true, text(attrs, attrIncident), record.EventName(), number(attrs, attrIncidentRev)}
		says = []string{text(attrs, attrIncidentKind), text(attrs, attrCause)}
	}
	said := strings.Join(says, " ")
	seen := l.events[key]
	if seen == nil {
		l.events[key] = &eventSeen{said, 1}
		l.tally.Events++
		return
	}
	seen.times++
	l.tally.EventRepeats++
	if seen.says != said {
		l.conflict("%s of %s, revision %d, came again: %q, before: %q", key.name, key.id, key.revision, said, seen.says)
	}
}

func text(attrs pcommon.Map, key string) string {
	if v, ok := attrs.Get(key); ok {
		return v.AsString()
	}
	return ""
}

func number(attrs pcommon.Map, key string) int64 {
	if v, ok := attrs.Get(key); ok {
		return v.Int()
	}
	return 0
}

// CheckOriginals returns an error if one of the spans has not come.
func (l *Ledger) CheckOriginals(acknowledged map[pcommon.SpanID]struct{}) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lost []pcommon.SpanID
	for id := range acknowledged {
		if _, ok := l.originals[id]; !ok {
			lost = append(lost, id)
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("%d of %d spans that were acknowledged have not been passed on:\n%s", len(lost), len(acknowledged), first(lost))
	}
	return nil
}

// Check compares what was derived with what happened, but for the operations that are excused: one final trace for what is over, and every
// event exactly once, whatever was repeated. What was repeated must be the same.
func (l *Ledger) Check(truths []Truth, t Thresholds, excused Excuses) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var wrong []string
	traces, told := l.byOperation(names(truths))
	for i := range truths {
		o := &truths[i]
		want, got := o.events(t), told[o.ID]
		final := traces[o.ID]
		delete(told, o.ID)
		delete(traces, o.ID)
		if excused.Has(o.ID) {
			continue
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			wrong = append(wrong, fmt.Sprintf("%s (%s): events %v, not %v", o.ID, o.Verdict(), got, want))
		}
		if o.Final() != (final == 1) || final > 1 {
			wrong = append(wrong, fmt.Sprintf("%s (%s): %d final derived traces", o.ID, o.Verdict(), final))
		}
	}
	for id := range traces {
		if excused.Has(id) {
			continue
		}
		wrong = append(wrong, fmt.Sprintf("%q: a derived trace, but it never took place", id))
	}
	for id, names := range told {
		if excused.Has(id) {
			continue
		}
		wrong = append(wrong, fmt.Sprintf("%q: events %v, but it never took place", id, names))
	}
	wrong = append(wrong, l.incidentsTwice()...)
	var errs []error
	if len(l.conflicts) > 0 {
		errs = append(errs, fmt.Errorf("%d times something was told again that was not the same:\n%s", len(l.conflicts), first(l.conflicts)))
	}
	if len(wrong) > 0 {
		slices.SortFunc(wrong, cmp.Compare)
		errs = append(errs, fmt.Errorf("%d times something else was derived than happened:\n%s", len(wrong), first(wrong)))
	}
	return errors.Join(errs...)
}

// names tells to which operation a trace belongs: what was known of an operation before the record came that names it, was told under the ID
// that follows from its first record.
func names(truths []Truth) func(id string) string {
	byTrace := map[string]string{}
	for i := range truths {
		for trace := range truths[i].traceIDs {
			byTrace[trace] = truths[i].ID
		}
	}
	return func(id string) string {
		if record, ok := operation.ParseImplicitID(id); ok {
			return cmp.Or(byTrace[hex.EncodeToString(record.Trace[:])], id)
		}
		return id
	}
}

// byOperation counts final traces, and lists the names of the different events, of each operation.
func (l *Ledger) byOperation(name func(id string) string) (traces map[string]int, told map[string][]string) {
	traces, told = map[string]int{}, map[string][]string{}
	for _, trace := range l.derived {
		if !trace.snapshot {
			traces[name(trace.operation)]++
		}
	}
	for key := range l.events {
		if id := name(key.id); !key.incident && id != "" {
			told[id] = append(told[id], key.name)
		}
	}
	return traces, told
}

// incidentsTwice finds incidents that were opened or resolved more than once.
func (l *Ledger) incidentsTwice() []string {
	times := map[eventKey]int{}
	for key := range l.events {
		if key.incident && key.name != event.NameIncidentUpdated {
			key.revision = 0
			times[key]++
		}
	}
	maps.DeleteFunc(times, func(_ eventKey, n int) bool { return n == 1 })
	var twice []string
	for key, n := range times {
		twice = append(twice, fmt.Sprintf("incident %s: %d times %s", key.id, n, key.name))
	}
	return twice
}

// Traces returns how many different spans each trace has, derived or of services, by its ID in hexadecimal.
func (l *Ledger) Traces() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	sizes := map[string]int{}
	for _, trace := range l.originals {
		sizes[trace.String()]++
	}
	for id, trace := range l.derived {
		sizes[id.String()] = len(trace.spans)
	}
	return sizes
}
