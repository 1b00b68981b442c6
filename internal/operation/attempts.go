package operation

// consumers gives each receive and process span its attempt. Spans of single messages go first, because the span of a batch
// may only be a further record of what they say.
func (r *Reducer) consumers() {
	for _, pass := range [...]struct {
		kind  Kind
		batch bool
	}{{KindReceive, false}, {KindReceive, true}, {KindProcess, false}, {KindProcess, true}} {
		if !r.has(pass.kind) {
			continue
		}
		for i := range r.facts {
			if f := &r.facts[i]; f.Kind == pass.kind && f.Batch == pass.batch {
				r.consume(f)
			}
		}
	}
	r.tasks()
	r.settlements()
}

// tasks gives units of work that nobody asked for, and what services say that left nothing else, their attempts.
func (r *Reducer) tasks() {
	if !r.has(KindTask, KindLog, KindException) {
		return
	}
	for i := range r.facts {
		f := &r.facts[i]
		switch {
		case f.Kind == KindTask && f.Trace != r.facts[0].Trace:
			// What begins an operation processes nothing: a scheduled job, mostly.
			r.consume(f)
		case f.saysOutside() && !r.covered(f):
			r.takeRow(f)
		}
	}
}

func (r *Reducer) settlements() {
	if !r.has(KindSettle) {
		return
	}
	for i := range r.facts {
		if r.facts[i].Kind == KindSettle {
			r.settleFact(&r.facts[i])
		}
	}
}

func (r *Reducer) consume(f *Fact) {
	if p, ok := r.placeOf(f.Record()); ok && !f.Batch && p.what == placeAttempt {
		r.attempt(p).amend(f)
		return
	}
	hop, ok := r.hopOfConsumer(f, 0)
	if !ok {
		hop = r.openHop(f)
		for _, other := range [...]Record{{f.LinkTrace, f.LinkSpan}, {f.Trace, f.Parent}} {
			if !other.Span.IsZero() && (f.Remote || other.Span == f.LinkSpan) {
				r.records.add(other).origin = hop
			}
		}
	}
	r.learn(hop, f)
	h := &r.hops[hop]
	consumer := h.consumer(f)
	if f.Due > h.SentAt() && len(h.Consumers[consumer].Attempts) == 0 {
		h.DueAt = max(h.DueAt, f.Due)
	}
	p := place{what: placeAttempt, hop: hop, consumer: consumer, attempt: r.attemptFor(f, hop, consumer)}
	r.attempt(p).amend(f)
	if !f.Batch {
		r.setPlace(f.Record(), p)
	}
}

// attemptFor returns the attempt a consuming span is part of: the one whose receive span is its parent or link, the one
// it lies in, or a new one.
func (r *Reducer) attemptFor(f *Fact, hop, consumer int) int {
	c := &r.hops[hop].Consumers[consumer]
	for _, other := range [...]Record{{f.LinkTrace, f.LinkSpan}, {f.Trace, f.Parent}} {
		p, ok := r.placeOf(other)
		if !ok || p.what != placeAttempt || p.hop != hop || p.consumer != consumer {
			continue
		}
		if a := &c.Attempts[p.attempt]; !a.triedAgainBy(f) && (a.StartedAt == 0 || f.Parent == a.Span) {
			return p.attempt
		}
	}
	if f.processes() {
		if i := c.receivedOnly(f); i >= 0 {
			return i
		}
		if i := c.during(f); f.Batch && i >= 0 {
			return i
		}
	}
	return c.newAttempt()
}

// triedAgainBy reports whether the record is a further attempt made from within this one: the same again, after this one
// had ended. In-process buses retry so.
func (a *Attempt) triedAgainBy(f *Fact) bool {
	ended := a.EndedAt
	if f.Kind == KindReceive && a.StartedAt == 0 {
		ended = a.fetched
	}
	return ended != 0 && f.At >= ended && f.Name == a.Name
}

// receivedOnly returns the latest attempt of the same service that was received before f began and has no process span
// yet, or -1: receive and process of one message are one attempt even when nothing joins the two spans.
func (c *Consumer) receivedOnly(f *Fact) int {
	for i := len(c.Attempts) - 1; i >= 0; i-- {
		a := &c.Attempts[i]
		if a.StartedAt == 0 && a.Service == f.Service && a.Instance == f.Instance && a.ReceivedAt <= f.At {
			return i
		}
	}
	return -1
}

// during returns the attempt that the same instance was at work on at the same time, or -1: the batch that a message was
// processed in and the message's own span are one attempt.
func (c *Consumer) during(f *Fact) int {
	for i := len(c.Attempts) - 1; i >= 0; i-- {
		a := &c.Attempts[i]
		if a.StartedAt != 0 && a.Service == f.Service && a.Instance == f.Instance && a.StartedAt <= f.End && (a.EndedAt == 0 || f.At <= a.EndedAt) {
			return i
		}
	}
	return -1
}

func (r *Reducer) attempt(p place) *Attempt {
	return &r.hops[p.hop].Consumers[p.consumer].Attempts[p.attempt]
}

