package operation

import (
	"cmp"
)

// lifecycle adds what log records say about the processing of messages. A worker that was killed left its "started" line
// and no span, so a line alone makes an attempt.
func (r *Reducer) lifecycle() {
	if !r.has(KindStarted, KindSucceeded, KindFailed, KindProgress) {
		return
	}
	for i := range r.facts {
		f := &r.facts[i]
		switch f.Kind {
		case KindStarted, KindSucceeded, KindFailed, KindProgress:
			if a := r.attemptOfLog(f); a != nil {
				a.log(f)
			}
		}
	}
}

// attemptOfLog returns the attempt a life-cycle log record speaks of: that of its span, else the one of its message that
// its service is at work on, else a new one.
func (r *Reducer) attemptOfLog(f *Fact) *Attempt {
	if p, ok := r.placeOf(f.Record()); ok && !f.Span.IsZero() {
		if p.what == placeAttempt {
			return r.attempt(p)
		}
		if p.what == placeSend {
			return nil
		}
	}
	hop, ok := r.hopOfLog(f)
	if !ok {
		hop = r.openHop(f)
	}
	consumer := r.hops[hop].consumer(f)
	c := &r.hops[hop].Consumers[consumer]
	attempt := c.attemptAt(f)
	if attempt < 0 {
		attempt = c.newAttempt()
		c.Attempts[attempt].Origin, c.Attempts[attempt].Destination = origin(f), f.Destination
	}
	p := place{what: placeAttempt, hop: hop, consumer: consumer, attempt: attempt}
	if _, taken := r.placeOf(f.Record()); !taken && !f.Span.IsZero() {
		r.setPlace(f.Record(), p)
	}
	return r.attempt(p)
}

// hopOfLog finds the hop a life-cycle record speaks of. Where it names no message, a start is taken for the latest message its
// service can have begun with, an end for the latest that its service is at work on.
func (r *Reducer) hopOfLog(f *Fact) (int, bool) {
	if hop, ok := r.hopOfConsumer(f, 0); ok {
		return hop, true
	}
	if f.Kind == KindStarted {
		return r.hopBegunBy(f)
	}
	for i := len(r.hops) - 1; i >= r.recent(); i-- {
		for k := range r.hops[i].Consumers {
			c := &r.hops[i].Consumers[k]
			if c.is(f) && c.attemptAt(f) >= 0 {
				return i, true
			}
		}
	}
	return r.hopBegunBy(f)
}

// attemptAt returns the attempt of this group that a log record falls into, or -1. A start opens a new one unless it falls
// into a span; an end belongs to the latest one that has not ended.
func (c *Consumer) attemptAt(f *Fact) int {
	for i := len(c.Attempts) - 1; i >= 0; i-- {
		a := &c.Attempts[i]
		began := cmp.Or(a.ReceivedAt, a.StartedAt)
		if a.Service != f.Service || began > f.At || (a.Instance != f.Instance && f.Instance != "" && a.Instance != "") {
			continue
		}
		if a.EndedAt == 0 {
			if f.Kind == KindStarted && a.StartedAt != 0 && f.At != a.StartedAt {
				return -1
			}
			return i
		}
		if f.At <= a.EndedAt {
			return i
		}
	}
	return -1
}

// log adds a life-cycle record to the attempt. Spans know their times better, so a record only fills gaps.
func (a *Attempt) log(f *Fact) {
	switch f.Kind {
	case KindProgress:
		if f.Progress != 0 {
			a.Progress = f.Progress
		}
		a.ProgressAt = max(a.ProgressAt, f.At)
		a.StartedAt = cmp.Or(a.StartedAt, f.At)
	case KindStarted:
		if a.StartedAt == 0 {
			a.StartedAt = f.At
			a.Origin = origin(f)
		}
	case KindSucceeded:
		a.EndedAt = cmp.Or(a.EndedAt, f.At)
		a.Outcome = worse(a.Outcome, OutcomeOK)
	case KindFailed:
		a.EndedAt = cmp.Or(a.EndedAt, f.At)
		a.Outcome = OutcomeError
		a.Error = richer(a.Error, &Error{Type: f.ErrorType, Message: f.ErrorMessage, Stack: f.Detail, At: f.At})
	}
	a.ReceivedAt = cmp.Or(a.ReceivedAt, f.At)
	a.Disposition = max(a.Disposition, f.Disposition)
}

// richer fills in what the first error does not say.
func richer(e, other *Error) *Error {
	if e == nil {
		return other
	}
	if other == nil {
		return e
	}
	return &Error{
		Type: cmp.Or(e.Type, other.Type), Message: cmp.Or(e.Message, other.Message),
		Stack: cmp.Or(e.Stack, other.Stack), At: cmp.Or(e.At, other.At),
	}
}

// notes puts exceptions and other log records on the attempt, work or operation they belong to.
func (r *Reducer) notes() {
	if !r.hasLines() {
		return
	}
	for i := range r.facts {
		f := &r.facts[i]
		if f.Kind < KindStarted || f.Kind == KindAlias || f.Kind == KindAlive || f.Kind == KindProgress {
			continue
		}
		note := Note{Origin: origin(f), At: f.At, Severity: f.Severity, Body: cmp.Or(f.Detail, f.Name)}
		if f.ErrorType != "" || f.ErrorMessage != "" || f.Kind == KindException {
			note.Error = &Error{Type: f.ErrorType, Message: f.ErrorMessage, Stack: f.Detail, At: f.At}
			note.Body = f.Name
		}
		r.note(f, note)
	}
}

func (r *Reducer) note(f *Fact, note Note) {
	p, _ := r.placeOf(f.Record())
	if f.Span.IsZero() {
		p = place{}
	}
	switch p.what {
	case placeAttempt:
		a := r.attempt(p)
		a.Notes = append(a.Notes, note)
		if f.Kind == KindException {
			a.except(f, note.Error)
		}
	case placeWork:
		w := &r.view.Works[p.work]
		w.Notes = append(w.Notes, note)
		if f.Kind == KindException && w.Outcome == OutcomeError {
			w.Error = richer(w.Error, note.Error)
		}
	default:
		r.view.Notes = append(r.view.Notes, note)
	}
}

// processException is the event by which a consumer reports that processing a message failed (semantic conventions 1.44,
// messaging exceptions).
const processException = "messaging.process.exception"

// maxLastWords is how long before the end of its span an exception may be recorded to be what ended it, in nanoseconds.
const maxLastWords = 2_000_000

// except adds an exception to the attempt. It makes the attempt failed where the record itself says that processing failed,
// and where recording it was the last that the span did and nobody set a status: some libraries record the error and leave
// it at that. An exception that was caught and retried within the handler is no failure.
func (a *Attempt) except(f *Fact, e *Error) {
	if f.Name == processException && a.Outcome == OutcomeUnset {
		a.Outcome = OutcomeError
		a.EndedAt = cmp.Or(a.EndedAt, f.At)
	}
	if end := cmp.Or(a.EndedAt, a.fetched); f.Severity == 0 && a.Outcome == OutcomeUnset && end != 0 && end-f.At < maxLastWords {
		a.Outcome = OutcomeError
	}
	if a.Outcome == OutcomeError {
		a.Error = richer(a.Error, e)
	}
}
