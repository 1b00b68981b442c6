package engine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// TestRecordsWithoutTraceWaitForTheirMessage: a service that writes log lines alone may be heard of before the sender.
func TestRecordsWithoutTraceWaitForTheirMessage(t *testing.T) {
	send, _ := hop(1, 1, "orders", "message", 0)
	record := func(kind operation.Kind, seconds float64) operation.Fact {
		return operation.Fact{Kind: kind, At: at(seconds), Service: "worker", Destination: "orders", MessageID: send.MessageID}
	}
	facts := []operation.Fact{withID(send, "o-1"), record(operation.KindStarted, 1), record(operation.KindProgress, 2), record(operation.KindSucceeded, 3)}
	slices.Reverse(facts)
	e := newEngine(t, nil)
	for i, f := range facts {
		apply(e, float64(5+i), f)
	}
	sweep(e, 10)
	require.Zero(t, e.Stats().Waiting)
	hops := get(t, e, "o-1").View.Hops
	require.Len(t, hops, 1)
	require.Equal(t, operation.HopDone, hops[0].State)
	require.Len(t, hops[0].Consumers[0].Attempts, 1)
}

// TestRecordsWithoutTraceWaitApart: those of one message do not keep those of another, and none waits for ever.
func TestRecordsWithoutTraceWaitApart(t *testing.T) {
	e := newEngine(t, nil)
	const messages = 100
	for i := range messages {
		apply(e, 0, operation.Fact{Kind: operation.KindStarted, At: at(0), Service: "worker", Destination: "orders", MessageID: fmt.Sprint("m", i)})
	}
	require.Equal(t, messages, e.Stats().Waiting)
	apply(e, 1, operation.Fact{
		Kind: operation.KindSend, ID: "o-7", Trace: trace(1), Span: spanID(1), At: at(0), Service: "api", Destination: "orders", MessageID: "m7",
	})
	sweep(e, 2)
	require.Equal(t, messages-1, e.Stats().Waiting)
	require.Equal(t, operation.HopProcessing, get(t, e, "o-7").View.Hops[0].State)

	sweep(e, 100)
	require.Zero(t, e.Stats().Waiting)
	apply(e, 101, operation.Fact{Kind: operation.KindProgress, At: at(101), Service: "worker"})
	require.Zero(t, e.Stats().Waiting, "it names nothing that could become known")
}
