package correlationprocessor

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
)

// The originals are passed on first; what follows from them decides whether the batch is acknowledged.
func TestABatchIsAcknowledgedWhenWhatWasDrawnFromItIsCommitted(t *testing.T) {
	fake := newFake(t)
	spans, records := &consumertest.TracesSink{}, &consumertest.LogsSink{}
	set := processortest.NewNopSettings(NewFactory().Type())
	traces, err := NewFactory().CreateTraces(t.Context(), set, createDefaultConfig(), spans)
	require.NoError(t, err)
	logs, err := NewFactory().CreateLogs(t.Context(), set, createDefaultConfig(), records)
	require.NoError(t, err)
	commits, refusal := 0, error(nil)
	fake.commit = func(context.Context) error {
		commits++
		require.Equal(t, commits, spans.SpanCount()+records.LogRecordCount(), "the originals do not wait")
		return refusal
	}
	require.NoError(t, traces.Start(t.Context(), hostOf(fake)))
	require.NoError(t, logs.Start(t.Context(), hostOf(fake)))
	evidence := func() ptrace.Traces {
		td := ptrace.NewTraces()
		addSpan(td, 1, 1, ptrace.SpanKindProducer, map[string]any{"messaging.system": "kafka", "messaging.destination.name": "orders", "messaging.operation.type": "send"})
		return td
	}
	require.NoError(t, traces.ConsumeTraces(t.Context(), evidence()))
	require.Equal(t, 1, commits)
	refusal = errors.New("the store is full")
	require.ErrorIs(t, traces.ConsumeTraces(t.Context(), evidence()), refusal)
	ld := plog.NewLogs()
	addRecord(ld, 1, map[string]any{"correlation.id": "order-1"})
	require.ErrorIs(t, logs.ConsumeLogs(t.Context(), ld), refusal)
	require.Equal(t, 3, commits)

	require.NoError(t, traces.ConsumeTraces(t.Context(), ptrace.NewTraces()), "nothing was drawn from it")
	require.Equal(t, 3, commits)
	require.NoError(t, traces.Shutdown(t.Context()))
	require.NoError(t, logs.Shutdown(t.Context()))
}

// TestABatchThatComesTooEarlyWaits: a receiver that serves several pipelines is started with the first of them.
func TestABatchThatComesTooEarlyWaits(t *testing.T) {
	fake := newFake(t)
	synctest.Test(t, func(t *testing.T) {
		spans := &consumertest.TracesSink{}
		traces, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(NewFactory().Type()), createDefaultConfig(), spans)
		require.NoError(t, err)
		td := ptrace.NewTraces()
		addSpan(td, 1, 1, ptrace.SpanKindProducer, map[string]any{"messaging.system": "kafka", "messaging.destination.name": "orders", "messaging.operation.type": "send"})
		require.ErrorIs(t, traces.ConsumeTraces(t.Context(), td), errNotStarted, "nobody waits for ever, and whoever sent it may send it again")

		consumed := make(chan error, 1)
		go func() { consumed <- traces.ConsumeTraces(t.Context(), td) }()
		synctest.Wait()
		require.Empty(t, consumed)
		require.Zero(t, spans.SpanCount())
		require.NoError(t, traces.Start(t.Context(), hostOf(fake)))
		require.NoError(t, <-consumed)
		require.Equal(t, 1, fake.engine.Stats().Operations)
		require.Equal(t, 1, spans.SpanCount())
		require.NoError(t, traces.Shutdown(t.Context()))
	})
}
