package operation

import (
	"bytes"
	"cmp"
)

// TraceID is a W3C trace ID; the zero value means "none".
type TraceID [16]byte

// SpanID is a W3C span ID; the zero value means "none".
type SpanID [8]byte

// IsZero reports whether the ID is absent.
func (t TraceID) IsZero() bool { return t == TraceID{} }

// IsZero reports whether the ID is absent.
func (s SpanID) IsZero() bool { return s == SpanID{} }

// Kind says what a fact states.
type Kind uint8

// The kinds of facts. Spans give KindSend, KindReceive, KindProcess, KindSettle and KindWork; log records give the rest.
const (
	KindUnknown Kind = iota
	// KindSend: a message was created or sent (semantic conventions: create, send; formerly publish).
	KindSend
	// KindReceive: a message was fetched from its destination (receive). Its end is not the end of processing.
	KindReceive
	// KindProcess: a message was processed (process; formerly deliver).
	KindProcess
	// KindSettle: a message was settled: acknowledged, rejected, abandoned, dead-lettered (settle).
	KindSettle
	// KindTask: a unit of work that nobody is seen to have asked for: a root span with the operation's ID, as pollers and
	// background workers make them. Where it does not begin the operation, it processes something. Destination is its name.
	KindTask
	// KindInsert: a row was inserted into the table Destination. It is a message if the table is a queue.
	KindInsert
	// KindWork: another span of the operation: the request that began it, most often.
	KindWork
	// KindStarted: a log record says that processing began.
	KindStarted
	// KindSucceeded: a log record says that processing ended well.
	KindSucceeded
	// KindFailed: a log record says that processing failed.
	KindFailed
	// KindLog: any other log record of the operation.
	KindLog
	// KindException: an exception was recorded, on a span or as a log record.
	KindException
	// KindOperationCompleted: the application declares the whole operation completed.
	KindOperationCompleted
	// KindOperationFailed: the application declares the whole operation failed.
	KindOperationFailed
	// KindOperationCancelled: the application, or somebody in its place, declares the whole operation cancelled.
	KindOperationCancelled
	// KindProgress: a consumer says that it is still at it, and perhaps how far it has come (Progress). Where it comes from a
	// span, it is about the work in that span.
	KindProgress
	// KindAlias states nothing but that ID and Alias name the same operation.
	KindAlias
	// KindAlive: a sign of life of the span Trace and Span, which has not ended. At is the time of the sign. End is when the
	// next one is due at the latest, for the heartbeat of a partial span; 0 where a finished child of a span that has not
	// come is the sign.
	KindAlive
	// KindPoll says that somebody takes rows of the table Destination as messages. It belongs to no operation.
	KindPoll
	// KindCount is the number of kinds.
	KindCount
)

var kindNames = [...]string{
	"unknown", "send", "receive", "process", "settle", "task", "insert", "work", "started", "succeeded", "failed", "log", "exception",
	"operation_completed", "operation_failed", "operation_cancelled", "progress", "alias", "alive", "poll",
}

// String returns the name used in metrics and in the API.
func (k Kind) String() string { return kindNames[k] }

// Outcome says how a piece of work ended.
type Outcome uint8

// The outcomes. OutcomeUnset on an ended span means that nobody said anything bad about it.
const (
	OutcomeUnset Outcome = iota
	OutcomeOK
	OutcomeError
)

// Disposition says what becomes of a message after an attempt, where the record says so.
type Disposition uint8

// The dispositions. They are those of settlement in messaging systems (Azure Service Bus: complete, abandon, dead letter),
// and the states of job queues.
const (
	// DispositionUnknown: the record does not say.
	DispositionUnknown Disposition = iota
	// DispositionComplete: the message is done with.
	DispositionComplete
	// DispositionRetry: the message will be tried again.
	DispositionRetry
	// DispositionFinal: there will be no further attempt; who processed it decided so.
	DispositionFinal
	// DispositionRejected: the message was rejected and not put back. Its queue dead-letters it, or drops it, or brings it
	// back after a delay.
	DispositionRejected
	// DispositionDeadLetter: the queue gave up on the message: dead-lettered, archived, discarded after its last attempt.
	DispositionDeadLetter
)

var dispositionNames = [...]string{"", "complete", "retry", "final", "rejected", "dead_letter"}

