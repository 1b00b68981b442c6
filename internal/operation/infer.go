package operation

import (
	"cmp"
	"math"
	"slices"
)

// infer reads what is missing: a worker that was killed leaves log lines and no span, and a process killed with -9 takes
// finished spans with it, so a lost span proves nothing by itself, while a later hop proves the earlier one.
func (r *Reducer) infer() {
	r.inferFromLogs()
	r.closeReceived()
	r.inferFromSends()
	r.inferFromOrphans()
	r.inferFromWords()
}

// inferFromWords takes a log record outside any span, by a service that left nothing else, as the sign that it consumed a
// message that nobody is seen to consume. What such a service says last tells whether it is done.
func (r *Reducer) inferFromWords() {
	if !r.hasLines() {
		return
	}
	for i := range r.facts {
		f := &r.facts[i]
		if !f.saysOutside() || r.covered(f) {
			continue
		}
		if hop, ok := r.hopBegunBy(f); ok && len(r.hops[hop].Consumers) == 0 && len(r.hops[hop].Sends) > 0 {
			r.beginOutside(hop, f)
		}
	}
}

// saysOutside reports whether the fact is a log record of the operation outside any span.
func (f *Fact) saysOutside() bool {
	return (f.Kind == KindLog || f.Kind == KindException) && f.Span.IsZero() && f.ID != ""
}

// takeRow takes such a record for the sign that its service took a row of a task table, unless it had consumed something
// before.
func (r *Reducer) takeRow(f *Fact) {
	row, found := 0, false
	for i := r.recent(); i < len(r.hops); i++ {
		h := &r.hops[i]
		if h.consumedIn(f.Service) {
			return
		}
		if h.table && len(h.Consumers) == 0 && h.first <= f.At && !h.sentBy(f.Service) && (!found || h.first < r.hops[row].first) {
			row, found = i, true
		}
	}
	if found {
		r.beginOutside(row, f)
	}
}

func (h *hopBuild) consumedIn(service string) bool {
	for i := range h.Consumers {
		if h.Consumers[i].Service == service {
			return true
		}
	}
	return false
}

// beginOutside opens an attempt outside any span, which ends with the last words of its service.
func (r *Reducer) beginOutside(hop int, f *Fact) {
	r.begin(hop, f)
	a := &r.hops[hop].Consumers[0].Attempts[0]
	if last := r.lastWords(a, TraceID{}, math.MaxInt64); last != nil && !r.habits.Processes(f.Service) {
		a.endWith(last)
	}
}

// inferFromLogs takes a log record, written in the context of a span that never came by a service that was not known to
// be at work at that time, as the sign of an attempt that is still open; and so a finished child of such a span.
func (r *Reducer) inferFromLogs() {
	if !r.hasLines() {
		return
	}
	for i := range r.facts {
		f := &r.facts[i]
		if f.Span.IsZero() || !f.signOfWork() {
			continue
		}
		if _, known := r.placeOf(f.Record()); known || r.covered(f) {
			continue
		}
		if r.isBatch(f.Record()) {
			continue
		}
		if hop, ok := r.hopBegunBy(f); ok {
			r.begin(hop, f)
		}
	}
}

// signOfWork reports whether the fact shows that something was at work in the span: a heartbeat brings its span along.
func (f *Fact) signOfWork() bool {
	return f.Kind == KindLog || f.Kind == KindException || (f.Kind == KindAlive && f.End == 0)
}

// covered reports whether a span of the record's service was open at its time.
func (r *Reducer) covered(f *Fact) bool {
	return r.open(f, &r.busy, func(g *Fact) bool { return g.IsSpan() && g.Kind != KindReceive })
}

// times are when the spans of each service were open.
type times map[string]*openTimes

// openTimes are the times at which spans began, in order, and until when one that had begun by then was open.
type openTimes struct{ began, until []int64 }

// fewFacts is the number of facts up to which they are looked through.
const fewFacts = 64

