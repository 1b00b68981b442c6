package correlationprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestADryRunReadsEverythingAndChangesNothing(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.DryRun, c.CorrelationKeys = true, []string{"order.id"} })
	attributes := map[string]any{"messaging.operation.type": "send", "messaging.destination.name": "orders", "order.id": "o-1"}
	td, ld := ptrace.NewTraces(), plog.NewLogs()
	addSpan(td, 1, 1, ptrace.SpanKindProducer, attributes)
	addRecord(ld, 1, map[string]any{"order.id": "o-1"})
	before, beforeLogs := ptrace.NewTraces(), plog.NewLogs()
	td.CopyTo(before)
	ld.CopyTo(beforeLogs)
	td.MarkReadOnly()
	ld.MarkReadOnly()
	h.traces(td)
	h.logs(ld)

	require.Equal(t, before.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw(),
		h.spans.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw())
	require.Equal(t, beforeLogs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().AsRaw(),
		h.records.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().AsRaw())
	require.Zero(t, h.fake.engine.Stats().Operations, "no operation of the collector learns of it")
	require.Equal(t, 1, h.fake.trial.Stats().Operations)
	require.EqualValues(t, 1, h.count(t, "otelcol_correlation_evidence", "signal", "traces"))
	require.EqualValues(t, 1, h.count(t, "otelcol_correlation_evidence", "signal", "logs"))
	require.Empty(t, h.fake.read, "nor is it counted as read")
	require.Zero(t, h.count(t, "otelcol_correlation_stamped", "signal", "traces"))
}