// String returns the name used in configuration and in the API.
func (d Disposition) String() string { return dispositionNames[d] }

// ParseDisposition returns the disposition with the given name.
func ParseDisposition(name string) (Disposition, bool) {
	for i, n := range dispositionNames {
		if n == name && i > 0 {
			return Disposition(i), true
		}
	}
	return 0, false
}

// Reason says why a fact was attached to its operation, the strongest first (design: identity).
type Reason uint8

// The reasons of attachment.
const (
	ReasonUnknown Reason = iota
	// ReasonCorrelationID: the record itself carries the operation's ID.
	ReasonCorrelationID
	// ReasonTrace: another record of the same trace does.
	ReasonTrace
	// ReasonLink: a span link points to a span of the operation.
	ReasonLink
	// ReasonMessageID: the same message of the same destination belongs to the operation.
	ReasonMessageID
	// ReasonParent: the parent is a span of the operation.
	ReasonParent
)

var reasonNames = [...]string{"", "correlation_id", "trace", "link", "message_id", "parent"}

// String returns the name used in the API and on derived spans.
func (r Reason) String() string { return reasonNames[r] }

// Fact is one small, immutable, comparable statement about one operation, drawn from one span, one link of a batch span,
// or one log record. Times are nanoseconds since 1970 UTC; 0 means "unknown".
type Fact struct {
	Kind    Kind
	Outcome Outcome
	// Consumer says that the record's own side is the consuming one (span kind CONSUMER).
	Consumer bool
	// Remote says that the parent lies in another process (OTLP span flags 0x300, or a parent of the other messaging
	// side): the record is the entry of a hop even when its parent never arrives.
	Remote bool
	// Batch says that the record concerns several messages, of which this fact names one; the record's trace then says
	// nothing about the operation.
	Batch bool
	// IDRank and AliasRank are the positions of ID and Alias in the configured list of keys; the lowest names the operation.
	IDRank, AliasRank uint8
	// Severity is the OTLP severity number of a log record, 0 for spans.
	Severity uint8
	// Disposition says what becomes of the message after this attempt.
	Disposition Disposition
	// JoinedBy is set when the fact is attached. It is not part of the fact's identity: of two equal facts the stronger reason stays.
	JoinedBy Reason
	// Delivery is the number of this attempt by the queue's own count, from 1; 0 where the record does not say.
	Delivery uint16
	// Progress is how much of the work is done, in thousandths plus 1; 0 where the record does not say.
	Progress uint16
	// Partition is that of the destination in which the message is.
	Partition Partition

	At, End int64
	// Due is the time before which a scheduled message is not to be consumed, 0 if the record does not say.
	Due int64

	Trace     TraceID
	LinkTrace TraceID
	Span      SpanID
	Parent    SpanID
	LinkSpan  SpanID

	// ID and Alias are the correlation IDs that the record itself carries.
	ID, Alias string
	// Namespace is the tenant within which IDs are unique; "" is the only one by default.
	Namespace string
	// OperationName is the explicit name of the operation (attribute async.operation.name), if the record carries one.
	OperationName string

	// Service and Instance are service.name and service.instance.id (or host and process ID) of the record's resource.
	Service, Instance string
	// Name is the span name, the event name of a log record, or the beginning of its body.
	Name string

	// System, Destination, Group and MessageID are the messaging attributes, whatever generation of names they came in.
	// Destination is the name as the record's own side knows it. For Kafka without message IDs, MessageID is
	// topic/partition/offset.
	System, Destination, Group, MessageID string
	// Type is the type of the message: the kind of a job, the name of a task. Messages of one destination are told apart by it.
	Type string

	ErrorType, ErrorMessage string
	// Detail is the bounded stack trace of an exception, or the body of a log record.
	Detail string
}

// Record is the part of a fact that tells which span it was drawn from.
type Record struct {
	Trace TraceID
	Span  SpanID
}

// Record returns the span the fact was drawn from, or the span in whose context a log record was written.
func (f *Fact) Record() Record { return Record{f.Trace, f.Span} }

// IsSpan reports whether the fact was drawn from a span (and not from a log record).
func (f *Fact) IsSpan() bool { return f.Kind >= KindSend && f.Kind <= KindWork }

