package truth

import "time"

// The states of an operation and, the last five, of a hop or consumer, as the console's API spells them.
const (
	StateCompleted    = "completed"
	StateStuck        = "stuck"
	StateWaiting      = "waiting"
	StateProcessing   = "processing"
	StateDone         = "done"
	StateFailed       = "failed"
	StateDeadLettered = "dead_lettered"
)

// The flags of an operation.
const (
	FlagDuplicated = "duplicated"
	FlagRetried    = "retried"
)

// Operation is what one operation did, and the verdict that follows from it.
type Operation struct {
	// ID is the correlation ID, Name the attribute async.operation.name.
	ID   string `json:"id"`
	Name string `json:"name"`
	// State is StateCompleted, StateFailed, StateDeadLettered or StateStuck; Reason is StateWaiting or StateProcessing if stuck, else empty.
	State  string `json:"state"`
	Reason string `json:"reason"`
	// Flags are sorted and never nil.
	Flags []string `json:"flags"`
	// Scenario is what had been planned, for whoever looks into a difference.
	Scenario string `json:"scenario"`
	// Hops are the messages that were sent, in order.
	Hops []Hop `json:"hops"`
}

// Hop is one message that was sent.
type Hop struct {
	System      string `json:"system"`
	Destination string `json:"destination"`
	MessageID   string `json:"message_id"`
	State       string `json:"state"`
	// WaitSeconds is the time from SentAt to the first delivery, nil if there was none.
	WaitSeconds *float64 `json:"wait_seconds"`
	// SentAt is the start of the producer span; the message is in the queue microseconds later.
	SentAt    time.Time  `json:"sent_at"`
	Producer  Span       `json:"producer"`
	Consumers []Consumer `json:"consumers"`
	// DeadLetter says that the message was sent to a dead-letter queue, where it stays.
	DeadLetter bool `json:"-"`
}

// Span names one span by its service and its IDs in lower-case hex.
type Span struct {
	Service string `json:"service"`
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
}

// Consumer is what one consumer group did with a message.
type Consumer struct {
	Group string `json:"group"`
	State string `json:"state"`
	// Attempts counts the deliveries, whatever became of them: a message processed twice has two.
	Attempts int `json:"attempts"`
	// ReceivedAt is the time of the first delivery.
	ReceivedAt time.Time `json:"received_at"`
	// EndedAt and the span are those of the attempt that decides: the first that succeeded, else the last. EndedAt is nil,
	// and the span was never exported, if that attempt did not end.
	EndedAt *time.Time `json:"ended_at"`
	Span

	failed, succeeded int
}

// Received records the delivery of the message to the only consumer group it has, for processing under the given span.
func (h *Hop) Received(at time.Time, group string, span Span) {
	if len(h.Consumers) == 0 {
		wait := at.Sub(h.SentAt).Seconds()
		h.WaitSeconds = &wait
		h.Consumers = []Consumer{{Group: group, State: StateProcessing, ReceivedAt: at.UTC()}}
	}
	c := &h.Consumers[0]
	c.Attempts++
	if c.succeeded == 0 {
		c.State, c.EndedAt, c.Span = StateProcessing, nil, span
	}
}

// Ended records that the processing of the message ended, well or not.
func (h *Hop) Ended(at time.Time, failed bool) {
	c := &h.Consumers[0]
	if failed {
		c.failed++
	} else {
		c.succeeded++
	}
	if c.State != StateProcessing {
		return
	}
	at = at.UTC()
	c.State, c.EndedAt = StateDone, &at
	if failed {
		c.State = StateFailed
	}
}

// Settle derives the verdict from the hops. It expects that nothing more is going to happen to them.
func (o *Operation) Settle() {
	o.State, o.Reason = StateCompleted, ""
	var retried, duplicated bool
	for i := range o.Hops {
		h := &o.Hops[i]
		h.State = StateWaiting
		if len(h.Consumers) == 0 {
			h.Consumers = []Consumer{}
			if h.DeadLetter {
				h.State, o.State = StateDeadLettered, StateDeadLettered
				continue
			}
			o.State, o.Reason = StateStuck, StateWaiting
			continue
		}
		c := &h.Consumers[0]
		if c.State == StateFailed && c.failed > 1 {
			// It was tried again, and is given up.
			c.State = StateDeadLettered
		}
		h.State = c.State
		switch c.State {
		case StateProcessing:
			o.State, o.Reason = StateStuck, StateProcessing
		case StateFailed, StateDeadLettered:
			o.State = c.State
		}
		retried = retried || c.failed > 0 && c.Attempts > 1
		duplicated = duplicated || c.succeeded > 1
	}
	o.Flags = []string{}
	if duplicated {
		o.Flags = append(o.Flags, FlagDuplicated)
	}
	if retried {
		o.Flags = append(o.Flags, FlagRetried)
	}
}
