package operation

import (
	"cmp"
	"slices"
)

// retries finds what became of messages after attempts that did not end them: sent on to a retry destination, they are
// the same message on further attempts; sent to a dead-letter destination, they were given up; sent again to where they
// came from, they wait once more.
func (r *Reducer) retries() {
	var records map[int][]Record
	for _, i := range r.inOrder() {
		h := &r.hops[i]
		h.deadLetter = r.habits.DeadLetter(h.Destination)
		for k := range h.Sends {
			p, ok := r.placeOf(Record{h.Sends[k].Trace, h.Sends[k].Parent})
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

// inOrder returns the indices of the hops in order of time.
func (r *Reducer) inOrder() []int {
	r.order = r.order[:0]
	sorted := true
	for i := range r.hops {
		r.order = append(r.order, i)
		sorted = sorted && (i == 0 || r.hops[i-1].first <= r.hops[i].first)
	}
	if !sorted {
		slices.SortStableFunc(r.order, func(a, b int) int { return cmp.Compare(r.hops[a].first, r.hops[b].first) })
	}
	return r.order
}

// wrappers takes for mere work what only wraps the sending of other messages: a call that hands several to a library, which records each
// once more, has no message of its own and nobody consumes it.
func (r *Reducer) wrappers() {
	for i := range r.hops {
		for k := range r.hops[i].Sends {
			s := &r.hops[i].Sends[k]
			p, ok := r.placeOf(Record{s.Trace, s.Parent})
			if !ok || p.what != placeSend || p.hop == i {
				continue
			}
			if h := &r.hops[p.hop]; h.MessageID == "" && len(h.Consumers) == 0 && len(h.Sends) == 1 {
				wrapper := h.Sends[0]
				h.joined, h.Sends = true, nil
				r.setPlace(Record{wrapper.Trace, wrapper.Span}, place{what: placeWork, work: len(r.view.Works)})
				w := r.newWork()
				w.Origin, w.StartedAt, w.EndedAt, w.Error = wrapper.Origin, wrapper.StartedAt, wrapper.EndedAt, wrapper.Error
			}
		}
	}
}

// retryOf reports whether h is the way by which the message of another hop is tried again.
func (r *Reducer) retryOf(h *hopBuild, of int) bool {
	return r.habits.Retry(h.Destination) && !r.hops[of].deadLetter
}

// recordsOfHops lists the spans that have their place in each hop.
func (r *Reducer) recordsOfHops() map[int][]Record {
	records := make(map[int][]Record)
	for i := range r.records.all {
		known := &r.records.all[i]
		if p := &known.place; p.what == placeSend || p.what == placeAttempt {
			records[p.hop] = append(records[p.hop], known.Record)
		}
	}
	return records
}

// join makes the messages of a retry hop further attempts of the hop that they came from.
func (r *Reducer) join(from place, retry int, records map[int][]Record) {
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
		p, _ := r.placeOf(record)
		if p.what == placeSend {
			p.hop, p.send = from.hop, p.send+sends
		} else {
			p.hop, p.attempt, p.consumer = from.hop, p.attempt+offsets[p.consumer], into[p.consumer]
		}
		r.setPlace(record, p)
	}
	records[from.hop] = append(records[from.hop], records[retry]...)
	h.joined, h.Sends, h.Consumers = true, nil, nil
}

// alive puts the signs of life of spans that have not ended on their attempts.
func (r *Reducer) alive() {
	if !r.has(KindAlive) {
		return
	}
	for i := range r.facts {
		f := &r.facts[i]
		if f.Kind != KindAlive || f.End == 0 {
			continue
		}
		if p, ok := r.placeOf(f.Record()); ok && p.what == placeAttempt {
			r.attempt(p).lives(f)
		} else if r.isBatch(f.Record()) {
			r.batchLives(f)
		}
	}
}

// batchLives puts the sign of life of a batch on the attempts at its messages.
func (r *Reducer) batchLives(f *Fact) {
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
func (r *Reducer) schedule() {
	if !r.hasLines() {
		return
	}
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

func (r *Reducer) sentAbout(f *Fact) *hopBuild {
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
