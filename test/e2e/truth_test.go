//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/verdict"
)

// truth is one operation as asyncgen wrote it down; see its README.
type truth struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	State    string   `json:"state"`
	Reason   string   `json:"reason"`
	Flags    []string `json:"flags"`
	Scenario string   `json:"scenario"`
	// DueAt is when an operation that did not start should have started.
	DueAt time.Time  `json:"due_at,omitzero"`
	Hops  []truthHop `json:"hops"`
}

type truthHop struct {
	System      string          `json:"system"`
	Destination string          `json:"destination"`
	MessageID   string          `json:"message_id"`
	State       string          `json:"state"`
	WaitSeconds *float64        `json:"wait_seconds"`
	SentAt      time.Time       `json:"sent_at"`
	DueAt       time.Time       `json:"due_at,omitzero"`
	Producer    truthSpan       `json:"producer"`
	Consumers   []truthConsumer `json:"consumers"`
}

type truthSpan struct {
	Service string `json:"service"`
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
}

type truthConsumer struct {
	Group      string     `json:"group"`
	State      string     `json:"state"`
	Attempts   int        `json:"attempts"`
	ReceivedAt time.Time  `json:"received_at"`
	EndedAt    *time.Time `json:"ended_at"`
	truthSpan
}

// The states that tests tell apart.
const (
	stateStuck  = "stuck"
	stateFailed = "failed"
	// stateDeadLettered is what was tried more than once, in vain.
	stateDeadLettered = "dead_lettered"
	stateProcessing   = "processing"
	stateWaiting      = "waiting"
)

// deadLetter is the message that was sent to a dead-letter queue, nil without one.
func (o *truth) deadLetter() *truthHop {
	for i := range o.Hops {
		if o.Hops[i].isDeadLetter() {
			return &o.Hops[i]
		}
	}
	return nil
}

func (h *truthHop) isDeadLetter() bool { return strings.HasSuffix(h.Destination, ".dlq") }

// Verdict implements verdict.Truth.
func (o *truth) Verdict() string { return verdict.Of(o.State, o.Reason, o.Flags) }

// final reports whether nothing more can happen to the operation.
func (o *truth) final() bool { return o.State != stateStuck }

func readTruth(t *testing.T, path string) []truth {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var all []truth
	require.NoError(t, json.Unmarshal(text, &all))
	require.NotEmpty(t, all)
	return all
}
