package evidence

import (
	"cmp"
	"math"
	"strconv"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// outcome sets how the span ended, what becomes of the message, and, if it failed, by what. What the library says in its
// own words comes before the status: a failure that the library handles leaves that unset, and a message put back sets it.
func (b *Batch) outcome(f *operation.Fact, a *attributeValues, span ptrace.Span) {
	switch span.Status().Code() {
	case ptrace.StatusCodeOk:
		f.Outcome = operation.OutcomeOK
	case ptrace.StatusCodeError:
		f.Outcome = operation.OutcomeError
		f.ErrorMessage = b.cut(span.Status().Message(), maxMessage)
	}
	if a.set&(1<<fieldState|1<<fieldDisposition) != 0 {
		say(f, b.profile.outcomes, a.text[fieldState])
		say(f, b.profile.outcomes, a.text[fieldDisposition])
	}
	if f.Kind == operation.KindSettle {
		say(f, b.profile.outcomes, a.text[fieldOperation])
		_, word := ends(span.Name())
		say(f, b.profile.outcomes, word)
	}
	say(f, b.profile.statuses, f.ErrorMessage)
	for _, event := range span.Events().All() {
		say(f, b.profile.events, event.Name())
	}
	if a.set&(1<<fieldDelivery|1<<fieldRetries) != 0 && (f.Consumer || f.Kind == operation.KindProcess) {
		f.Delivery = delivery(a)
	}
	if f.Outcome == operation.OutcomeError {
		if f.Kind == operation.KindSend && a.text[fieldPartition] != "" {
			// What could not be sent has no place in the partition, whatever the client records (otelsarama: 0 or -1).
			f.MessageID, f.Partition = "", 0
		}
		f.ErrorType = a.text[fieldErrorType]
		if f.Disposition == operation.DispositionUnknown && exhausted(a) {
			f.Disposition = operation.DispositionDeadLetter
		}
	}
}

// say applies what a word means to the library.
func say(f *operation.Fact, meanings *lookup[effect], word string) {
	e := meanings.find(word)
	if e == nil {
		return
	}
	if e.outcome != operation.OutcomeUnset {
		f.Outcome = e.outcome
	}
	f.Disposition = max(f.Disposition, e.disposition)
	if e.unfinished {
		f.End, f.Outcome, f.ErrorMessage = 0, operation.OutcomeUnset, ""
	}
}

// delivery returns the number of the attempt by the queue's own count, 0 if the record does not say.
func delivery(a *attributeValues) uint16 {
	for _, count := range [...]struct {
		text  string
		first int
	}{{a.text[fieldDelivery], 0}, {a.text[fieldRetries], 1}} {
		if count.text == "" {
			continue
		}
		if n, err := strconv.Atoi(count.text); err == nil && n+count.first > 0 && n < math.MaxUint16 {
			return uint16(n + count.first)
		}
	}
	return 0
}

// exhausted reports whether a failed attempt was the last that its queue allows. Where deliveries are counted, the limit is
// theirs, too (Oban).
func exhausted(a *attributeValues) bool {
	retries, err := strconv.Atoi(cmp.Or(a.text[fieldRetries], a.text[fieldDelivery]))
	limit, errLimit := strconv.Atoi(a.text[fieldMaxRetries])
	return err == nil && errLimit == nil && limit > 0 && retries >= limit
}

// links completes the fact, which was appended last, or puts in its place one for each link if there are several: a batch
// concerns several messages, and says of each what its link says.
func (x *Extractor) links(b *Batch, f *operation.Fact, a *attributeValues, links ptrace.SpanLinkSlice, ref Ref) {
	n := links.Len()
	if n > 0 && aside(f, links) {
		n = 0
	}
	switch {
	case len(a.types) > 0 && n == 0:
		b.several(f, a, ref)
	case n == 0:
		f.Batch = f.Kind != operation.KindWork && isBatch(a.text[fieldBatchCount])
		b.name(f, &a.ids, ref)
	case n == 1:
		// A batch may happen to hold one message.
		f.Batch = f.Kind != operation.KindWork && a.text[fieldBatchCount] != ""
		ids := a.ids
		x.link(b, f, &ids, links.At(0))
		b.name(f, &ids, ref)
	case f.Kind == operation.KindWork && a.ids.n > 0:
		b.name(f, &a.ids, ref)
	default:
		whole := *f
		b.undo()
		for i, link := range links.All() {
			if i == maxLinks {
				b.Dropped[DropTooMany] += n - maxLinks
				return
			}
			one, ids := whole, a.ids
			one.Batch = true
			if one.Kind == operation.KindWork {
				one.Kind = operation.KindProcess
			}
			x.link(b, &one, &ids, link)
			b.emit(&one, &ids, ref)
		}
	}
}

// aside reports whether the links of a span say something else than which message it is about. The clients of Google
// Pub/Sub link what they create and what they received with the calls that sent and acknowledged it, along with others; the
// message is that of the remote parent.
func aside(f *operation.Fact, links ptrace.SpanLinkSlice) bool {
	if f.System != "gcp_pubsub" && f.System != "pubsub" {
		return false
	}
	switch f.Kind {
	case operation.KindReceive, operation.KindProcess:
		if !f.Remote {
			return false
		}
	case operation.KindSend:
		if _, word := ends(f.Name); word != "create" {
			return false
		}
	default:
		return false
	}
	for _, link := range links.All() {
		if operation.TraceID(link.TraceID()) == f.Trace || link.Attributes().Len() > 0 {
			return false
		}
	}
	return true
}

// several appends the fact once for each message that the span sent at once, of which it tells the types alone.
func (b *Batch) several(f *operation.Fact, a *attributeValues, ref Ref) {
	whole := *f
	b.name(f, &a.ids, ref)
	for _, t := range a.types {
		one := whole
		one.Type = t
		b.emit(&one, &a.ids, ref)
	}
}

// isBatch reports whether a message count says "more than one".
func isBatch(count string) bool { return count != "" && count != "0" && count != "1" }

// link adds to the fact what a link says of one message, in place of what the span says of all.
func (x *Extractor) link(b *Batch, f *operation.Fact, ids *identified, link ptrace.SpanLink) {
	f.LinkTrace, f.LinkSpan = operation.TraceID(link.TraceID()), operation.SpanID(link.SpanID())
	if link.Attributes().Len() == 0 {
		return
	}
	var a attributeValues
	x.read(b, link.Attributes(), &a)
	if a.ids.n > 0 {
		ids.n, ids.ids = a.ids.n, a.ids.ids
	}
	for _, v := range [...]struct {
		to   *string
		from string
	}{{&f.System, a.text[fieldSystem]}, {&f.Destination, a.text[fieldDestination]}, {&f.Group, a.text[fieldGroup]}, {&f.MessageID, a.text[fieldMessageID]}} {
		if v.from != "" {
			*v.to = v.from
		}
	}
	if p := a.text[fieldPartition]; p != "" {
		f.Partition = operation.ParsePartition(p)
	}
	if a.text[fieldMessageID] == "" {
		if id := position(f.Destination, a.text[fieldPartition], a.text[fieldOffset]); id != "" {
			f.MessageID = id
		}
	}
}
