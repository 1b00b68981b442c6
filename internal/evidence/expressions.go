package evidence

import (
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// Expressions say of each record what names of attributes cannot say. They are evaluated elsewhere: a nil function says
// nothing and costs nothing.
type Expressions struct {
	// SpanIDs and LogIDs are how many IDs the expressions of either signal can find. Their ranks come after those of all keys
	// and patterns, the ones of spans first, so that extractors of both signals must be told both.
	SpanIDs, LogIDs int
	// Span and Log say what they find out about one record. They are called from several goroutines.
	Span func(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, span ptrace.Span, found *Found)
	Log  func(rl plog.ResourceLogs, sl plog.ScopeLogs, record plog.LogRecord, found *Found)
}

// Found takes what expressions find out about one record.
type Found struct {
	// Ignored says that the record is no evidence.
	Ignored bool
	// Failed counts the evaluations that failed.
	Failed int

	ids []foundID
}

// foundID is what the expression with the given number found.
type foundID struct {
	number int
	text   string
}

// ID takes the value of the expression with the given number, counted from 0.
func (f *Found) ID(number int, text string) { f.ids = append(f.ids, foundID{number, text}) }

// asked lets the expressions say what they find out, and reports whether the record can be evidence.
func (b *Batch) asked(ref Ref, say func(*Found)) bool {
	b.answer.Ignored, b.answer.Failed, b.answer.ids = false, 0, b.answer.ids[:0]
	say(&b.answer)
	b.Dropped[DropExpression] += b.answer.Failed
	if b.answer.Ignored {
		b.ignored = append(b.ignored, ref)
	}
	return !b.answer.Ignored
}

// askedSpan draws the facts of a span that expressions do not ignore.
func (x *Extractor) askedSpan(b *Batch, rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, span ptrace.Span, ref Ref) {
	if b.asked(ref, func(found *Found) { x.expressions.Span(rs, ss, span, found) }) {
		x.span(b, span, ref)
		return
	}
	// Its children must not take it for a parent that never came.
	b.children.mark(operation.SpanID(span.SpanID()))
}

// found offers the correlation IDs that expressions found on the record at hand.
func (x *Extractor) found(b *Batch, a *attributeValues, rank uint8) {
	for _, id := range b.answer.ids {
		x.offer(b, id.text, rank+uint8(id.number), a)
	}
}

// Ignored reports whether expressions say that the record is no evidence.
func (b *Batch) Ignored(ref Ref) bool { return contains(b.ignored, ref) }
