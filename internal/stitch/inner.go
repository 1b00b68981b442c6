package stitch

import (
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/originals"
)

const (
	// maxClimb bounds how many parents up it is looked for what an inner span lies in.
	maxClimb = 64
	// readShare bounds the kept spans that are looked at, in multiples of MaxInner: most of a trace may be of other operations.
	readShare = 10
	// maxAside is how far an inner span may lie beyond all that facts tell of.
	maxAside = int64(time.Hour)
)

// inner drafts the original spans that lie inside of those that are drawn: below a send, a piece of work or an attempt, by
// their parents. The inner spans of a batch are those of all its messages, and are left out, as is whatever lies below a span
// that belongs to another operation.
func (b *builder) inner(all []draft) []draft {
	if b.settings.Originals == nil || b.settings.MaxInner <= 0 {
		return all
	}
	anchors := make(map[operation.Record]struct{}, len(all))
	from, until := b.extent(all)
	for i := range all {
		if d := &all[i]; d.link() && (d.attempt == nil || !d.attempt.Batch) {
			anchors[operation.Record{Trace: d.origin.Trace, Span: d.origin.Span}] = struct{}{}
		}
	}
	b.parents = make(map[operation.Record]operation.SpanID)
	read := 0
	for i, trace := range b.view.Traces {
		if read >= readShare*b.settings.MaxInner {
			b.report.Missing += len(b.view.Traces) - i
			break
		}
		kept, missing := b.settings.Originals.Spans(pcommon.TraceID(trace))
		read += len(kept)
		b.report.Missing += missing
		for k := range kept {
			record := recordOf(kept[k].Span)
			if _, known := b.parents[record]; known {
				continue
			}
			b.parents[record] = operation.SpanID(kept[k].ParentSpanID())
		}
		for k := range kept {
			if d, ok := b.innerDraft(&kept[k], anchors); ok && d.start >= from-maxAside && d.end <= until+maxAside {
				all = append(all, d)
			}
		}
	}
	return all
}

func recordOf(span ptrace.Span) operation.Record {
	return operation.Record{Trace: operation.TraceID(span.TraceID()), Span: operation.SpanID(span.SpanID())}
}

// innerDraft drafts a span if it lies in one that is drawn, and was not drafted before.
func (b *builder) innerDraft(s *originals.Span, anchors map[operation.Record]struct{}) (draft, bool) {
	record := recordOf(s.Span)
	if _, drawn := anchors[record]; drawn || !b.within(record, anchors) {
		return draft{}, false
	}
	// What was sent twice is drawn once.
	anchors[record] = struct{}{}
	d := draft{kind: draftInner, inner: s, waited: -1, origin: &operation.Origin{
		Service: s.Service, Instance: s.Instance, Name: s.Name(), Trace: record.Trace, Span: record.Span,
		Parent: operation.SpanID(s.ParentSpanID()), JoinedBy: operation.ReasonParent,
	}}
	d.lasts(b.known(nanos(s.StartTimestamp())), nanos(s.EndTimestamp()))
	return d, true
}

func nanos(t pcommon.Timestamp) int64 { return int64(min(t, math.MaxInt64)) }

// within reports whether one of the parents is drawn.
func (b *builder) within(record operation.Record, anchors map[operation.Record]struct{}) bool {
	for range maxClimb {
		parent, known := b.parents[record]
		if !known || parent.IsZero() {
			return false
		}
		record.Span = parent
		if _, drawn := anchors[record]; drawn {
			return true
		}
	}
	return false
}

// enclosing finds the closest span that an inner one lies in and that encloses it, from its parent up; false if only the root does.
func (b *builder) enclosing(d *draft, all []draft) (int, bool) {
	record := operation.Record{Trace: d.origin.Trace, Span: d.origin.Parent}
	for range maxClimb {
		if p, ok := b.byRecord[record]; ok {
			parent := &all[p]
			if parent.encloses(d) {
				return p, true
			}
			if parent.kind != draftInner {
				return 0, false
			}
		}
		parent, known := b.parents[record]
		if !known {
			return 0, false
		}
		record.Span = parent
	}
	return 0, false
}

// writeInner copies the original. What its kind says of remote sides is not true of the copy, unless it is a call.
func (b *builder) writeInner(span ptrace.Span, d *draft) {
	from := d.inner.Span
	if from.Kind() == ptrace.SpanKindClient {
		span.SetKind(ptrace.SpanKindClient)
	}
	from.Status().CopyTo(span.Status())
	from.Attributes().CopyTo(span.Attributes())
	from.Events().CopyTo(span.Events())
	span.SetDroppedAttributesCount(from.DroppedAttributesCount())
	span.SetDroppedEventsCount(from.DroppedEventsCount())
	b.putText(span.Attributes(), "async.operation.id", b.view.ID)
	span.Attributes().PutBool("async.original.copy", true)
	b.report.Inner++
	b.report.Events += span.Events().Len()
}
