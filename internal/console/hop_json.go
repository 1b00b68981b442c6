package console

import (
	"slices"

	"github.com/throughline/throughline/internal/operation"
)

type hopJSON struct {
	System      string         `json:"system"`
	Destination string         `json:"destination"`
	MessageID   *string        `json:"message_id"`
	Type        *string        `json:"type"`
	State       string         `json:"state"`
	DueAt       timestamp      `json:"due_at"`
	Wait        *float64       `json:"wait_seconds"`
	Producer    *producerJSON  `json:"producer"`
	Consumers   []consumerJSON `json:"consumers"`
	Sends       int            `json:"sends"`
	// SendDetails are in the detailed form only.
	SendDetails []sendJSON `json:"send_details,omitzero"`
}

// producerJSON is the first record of sending.
type producerJSON struct {
	Service string     `json:"service"`
	At      timestamp  `json:"at"`
	TraceID *string    `json:"trace_id"`
	SpanID  *string    `json:"span_id"`
	Error   *errorJSON `json:"error"`
}

// consumerJSON is one group. It was received when the first attempt began; the rest tells of the attempt that decided.
type consumerJSON struct {
	Group      string     `json:"group"`
	Service    string     `json:"service"`
	State      string     `json:"state"`
	Attempts   int        `json:"attempts"`
	ReceivedAt timestamp  `json:"received_at"`
	EndedAt    timestamp  `json:"ended_at"`
	TraceID    *string    `json:"trace_id"`
	SpanID     *string    `json:"span_id"`
	JoinedBy   *string    `json:"joined_by"`
	Error      *errorJSON `json:"error"`
	Wait       *float64   `json:"wait_seconds"`
	// AttemptDetails are in the detailed form only.
	AttemptDetails []attemptJSON `json:"attempt_details,omitzero"`
}

type errorJSON struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	// Stack is in the detailed form only.
	Stack *string `json:"stack,omitempty"`
}

func (b *builder) hop(h *operation.Hop) hopJSON {
	b.charge(h.System, h.Destination, h.MessageID, h.Type)
	j := hopJSON{
		System: h.System, Destination: h.Destination, MessageID: optional(h.MessageID), Type: optional(h.Type),
		State: stateOf(h).String(), DueAt: timestamp(h.DueAt), Wait: seconds(b.wait(h)), Sends: len(h.Sends),
	}
	if len(h.Sends) > 0 {
		j.Producer = b.producer(&h.Sends[0])
	}
	j.Consumers = cut(b, withAwaited(h), b.consumer)
	if b.detailed {
		j.SendDetails = cut(b, h.Sends, b.send)
	}
	return j
}

// stateOf is that of the least good group, among which are those that are awaited.
func stateOf(h *operation.Hop) operation.HopState {
	if len(h.Awaited) > 0 && h.State == operation.HopDone {
		return operation.HopWaiting
	}
	return h.State
}

// withAwaited returns the groups that consumed, and behind them those that are awaited, without attempts.
func withAwaited(h *operation.Hop) []operation.Consumer {
	all := slices.Clip(h.Consumers)
	for _, group := range h.Awaited {
		all = append(all, operation.Consumer{Group: group, State: operation.HopWaiting, WaitedNanos: -1})
	}
	return all
}

// wait is the time from sending, or from the due time, to the first sign of consumption, or until the operation ended, or
// until now; -1 if unknown.
func (b *builder) wait(h *operation.Hop) int64 {
	wait := int64(-1)
	for i := range h.Consumers {
		if w := h.Consumers[i].WaitedNanos; w >= 0 && (wait < 0 || w < wait) {
			wait = w
		}
	}
	if len(h.Consumers) == 0 && h.SentAt() != 0 {
		wait = max(0, b.end()-max(h.SentAt(), h.DueAt))
	}
	return wait
}

func (b *builder) producer(s *operation.Send) *producerJSON {
	b.charge(s.Service)
	return &producerJSON{
		Service: s.Service, At: timestamp(s.SentAt()),
		TraceID: traceID(s.Trace), SpanID: spanID(s.Span), Error: b.error(s.Error),
	}
}

func (b *builder) consumer(c *operation.Consumer) consumerJSON {
	b.charge(c.Group, c.Service)
	j := consumerJSON{
		Group: c.Group, Service: c.Service, State: c.State.String(), Attempts: c.Tries(), Wait: seconds(c.WaitedNanos),
	}
	if len(c.Attempts) > 0 {
		decided := c.Deciding()
		j.ReceivedAt, j.EndedAt = timestamp(c.Attempts[0].ReceivedAt), timestamp(decided.EndedAt)
		j.TraceID, j.SpanID = traceID(decided.Trace), spanID(decided.Span)
		j.JoinedBy, j.Error = optional(decided.JoinedBy.String()), b.error(decided.Error)
	}
	if b.detailed {
		j.AttemptDetails = cut(b, c.Attempts, b.attempt)
	}
	return j
}

func (b *builder) error(e *operation.Error) *errorJSON {
	if e == nil {
		return nil
	}
	j := errorJSON{Type: clip(e.Type, maxText), Message: clip(e.Message, maxText)}
	if b.detailed {
		j.Stack = optional(clip(e.Stack, maxStack))
		b.charge(clip(e.Stack, maxStack))
	}
	b.charge(j.Type, j.Message)
	return &j
}
