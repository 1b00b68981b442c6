package correlationprocessor

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/evidence"
	"github.com/throughline/throughline/internal/gap"
)

// endedAt makes a resource of one scope, the spans of which ended at these times.
func endedAt(td ptrace.Traces, service, scope string, ends ...pcommon.Timestamp) {
	rs := td.ResourceSpans().AppendEmpty()
	if service != "" {
		rs.Resource().Attributes().PutStr("service.name", service)
	}
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(scope)
	for _, end := range ends {
		ss.Spans().AppendEmpty().SetEndTimestamp(end)
	}
}

func TestArrivalsAreToldOnceForEachResource(t *testing.T) {
	h := newHarness(t, nil)
	h.fake.listens = true
	td := ptrace.NewTraces()
	endedAt(td, "api", "http", 5, 7, 9)
	more := td.ResourceSpans().At(0).ScopeSpans().AppendEmpty().Spans()
	more.AppendEmpty().SetEndTimestamp(12)
	more.AppendEmpty().SetEndTimestamp(3)
	endedAt(td, "worker", "kafka", 4)
	endedAt(td, "", "kafka", 4)
	endedAt(td, "throughline", evidence.DerivedScope+"/stitch", 99)
	endedAt(td, "empty", "http")
	endedAt(td, "unfinished", "http", 0)
	endedAt(td, "absurd", "http", math.MaxUint64)
	h.traces(td)
	require.Equal(t, []arrival{
		{"api", gap.SignalTraces, 3, 12}, {"worker", gap.SignalTraces, 4, 4}, {"unfinished", gap.SignalTraces, 0, 0},
		{"absurd", gap.SignalTraces, math.MaxInt64, math.MaxInt64},
	}, h.fake.arrivals)
}

func TestArrivalsOfLogs(t *testing.T) {
	h := newHarness(t, nil)
	h.fake.listens = true
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "api")
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty().SetTimestamp(3)
	records.AppendEmpty().SetObservedTimestamp(8)
	own := ld.ResourceLogs().AppendEmpty()
	own.Resource().Attributes().PutStr("service.name", "throughline")
	events := own.ScopeLogs().AppendEmpty()
	events.Scope().SetName(evidence.DerivedScope + "/event")
	events.LogRecords().AppendEmpty()
	h.logs(ld)
	require.Equal(t, []arrival{{"api", gap.SignalLogs, 3, 8}}, h.fake.arrivals)
}

func TestADryRunTellsNothingOfArrivals(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.DryRun = true })
	h.fake.listens = true
	td, ld := ptrace.NewTraces(), plog.NewLogs()
	endedAt(td, "api", "http", pcommon.NewTimestampFromTime(time.Now()))
	addRecord(ld, 1, nil)
	h.traces(td)
	h.logs(ld)
	require.Empty(t, h.fake.arrivals)
}

func TestEachRecordIsToldIfItIsWanted(t *testing.T) {
	h := newHarness(t, nil)
	h.fake.listens, h.fake.lacking = true, true
	td, ld := ptrace.NewTraces(), plog.NewLogs()
	endedAt(td, "api", "http", 5, 7, 9)
	own := td.ResourceSpans().At(0).ScopeSpans().AppendEmpty()
	own.Scope().SetName(evidence.DerivedScope + "/stitch")
	own.Spans().AppendEmpty().SetEndTimestamp(99)
	h.traces(td)
	require.Equal(t, []arrival{
		{"api", gap.SignalTraces, 5, 9}, {"api", gap.SignalTraces, 5, 5}, {"api", gap.SignalTraces, 7, 7}, {"api", gap.SignalTraces, 9, 9},
	}, h.fake.arrivals)

	h.fake.arrivals = nil
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "api")
	for _, at := range []pcommon.Timestamp{2, 3} {
		rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().SetTimestamp(at)
	}
	h.logs(ld)
	require.Equal(t, []arrival{{"api", gap.SignalLogs, 2, 3}, {"api", gap.SignalLogs, 2, 2}, {"api", gap.SignalLogs, 3, 3}}, h.fake.arrivals)
}
