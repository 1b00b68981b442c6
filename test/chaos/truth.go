package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/throughline/throughline/test/verdict"
)

// Truth is one operation as asyncgen wrote it down, as far as it is compared; see the README of asyncgen.
type Truth struct {
	ID     string     `json:"id"`
	Name   string     `json:"name"`
	State  string     `json:"state"`
	Reason string     `json:"reason"`
	Flags  []string   `json:"flags"`
	Hops   []TruthHop `json:"hops"`
}

// TruthHop is one message that was sent.
type TruthHop struct {
	Destination string          `json:"destination"`
	MessageID   string          `json:"message_id"`
	State       string          `json:"state"`
	WaitSeconds *float64        `json:"wait_seconds"`
	SentAt      time.Time       `json:"sent_at"`
	Producer    TruthSpan       `json:"producer"`
	Consumers   []TruthConsumer `json:"consumers"`
}

// TruthConsumer is what a consumer group did with it.
type TruthConsumer struct {
	Group    string `json:"group"`
	State    string `json:"state"`
	Attempts int    `json:"attempts"`
	TruthSpan
}

// TruthSpan names a span that was sent.
type TruthSpan struct {
	TraceID string `json:"trace_id"`
}

// The states of operations and hops that are told apart.
const (
	stateStuck        = "stuck"
	stateFailed       = "failed"
	stateDeadLettered = "dead_lettered"
	stateWaiting      = "waiting"
	stateProcessing   = "processing"
)

// deadLetterSuffix ends the names of asyncgen's dead-letter queues.
const deadLetterSuffix = ".dlq"

// ReadTruth reads the file that asyncgen wrote.
func ReadTruth(path string) ([]Truth, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var truths []Truth
	if err := json.Unmarshal(text, &truths); err != nil {
		return nil, fmt.Errorf("truth %s: %w", path, err)
	}
	return truths, nil
}

// Verdict is how the operation must be judged, in one word.
func (o *Truth) Verdict() string { return verdict.Of(o.State, o.Reason, o.Flags) }

// Final reports whether nothing more can happen to the operation.
func (o *Truth) Final() bool { return o.State != stateStuck }

// waited reports whether a message was consumed only after it had waited for longer than that.
func (o *Truth) waited(longer time.Duration) bool {
	for i := range o.Hops {
		if w := o.Hops[i].WaitSeconds; w != nil && *w > longer.Seconds() {
			return true
		}
	}
	return false
}

// traceIDs yields those of the operation's spans.
func (o *Truth) traceIDs(yield func(string) bool) {
	for i := range o.Hops {
		h := &o.Hops[i]
		if !yield(h.Producer.TraceID) {
			return
		}
		for k := range h.Consumers {
			if id := h.Consumers[k].TraceID; id != "" && !yield(id) {
				return
			}
		}
	}
}

func (h *TruthHop) deadLetter() bool { return strings.HasSuffix(h.Destination, deadLetterSuffix) }
