package evidence

import (
	"math"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// Traces appends the facts drawn from the spans.
func (x *Extractor) Traces(b *Batch, td ptrace.Traces) {
	for r, rs := range td.ResourceSpans().All() {
		read := false
		for s, ss := range rs.ScopeSpans().All() {
			if derived(ss.Scope()) {
				b.Dropped[DropDerived] += ss.Spans().Len()
				continue
			}
			if !read {
				x.readResource(b, rs.Resource().Attributes())
				read = true
			}
			b.profile = x.profiles.of(ss.Scope().Name())
			for i, span := range ss.Spans().All() {
				if x.expressions.Span == nil {
					x.span(b, span, Ref{r, s, i})
				} else {
					x.askedSpan(b, rs, ss, span, Ref{r, s, i})
				}
			}
		}
		b.orphans()
	}
}

// The flags of spans and links by which the remote side is known (OTLP, Span.flags): bit 8 says that bit 9 is meaningful,
// bit 9 that the parent is remote.
const (
	remoteKnown = 0x100
	remoteFlags = 0x300
)

// span draws the facts of one span.
func (x *Extractor) span(b *Batch, span ptrace.Span, ref Ref) {
	if span.TraceID().IsEmpty() || span.SpanID().IsEmpty() {
		b.drop(DropZeroID)
		return
	}
	b.children.mark(operation.SpanID(span.SpanID()))
	a := b.values()
	x.read(b, span.Attributes(), a)
	if x.expressions.Span != nil {
		x.found(b, a, x.spanRank)
	}
	if b.resource.ids.n > 0 || b.resource.ids.namespace != "" {
		a.ids.inherit(&b.resource.ids)
		a.used = true
	}
	if a.ranks[fieldSpanType] != 0 && x.marked(b, span, a, ref) {
		return
	}
	kind, table := b.kindOf(span, a)
	switch kind {
	case operation.KindUnknown:
		b.child(span, ref)
		x.innerEvents(b, span, ref)
		return
	case operation.KindProgress:
		x.progress(b, span, a, ref)
		return
	case kindIgnored:
		return
	}
	f := b.begin(ref)
	f.Kind = kind
	f.Consumer = span.Kind() == ptrace.SpanKindConsumer
	f.Remote = !span.ParentSpanID().IsEmpty() && span.Flags()&remoteFlags == remoteFlags
	f.Trace, f.Span = operation.TraceID(span.TraceID()), operation.SpanID(span.SpanID())
	f.Parent = operation.SpanID(span.ParentSpanID())
	f.Service, f.Instance, f.Name = b.resource.service, b.resource.instance, b.cut(span.Name(), maxName)
	if !b.times(f, span) {
		b.undo()
		return
	}
	b.messaging(f, a, span.Name())
	if kind >= operation.KindTask {
		b.tasks(f, a, table)
	}
	b.outcome(f, a, span)
	x.links(b, f, a, span.Links(), ref)
	x.events(b, f, span.Events(), ref)
}

// kindOf says what a span states: by its operation or its name as its library uses them, else by its span kind. A span that
// carries a correlation ID, or is the entry into a service, is at least work; any other is no evidence.
// A row that is inserted into a table may be a message.
func (b *Batch) kindOf(span ptrace.Span, a *attributeValues) (operation.Kind, string) {
	if kind := b.profile.states(a.text[fieldOperation]); kind != operation.KindUnknown {
		if span.Kind() == ptrace.SpanKindProducer && (kind == operation.KindReceive || kind == operation.KindProcess) {
			// Who produces does not consume, whatever word it uses (Watermill's publisher says "process").
			kind = operation.KindSend
		}
		return kind, ""
	}
	if b.profile.named {
		if kind := b.profile.states(span.Name()); kind != operation.KindUnknown {
			return kind, ""
		}
	}
	if span.Kind() == ptrace.SpanKindProducer {
		return operation.KindSend, ""
	}
	if a.text[fieldOperation] == "" && a.set&aboutMessages != 0 {
		if kind := b.profile.byName(span.Name()); kind != operation.KindUnknown {
			return kind, ""
		}
	}
	switch span.Kind() {
	case ptrace.SpanKindConsumer:
		return operation.KindProcess, ""
	case ptrace.SpanKindServer:
		return operation.KindWork, ""
	case ptrace.SpanKindInternal:
		// It names a message and where that came from (Wolverine).
		if a.text[fieldOperation] == "" && a.text[fieldMessageID] != "" && a.text[fieldDestination] != "" {
			return operation.KindProcess, ""
		}
	}
	if sql := a.text[fieldQuery]; sql != "" {
		if kind, table := statement(sql, a.text[fieldDatabase]); kind != operation.KindUnknown {
			return kind, table
		}
	}
	root := span.ParentSpanID().IsEmpty()
	switch {
	case root && span.Kind() == ptrace.SpanKindInternal && a.ids.n > 0:
		return operation.KindTask, ""
	case root || a.ids.n > 0 || span.Flags()&remoteFlags == remoteFlags:
		return operation.KindWork, ""
	}
	return operation.KindUnknown, ""
}

// states says what a word for an operation says that a span states.
func (p *profile) states(word string) operation.Kind {
	if kind := p.operations.find(word); kind != nil {
		return *kind
	}
	return operation.KindUnknown
}

// tasks fills in what only tasks and rows have.
func (b *Batch) tasks(f *operation.Fact, a *attributeValues, table string) {
	switch f.Kind {
	case operation.KindTask:
		if f.Destination == "" {
			f.Destination = f.Name
		}
		if f.MessageID == "" {
			f.MessageID = a.text[fieldTask]
		}
	case operation.KindInsert, operation.KindPoll:
		f.Destination, f.System = table, a.text[fieldDatabase]
	}
}

// The times that telemetry of our days can have: from 2000 to 2200, in nanoseconds since 1970.
const (
	earliest = 946_684_800_000_000_000
	latest   = 7_258_118_400_000_000_000
)

func possible(t pcommon.Timestamp) bool { return t >= earliest && t < latest }

// times sets the times of the fact; false if they cannot be.
func (b *Batch) times(f *operation.Fact, span ptrace.Span) bool {
	start, end := span.StartTimestamp(), span.EndTimestamp()
	if !possible(start) || (end != 0 && !possible(end) && end > start) {
		b.drop(DropTime)
		return false
	}
	if end != 0 && end < start {
		b.drop(DropNegativeDuration)
		end = start
	}
	f.At, f.End = int64(start), int64(end)
	return true
}

// messaging fills in what the messaging attributes say.
func (b *Batch) messaging(f *operation.Fact, a *attributeValues, spanName string) {
	f.OperationName, f.Type = a.text[fieldOperationName], a.text[fieldType]
	f.System, f.Destination = a.text[fieldSystem], a.text[fieldDestination]
	f.Group, f.MessageID = a.text[fieldGroup], a.text[fieldMessageID]
	if f.System == "" && f.Kind != operation.KindWork && f.Kind != operation.KindLog {
		f.System = b.profile.system
	}
	if f.Destination == "" {
		// The default exchange of AMQP has no name: the routing key is then the queue's.
		f.Destination = a.text[fieldRoutingKey]
	}
	if due := a.text[fieldDue]; due != "" {
		f.Due = dueTime(due)
	}
	if a.text[fieldPartition] != "" {
		f.Partition = operation.ParsePartition(a.text[fieldPartition])
	}
	if f.System == "kafka" && a.text[fieldPartition] != "" && isOffset(f.MessageID) {
		f.MessageID = position(f.Destination, a.text[fieldPartition], f.MessageID)
	}
	if f.MessageID == "" {
		f.MessageID = position(f.Destination, a.text[fieldPartition], a.text[fieldOffset])
	}
	if f.Group == "" && f.Consumer && f.Kind == operation.KindProcess {
		f.Group = queueOf(spanName, f.Destination)
	}
}

// isNumber reports whether a text consists of decimal digits.
func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// queueOf returns the queue that a consumer's span name speaks of ("process payments", "payments process") where the
// destination attribute names something else: instrumentations of AMQP put the exchange there, and the queue, which is what
// tells consumer groups apart, is in the name alone.
func queueOf(spanName, destination string) string {
	first, last, ok := strings.Cut(spanName, " ")
	if !ok || destination == "" || strings.Contains(last, " ") {
		return ""
	}
	queue := ""
	switch {
	case processWord(first):
		queue = last
	case processWord(last):
		queue = first
	}
	if queue == destination {
		return ""
	}
	return queue
}

// conventionalKinds are what the words of the conventions state.
var conventionalKinds = newLookup(kindsOf(conventions.Operations))

func processWord(word string) bool {
	kind := conventionalKinds.find(word)
	return kind != nil && *kind == operation.KindProcess
}

// dueTime reads when a scheduled message is due, in nanoseconds since 1970: RFC 3339, or a number of seconds, milliseconds
// or nanoseconds since 1970 (told apart by its size). It returns 0 for what is none of these.
func dueTime(text string) int64 {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return within(t.UnixNano())
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		for _, unit := range [...]int64{1, 1e3, 1e6, 1e9} {
			if n > 0 && n < latest/unit && n*unit >= earliest {
				return n * unit
			}
		}
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	for _, unit := range [...]float64{1, 1e3, 1e6, 1e9} {
		if at := n * unit; at >= earliest && at < latest {
			// Of seconds since 1970 a floating-point number holds no more than microseconds.
			return int64(math.Round(at/1e3)) * 1e3
		}
	}
	return 0
}

func within(at int64) int64 {
	if at < earliest || at >= latest {
		return 0
	}
	return at
}

// position returns the ID of a message of Kafka by its place: topic/partition/offset. A client that does not know the offset
// (it asked for no acknowledgement, or could not send) records a negative one, which all such messages have in common.
func position(topic, partition, offset string) string {
	if topic == "" || partition == "" || !isNumber(offset) {
		return ""
	}
	return topic + "/" + partition + "/" + offset
}

// isOffset reports whether a message ID of Kafka is the offset alone: otelsarama records it so.
func isOffset(id string) bool { return isNumber(strings.TrimPrefix(id, "-")) }

// aboutMessages has the bits of the fields that a span about a message has.
const aboutMessages = 1<<fieldSystem | 1<<fieldDestination

// byName says what a span states by the word that its name has for it beside the destination's ("orders receive",
// "process orders", "SQS.SendMessage"), where no attribute does. A name in which both parts are such words says nothing.
func (p *profile) byName(name string) operation.Kind {
	first, last := ends(name)
	if last == "" {
		return p.states(first)
	}
	before, after := p.states(first), p.states(last)
	if before != operation.KindUnknown && after != operation.KindUnknown && before != after {
		return operation.KindUnknown
	}
	return max(before, after)
}

// ends returns the first and the last word of a span name; the last one is empty if there is no other.
func ends(name string) (first, last string) {
	const separators = " ./"
	if at := strings.LastIndexAny(name, separators); at >= 0 {
		last = name[at+1:]
	}
	if at := strings.IndexAny(name, separators); at >= 0 {
		name = name[:at]
	}
	return name, last
}
