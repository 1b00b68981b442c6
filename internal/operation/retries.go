package operation

import (
	"cmp"
	"slices"
)

// retries finds what became of messages after attempts that did not end them: sent on to a retry destination, they are
// the same message on further attempts; sent to a dead-letter destination, they were given up; sent again to where they
// came from, they wait once more.
func (r *reducer) retries() {
	order := make([]int, len(r.hops))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r.hops[a].first, r.hops[b].first) })
	var records map[int][]Record
	for _, i := range order {
		h := &r.hops[i]
		h.deadLetter = r.habits.DeadLetter(h.Destination)
		for k := range h.Sends {
			p, ok := r.spans[Record{h.Sends[k].Trace, h.Sends[k].Parent}]
			if !ok || p.what != placeAttempt {
				continue
			}
			if p.hop == i {
				h.Sends[k].again = true
				continue
			}
			if h.deadLetter {
				a := r.attempt(p)
				a.Outcome, a.Disposition, a.deadLetteredTo = OutcomeError, DispositionDeadLetter, h.Destination
				break
			}
			if r.retryOf(h, p.hop) {
				if a := r.attempt(p); a.Outcome != OutcomeError {
					// Who sends a message on to be tried again has failed with it, though its span may not say so.
					a.Outcome, a.Disposition = OutcomeError, max(a.Disposition, DispositionRetry)
				}
				if records == nil {
					records = r.recordsOfHops()
				}
				r.join(p, i, records)
				break
			}
		}
	}
}

// wrappers takes for mere work what only wraps the sending of other messages: a call that hands several to a library, which records each
// once more, has no message of its own and nobody consumes it.
func (r *reducer) wrappers() {
	for i := range r.hops {
		for k := range r.hops[i].Sends {
			s := &r.hops[i].Sends[k]
			p, ok := r.spans[Record{s.Trace, s.Parent}]
			if !ok || p.what != placeSend || p.hop == i {
				continue
			}
			if h := &r.hops[p.hop]; h.MessageID == "" && len(h.Consumers) == 0 && len(h.Sends) == 1 {
				wrapper := h.Sends[0]
				h.joined, h.Sends = true, nil
				r.spans[Record{wrapper.Trace, wrapper.Span}] = place{what: placeWork, work: len(r.view.Works)}
				r.view.Works = append(r.view.Works, Work{
					Origin: wrapper.Origin, StartedAt: wrapper.StartedAt, EndedAt: wrapper.EndedAt, Error: wrapper.Error,
				})
			}
		}
	}
}

// retryOf reports whether h is the way by which the message of another hop is tried again.
func (r *reducer) retryOf(h *hopBuild, of int) bool {
	return r.habits.Retry(h.Destination) && !r.hops[of].deadLetter
}

// recordsOfHops lists the spans that have their place in each hop.
func (r *reducer) recordsOfHops() map[int][]Record {
	records := make(map[int][]Record)
	for record, p := range r.spans {
		if p.what == placeSend || p.what == placeAttempt {
			records[p.hop] = append(records[p.hop], record)
		}
	}
	return records
}

// join makes the messages of a retry hop further attempts of the hop that they came from.
func (r *reducer) join(from place, retry int, records map[int][]Record) {
	h, to := &r.hops[retry], &r.hops[from.hop]
	for k := range h.Sends {
		h.Sends[k].again = true
	}
	sends := len(to.Sends)
	to.Sends = append(to.Sends, h.Sends...)
	offsets := make([]int, len(h.Consumers))
	into := make([]int, len(h.Consumers))
	for k := range h.Consumers {
		c := from.consumer
		for other := range to.Consumers {
			if k > 0 && to.Consumers[other].Group == h.Consumers[k].Group {
				c = other
			}
		}
		into[k], offsets[k] = c, len(to.Consumers[c].Attempts)
		to.Consumers[c].Attempts = append(to.Consumers[c].Attempts, h.Consumers[k].Attempts...)
	}
	for _, record := range records[retry] {
		p := r.spans[record]
		if p.what == placeSend {
			p.hop, p.send = from.hop, p.send+sends
		} else {
			p.hop, p.attempt, p.consumer = from.hop, p.attempt+offsets[p.consumer], into[p.consumer]
		}
		r.spans[record] = p
	}
	records[from.hop] = append(records[from.hop], records[retry]...)
	h.joined, h.Sends, h.Consumers = true, nil, nil
}

// alive puts the signs of life of spans that have not ended on their attempts.
func (r *reducer) alive() {
	for i := range r.facts {
		f := &r.facts[i]
		if f.Kind != KindAlive || f.End == 0 {
			continue
		}
		if p, ok := r.spans[f.Record()]; ok && p.what == placeAttempt {
			r.attempt(p).lives(f)
		} else if _, batch := r.batches[f.Record()]; batch {
			r.batchLives(f)
		}
	}
}

// batchLives puts the sign of life of a batch on the attempts at its messages.
func (r *reducer) batchLives(f *Fact) {
	for i := r.recent(); i < len(r.hops); i++ {
		for k := range r.hops[i].Consumers {
			for n := range r.hops[i].Consumers[k].Attempts {
				if a := &r.hops[i].Consumers[k].Attempts[n]; a.Trace == f.Trace && a.Span == f.Span {
					a.lives(f)
				}
			}
		}
	}
}

func (a *Attempt) lives(f *Fact) {
	if a.AliveAt < f.At {
		a.AliveAt, a.AliveUntil = f.At, f.End
	}
}

// schedule puts the due times that log records tell on the messages that their services sent at about that time.
func (r *reducer) schedule() {
	for i := range r.facts {
		f := &r.facts[i]
		if f.Due == 0 || f.Kind < KindStarted {
			continue
		}
		if h := r.sentAbout(f); h != nil {
			h.DueAt = max(h.DueAt, f.Due)
		}
	}
}

// maxScheduleGap is how far a log record that tells a delay may be from the send it speaks of, in nanoseconds.
const maxScheduleGap = 2_000_000_000

func (r *reducer) sentAbout(f *Fact) *hopBuild {
	var best *hopBuild
	distance := int64(maxScheduleGap)
	for i := r.recent(); i < len(r.hops); i++ {
		h := &r.hops[i]
		for k := range h.Sends {
			s := &h.Sends[k]
			d := max(s.StartedAt-f.At, f.At-s.StartedAt)
			if s.Service == f.Service && d <= distance && (f.Destination == "" || f.Destination == h.Destination) {
				best, distance = h, d
			}
		}
	}
	return best
}
