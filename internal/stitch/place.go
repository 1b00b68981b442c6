package stitch

import (
	"cmp"
	"slices"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// maxDepth bounds how deep spans lie in each other: user interfaces recurse.
const maxDepth = 16

// arrange puts the drafts in order of time, so that whatever lies in another one comes after it.
func arrange(all []draft) {
	slices.SortStableFunc(all, func(a, b draft) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), cmp.Compare(a.kind, b.kind))
	})
}

// choose keeps as many drafts as the bounds allow, those that the verdict rests on first and copies of originals last, and
// returns how many it cut.
func (b *builder) choose(all []draft) int {
	kept, inner := 0, 0
	for pass := range 3 {
		for i := range all {
			d := &all[i]
			if d.pass() != pass || kept >= b.settings.MaxSpans-1 || (pass == 2 && inner >= b.settings.MaxInner) || !b.afford(b.cost(d)) {
				continue
			}
			d.kept = true
			kept++
			if pass == 2 {
				inner++
			}
		}
	}
	return len(all) - kept
}

// pass is when the draft is looked at.
func (d *draft) pass() int {
	switch {
	case d.deciding:
		return 0
	case d.kind == draftInner:
		return 2
	}
	return 1
}

// spanCost is what a span takes beside its strings, in bytes.
const spanCost = 320

// cost estimates the size of a span without its events.
func (b *builder) cost(d *draft) int {
	size := spanCost + b.bounded(b.view.ID) + min(len(b.name), maxLine)
	if d.origin != nil {
		size += b.bounded(d.origin.Service) + b.bounded(d.origin.Instance) + min(len(d.origin.Name), maxLine)
	}
	if d.hop != nil {
		size += b.bounded(d.hop.System) + 2*b.bounded(d.hop.Destination) + b.bounded(d.hop.MessageID)
	}
	if d.group != nil {
		size += b.bounded(d.group.Group)
	}
	size += b.bounded(d.awaited)
	if d.attempt != nil {
		size += b.bounded(d.attempt.Destination)
	}
	if d.inner != nil {
		size += (&ptrace.ProtoMarshaler{}).SpanSize(d.inner.Span)
	}
	if d.err != nil {
		size += b.bounded(d.err.Type) + 2*maxLine
	}
	return size
}

func (b *builder) bounded(s string) int { return min(len(s), b.settings.MaxValue) }

// afford takes the size from what is left of the bytes, if there is enough.
func (b *builder) afford(size int) bool {
	if size > b.left {
		return false
	}
	b.left -= size
	return true
}

// nest puts work, sends and copies of originals below what the original parent names and that encloses them. Everything else, and
// whatever would stick out of its parent, stays directly below the root: a backend that corrects clock skew moves
// children that lie outside their parents. Nothing but the copies lies below a send.
func (b *builder) nest(all []draft) {
	for i := range all {
		d := &all[i]
		d.parent = -1
		if !d.kept {
			continue
		}
		p, ok := -1, false
		switch d.kind {
		case draftInner:
			p, ok = b.enclosing(d, all)
		case draftSend, draftWork:
			p, ok = b.byRecord[operation.Record{Trace: d.origin.Trace, Span: d.origin.Parent}]
			ok = ok && all[p].encloses(d) && all[p].kind != draftSend && all[p].kind != draftInner
		}
		if ok {
			d.parent, d.depth = p, all[p].depth+1
		}
		if d.origin == nil || d.origin.Span.IsZero() || (d.kind == draftSend && b.parents == nil) || d.kind == draftAwait {
			continue
		}
		record := operation.Record{Trace: d.origin.Trace, Span: d.origin.Span}
		if _, taken := b.byRecord[record]; !taken {
			b.byRecord[record] = i
		}
	}
}

// encloses reports whether another draft can lie in it.
func (d *draft) encloses(other *draft) bool {
	return d.start <= other.start && other.end <= d.end && d.depth < maxDepth
}
