package stitch

import (
	"cmp"
	"slices"

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

// choose keeps as many drafts as the bounds allow, those that the verdict rests on first, and returns how many it cut.
func (b *builder) choose(all []draft) int {
	kept := 0
	for _, deciding := range [...]bool{true, false} {
		for i := range all {
			d := &all[i]
			if d.deciding != deciding || kept >= b.settings.MaxSpans-1 || !b.afford(b.cost(d)) {
				continue
			}
			d.kept = true
			kept++
		}
	}
	return len(all) - kept
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

// nest puts work and sends below the work that the original parent names and that encloses them. Everything else, and
// whatever would stick out of its parent, stays directly below the root: a backend that corrects clock skew moves
// children that lie outside their parents.
func (b *builder) nest(all []draft) {
	byRecord := b.byRecord
	for i := range all {
		d := &all[i]
		d.parent = -1
		if !d.kept {
			continue
		}
		if d.kind == draftSend || d.kind == draftWork {
			if p, ok := byRecord[operation.Record{Trace: d.origin.Trace, Span: d.origin.Parent}]; ok {
				if parent := &all[p]; parent.start <= d.start && d.end <= parent.end && parent.depth < maxDepth {
					d.parent, d.depth = p, parent.depth+1
				}
			}
		}
		if (d.kind != draftWork && d.kind != draftAttempt) || d.origin.Span.IsZero() {
			continue
		}
		record := operation.Record{Trace: d.origin.Trace, Span: d.origin.Span}
		if _, taken := byRecord[record]; !taken {
			byRecord[record] = i
		}
	}
}
