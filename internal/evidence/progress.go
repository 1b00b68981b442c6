package evidence

import (
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// advance sets how far the work has come, on a fact that states progress. A value that cannot be read is counted; the fact is
// a sign of life all the same.
func (b *Batch) advance(f *operation.Fact, text string) {
	if f.Kind != operation.KindProgress || text == "" {
		return
	}
	progress, ok := progressOf(text)
	if !ok {
		b.drop(DropWrongType)
		return
	}
	f.Progress = progress
}

// progressOf reads progress as [operation.Fact] has it: thousandths plus 1. An integer, and whatever has a percent sign, is a
// percentage; a number with a decimal point is a fraction of 1, or a percentage above that. It returns false for what is
// none of these, or not between nothing and all.
func progressOf(text string) (uint16, bool) {
	text = strings.TrimSpace(text)
	number, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil {
		return 0, false
	}
	if percent || v > 1 || !strings.ContainsAny(number, ".eE") {
		v /= 100
	}
	const all = 1000
	if !(v >= 0 && v <= 1) {
		return 0, false
	}
	return uint16(math.Round(v*all)) + 1, true
}

// fraction writes a floating-point number so that [progressOf] does not take it for an integer.
func fraction(v float64) string { return strconv.FormatFloat(v, 'e', -1, 64) }

// progress draws the fact of a span by which a library stores how far a job has come (BullMQ: updateJobProgress). It is about
// the work that its parent is a part of.
func (x *Extractor) progress(b *Batch, span ptrace.Span, a *attributeValues, ref Ref) {
	f := operation.Fact{
		Kind: operation.KindProgress, Trace: operation.TraceID(span.TraceID()), Span: operation.SpanID(span.ParentSpanID()),
		Service: b.resource.service, Instance: b.resource.instance, Name: b.cut(span.Name(), maxName),
	}
	if !b.times(&f, span) {
		return
	}
	f.At, f.End = max(f.At, f.End), 0
	b.messaging(&f, a, "")
	b.advance(&f, a.text[fieldProgress])
	b.emit(&f, &a.ids, ref)
}