// open reports whether a span of the record's service that counts was open at its time. What counts is looked through once.
func (r *Reducer) open(f *Fact, known *times, counts func(*Fact) bool) bool {
	if len(r.facts) <= fewFacts {
		for i := range r.facts {
			if g := &r.facts[i]; g.At <= f.At && g.Service == f.Service && (g.End == 0 || g.End >= f.At) && counts(g) {
				return true
			}
		}
		return false
	}
	if *known == nil {
		*known = make(times)
		// The facts are in order of time.
		for i := range r.facts {
			if g := &r.facts[i]; counts(g) {
				known.add(g)
			}
		}
	}
	t := (*known)[f.Service]
	if t == nil {
		return false
	}
	begun, _ := slices.BinarySearch(t.began, f.At+1)
	return begun > 0 && t.until[begun-1] >= f.At
}

func (t times) add(g *Fact) {
	o := t[g.Service]
	if o == nil {
		o = &openTimes{}
		t[g.Service] = o
	}
	until := cmp.Or(g.End, math.MaxInt64)
	if n := len(o.until); n > 0 {
		until = max(until, o.until[n-1])
	}
	o.began, o.until = append(o.began, g.At), append(o.until, until)
}

// hopBegunBy returns the latest hop that the record's service can have begun to consume by then: sent before by another
// service, and not done.
func (r *Reducer) hopBegunBy(f *Fact) (int, bool) {
	best, found := 0, false
	for i := r.recent(); i < len(r.hops); i++ {
		h := &r.hops[i]
		if h.first > f.At || (h.sentBy(f.Service) && !r.sentToItself(h, f)) || !h.canBeginWith(f) {
			continue
		}
		if !found || h.first >= r.hops[best].first {
			best, found = i, true
		}
	}
	return best, found
}

