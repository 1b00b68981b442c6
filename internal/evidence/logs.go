package evidence

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/throughline/throughline/internal/operation"
)

// Logs appends the facts drawn from the log records.
func (x *Extractor) Logs(b *Batch, ld plog.Logs) {
	for r, rl := range ld.ResourceLogs().All() {
		read := false
		for s, sl := range rl.ScopeLogs().All() {
			if derived(sl.Scope()) {
				b.Dropped[DropDerived] += sl.LogRecords().Len()
				continue
			}
			if !read {
				x.readResource(b, rl.Resource().Attributes())
				read = true
			}
			b.profile = x.profiles.of(sl.Scope().Name())
			for i, record := range sl.LogRecords().All() {
				x.log(b, record, Ref{r, s, i})
			}
		}
	}
}

// log draws the facts of one record. It is evidence if it carries a correlation ID, was written in a trace, or is an event
// of a message's life.
func (x *Extractor) log(b *Batch, record plog.LogRecord, ref Ref) {
	a := b.values()
	x.read(b, record.Attributes(), a)
	if a.ranks[fieldPartialEvent] != 0 && x.partial(b, record, a.text[fieldPartialEvent], ref) {
		return
	}
	x.body(b, record.Body(), a)
	a.ids.inherit(&b.resource.ids)
	a.used = true
	event := record.EventName()
	if event == "" {
		event = a.text[fieldEventName]
	}
	kind := kindOfLog(event, a)
	if kind == operation.KindLog && a.ids.n == 0 && record.TraceID().IsEmpty() {
		return
	}
	at := record.Timestamp()
	if !possible(at) {
		at = record.ObservedTimestamp()
	}
	if !possible(at) {
		b.drop(DropTime)
		return
	}
	f := operation.Fact{
		Kind: kind, At: int64(at), Severity: uint8(max(0, min(record.SeverityNumber(), plog.SeverityNumberFatal4))),
		Trace: operation.TraceID(record.TraceID()), Span: operation.SpanID(record.SpanID()),
		Service: b.resource.service, Instance: b.resource.instance,
	}
	b.messaging(&f, a, "")
	b.words(&f, a, event, record.Body())
	b.emit(&f, &a.ids, ref)
}

// The event names that tell of a message's or an operation's life.
var lifecycle = map[string]operation.Kind{
	"async.process.started":     operation.KindStarted,
	"async.process.completed":   operation.KindSucceeded,
	"async.process.failed":      operation.KindFailed,
	"async.operation.completed": operation.KindOperationCompleted,
	"async.operation.failed":    operation.KindOperationFailed,
}

// kindOfLog says what a record states. Exceptions come as events (exception, messaging.process.exception) and as attributes.
func kindOfLog(event string, a *attributeValues) operation.Kind {
	if kind, ok := lifecycle[event]; ok {
		return kind
	}
	if event == "exception" || strings.HasSuffix(event, ".exception") || a.text[fieldExceptionType] != "" || a.text[fieldExceptionMessage] != "" {
		return operation.KindException
	}
	return operation.KindLog
}

// maxLine is the length up to which the body of a record is its name.
const maxLine = 120

// words sets what the record says in words: its name, the exception, the rest of the body.
func (b *Batch) words(f *operation.Fact, a *attributeValues, event string, body pcommon.Value) {
	text := ""
	if body.Type() == pcommon.ValueTypeStr {
		text = body.Str()
	}
	f.Name = event
	if event == "" {
		f.Name = shorten(text, maxLine)
	}
	f.ErrorType, f.ErrorMessage = a.text[fieldExceptionType], a.text[fieldExceptionMessage]
	if f.ErrorType == "" {
		f.ErrorType = a.text[fieldErrorType]
	}
	switch {
	case a.text[fieldExceptionStack] != "":
		f.Detail = a.text[fieldExceptionStack]
	case f.Name != text:
		f.Detail = b.cut(text, maxMessage)
	}
}