// processes reports whether the fact states the processing of a message.
func (f *Fact) processes() bool { return f.Kind == KindProcess || f.Kind == KindTask }

// IsStrong reports whether the fact can found an operation by itself: it carries a correlation ID or concerns a message.
// Weak facts only join an operation that others founded. A receive that names no message is one of the many polls that
// found nothing.
func (f *Fact) IsStrong() bool {
	switch {
	case f.ID != "" || f.Kind == KindSend || f.processes():
		return true
	case f.Kind == KindReceive:
		return f.MessageID != "" || !f.LinkSpan.IsZero() || f.Remote
	case f.Kind == KindStarted || f.Kind == KindSucceeded || f.Kind == KindFailed || f.Kind == KindProgress:
		return f.MessageID != ""
	}
	return false
}

// IsAlone reports whether the record's trace says nothing about the operation: it concerns several messages, which came
// from anywhere. Several that were sent at once were sent by one.
func (f *Fact) IsAlone() bool {
	return f.Batch && (f.Kind != KindSend || !f.LinkTrace.IsZero())
}

// minUniqueID is the length from which a message ID is taken to be unique over all destinations: shorter ones (numbers,
// offsets) repeat per queue, UUIDs and the like do not.
const minUniqueID = 16

// UniqueMessageID reports whether the message ID is unmistakable without its destination, which producer and consumer may
// know by different names (an exchange and a queue).
func (f *Fact) UniqueMessageID() bool { return len(f.MessageID) >= minUniqueID }

// same reports whether two facts are the same statement: equal but for the reason of attachment.
func (f *Fact) same(g *Fact) bool {
	if f.At != g.At || f.Span != g.Span || f.Kind != g.Kind {
		return false
	}
	h := *g
	h.JoinedBy = f.JoinedBy
	return *f == h
}

// compare is the canonical order of facts: by time, then by everything else, so that equal sets have equal slices.
func (f *Fact) compare(g *Fact) int {
	if f.At != g.At {
		return cmp.Compare(f.At, g.At)
	}
	if f.Kind != g.Kind {
		return cmp.Compare(f.Kind, g.Kind)
	}
	if c := cmp.Or(bytes.Compare(f.Trace[:], g.Trace[:]), bytes.Compare(f.Span[:], g.Span[:])); c != 0 {
		return c
	}
	return f.compareRest(g)
}

func (f *Fact) compareRest(g *Fact) int {
	return cmp.Or(
		cmp.Compare(f.End, g.End),
		bytes.Compare(f.LinkSpan[:], g.LinkSpan[:]),
		bytes.Compare(f.LinkTrace[:], g.LinkTrace[:]),
		bytes.Compare(f.Parent[:], g.Parent[:]),
		cmp.Compare(f.flags(), g.flags()),
		cmp.Compare(f.MessageID, g.MessageID),
		cmp.Compare(f.ID, g.ID), cmp.Compare(f.Alias, g.Alias), cmp.Compare(f.Namespace, g.Namespace),
		cmp.Compare(f.OperationName, g.OperationName),
		cmp.Compare(f.Service, g.Service), cmp.Compare(f.Instance, g.Instance), cmp.Compare(f.Name, g.Name),
		cmp.Compare(f.Delivery, g.Delivery), cmp.Compare(f.Progress, g.Progress), cmp.Compare(f.Partition, g.Partition), cmp.Compare(f.Due, g.Due), cmp.Compare(f.Type, g.Type), cmp.Compare(f.System, g.System), cmp.Compare(f.Destination, g.Destination), cmp.Compare(f.Group, g.Group),
		cmp.Compare(f.ErrorType, g.ErrorType), cmp.Compare(f.ErrorMessage, g.ErrorMessage), cmp.Compare(f.Detail, g.Detail),
	)
}

// flags packs the small fields, so that they compare as one number.
func (f *Fact) flags() uint64 {
	v := uint64(f.Disposition)<<48 | uint64(f.Outcome)<<40 | uint64(f.IDRank)<<24 | uint64(f.AliasRank)<<16 | uint64(f.Severity)<<8
	for i, b := range [...]bool{f.Consumer, f.Remote, f.Batch} {
		if b {
			v |= 1 << i
		}
	}
	return v
}