// sentToItself reports whether the record was written where a service consumes what it sent to itself over an in-process bus:
// in the trace of the send, in a span that neither is nor made the send.
func (r *Reducer) sentToItself(h *hopBuild, f *Fact) bool {
	if f.Span.IsZero() || !r.habits.Processes(f.Service) || r.habits.Sender(h.Destination) != f.Service {
		return false
	}
	for i := range h.Sends {
		s := &h.Sends[i]
		if s.Service == f.Service && (s.Trace != f.Trace || s.Span == f.Span || s.Parent == f.Span) {
			return false
		}
	}
	return true
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
func (r *Reducer) begin(hop int, f *Fact) {
	consumer := r.hops[hop].consumer(f)
	c := &r.hops[hop].Consumers[consumer]
	attempt := c.receivedOnly(f)
	if attempt < 0 {
		attempt = c.newAttempt()
		c.Attempts[attempt].ReceivedAt = f.At
	}
	a := &c.Attempts[attempt]
	a.Origin, a.StartedAt, a.vague = origin(f), f.At, true
	a.ReceivedAt = cmp.Or(a.ReceivedAt, f.At)
	if !f.Span.IsZero() {
		r.setPlace(f.Record(), place{what: placeAttempt, hop: hop, consumer: consumer, attempt: attempt})
	}
}

// closeReceived ends the attempts of services that report only that they received a message.
func (r *Reducer) closeReceived() {
	for i := range r.hops {
		for j := range r.hops[i].Consumers {
			c := &r.hops[i].Consumers[j]
			for k := range c.Attempts {
				a := &c.Attempts[k]
				if a.StartedAt != 0 || a.EndedAt != 0 || (a.Error == nil && r.habits.Processes(a.Service)) {
					continue
				}
				until := int64(math.MaxInt64)
				if k+1 < len(c.Attempts) {
					until, a.superseded = c.Attempts[k+1].begin(), true
				}
				r.closeOne(a, until)
			}
		}
	}
}

// closeOne ends an attempt that is only known to have been received: with the fetch, or with the last that its service said
// before the next attempt.
func (r *Reducer) closeOne(a *Attempt, until int64) {
	if a.Error != nil {
		a.EndedAt, a.Outcome = a.fetched, OutcomeError
		return
	}
	if last := r.lastWords(a, a.Trace, until); last != nil {
		a.endWith(last)
	}
	if a.StartedAt == 0 {
		a.EndedAt = max(a.EndedAt, a.fetched)
	}
}

// lastWords returns the last log record of an attempt's service in a trace (in none, for the zero value) until a time, nil
// without one. What another attempt said under its own span is not among them.
func (r *Reducer) lastWords(a *Attempt, trace TraceID, until int64) *Fact {
	for i := len(r.facts) - 1; i >= 0; i-- {
		f := &r.facts[i]
		if (f.Kind != KindLog && f.Kind != KindException) || f.Service != a.Service || f.Trace != trace || f.At < a.ReceivedAt || f.At >= until {
			continue
		}
		if p, known := r.placeOf(f.Record()); known && p.what == placeAttempt && r.attempt(p) != a {
			continue
		}
		return f
	}
	return nil
}

// severityError is the OTLP severity number from which on a record tells an error.
const severityError = 17

// endWith takes the last that a consumer said, which reports its end in no other way, for its end, unless it says that
// something is going on.
func (a *Attempt) endWith(last *Fact) {
	if saysOngoing(last.Name) {
		a.StartedAt, a.EndedAt, a.vague = last.At, 0, true
		return
	}
	a.EndedAt = last.At
	if last.Severity >= severityError {
		a.Outcome = OutcomeError
		a.Error = &Error{Type: last.ErrorType, Message: cmp.Or(last.ErrorMessage, last.Name), At: last.At}
	}
}

// inferFromSends lets a message that a service sent, without any known span around it, prove that the service had
// consumed the message before.
func (r *Reducer) inferFromSends() {
	for i := range r.facts {
		f := &r.facts[i]
		if f.Kind != KindSend || f.Parent.IsZero() || f.Batch {
			continue
		}
		if p, known := r.placeOf(Record{f.Trace, f.Parent}); known && (p.what != placeAttempt || !r.attempt(p).Open()) {
			continue
		}
		if !r.coveredButBySends(f) {
			own, _ := r.placeOf(f.Record())
			r.prove(f, own.hop)
		}
	}
}

// coveredButBySends is covered without the send's own span and its like.
func (r *Reducer) coveredButBySends(f *Fact) bool {
	return r.open(f, &r.busyOtherwise, func(g *Fact) bool { return (g.processes() || g.Kind == KindWork) && g.End != 0 })
}

// inferFromOrphans does the same for a message whose sender is not known: who sent it had consumed something. It is taken
// to be the service that sends other messages there.
func (r *Reducer) inferFromOrphans() {
	for i := range r.hops {
		if len(r.hops[i].Sends) != 0 || len(r.hops[i].Consumers) == 0 {
			continue
		}
		a := &r.hops[i].Consumers[0].Attempts[0]
		f := &Fact{At: cmp.Or(a.StartedAt, a.ReceivedAt), Service: r.senderTo(r.hops[i].Destination)}
		if !r.prove(f, i) {
			r.proveRepeat(f, i)
		}
	}
}

// proveRepeat finds out that a message was processed twice although nothing is left of the first time: what the attempt we
// know of sent had been sent to the same destination, and received, before that attempt began.
func (r *Reducer) proveRepeat(f *Fact, own int) {
	for i := r.recent(); i < len(r.hops); i++ {
		h := &r.hops[i]
		if i == own || h.Destination != r.hops[own].Destination || len(h.Sends) == 0 {
			continue
		}
		p, ok := r.placeOf(Record{h.Sends[0].Trace, h.Sends[0].Parent})
		if !ok || p.what != placeAttempt {
			continue
		}
		c := &r.hops[p.hop].Consumers[p.consumer]
		if r.hops[p.hop].first < f.At && !c.begunWell(f.At) {
			c.infer(f.At).repeat = true
			return
		}
	}
}

// begunWell reports whether an attempt began by the given time and did not fail.
func (c *Consumer) begunWell(by int64) bool {
	for i := range c.Attempts {
		if a := &c.Attempts[i]; a.begin() <= by && a.Outcome != OutcomeError {
			return true
		}
	}
	return false
}

// over reports whether an attempt succeeded, or has not ended.
func (c *Consumer) over() bool {
	for i := range c.Attempts {
		if a := &c.Attempts[i]; a.succeeded() || a.Open() {
			return true
		}
	}
	return false
}

// senderTo returns the service that sent the operation's other messages to the destination, "" if none or several did.
func (r *Reducer) senderTo(destination string) string {
	service := ""
	for i := r.recent(); i < len(r.hops); i++ {
		if destination == "" || r.hops[i].Destination != destination {
			continue
		}
		for k := range r.hops[i].Sends {
			s := r.hops[i].Sends[k].Service
			if service != "" && s != service {
				return ""
			}
			service = s
		}
	}
	return cmp.Or(service, r.habits.Sender(destination))
}

// prove takes the send f, of the message of the hop own, as the sign that its service had consumed a message before: one
// that it had begun to process, if there is such, else the latest that nobody is known to have consumed, else the latest
// that it had failed with. It reports whether there is one.
func (r *Reducer) prove(f *Fact, own int) bool {
	if a := r.openAttempt(f, own); a != nil {
		a.EndedAt, a.Inferred = f.At, true
		return true
	}
	best, found := 0, false
	for i := r.recent(); i < len(r.hops); i++ {
		h := &r.hops[i]
		if i == own || h.first >= f.At || len(h.Sends) == 0 || len(h.Consumers) > 0 || (f.Service != "" && h.sentBy(f.Service)) {
			continue
		}
		if !found || h.first > r.hops[best].first {
			best, found = i, true
		}
	}
	if found {
		r.hops[best].newConsumer(f.Service, f.Service).infer(f.At)
		return true
	}
	if c := r.failedBefore(f, own); c != nil {
		c.infer(f.At)
		return true
	}
	return false
}

// failedBefore returns the consumer that failed last before f and may have tried again, nil without one.
func (r *Reducer) failedBefore(f *Fact, own int) *Consumer {
	var best *Consumer
	var latest int64
	for i := r.recent(); i < len(r.hops); i++ {
		if i == own || r.hops[i].deadLetter {
			continue
		}
		for k := range r.hops[i].Consumers {
			c := &r.hops[i].Consumers[k]
			last := &c.Attempts[len(c.Attempts)-1]
			if c.over() || last.EndedAt >= f.At || last.EndedAt <= latest ||
				(f.Service != "" && c.Service != f.Service) {
				continue
			}
			best, latest = c, last.EndedAt
		}
	}
	return best
}

// maxLogDelay is how long after the work a log line about it is taken to be written, in nanoseconds.
const maxLogDelay = 100_000_000

// openAttempt returns the latest attempt of f's service that began before f and has no end, nil without one.
func (r *Reducer) openAttempt(f *Fact, own int) *Attempt {
	var best *Attempt
	for i := r.recent(); i < len(r.hops); i++ {
		if i == own {
			continue
		}
		for k := range r.hops[i].Consumers {
			for n := range r.hops[i].Consumers[k].Attempts {
				a := &r.hops[i].Consumers[k].Attempts[n]
				if a.Open() && a.canPrecede(f, r.hops[i].first) && (best == nil || a.begin() > best.begin()) {
					best = a
				}
			}
		}
	}
	return best
}

// canPrecede reports whether f can have been sent in the course of this attempt at a message that was sent at the given
// time. An attempt that is only known by a log line may have begun any time before that.
func (a *Attempt) canPrecede(f *Fact, sent int64) bool {
	if a.vague && f.Service != "" {
		return a.Service == f.Service
	}
	if a.vague && a.begin()-f.At < maxLogDelay {
		return sent < f.At
	}
	return a.begin() < f.At && (f.Service == "" || a.Service == f.Service)
}

// forward tells each attempt to which destinations it sent on, where there are others to compare it with.
func (r *Reducer) forward() {
	for i := range r.hops {
		h := &r.hops[i]
		if len(h.Consumers) == 0 {
			continue
		}
		for k := range h.Sends {
			p, ok := r.placeOf(Record{h.Sends[k].Trace, h.Sends[k].Parent})
			if ok && p.what == placeAttempt && r.hops[p.hop].Destination != h.Destination && len(r.hops[p.hop].Consumers[p.consumer].Attempts) > 1 {
				a := r.attempt(p)
				a.sentTo = append(a.sentTo, h.Destination)
			}
		}
	}
}
