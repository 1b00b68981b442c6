package originals

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// The bounds of what is kept of one span.
const (
	maxAttributes, maxEvents, maxEventAttributes = 32, 8, 8
	maxName, maxKey, maxValue, maxStack          = 256, 128, 512, 4 << 10
)

// ownKeys begin the attributes by which originals are stamped.
const ownKeys = "async.operation."

// stackKey is the attribute that is long by its nature.
const stackKey = "exception.stacktrace"

// encode returns what can be shown of a span, in OTLP.
func encode(of ptrace.Span) ([]byte, error) {
	td := ptrace.NewTraces()
	to := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	to.SetTraceID(of.TraceID())
	to.SetSpanID(of.SpanID())
	to.SetParentSpanID(of.ParentSpanID())
	to.SetName(cut(of.Name(), maxName))
	to.SetKind(of.Kind())
	to.SetStartTimestamp(of.StartTimestamp())
	to.SetEndTimestamp(of.EndTimestamp())
	to.Status().SetCode(of.Status().Code())
	to.Status().SetMessage(cut(of.Status().Message(), maxName))
	to.SetDroppedAttributesCount(of.DroppedAttributesCount() + cutAttributes(of.Attributes(), to.Attributes(), maxAttributes))
	to.SetDroppedEventsCount(of.DroppedEventsCount() + cutEvents(of.Events(), to.Events()))
	return (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
}

func decode(data []byte) (ptrace.Span, bool) {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data)
	if err != nil || td.SpanCount() != 1 {
		return ptrace.Span{}, false
	}
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0), true
}

// cutAttributes copies the first ones and returns how many were left out. Stamps do not count.
func cutAttributes(from, to pcommon.Map, most int) (left uint32) {
	to.EnsureCapacity(min(from.Len(), most))
	for key, value := range from.All() {
		switch {
		case strings.HasPrefix(key, ownKeys):
		case to.Len() >= most || len(key) > maxKey:
			left++
		default:
			cutValue(key, value, to.PutEmpty(cut(key, maxKey)))
		}
	}
	return left
}

// cutValue copies a value: numbers as they are, anything else as text.
func cutValue(key string, from, to pcommon.Value) {
	switch from.Type() {
	case pcommon.ValueTypeBool, pcommon.ValueTypeInt, pcommon.ValueTypeDouble:
		from.CopyTo(to)
	default:
		limit := maxValue
		if key == stackKey {
			limit = maxStack
		}
		to.SetStr(cut(from.AsString(), limit))
	}
}

// cutEvents copies the first ones and returns how many were left out.
func cutEvents(from, to ptrace.SpanEventSlice) (left uint32) {
	to.EnsureCapacity(min(from.Len(), maxEvents))
	for i, event := range from.All() {
		if i >= maxEvents {
			return uint32(from.Len() - maxEvents)
		}
		e := to.AppendEmpty()
		e.SetName(cut(event.Name(), maxName))
		e.SetTimestamp(event.Timestamp())
		e.SetDroppedAttributesCount(event.DroppedAttributesCount() + cutAttributes(event.Attributes(), e.Attributes(), maxEventAttributes))
	}
	return 0
}
