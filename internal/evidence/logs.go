package evidence

import (
	"strings"

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
			b.scope = sl.Scope().Name()
			b.profile = x.profiles.of(b.scope)
			for i, record := range sl.LogRecords().All() {
				ref := Ref{r, s, i}
				if x.expressions.Log == nil || b.asked(ref, func(found *Found) { x.expressions.Log(rl, sl, record, found) }) {
					x.log(b, record, ref)
				}
			}
		}
	}
}

// log draws the facts of one record. It is evidence if it carries a correlation ID, was written in a trace, or is an event
// of a message's life.
func (x *Extractor) log(b *Batch, record plog.LogRecord, ref Ref) {
	a, l := b.values(), b.lineOf()
	x.fields(b, record.Attributes(), a, l)
	if a.ranks[fieldPartialEvent] != 0 && x.partial(b, record, a.text[fieldPartialEvent], ref) {
		return
	}
	x.body(b, record.Body(), a, l)
	l.severity(record)
	x.idsInText(b, l.text, a)
	if x.expressions.Log != nil {
		x.found(b, a, x.logRank)
	}
	event := record.EventName()
	if event == "" {
		event = a.text[fieldEventName]
	}
	s, m := lifecycle.find(event), matched{record: record, text: searched(l.text)}
	if s == nil {
		x.match(b, l, &m, a)
	}
	a.ids.inherit(&b.resource.ids)
	a.used = true
	kind := kindOfLog(s, event, a)
	trace, span := l.of(record)
	ordinary := kind == operation.KindLog && (m.pattern == nil || m.kind == operation.KindLog)
	if ordinary && a.ids.n == 0 && trace.IsZero() {
		return
	}
	at := timeOf(record)
	if at == 0 {
		b.drop(DropTime)
		return
	}
	f := b.begin(ref)
	f.Kind, f.At, f.Severity, f.Trace, f.Span = kind, at, l.level, trace, span
	f.Service, f.Instance = b.resource.service, b.resource.instance
	b.messaging(f, a, "")
	b.staged(f, a, s)
	b.advance(f, a.text[fieldProgress])
	b.words(f, a, l, event)
	if m.pattern != nil {
		m.fill(b, f)
		b.named(f, &m)
	}
	if record.TraceID().IsEmpty() && !trace.IsZero() {
		// What belongs to its trace is stamped by the trace of the record, of which this one has none.
		b.detached = append(b.detached, ref)
	}
	b.name(f, &a.ids, ref)
}

// of returns the span in whose context a record was written. Its own trace context comes before that in its fields.
func (l *line) of(record plog.LogRecord) (operation.TraceID, operation.SpanID) {
	if trace := operation.TraceID(record.TraceID()); !trace.IsZero() || l.trace.IsZero() {
		return trace, operation.SpanID(record.SpanID())
	}
	return l.trace, l.span
}

// kindOfLog says what a record states, but for patterns. Exceptions come as events (exception,
// messaging.process.exception) and as attributes.
func kindOfLog(s *stage, event string, a *attributeValues) operation.Kind {
	if s != nil {
		return s.kind
	}
	if event == "exception" || strings.HasSuffix(event, ".exception") || a.text[fieldExceptionType] != "" || a.text[fieldExceptionMessage] != "" {
		return operation.KindException
	}
	if a.ranks[fieldProgress] != 0 {
		// Few loggers can give an event a name.
		return operation.KindProgress
	}
	return operation.KindLog
}

// staged sets what the event says of the attempt and the message. A failed attempt that was the last one is given up.
func (b *Batch) staged(f *operation.Fact, a *attributeValues, s *stage) {
	if s == nil {
		return
	}
	f.Outcome, f.Disposition = s.outcome, s.disposition
	if f.Kind == operation.KindFailed && f.Disposition == operation.DispositionUnknown && exhausted(a) {
		f.Outcome, f.Disposition = operation.OutcomeError, operation.DispositionDeadLetter
	}
}

// maxLine is the length up to which the text of a record is its name.
const maxLine = 120

// words sets what the record says in words: its name, the error, the rest of the text.
func (b *Batch) words(f *operation.Fact, a *attributeValues, l *line, event string) {
	f.Name = event
	switch {
	case event != "":
	case len(l.text) > maxLine:
		f.Name = shorten(l.text, maxLine)
	default:
		f.Name = b.keep(l.text, maxLine)
	}
	f.ErrorType, f.ErrorMessage = a.text[fieldExceptionType], a.text[fieldExceptionMessage]
	if f.ErrorType == "" {
		f.ErrorType = a.text[fieldErrorType]
	}
	stack := a.text[fieldExceptionStack]
	if e := &l.failure; e.said() {
		e.complete()
		if l.level >= severityWarn || e.kind.text != "" || f.ErrorType != "" {
			b.explained(f, e)
			if stack == "" {
				stack = b.keep(b.condense(e.stack.text), maxDetail)
			}
			if f.Kind == operation.KindLog && l.level >= severityError {
				f.Kind = operation.KindException
			}
		}
	}
	switch {
	case stack != "":
		f.Detail = stack
	case f.Name != l.text:
		f.Detail = b.keep(l.text, maxMessage)
	}
}

// named gives a fact that a pattern made the name of what it states, because names are few and texts are not. A failure that
// says nothing else of its cause says it in its text.
func (b *Batch) named(f *operation.Fact, m *matched) {
	if f.Kind == operation.KindLog {
		return
	}
	text := m.text
	f.Name = m.name
	if f.Detail == "" {
		f.Detail = b.keep(text, maxMessage)
	}
	if f.Kind == operation.KindFailed && f.ErrorMessage == "" {
		f.ErrorMessage = b.keep(shorten(text, maxMessage), maxMessage)
	}
}
