package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// TestNothingEmptyStays: an operation all of whose facts turned out to belong elsewhere takes no room.
func TestNothingEmptyStays(t *testing.T) {
	e := newEngine(t, nil)
	poll := func(n int) operation.Fact {
		return operation.Fact{
			Kind: operation.KindReceive, Trace: trace(9), Span: spanID(n), LinkTrace: trace(n), LinkSpan: spanID(10 * n), At: at(1), Service: "worker",
		}
	}
	apply(e, 1, poll(1))
	require.Equal(t, 1, e.Stats().Operations)
	apply(e, 1, poll(2))
	require.Equal(t, 2, e.Stats().Waiting, "a poll tells nothing of what the messages belong to")
	sweep(e, 2)
	require.Zero(t, e.Stats().Operations)
	requireSound(t, e)
}

// TestRetentionBeginsAnewWithACorrection: what late evidence corrected is held as long as what has just ended.
func TestRetentionBeginsAnewWithACorrection(t *testing.T) {
	e := newEngine(t, func(s *Settings) { s.Retention = 100 * time.Second })
	finish := func(n int, id string) {
		send, process := hop(n, 10*n, "orders", "trace", 0)
		process.Outcome = operation.OutcomeError
		apply(e, 1, withID(send, id), process)
	}
	finish(1, "corrected")
	finish(2, "left")
	sweep(e, 60)
	require.Equal(t, operation.StateFailed, get(t, e, "corrected").Verdict.State)
	_, again := hop(1, 15, "orders", "trace", 3)
	again.Parent = spanID(10)
	apply(e, 120, again)
	sweep(e, 140)
	require.Equal(t, operation.StateCompleted, get(t, e, "corrected").Verdict.State)
	sweep(e, 170)
	_, ok := e.Get("", "left")
	require.False(t, ok)
	get(t, e, "corrected")
	sweep(e, 241)
	require.Zero(t, e.Stats().Operations)
	requireSound(t, e)
}
