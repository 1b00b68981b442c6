package stitch

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// maxSnapshots bounds the snapshots that a final trace links to, the latest ones.
const maxSnapshots = 8

// link reports whether there is an original to link to.
func (d *draft) link() bool {
	return d.origin != nil && !d.origin.Trace.IsZero() && !d.origin.Span.IsZero()
}

// writeRootLinks links to the first span of each source trace, and between the traces derived from one operation.
func (b *builder) writeRootLinks(span ptrace.Span, all []draft) {
	links := span.Links()
	links.EnsureCapacity(min(len(b.view.Traces), b.settings.MaxLinks) + 1)
	for _, origin := range b.sources(all) {
		if links.Len() >= b.settings.MaxLinks {
			b.report.CutLinks++
			continue
		}
		link(links, origin.Trace, origin.Span, "source", origin.JoinedBy)
	}
	b.linkDerived(links)
	if b.report.CutLinks > 0 {
		span.SetDroppedLinksCount(uint32(b.report.CutLinks))
	}
	b.report.Links += links.Len()
}

// sources returns the first span of each source trace that has one, in order of the traces.
func (b *builder) sources(all []draft) []*operation.Origin {
	for _, trace := range b.view.Traces {
		if _, known := b.traces[trace]; !known {
			b.traces[trace] = len(b.traces)
		}
	}
	first := slices.Grow(b.first[:0], len(b.view.Traces))[:len(b.view.Traces)]
	clear(first)
	var last operation.TraceID
	for i := range all {
		d := &all[i]
		if !d.link() || d.origin.Trace == last {
			continue
		}
		last = d.origin.Trace
		if at, ok := b.traces[last]; ok && first[at] == nil {
			first[at] = d.origin
		}
	}
	b.first = slices.DeleteFunc(first, func(o *operation.Origin) bool { return o == nil })
	return b.first
}

// linkDerived links the traces that are derived from the same operation with each other: a snapshot with the one that will be
// final, and that with the snapshots before it.
func (b *builder) linkDerived(links ptrace.SpanLinkSlice) {
	if b.snapshot {
		linkRoot(links, b.finalTrace(), "final")
		return
	}
	v, revision := b.view, b.change.FinalRevision
	if revision > 1 {
		linkRoot(links, TraceID(v.ID, v.Namespace, revision-1), "previous")
	}
	if !b.settings.Snapshots {
		return
	}
	revision, linked := b.change.Revision, 0
	for was := b.change.WasStuck; was != 0 && linked < maxSnapshots && revision > 1; was >>= 1 {
		revision--
		if was&1 != 0 {
			linkRoot(links, SnapshotTraceID(v.ID, v.Namespace, revision), "snapshot")
			linked++
		}
	}
}

func linkRoot(links ptrace.SpanLinkSlice, trace operation.TraceID, kind string) {
	link(links, trace, RootSpanID(trace), kind, operation.ReasonUnknown)
}

// link adds a link and says how what it leads to came to be part of the operation, and what it is where that is not the
// original.
func link(links ptrace.SpanLinkSlice, trace operation.TraceID, span operation.SpanID, kind string, reason operation.Reason) {
	l := links.AppendEmpty()
	l.SetTraceID(pcommon.TraceID(trace))
	l.SetSpanID(pcommon.SpanID(span))
	attributes := l.Attributes()
	if kind != "" {
		attributes.EnsureCapacity(2)
		attributes.PutStr("async.link.kind", kind)
	}
	if reason != operation.ReasonUnknown {
		attributes.PutStr("async.join.reason", reason.String())
	}
}
