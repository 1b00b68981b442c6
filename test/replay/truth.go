package replay

import (
	"fmt"
	"slices"

	"github.com/throughline/throughline/test/verdict"
)

// Truth is TRUTH.json, as far as verdicts depend on it.
type Truth struct {
	Scenario   string      `json:"scenario"`
	Operations []Operation `json:"operations"`
}

// Operation is what really happened in one operation.
type Operation struct {
	ID string `json:"op_id"`
	// Keys are the values by which telemetry names the operation, by a description of where they stand; TraceIDs are those of
	// its exported spans.
	Keys     map[string]any `json:"keys"`
	TraceIDs []string       `json:"trace_ids"`
	Outcome  string         `json:"outcome"`
	Hops     []Hop          `json:"hops"`
}

// Hop is one queue and consumer group.
type Hop struct {
	Name          string     `json:"hop"`
	Queue         string     `json:"queue"`
	Outcome       string     `json:"outcome"`
	DuplicateKind string     `json:"duplicate_kind,omitempty"`
	Sent          []Sent     `json:"sent"`
	Deliveries    []Delivery `json:"deliveries"`
}

// Sent is one message that was sent.
type Sent struct {
	// At is in seconds since 1970.
	At           float64 `json:"at"`
	By           string  `json:"by"`
	MessageID    string  `json:"msg_id"`
	TraceID      string  `json:"trace_id"`
	SpanID       string  `json:"span_id"`
	SpanExported bool    `json:"span_exported"`
	DueIn        float64 `json:"due_in_s,omitempty"`
}

// Delivery is one attempt at processing. Result is ok, error, killed or unfinished_at_shutdown.
type Delivery struct {
	Service      string   `json:"service"`
	PID          int      `json:"pid"`
	ReceivedAt   float64  `json:"received_at"`
	DoneAt       *float64 `json:"done_at"`
	Result       string   `json:"result"`
	Error        string   `json:"error,omitempty"`
	MessageID    string   `json:"msg_id"`
	TraceID      string   `json:"trace_id"`
	SpanID       string   `json:"span_id"`
	SpanExported bool     `json:"span_exported"`
	// BatchSpanID is the span of the batch of BatchSize messages that the message came in, if any.
	BatchSpanID string `json:"batch_span_id,omitempty"`
	BatchSize   int    `json:"batch_size,omitempty"`
}

// Expected is the verdict that an operation deserves.
type Expected struct {
	State, Reason string
	Flags         []string
	// Tolerated are flags that are true as well, though the outcome does not speak of them.
	Tolerated []string
}

const (
	stateCompleted = "completed"
	stateStuck     = "stuck"
	flagRetried    = "retried"
	flagDuplicated = "duplicated"
	flagDelayed    = "delayed"
	// flagLate tells of how the telemetry arrived, of which the truth knows nothing.
	flagLate    = "late_evidence"
	resultError = "error"
)

// expectations say which verdict each outcome deserves.
var expectations = map[string]Expected{
	"completed":             {State: stateCompleted},
	"delayed_completed":     {State: stateCompleted},
	"killed_then_completed": {State: stateCompleted},
	"retried_completed":     {State: stateCompleted, Flags: []string{flagRetried}},
	"duplicate":             {State: stateCompleted, Flags: []string{flagDuplicated}},
	"failed":                {State: "failed"},
	"dead_lettered":         {State: "dead_lettered"},
	"never_consumed":        {State: stateStuck, Reason: "waiting"},
	"killed":                {State: stateStuck, Reason: "processing"},
}

// Expect returns the verdict that the operation deserves, or an error for an outcome that is not known.
func (o *Operation) Expect() (Expected, error) {
	e, ok := expectations[o.Outcome]
	if !ok {
		return Expected{}, fmt.Errorf("%s: outcome %q is not known", o.ID, o.Outcome)
	}
	if o.retried() && !slices.Contains(e.Flags, flagRetried) {
		e.Tolerated = append(e.Tolerated, flagRetried)
	}
	if o.delayed() {
		// Not every library tells when a message is due.
		e.Tolerated = append(e.Tolerated, flagDelayed)
	}
	return e, nil
}

// delayed reports whether some message was scheduled for later.
func (o *Operation) delayed() bool {
	for i := range o.Hops {
		if slices.ContainsFunc(o.Hops[i].Sent, func(s Sent) bool { return s.DueIn > 0 }) {
			return true
		}
	}
	return false
}

// retried reports whether some message was delivered again after a failed attempt, or sent on to be tried again.
func (o *Operation) retried() bool {
	for i := range o.Hops {
		if o.Hops[i].Outcome == "retry_scheduled" {
			return true
		}
		deliveries := o.Hops[i].Deliveries
		for k := 1; k < len(deliveries); k++ {
			if deliveries[k-1].Result == resultError && deliveries[k-1].MessageID == deliveries[k].MessageID {
				return true
			}
		}
	}
	return false
}

// Verdict is the expected verdict in one word.
func (e Expected) Verdict() string { return verdict.Of(e.State, e.Reason, e.Flags) }

// Met reports whether a verdict is as expected.
func (e Expected) Met(state, reason string, flags []string) bool {
	if state != e.State || reason != e.Reason {
		return false
	}
	for _, flag := range e.Flags {
		if !slices.Contains(flags, flag) {
			return false
		}
	}
	for _, flag := range flags {
		if flag != flagLate && !slices.Contains(e.Flags, flag) && !slices.Contains(e.Tolerated, flag) {
			return false
		}
	}
	return true
}