// consumer returns the index of the record's consumer group in the hop, opening it if need be.
func (h *hopBuild) consumer(f *Fact) int {
	for i := range h.Consumers {
		c := &h.Consumers[i]
		if !c.is(f) {
			continue
		}
		if f.Group != "" && !c.named() {
			c.Group = f.Group
		}
		c.handledBy(f)
		return i
	}
	group := f.Group
	if group == "" {
		group = f.Service
		if h.handledOtherwise(f) {
			group = f.Name
		}
	}
	h.newConsumer(group, f.Service).handledBy(f)
	return len(h.Consumers) - 1
}

// handledOtherwise reports whether another handler of the record's service consumed the message.
func (h *hopBuild) handledOtherwise(f *Fact) bool {
	for i := range h.Consumers {
		if c := &h.Consumers[i]; c.Service == f.Service && c.otherHandler(f) {
			return true
		}
	}
	return false
}

// handledBy takes note of the handler that a process span is named for.
func (c *Consumer) handledBy(f *Fact) {
	if c.handler == "" && f.Consumer && f.Group == "" && f.Kind == KindProcess {
		c.handler = f.Name
	}
}

// amend adds what a receive or process span says to the attempt.
func (a *Attempt) amend(f *Fact) {
	switch f.Kind {
	case KindReceive:
		a.ReceivedAt, a.fetched = f.At, max(f.At, f.End)
		if a.StartedAt == 0 {
			a.Origin, a.Batch = origin(f), f.Batch
		}
		if f.Outcome == OutcomeError && a.Error == nil {
			a.Error = failure(f)
		}
	case KindProcess, KindTask:
		if a.StartedAt == 0 || a.Span == f.Span {
			a.Origin, a.Batch = origin(f), f.Batch
			a.StartedAt = f.At
		}
		a.EndedAt = max(a.EndedAt, f.End)
		a.Outcome = worse(a.Outcome, f.Outcome)
		if e := failure(f); e != nil {
			a.Error = e
		}
	}
	if a.ReceivedAt == 0 || (a.StartedAt != 0 && a.StartedAt < a.ReceivedAt) {
		a.ReceivedAt = a.StartedAt
	}
	a.Destination = f.Destination
	a.Disposition, a.Number = max(a.Disposition, f.Disposition), max(a.Number, int(f.Delivery))
}

// settleFact takes a settlement as the end of a received message that has no process span: it was dealt with.
func (r *Reducer) settleFact(f *Fact) {
	hop, ok := r.hopOfConsumer(f, 0)
	if !ok {
		return
	}
	h := &r.hops[hop]
	for i := range h.Consumers {
		c := &h.Consumers[i]
		if !c.is(f) || len(c.Attempts) == 0 {
			continue
		}
		r.settled(c, f).settle(f)
	}
	r.setPlace(f.Record(), place{what: placeNone})
}

// settled returns the attempt that a settlement speaks of: the one whose span it was made in, else the latest.
func (r *Reducer) settled(c *Consumer, f *Fact) *Attempt {
	for i := range c.Attempts {
		if a := &c.Attempts[i]; a.Trace == f.Trace && a.Span == f.Parent && !f.Parent.IsZero() {
			return a
		}
	}
	return &c.Attempts[len(c.Attempts)-1]
}

// settle takes over what the settlement says: of an attempt with a process span only what becomes of the message, unless
// it failed without saying so.
func (a *Attempt) settle(f *Fact) {
	a.Disposition = max(a.Disposition, f.Disposition)
	if a.StartedAt == 0 && a.EndedAt == 0 {
		a.EndedAt = max(f.At, f.End)
	}
	if a.Outcome == OutcomeUnset || a.EndedAt == max(f.At, f.End) {
		a.Outcome = worse(a.Outcome, f.Outcome)
	}
	if a.Error == nil {
		a.Error = failure(f)
	}
}

// works gives every other span its place.
func (r *Reducer) works() {
	for i := range r.facts {
		f := &r.facts[i]
		if f.Kind < KindTask || f.Kind > KindWork {
			continue
		}
		if p, ok := r.placeOf(f.Record()); ok {
			if p.what == placeWork {
				w := &r.view.Works[p.work]
				w.EndedAt, w.Outcome = max(w.EndedAt, f.End), worse(w.Outcome, f.Outcome)
			}
			continue
		}
		r.setPlace(f.Record(), place{what: placeWork, work: len(r.view.Works)})
		w := r.newWork()
		w.Origin, w.StartedAt, w.EndedAt, w.Outcome, w.Error = origin(f), f.At, f.End, f.Outcome, failure(f)
	}
}

func origin(f *Fact) Origin {
	return Origin{
		Service: f.Service, Instance: f.Instance, Name: f.Name,
		Trace: f.Trace, Span: f.Span, Parent: f.Parent, Linked: !f.LinkSpan.IsZero(), JoinedBy: f.JoinedBy,
	}
}

// failure returns what a failed record says about its failure, nil if it did not fail.
func failure(f *Fact) *Error {
	if f.Outcome != OutcomeError {
		return nil
	}
	return &Error{Type: f.ErrorType, Message: f.ErrorMessage, At: max(f.At, f.End)}
}

// worse returns the outcome that counts when two records of the same work disagree.
func worse(a, b Outcome) Outcome { return max(a, b) }
