package evidence

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// maxStages bounds the events about the life of a message or an operation that are read of one span, besides progress.
const maxStages = 32

// events appends a fact for each exception recorded on the span, and for each event that states something about the life of
// its message or operation, as a log record does; of progress the latest is enough. The fact is that of the span, or the
// first of them.
func (x *Extractor) events(b *Batch, f *operation.Fact, events ptrace.SpanEventSlice, ref Ref) {
	if events.Len() == 0 {
		return
	}
	of := *f
	exceptions, stages, progress := 0, 0, -1
	for _, event := range events.All() {
		if event.Name() == "exception" && of.Kind != operation.KindUnknown {
			if exceptions++; exceptions > maxErrors {
				b.drop(DropTooMany)
				continue
			}
			x.exception(b, &of, event, ref)
			continue
		}
		s := lifecycle.find(event.Name())
		if s == nil {
			continue
		}
		if s.kind == operation.KindProgress {
			progress = x.latestProgress(b, &of, event, s, ref, progress)
			continue
		}
		if stages++; stages > maxStages {
			b.drop(DropTooMany)
			continue
		}
		x.stage(b, &of, event, s, ref)
	}
}

// innerEvents appends the facts of the events of a span that is no evidence by itself: what is at work within a message's
// processing has spans of its own.
func (x *Extractor) innerEvents(b *Batch, span ptrace.Span, ref Ref) {
	if span.Events().Len() == 0 {
		return
	}
	of := operation.Fact{
		Trace: operation.TraceID(span.TraceID()), Span: operation.SpanID(span.SpanID()), Service: b.resource.service, Instance: b.resource.instance,
		At: int64(span.StartTimestamp()), End: int64(span.EndTimestamp()),
	}
	x.events(b, &of, span.Events(), ref)
}

// begun returns the fact of an event as far as its span tells; false if neither can tell its time.
func (b *Batch) begun(of *operation.Fact, event ptrace.SpanEvent) (operation.Fact, bool) {
	e := operation.Fact{
		Batch: of.Batch, At: int64(event.Timestamp()), Trace: of.Trace, Span: of.Span,
		Service: of.Service, Instance: of.Instance, Name: event.Name(), Namespace: of.Namespace,
	}
	if !possible(event.Timestamp()) {
		e.At = max(of.At, of.End)
	}
	if within(e.At) == 0 {
		b.drop(DropTime)
		return e, false
	}
	return e, true
}

// exception appends the fact of an exception, and tells the span's own facts its type and message where they have none.
func (x *Extractor) exception(b *Batch, of *operation.Fact, event ptrace.SpanEvent, ref Ref) {
	e, ok := b.begun(of, event)
	if !ok {
		return
	}
	var a attributeValues
	x.read(b, event.Attributes(), &a)
	e.Kind = operation.KindException
	b.fail(&e, &a)
	b.explain(&e, ref)
	b.add(&e, ref)
}

// fail sets what the exception attributes say.
func (b *Batch) fail(f *operation.Fact, a *attributeValues) {
	f.ErrorType, f.ErrorMessage, f.Detail = a.text[fieldExceptionType], a.text[fieldExceptionMessage], a.text[fieldExceptionStack]
}

// stage appends the fact of an event that states something about the life of a message or an operation. Where it carries no
// ID, it has that of its span.
func (x *Extractor) stage(b *Batch, of *operation.Fact, event ptrace.SpanEvent, s *stage, ref Ref) {
	e, ok := b.begun(of, event)
	if !ok {
		return
	}
	var a attributeValues
	x.read(b, event.Attributes(), &a)
	e.Kind = s.kind
	b.messaging(&e, &a, "")
	b.staged(&e, &a, s)
	b.advance(&e, a.text[fieldProgress])
	b.fail(&e, &a)
	if a.ids.n == 0 && !of.Batch {
		e.ID, e.IDRank, e.Alias, e.AliasRank = of.ID, of.IDRank, of.Alias, of.AliasRank
		b.add(&e, ref)
		return
	}
	if a.ids.namespace == "" {
		a.ids.namespace = of.Namespace
	}
	b.emit(&e, &a.ids, ref)
}

// latestProgress appends the fact of an event that states progress, in place of an earlier one that has the given index, and
// returns the index of the one that stays.
func (x *Extractor) latestProgress(b *Batch, of *operation.Fact, event ptrace.SpanEvent, s *stage, ref Ref, earlier int) int {
	at := len(b.Facts)
	x.stage(b, of, event, s, ref)
	if len(b.Facts) == at || earlier < 0 {
		if len(b.Facts) > at {
			return at
		}
		return earlier
	}
	if b.Facts[at].At >= b.Facts[earlier].At {
		b.Facts[earlier] = b.Facts[at]
	}
	for len(b.Facts) > at {
		b.undo()
	}
	return earlier
}

// explain fills in the error of the facts of the same span that failed without saying why.
func (b *Batch) explain(e *operation.Fact, ref Ref) {
	for i := len(b.Facts) - 1; i >= 0 && b.Refs[i] == ref; i-- {
		f := &b.Facts[i]
		if f.Outcome != operation.OutcomeError {
			continue
		}
		if f.ErrorType == "" {
			f.ErrorType = e.ErrorType
		}
		if f.ErrorMessage == "" {
			f.ErrorMessage = e.ErrorMessage
		}
	}
}
