package stitch

import (
	"cmp"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/originals"
)

// unknownService is the semantic conventions' name for a service that does not name itself.
const unknownService = "unknown_service"

// resource is one service instance whose spans stand together.
type resource struct {
	service, instance string
	spans             ptrace.SpanSlice
}

// spans returns the list of a service's spans, in order of first use.
func (b *builder) spans(traces ptrace.Traces, service, instance string) ptrace.SpanSlice {
	for i := range b.groups {
		if g := &b.groups[i]; g.service == service && g.instance == instance {
			return g.spans
		}
	}
	rs := traces.ResourceSpans().AppendEmpty()
	attributes := rs.Resource().Attributes()
	var known *originals.Resource
	if b.settings.Originals != nil {
		known = b.settings.Originals.ResourceOf(service, instance)
	}
	if known != nil {
		attributes.EnsureCapacity(2 + len(known.Attributes))
	} else if instance != "" {
		attributes.EnsureCapacity(2)
	}
	attributes.PutStr("service.name", clip(service, b.settings.MaxValue))
	b.putText(attributes, "service.instance.id", instance)
	if known != nil {
		for _, a := range known.Attributes {
			attributes.PutStr(a.Key, a.Value)
		}
	}
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(Scope)
	b.groups = append(b.groups, resource{service, instance, ss.Spans()})
	return ss.Spans()
}

// write emits the root and the drafts that were kept.
func (b *builder) write(traces ptrace.Traces, all []draft) {
	root := b.ids.next(spanKey{kind: draftRoot})
	b.writeRoot(traces, all, root)
	b.report.Spans, b.report.Events = 1, len(b.events)
	for i := range all {
		d := &all[i]
		if !d.kept {
			continue
		}
		d.id = b.ids.next(d.key())
		parent := root
		if d.parent >= 0 {
			parent = all[d.parent].id
		}
		b.writeDraft(traces, d, parent)
		b.report.Spans++
		b.report.Events += len(d.events)
		if d.link() {
			b.report.Links++
		}
	}
}

func (b *builder) writeDraft(traces ptrace.Traces, d *draft, parent operation.SpanID) {
	var service, instance string
	if d.origin != nil {
		service, instance = d.service(), d.origin.Instance
	} else {
		service = b.namesOf(d.hop.Destination).queue
	}
	span := b.spans(traces, service, instance).AppendEmpty()
	span.SetTraceID(pcommon.TraceID(b.trace))
	span.SetSpanID(pcommon.SpanID(d.id))
	span.SetParentSpanID(pcommon.SpanID(parent))
	span.SetName(b.title(d))
	span.SetKind(d.spanKind())
	span.SetStartTimestamp(pcommon.Timestamp(d.start))
	span.SetEndTimestamp(pcommon.Timestamp(d.end))
	if d.inner != nil {
		b.writeInner(span, d)
	} else {
		b.putDraft(span.Attributes(), d)
		b.writeStatus(span.Status(), d)
	}
	if d.origin != nil && d.inner == nil {
		b.writeEvents(span, d.origin.Service, d.notes, d.events)
	}
	if d.link() {
		link(span.Links(), d.origin.Trace, d.origin.Span, "", d.origin.JoinedBy)
	}
}

func (d *draft) service() string {
	if d.group != nil {
		return cmp.Or(d.origin.Service, d.group.Service, unknownService)
	}
	return cmp.Or(d.origin.Service, unknownService)
}

// title is of low cardinality as far as the destination's name is: temporary ones share theirs.
func (b *builder) title(d *draft) string {
	switch d.kind {
	case draftSend:
		return b.namesOf(d.hop.Destination).send
	case draftWait:
		return b.namesOf(d.hop.Destination).wait
	case draftSchedule:
		return b.namesOf(d.hop.Destination).scheduled
	case draftAttempt:
		n := b.namesOf(cmp.Or(d.attempt.Destination, d.hop.Destination))
		if received(d.attempt) {
			return n.receive
		}
		return n.process
	case draftAwait:
		return b.namesOf(d.awaited).await
	}
	return cmp.Or(line(d.origin.Name), "work")
}

func (d *draft) spanKind() ptrace.SpanKind {
	switch d.kind {
	case draftSend:
		return ptrace.SpanKindProducer
	case draftAttempt:
		return ptrace.SpanKindConsumer
	}
	return ptrace.SpanKindInternal
}

// writeStatus says how the piece of work ended. What nobody called good or bad stays unset.
func (b *builder) writeStatus(status ptrace.Status, d *draft) {
	switch {
	case d.deciding && b.verdict.State == operation.StateStuck:
		text, _ := b.describe()
		setError(status, text)
	case d.kind == draftWait || d.kind == draftAwait || d.kind == draftSchedule:
	case d.unfinished && b.verdict.State == operation.StateCancelled:
		// Nobody wanted it to end.
	case d.unfinished:
		setError(status, "began and did not end")
	case d.err == nil && d.attempt != nil && d.attempt.Disposition == operation.DispositionDeadLetter:
		setError(status, "dead-lettered")
	case d.outcome == operation.OutcomeError:
		setError(status, line(explain(d.err)))
	case d.outcome == operation.OutcomeOK:
		status.SetCode(ptrace.StatusCodeOk)
	}
}

func setError(status ptrace.Status, text string) {
	status.SetCode(ptrace.StatusCodeError)
	status.SetMessage(text)
}
