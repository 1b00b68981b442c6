package operation

import "cmp"

// infer reads what is missing: a worker that was killed leaves log lines and no span, and a process killed with -9 takes
// finished spans with it, so a lost span proves nothing by itself, while a later hop proves the earlier one.
func (r *reducer) infer() {
	r.inferFromLogs()
	r.closeReceived()
	r.inferFromSends()
	r.inferFromOrphans()
}

// inferFromLogs takes a log record, written in the context of a span that never came by a service that was not known to
// be at work at that time, as the sign of an attempt that is still open.
func (r *reducer) inferFromLogs() {
	for i := range r.facts {
		f := &r.facts[i]
		if (f.Kind != KindLog && f.Kind != KindException) || f.Span.IsZero() {
			continue
		}
		if _, known := r.spans[f.Record()]; known || r.covered(f) {
			continue
		}
		if hop, ok := r.hopBegunBy(f); ok {
			r.begin(hop, f)
		}
	}
}

// covered reports whether a span of the record's service was open at its time.
func (r *reducer) covered(f *Fact) bool {
	for i := range r.facts {
		g := &r.facts[i]
		if g.IsSpan() && g.Kind != KindReceive && g.Service == f.Service && g.At <= f.At && f.At <= g.End {
			return true
		}
	}
	return false
}

// hopBegunBy returns the latest hop that the record's service can have begun to consume by then: sent before by another
// service, and not done.
func (r *reducer) hopBegunBy(f *Fact) (int, bool) {
	best, found := 0, false
	for i := range r.hops {
		h := &r.hops[i]
		if h.first > f.At || h.sentBy(f.Service) || !h.canBeginWith(f) {
			continue
		}
		if !found || h.first >= r.hops[best].first {
			best, found = i, true
		}
	}
	return best, found
}

func (h *hopBuild) sentBy(service string) bool {
	for i := range h.Sends {
		if h.Sends[i].Service == service {
			return true
		}
	}
	return false
}

// canBeginWith reports whether, by the time of the record, nobody had consumed the message, or its service had received it without beginning to
// process it, or had failed.
func (h *hopBuild) canBeginWith(f *Fact) bool {
	if len(h.Consumers) == 0 {
		return true
	}
	for i := range h.Consumers {
		c := &h.Consumers[i]
		if c.Service != f.Service {
			continue
		}
		for j := range c.Attempts {
			a := &c.Attempts[j]
			if a.StartedAt != 0 && a.StartedAt <= f.At && (a.Outcome != OutcomeError || a.EndedAt > f.At) {
				return false
			}
		}
		return true
	}
	return false
}

// begin opens an attempt with the log record as its first sign.
func (r *reducer) begin(hop int, f *Fact) {
	consumer := r.hops[hop].consumer(f)
	c := &r.hops[hop].Consumers[consumer]
	attempt := c.receivedOnly(f)
	if attempt < 0 {
		c.Attempts = append(c.Attempts, Attempt{ReceivedAt: f.At})
		attempt = len(c.Attempts) - 1
	}
	a := &c.Attempts[attempt]
	a.Origin, a.StartedAt = origin(f), f.At
	a.ReceivedAt = cmp.Or(a.ReceivedAt, f.At)
	r.spans[f.Record()] = place{what: placeAttempt, hop: hop, consumer: consumer, attempt: attempt}
}

// closeReceived ends the attempts of services that report only that they received a message.
func (r *reducer) closeReceived() {
	for i := range r.hops {
		for j := range r.hops[i].Consumers {
			c := &r.hops[i].Consumers[j]
			for k := range c.Attempts {
				a := &c.Attempts[k]
				if a.StartedAt == 0 && a.EndedAt == 0 && (a.Error != nil || !r.habits.Processes(a.Service)) {
					a.EndedAt = a.fetched
					if a.Error != nil {
						a.Outcome = OutcomeError
					}
				}
			}
		}
	}
}

// inferFromSends lets a message that a service sent, without any known span around it, prove that the service had
// consumed the message before.
func (r *reducer) inferFromSends() {
	for i := range r.facts {
		f := &r.facts[i]
		if f.Kind != KindSend || f.Parent.IsZero() || f.Batch {
			continue
		}
		if p, known := r.spans[Record{f.Trace, f.Parent}]; known && (p.what != placeAttempt || !r.attempt(p).Open()) {
			continue
		}
		if !r.coveredButBySends(f) {
			r.prove(f, r.spans[f.Record()].hop)
		}
	}
}

// coveredButBySends is covered without the send's own span and its like.
func (r *reducer) coveredButBySends(f *Fact) bool {
	for i := range r.facts {
		g := &r.facts[i]
		if (g.Kind == KindProcess || g.Kind == KindWork) && g.Service == f.Service && g.At <= f.At && f.At <= g.End {
			return true
		}
	}
	return false
}

// inferFromOrphans does the same for a message whose sender is not known at all: who sent it had consumed something.
func (r *reducer) inferFromOrphans() {
	for i := range r.hops {
		if len(r.hops[i].Sends) != 0 || len(r.hops[i].Consumers) == 0 {
			continue
		}
		a := &r.hops[i].Consumers[0].Attempts[0]
		r.prove(&Fact{At: cmp.Or(a.StartedAt, a.ReceivedAt), Service: ""}, i)
	}
}

// prove marks the latest hop before f, other than the one f belongs to, as consumed if nothing says so yet.
func (r *reducer) prove(f *Fact, own int) {
	best, found := 0, false
	for i := range r.hops {
		h := &r.hops[i]
		if i == own || h.first >= f.At || len(h.Sends) == 0 || (f.Service != "" && h.sentBy(f.Service)) || !h.unproven(f) {
			continue
		}
		if !found || h.first > r.hops[best].first {
			best, found = i, true
		}
	}
	if !found {
		return
	}
	h := &r.hops[best]
	if len(h.Consumers) == 0 {
		h.Consumers = append(h.Consumers, Consumer{Group: f.Service, Service: f.Service, WaitedNanos: -1})
	}
	c := &h.Consumers[0]
	if n := len(c.Attempts); n > 0 && c.Attempts[n-1].EndedAt == 0 {
		c.Attempts[n-1].EndedAt, c.Attempts[n-1].Inferred = f.At, true
		return
	}
	c.Attempts = append(c.Attempts, Attempt{Origin: Origin{Service: f.Service}, EndedAt: f.At, Inferred: true})
}

// unproven reports whether the message has no consumer at all, or only one of f's service that began and did not end.
func (h *hopBuild) unproven(f *Fact) bool {
	if len(h.Consumers) == 0 {
		return true
	}
	if len(h.Consumers) > 1 || (f.Service != "" && h.Consumers[0].Service != f.Service) {
		return false
	}
	for i := range h.Consumers[0].Attempts {
		if h.Consumers[0].Attempts[i].EndedAt != 0 {
			return false
		}
	}
	return true
}
