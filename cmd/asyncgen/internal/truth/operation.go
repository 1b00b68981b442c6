package truth

import (
	"slices"
	"time"
)

// The states of an operation and, the last five, of a hop or consumer, as the console's API spells them.
const (
	StateCompleted    = "completed"
	StateStuck        = "stuck"
	StateWaiting      = "waiting"
	StateProcessing   = "processing"
	StateDone         = "done"
	StateFailed       = "failed"
	StateDeadLettered = "dead_lettered"
	StateCancelled    = "cancelled"
	StateUnknown      = "unknown"
)

// The reasons of StateStuck that no hop has, and of StateUnknown.
const (
	ReasonStalled      = "stalled"
	ReasonMissed       = "missed"
	ReasonTelemetryGap = "telemetry_gap"
)

// The flags of an operation.
const (
	FlagDelayed    = "delayed"
	FlagDuplicated = "duplicated"
	FlagRetried    = "retried"
	FlagSkewed     = "skewed"
)

// Operation is what one operation did, and the verdict that follows from it.
type Operation struct {
	// ID is the correlation ID, Name the attribute async.operation.name.
	ID   string `json:"id"`
	Name string `json:"name"`
	// State is one of the states but those of hops alone. Reason is StateWaiting, StateProcessing, ReasonStalled or ReasonMissed
	// if stuck, ReasonTelemetryGap if unknown, else empty.
	State  string `json:"state"`
	Reason string `json:"reason"`
	// Flags are sorted and never nil.
	Flags []string `json:"flags"`
	// Scenario is what had been planned, for whoever looks into a difference.
	Scenario string `json:"scenario"`
	// Cause is what it failed by, nil unless something was bad on purpose.
	Cause *Cause `json:"cause,omitempty"`
	// DueAt is when an operation that did not start (ReasonMissed) should have started; it has no ID.
	DueAt time.Time `json:"due_at,omitzero"`
	// Hops are the messages that were sent, in order.
	Hops []Hop `json:"hops"`
	// Stalled says that the last hop should have been followed by another one, Cancelled that the operation was declared cancelled.
	Stalled, Cancelled bool `json:"-"`
}

// Cause is the process, the version or the partition by which an operation failed.
type Cause struct {
	// Attribute is instance, version or partition, Value its value in the telemetry.
	Attribute string `json:"attribute"`
	Value     string `json:"value"`
	// Service and Destination are where.
	Service     string `json:"service"`
	Destination string `json:"destination"`
}

// Hop is one message that was sent.
type Hop struct {
	System      string `json:"system"`
	Destination string `json:"destination"`
	MessageID   string `json:"message_id"`
	State       string `json:"state"`
	// DueAt is the time before which the message was not to be consumed, where its telemetry tells.
	DueAt time.Time `json:"due_at,omitzero"`
	// WaitSeconds is the time from SentAt, or DueAt, to the first delivery, nil if there was none.
	WaitSeconds *float64 `json:"wait_seconds"`
	// SentAt is the start of the producer span; the message is in the queue microseconds later.
	SentAt    time.Time  `json:"sent_at"`
	Producer  Span       `json:"producer"`
	Consumers []Consumer `json:"consumers"`
	// DeadLetter says that the message was sent to a dead-letter queue, where it stays.
	DeadLetter bool `json:"-"`
	// Awaits are the further groups that consume every message of the destination.
	Awaits []string `json:"-"`
	// Hidden says that telemetry of its processing was lost; Skewed that the clock of its consumer is behind its producer's.
	Hidden, Skewed bool `json:"-"`
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
	ReceivedAt time.Time `json:"received_at,omitzero"`
	// EndedAt and the span are those of the attempt that decides: the first that succeeded, else the last. EndedAt is nil,
	// and the span was never exported, if that attempt did not end.
	EndedAt *time.Time `json:"ended_at"`
	Span

	failed, succeeded int
}

// Received records the delivery of the message to a consumer group, for processing under the given span.
func (h *Hop) Received(at time.Time, group string, span Span) {
	if h.consumer(group) == nil {
		// Groups take a message at the same time, so that the one that came first may be recorded second.
		place := len(h.Consumers)
		for place > 0 && at.Before(h.Consumers[place-1].ReceivedAt) {
			place--
		}
		if place == 0 {
			wait := max(0, at.Sub(later(h.SentAt, h.DueAt)).Seconds())
			h.WaitSeconds = &wait
		}
		h.Consumers = slices.Insert(h.Consumers, place, Consumer{Group: group, State: StateProcessing, ReceivedAt: at.UTC()})
	}
	c := h.consumer(group)
	c.Attempts++
	if c.succeeded == 0 {
		c.State, c.EndedAt, c.Span = StateProcessing, nil, span
	}
}

func (h *Hop) consumer(group string) *Consumer {
	for i := range h.Consumers {
		if h.Consumers[i].Group == group {
			return &h.Consumers[i]
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Ended records that the processing of the message by a group ended, well or not.
func (h *Hop) Ended(at time.Time, group string, failed bool) {
	c := h.consumer(group)
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
	if o.Reason == ReasonMissed {
		o.State, o.Flags, o.Hops = StateStuck, []string{}, []Hop{}
		return
	}
	o.State, o.Reason, o.Flags = StateCompleted, "", []string{}
	for i := range o.Hops {
		o.hop(&o.Hops[i])
	}
	switch {
	case o.Cancelled:
		o.State, o.Reason = StateCancelled, ""
	case o.Stalled && o.State == StateCompleted:
		o.State, o.Reason = StateStuck, ReasonStalled
	case len(o.Hops) > 0 && o.Hops[len(o.Hops)-1].Hidden:
		// What follows a message proves that it was consumed, but nothing follows the last one.
		o.State, o.Reason = StateUnknown, ReasonTelemetryGap
	}
	slices.Sort(o.Flags)
}

// hop derives the state of a hop and what it means for the operation.
func (o *Operation) hop(h *Hop) {
	h.State = StateWaiting
	if !h.DueAt.IsZero() {
		o.flag(FlagDelayed)
	}
	if len(h.Consumers) == 0 {
		h.Consumers = []Consumer{}
		if h.DeadLetter {
			h.State, o.State = StateDeadLettered, StateDeadLettered
			return
		}
		o.State, o.Reason = StateStuck, StateWaiting
		return
	}
	if h.Skewed {
		o.flag(FlagSkewed)
	}
	h.State = StateDone
	for i := range h.Consumers {
		o.consumer(h, &h.Consumers[i])
	}
	for _, group := range h.Awaits {
		if h.consumer(group) == nil {
			h.Consumers = append(h.Consumers, Consumer{Group: group, State: StateWaiting})
			h.State, o.State, o.Reason = StateWaiting, StateStuck, StateWaiting
		}
	}
}

func (o *Operation) consumer(h *Hop, c *Consumer) {
	if c.State == StateFailed && c.failed > 1 {
		// It was tried again, and is given up.
		c.State = StateDeadLettered
	}
	switch c.State {
	case StateProcessing:
		h.State, o.State, o.Reason = c.State, StateStuck, StateProcessing
	case StateFailed, StateDeadLettered:
		h.State, o.State = c.State, c.State
	}
	if c.failed > 0 && c.Attempts > 1 {
		o.flag(FlagRetried)
	}
	if c.succeeded > 1 {
		o.flag(FlagDuplicated)
	}
}

func (o *Operation) flag(name string) {
	if !slices.Contains(o.Flags, name) {
		o.Flags = append(o.Flags, name)
	}
}
