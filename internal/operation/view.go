package operation

// View is an operation reduced to what a reader wants to know: its hops with their attempts. It is computed from the facts,
// shares no memory with later states, and is never modified. Times are nanoseconds since 1970 UTC, 0 = unknown.
type View struct {
	// ID names the operation; Aliases are its other correlation IDs.
	ID        string
	Aliases   []string
	Namespace string
	// Implicit says that nobody set a correlation ID and the ID is derived.
	Implicit bool
	// Name is the explicit operation name, else the destination of its first message, else the name of its first span, else
	// the service it was first seen in.
	Name string
	// StartedAt is the earliest time any evidence states, LastAt the latest.
	StartedAt, LastAt int64
	Hops              []Hop
	// Works are the operation's other spans, Notes its log records and exceptions that belong to no attempt.
	Works []Work
	Notes []Note
	// Traces are the IDs of the original traces, in order of first appearance.
	Traces []TraceID
	// Declared is the end that the application itself declared, OutcomeUnset without one.
	Declared   Outcome
	DeclaredAt int64
	// CancelledAt is when the operation was declared cancelled, 0 if it was not.
	CancelledAt int64
	// Progress is how much of the operation is done by its own account, from 0 to 1; -1 where it gives none.
	Progress float64
	// Missed is the number of starts in a row that did not come, of an operation that stands for them and has no facts: StartedAt
	// is the first due time, LastAt the last one. It is 0 for all others.
	Missed int
	// Facts is the number of facts behind this view.
	Facts int
}

// HopState is how far a hop, or one consumer group of it, has come.
type HopState uint8

// The states of a hop. Of several consumer groups the least good one counts.
const (
	// HopWaiting: sent, no sign of consumption.
	HopWaiting HopState = iota
	// HopProcessing: consumption began and did not end.
	HopProcessing
	// HopDone: an attempt succeeded.
	HopDone
	// HopFailed: the last attempt failed.
	HopFailed
	// HopDeadLettered: the queue gave up on the message, or the hop is a dead-letter queue itself.
	HopDeadLettered
)

var hopStateNames = [...]string{"waiting", "processing", "done", "failed", "dead_lettered"}

// String returns the name used in the API.
func (s HopState) String() string { return hopStateNames[s] }

// Hop is one message's way through one destination.
type Hop struct {
	System, Destination, MessageID string
	// Type is the type of the message (the kind of a job, the name of a task), if known.
	Type  string
	State HopState
	// Partition is that of the destination in which the message is.
	Partition Partition
	// DueAt is the time before which a scheduled message is not to be consumed, 0 without one.
	DueAt int64
	// Sends are the records of sending, in order of time; none if only the consumers are known. More than one means that
	// the same message was published again.
	Sends []Send
	// Consumers are the groups that showed a sign of consumption.
	Consumers []Consumer
	// Awaited are the consumer groups that always consume and showed no sign of it, though others did; see [View.Await].
	Awaited []string
	// Usual are the consumer groups that always consume what is sent there, of a hop that none was seen to; see [View.Await].
	Usual []string
	// Uncertain says that the message may have been consumed without leaving anything that leads to it.
	Uncertain bool
	// repeated says that an earlier hop was the same, in an operation that usually has one such.
	repeated bool
}

// PresumeConsumed says that somebody consumed the message, by a given time at the latest, though nobody was seen to.
func (h *Hop) PresumeConsumed(at int64) {
	h.Consumers = []Consumer{{WaitedNanos: -1, State: HopDone, Attempts: []Attempt{{EndedAt: at, Inferred: true}}}}
	h.State = HopDone
}

// SentAt is the time the message was first handed to its destination: the start of the first send, or 0 if it is unknown.
func (h *Hop) SentAt() int64 {
	if len(h.Sends) == 0 {
		return 0
	}
	return h.Sends[0].SentAt()
}

// Origin is where a derived statement comes from: the original span or log record.
type Origin struct {
	Service, Instance, Name string
	Trace                   TraceID
	Span, Parent            SpanID
	// Linked says that the record has a link.
	Linked   bool
	JoinedBy Reason
}

