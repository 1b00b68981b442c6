package operationsreceiver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/operation"
)

// outputs are the three receivers on one extension, and what they emit.
type outputs struct {
	traces  consumertest.TracesSink
	metrics consumertest.MetricsSink
	logs    consumertest.LogsSink
}

// all starts everything and lets the extension sweep.
func all(t *testing.T, h host) *outputs {
	out, factory, cfg := &outputs{}, NewFactory(), createDefaultConfig()
	set := receivertest.NewNopSettings(factory.Type())
	traces, err := factory.CreateTraces(t.Context(), set, cfg, &out.traces)
	require.NoError(t, err)
	metrics, err := factory.CreateMetrics(t.Context(), set, cfg, &out.metrics)
	require.NoError(t, err)
	logs, err := factory.CreateLogs(t.Context(), set, cfg, &out.logs)
	require.NoError(t, err)
	for _, r := range []component.Component{traces, metrics, logs} {
		require.NoError(t, r.Start(t.Context(), h))
		t.Cleanup(func() { require.NoError(t, r.Shutdown(context.Background())) })
	}
	require.NoError(t, h[operationsextension.DefaultID].(extensioncapabilities.PipelineWatcher).Ready())
	return out
}

// events are those that were emitted, each with where its message was given up and where it went.
func (o *outputs) events() [][3]string {
	var events [][3]string
	for _, ld := range o.logs.AllLogs() {
		for _, record := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			e := [3]string{record.EventName()}
			for i, name := range []string{"messaging.destination.name", "async.hop.dead_letter_destination"} {
				if v, ok := record.Attributes().Get(name); ok {
					e[i+1] = v.Str()
				}
			}
			events = append(events, e)
		}
	}
	return events
}

// roots are the states of the root spans' status, and what they say.
func (o *outputs) roots() map[string]ptrace.StatusCode {
	roots := map[string]ptrace.StatusCode{}
	for _, td := range o.traces.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			for _, s := range rs.ScopeSpans().At(0).Spans().All() {
				if s.ParentSpanID().IsEmpty() {
					roots[s.Status().Message()] = s.Status().Code()
				}
			}
		}
	}
	return roots
}

// counted is the last value of a counter over all of its series.
func (o *outputs) counted(name string) (total int64) {
	collections := o.metrics.AllMetrics()
	for _, m := range collections[len(collections)-1].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		if m.Name() == name && m.Type() == pmetric.MetricTypeSum {
			for _, p := range m.Sum().DataPoints().All() {
				total += p.IntValue()
			}
		}
	}
	return total
}

// worked is an attempt at a message of span 1, or a send within one.
func worked(kind operation.Kind, destination string, span, parent byte, outcome operation.Outcome) operation.Fact {
	now := time.Now().UnixNano()
	return operation.Fact{
		Kind: kind, ID: "o-1", Service: "worker", Destination: destination, Trace: operation.TraceID{1}, Span: operation.SpanID{span},
		Parent: operation.SpanID{parent}, Remote: kind == operation.KindProcess, Consumer: kind == operation.KindProcess,
		At: now, End: now + 1e6, Outcome: outcome, ErrorType: map[operation.Outcome]string{operation.OutcomeError: "Timeout"}[outcome],
	}
}

// TestADeadLetterThroughAllOutputs lets a consumer give up on a message and park it, and somebody succeed with it later.
func TestADeadLetterThroughAllOutputs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, h := extension(t)
		out := all(t, h)
		apply := func(facts ...operation.Fact) {
			o.Apply(time.Now(), facts, nil)
			time.Sleep(time.Minute) // synctest: fake time
			synctest.Wait()
		}
		apply(worked(operation.KindSend, "orders", 1, 0, operation.OutcomeUnset),
			worked(operation.KindProcess, "orders", 2, 1, operation.OutcomeError),
			worked(operation.KindSend, "orders.dlq", 3, 2, operation.OutcomeUnset))
		parked := [][3]string{
			{"async.operation.dead_lettered", "orders", "orders.dlq"}, {"async.incident.opened", "orders", "orders.dlq"},
		}
		require.Equal(t, parked, out.events())
		const told = "dead-lettered: Timeout in orders after 1 attempt, sent to orders.dlq"
		require.Equal(t, map[string]ptrace.StatusCode{told: ptrace.StatusCodeError}, out.roots())
		require.EqualValues(t, 1, out.counted("async.message.dead_lettered"))
		require.EqualValues(t, 1, out.counted("async.operation.outcomes"))

		apply(worked(operation.KindProcess, "orders", 4, 1, operation.OutcomeOK), worked(operation.KindProcess, "orders.dlq", 5, 3, operation.OutcomeOK))
		require.Equal(t, []string{"async.operation.recovered", "async.incident.resolved"}, []string{out.events()[2][0], out.events()[3][0]})
		require.Len(t, out.events(), 4)
		require.Equal(t, map[string]ptrace.StatusCode{told: ptrace.StatusCodeError, "": ptrace.StatusCodeOk}, out.roots())
		require.EqualValues(t, 1, out.counted("async.message.dead_lettered"), "it was one, whatever became of it")
		require.EqualValues(t, 2, out.counted("async.operation.outcomes"), "the second one corrects the first")
	})
}
