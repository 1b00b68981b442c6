package evidence

import (
	"encoding/hex"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// The attributes by which Logfire's SDKs mark spans that are none: a pending span is sent when its parent begins and stands
// for that, a log is a span without duration (logfire/_internal/constants.py).
const (
	keySpanType      = "logfire.span_type"
	keyPendingParent = "logfire.pending_parent_id"
	keyLevelNumber   = "logfire.level_num"
	keyMessage       = "logfire.msg"

	spanTypePending = "pending_span"
	spanTypeLog     = "log"

	// pendingSuffix ended the names of pending spans in early versions.
	pendingSuffix = " (pending)"
)

// marked draws the facts of a span that is marked as something else; false if it is a span after all. The values of the
// span are those read from it.
func (x *Extractor) marked(b *Batch, span ptrace.Span, a *attributeValues, ref Ref) bool {
	switch a.text[fieldSpanType] {
	case spanTypePending:
		x.pending(b, span, ref)
	case spanTypeLog:
		x.spanLog(b, span, a, ref)
	default:
		return false
	}
	return true
}

// pending draws the facts of the span that a pending span stands for: its parent, of which it carries the start, the name,
// the attributes and the links.
func (x *Extractor) pending(b *Batch, span ptrace.Span, ref Ref) {
	if span.ParentSpanID().IsEmpty() {
		b.drop(DropPartial)
		return
	}
	open := ptrace.NewSpan()
	span.CopyTo(open)
	open.SetSpanID(span.ParentSpanID())
	open.SetParentSpanID(b.pendingParent(span.Attributes()))
	open.SetName(strings.TrimSuffix(span.Name(), pendingSuffix))
	open.SetEndTimestamp(0)
	open.SetFlags(flagsOfPending(span))
	// All of that name: one that is left would make it pending once more.
	open.Attributes().RemoveIf(func(key string, _ pcommon.Value) bool { return key == keySpanType })
	from := len(b.Facts)
	x.span(b, open, ref)
	b.unfinish(from)
}

// pendingParent reads the parent of the span that is pending; none if that is a root.
func (b *Batch) pendingParent(attributes pcommon.Map) pcommon.SpanID {
	var id pcommon.SpanID
	value, ok := attributes.Get(keyPendingParent)
	if !ok {
		return id
	}
	text := value.Str()
	if len(text) != 2*len(id) {
		b.drop(DropPartial)
		return id
	}
	if _, err := hex.Decode(id[:], []byte(text)); err != nil {
		b.drop(DropPartial)
		return pcommon.SpanID{}
	}
	return id
}

// flagsOfPending are those the pending span's parent has in all likelihood. Its own say only that its parent is not remote;
// who consumes a message or serves a request has a remote one.
func flagsOfPending(span ptrace.Span) uint32 {
	flags := span.Flags()
	if known := flags&remoteKnown != 0; known && (span.Kind() == ptrace.SpanKindConsumer || span.Kind() == ptrace.SpanKindServer) {
		return flags | remoteFlags
	}
	return flags
}

// spanLog draws the facts of a span that stands for a log record, written in the context of its parent.
func (x *Extractor) spanLog(b *Batch, span ptrace.Span, a *attributeValues, ref Ref) {
	if !possible(span.StartTimestamp()) {
		b.drop(DropTime)
		return
	}
	f := operation.Fact{
		Kind: operation.KindLog, At: int64(span.StartTimestamp()), Severity: levelOf(span.Attributes()),
		Trace: operation.TraceID(span.TraceID()), Span: operation.SpanID(span.ParentSpanID()),
		Service: b.resource.service, Instance: b.resource.instance, Name: b.cut(span.Name(), maxName),
	}
	if message, ok := span.Attributes().Get(keyMessage); ok && message.Str() != f.Name {
		f.Detail = b.cut(message.Str(), maxMessage)
	}
	b.messaging(&f, a, "")
	b.emit(&f, &a.ids, ref)
	x.events(b, &f, span.Events(), ref)
}

// levelOf returns the severity number that the span of a log record carries as an attribute, 0 for none.
func levelOf(attributes pcommon.Map) uint8 {
	level, ok := attributes.Get(keyLevelNumber)
	if !ok || level.Int() < 0 || level.Int() > int64(plog.SeverityNumberFatal4) {
		return 0
	}
	return uint8(level.Int())
}