// Send is one record of sending a message.
type Send struct {
	Origin
	StartedAt, EndedAt int64
	Error              *Error
	// again says that an attempt at the message itself sent it.
	again bool
}

// SentAt is the time the message left: the start of the send. A broker delivers before the producer's call returns (two
// in three messages, in what real clients record), so its end says little.
func (s *Send) SentAt() int64 { return s.StartedAt }

// Consumer is one consumer group's dealings with one message.
type Consumer struct {
	// Group is the consumer group's name; without one, the consuming service's.
	Group, Service string
	State          HopState
	// Attempts are in order of time; retries, redeliveries and duplicates are further attempts.
	Attempts []Attempt
	// WaitedNanos is the time from sending to the first sign of consumption, -1 if either end is unknown; a negative one
	// (clock skew) is clamped to 0 and Skewed is set.
	WaitedNanos int64
	Skewed      bool
	// handler is the name of its process spans, where nothing names the group.
	handler string
	// waitsSince is since when a message that is to be tried again waits for that, 0 if it does not.
	waitsSince int64
}

// WaitsSince is since when a message that is to be tried again waits for that, in nanoseconds since 1970; 0 if it does not.
func (c *Consumer) WaitsSince() int64 { return c.waitsSince }

// Tries is the number of attempts: of those that are known, or by the queue's own count if that is more.
func (c *Consumer) Tries() int {
	n := len(c.Attempts)
	for i := range c.Attempts {
		n = max(n, c.Attempts[i].Number)
	}
	return n
}

// Attempt is one try at processing a message.
type Attempt struct {
	Origin
	// ReceivedAt is the first sign of this attempt, StartedAt when processing began, EndedAt when it ended (0: it has not).
	ReceivedAt, StartedAt, EndedAt int64
	Outcome                        Outcome
	// Disposition says what became of the message after this attempt, where a record says so.
	Disposition Disposition
	// Number is the number of the attempt by the queue's own count, from 1; 0 where no record says.
	Number int
	// AliveAt is the last sign of life of an attempt that has not ended, AliveUntil when the next one is due at the latest; 0
	// where the worker gives no such signs.
	AliveAt, AliveUntil int64
	// ProgressAt is when the consumer last said that it is still at it, 0 if it never did.
	ProgressAt int64
	// Progress is how much of its work was done by the latest account, in thousandths plus 1; 0 where it gives none.
	Progress uint16
	// Destination is the name the consumer knows the destination by, where that differs from the producer's.
	Destination string
	// Inferred says that no record of this attempt exists, but what it did later does.
	Inferred bool
	// Batch says that its record is about several messages, of which this is one.
	Batch bool
	Error *Error
	Notes []Note
	// fetched is when the receive span ended.
	fetched int64
	// vague says that StartedAt is that of some log line, and the attempt began before.
	vague bool
	// superseded says that the message was received again after this attempt, of which nothing else is known.
	superseded bool
	// sentTo are the destinations to which this attempt sent messages that were consumed.
	sentTo []string
	// deadLetteredTo is the destination to which the attempt sent the message when it gave up.
	deadLetteredTo string
	// repeat says that the attempt is inferred and another one than those that are known.
	repeat bool
}

// Done is how much of its work the attempt said was done, from 0 to 1; -1 if it did not say.
func (a *Attempt) Done() float64 {
	if a.Progress == 0 {
		return -1
	}
	return float64(a.Progress-1) / maxProgress
}

// Open reports whether the attempt began and has not ended.
func (a *Attempt) Open() bool { return a.EndedAt == 0 && !a.Inferred }

// Error is what a failed record says about its failure.
type Error struct {
	Type, Message, Stack string
	At                   int64
}

// Work is a span of the operation that is neither sending nor consuming.
type Work struct {
	Origin
	StartedAt, EndedAt int64
	Outcome            Outcome
	Error              *Error
	Notes              []Note
}

// Note is a log record or an exception.
type Note struct {
	Origin
	At       int64
	Severity uint8
	Body     string
	Error    *Error
}
