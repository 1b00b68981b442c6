package verdict

import (
	"slices"
	"strings"
	"time"
)

// Operation is an operation as the console's API shows it; null and "" are not told apart.
type Operation struct {
	ID             string   `json:"id"`
	Namespace      string   `json:"namespace,omitempty"`
	Name           string   `json:"name"`
	State          string   `json:"state"`
	Reason         string   `json:"reason"`
	Flags          []string `json:"flags"`
	TraceID        string   `json:"trace_id"`
	SourceTraceIDs []string `json:"source_trace_ids"`
	IncidentID     string   `json:"incident_id"`
	Aliases        []string `json:"aliases"`
	Severity       string   `json:"severity"`
	Hops           []Hop    `json:"hops"`
	// Missed is set of what stands for starts that did not come.
	Missed *Missed `json:"missed"`
}

// Missed is a row of due times at which an expected operation did not start.
type Missed struct {
	Count      int       `json:"count"`
	FirstDueAt time.Time `json:"first_due_at"`
}

// Hop is one message's way through one destination.
type Hop struct {
	System      string     `json:"system"`
	Destination string     `json:"destination"`
	MessageID   string     `json:"message_id"`
	State       string     `json:"state"`
	WaitSeconds *float64   `json:"wait_seconds"`
	Producer    Producer   `json:"producer"`
	Consumers   []Consumer `json:"consumers"`
	Sends       int        `json:"sends"`
	// SendDetails are known of an operation that was asked for alone.
	SendDetails []Send `json:"send_details"`
}

// Send is one record of sending.
type Send struct {
	Service string    `json:"service"`
	SpanID  string    `json:"span_id"`
	At      time.Time `json:"at"`
}

// Producer is the first record of sending.
type Producer struct {
	Service string    `json:"service"`
	At      time.Time `json:"at"`
	TraceID string    `json:"trace_id"`
	SpanID  string    `json:"span_id"`
}

// Consumer is what one consumer group did with the message.
type Consumer struct {
	Group       string    `json:"group"`
	Service     string    `json:"service"`
	State       string    `json:"state"`
	Attempts    int       `json:"attempts"`
	ReceivedAt  time.Time `json:"received_at"`
	EndedAt     time.Time `json:"ended_at"`
	TraceID     string    `json:"trace_id"`
	SpanID      string    `json:"span_id"`
	JoinedBy    string    `json:"joined_by"`
	Error       *Error    `json:"error"`
	WaitSeconds *float64  `json:"wait_seconds"`
	// AttemptDetails are known of an operation that was asked for alone.
	AttemptDetails []Attempt `json:"attempt_details"`
}

// Attempt is one try at processing a message.
type Attempt struct {
	Service     string    `json:"service"`
	Name        string    `json:"name"`
	SpanID      string    `json:"span_id"`
	Destination string    `json:"destination"`
	ReceivedAt  time.Time `json:"received_at"`
	StartedAt   time.Time `json:"started_at"`
	EndedAt     time.Time `json:"ended_at"`
	Inferred    bool      `json:"inferred"`
}

// Error is what an attempt failed with.
type Error struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// StateInProgress is the state in which nothing is known to be wrong yet, and nothing to be over.
const StateInProgress = "in_progress"

// Missing is the verdict on an operation that the API does not know.
const Missing = "missing"

// Of returns a verdict in one word: "completed", "stuck/waiting", "completed+duplicated+retried". Flags are sorted.
func Of(state, reason string, flags []string) string {
	text := state
	if reason != "" {
		text += "/" + reason
	}
	if len(flags) > 0 {
		text += "+" + strings.Join(slices.Sorted(slices.Values(flags)), "+")
	}
	return text
}

// Verdict is the operation's verdict in one word.
func (o *Operation) Verdict() string { return Of(o.State, o.Reason, o.Flags) }
