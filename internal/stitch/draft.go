package stitch

import (
	"cmp"
	"math"
	"slices"

	"github.com/throughline/throughline/internal/deadletter"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/originals"
)

// draftKind says what a derived span stands for. It is part of span IDs, so the values must not change.
type draftKind uint8

const (
	draftRoot     draftKind = 0
	draftWork     draftKind = 1
	draftSend     draftKind = 2
	draftWait     draftKind = 3
	draftAttempt  draftKind = 4
	draftAwait    draftKind = 5
	draftSchedule draftKind = 6
	draftInner    draftKind = 7
)

// draft is a span below the root before it is known whether there is room for it.
type draft struct {
	kind draftKind
	// origin is the original it stands for, nil for time in a queue and for what is awaited.
	origin *operation.Origin
	hop    *operation.Hop
	group  *operation.Consumer
	// number counts the attempts of one group, from 1.
	number  int
	attempt *operation.Attempt
	err     *operation.Error
	outcome operation.Outcome
	// inner is the original that is copied.
	inner *originals.Span
	// awaited is the destination that should have followed.
	awaited string
	notes   []operation.Note

	start, end int64
	// waited is the time in the queue in nanoseconds, -1 if it is unknown or this draft does not tell.
	waited int64
	// unfinished says that the end is not known: the span is drawn as far as it is known to have lasted.
	unfinished, skewed bool
	// deciding says that the verdict rests on it.
	deciding bool

	// parent is the index of the draft it lies in, -1 for the root; depth counts from the root's children.
	parent, depth int
	kept          bool
	// events are the indices of the notes that are kept.
	events []int
	id     operation.SpanID
}

// drafts lists everything the view knows as spans, in no particular but always the same order.
func (b *builder) drafts() []draft {
	v := b.view
	all := slices.Grow(b.all[:0], len(v.Works)+4*len(v.Hops))
	for i := range v.Works {
		w := &v.Works[i]
		d := draft{kind: draftWork, origin: &w.Origin, err: w.Error, outcome: w.Outcome, notes: w.Notes, waited: -1}
		d.lasts(b.known(w.StartedAt, w.EndedAt), w.EndedAt)
		all = append(all, d)
	}
	for i := range v.Hops {
		h := &v.Hops[i]
		all = b.sends(all, i, h)
		all = b.queue(all, i, h)
		for k := range h.Consumers {
			all = b.attempts(all, i, k, h)
		}
	}
	return b.inner(b.stall(all))
}

// lasts sets the times.
func (d *draft) lasts(start, end int64) { d.start, d.end = interval(start, end) }

// interval is the time a span takes, at least one nanosecond: Jaeger calls a span that takes none one of negative
// duration. An end that is unknown or before the start counts as the start.
func interval(start, end int64) (int64, int64) {
	start = min(start, math.MaxInt64-1)
	return start, max(start+1, end)
}

// known returns the first time that is known, or that of the operation's first sign.
func (b *builder) known(times ...int64) int64 { return cmp.Or(firstKnown(times...), b.base) }

func (b *builder) sends(all []draft, hop int, h *operation.Hop) []draft {
	for i := range h.Sends {
		s := &h.Sends[i]
		d := draft{kind: draftSend, origin: &s.Origin, hop: h, err: s.Error, waited: -1}
		if s.Error != nil {
			d.outcome = operation.OutcomeError
		}
		d.deciding = b.decides(hop, -1) && h.State == operation.HopFailed && i == len(h.Sends)-1
		d.lasts(b.known(s.StartedAt, s.EndedAt), s.EndedAt)
		all = append(all, d)
	}
	return all
}

// decides reports whether the verdict rests on this hop and group (-1: on no group). A dead letter is shown with the group
// that gave up on it.
func (b *builder) decides(hop, consumer int) bool {
	return (b.verdict.Hop == hop && b.verdict.Consumer == consumer) || b.place == deadletter.Place{Hop: hop, Consumer: consumer}
}

// stall drafts what was to follow a hop that is done, as long as it did not.
func (b *builder) stall(all []draft) []draft {
	hop, _ := b.decidingHop()
	if b.verdict.Reason != operation.StuckStalled || hop == nil || len(hop.Consumers) == 0 {
		return all
	}
	d := draft{
		kind: draftAwait, origin: &operation.Origin{Service: hop.Consumers[0].Service}, awaited: b.verdict.Awaited, waited: -1,
		unfinished: true, deciding: true,
	}
	d.lasts(b.known(b.verdict.Since), b.until)
	return append(all, d)
}

func (b *builder) attempts(all []draft, hop, consumer int, h *operation.Hop) []draft {
	c := &h.Consumers[consumer]
	for i := range c.Attempts {
		a := &c.Attempts[i]
		d := draft{
			kind: draftAttempt, origin: &a.Origin, hop: h, group: c, number: i + 1, attempt: a,
			err: a.Error, outcome: a.Outcome, notes: signs(a), waited: -1, skewed: c.Skewed && i == 0,
			unfinished: a.Open(),
			deciding:   b.decides(hop, consumer) && i == len(c.Attempts)-1,
		}
		end := a.EndedAt
		if d.unfinished {
			end = b.until
			if i+1 < len(c.Attempts) {
				// The next delivery proves that this attempt was over by then.
				end = begin(&c.Attempts[i+1])
			}
		}
		d.lasts(b.known(a.StartedAt, begin(a)), end)
		all = append(all, d)
	}
	return all
}

// signs are what the attempt logged, and behind that its last signs of life.
func signs(a *operation.Attempt) []operation.Note {
	notes := slices.Clip(a.Notes)
	if a.ProgressAt > 0 {
		n := operation.Note{Origin: operation.Origin{Service: a.Service, Name: "progress"}, At: a.ProgressAt}
		if done := a.Done(); done >= 0 {
			n.Body = percent(done)
		}
		notes = append(notes, n)
	}
	if a.Open() && a.AliveAt > 0 {
		notes = append(notes, operation.Note{Origin: operation.Origin{Service: a.Service, Name: "alive"}, At: a.AliveAt})
	}
	return notes
}

// begin is the first sign of an attempt.
func begin(a *operation.Attempt) int64 { return cmp.Or(a.ReceivedAt, a.StartedAt, a.EndedAt) }

// received reports whether all that is known of the attempt is that the message was received.
func received(a *operation.Attempt) bool {
	return !a.Inferred && a.StartedAt == 0 && a.EndedAt != 0 && a.EndedAt == a.ReceivedAt
}

// key is what the draft's span ID is derived from.
func (d *draft) key() spanKey {
	k := spanKey{kind: d.kind}
	if d.origin != nil {
		k.origin = operation.Record{Trace: d.origin.Trace, Span: d.origin.Span}
	}
	if d.hop != nil {
		k.destination, k.message = d.hop.Destination, d.hop.MessageID
	}
	if d.group != nil {
		k.group = d.group.Group
	}
	if d.kind == draftAwait {
		k.destination = d.awaited
	}
	return k
}
