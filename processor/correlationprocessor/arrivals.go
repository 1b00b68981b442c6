package correlationprocessor

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/evidence"
	"github.com/throughline/throughline/internal/gap"
)

const keyServiceName = "service.name"

// arrivedTraces tells whose traces came, so that silence is noticed. Exporters send spans in the order in which they ended, so
// the first and the last of each scope are enough to know how new they are.
func (c *correlation) arrivedTraces(td ptrace.Traces) {
	if c.config.DryRun {
		return
	}
	now := time.Now().UnixNano()
	for _, rs := range td.ResourceSpans().All() {
		newest, some := pcommon.Timestamp(0), false
		for _, ss := range rs.ScopeSpans().All() {
			if n := ss.Spans().Len(); n > 0 && !derived(ss.Scope()) {
				first, last := ss.Spans().At(0), ss.Spans().At(n-1)
				newest, some = max(newest, first.EndTimestamp(), last.EndTimestamp()), true
			}
		}
		if some {
			c.arrived(rs.Resource(), gap.SignalTraces, newest, now)
		}
	}
}

// arrivedLogs tells whose log records came.
func (c *correlation) arrivedLogs(ld plog.Logs) {
	if c.config.DryRun {
		return
	}
	now := time.Now().UnixNano()
	for _, rl := range ld.ResourceLogs().All() {
		newest, some := pcommon.Timestamp(0), false
		for _, sl := range rl.ScopeLogs().All() {
			if n := sl.LogRecords().Len(); n > 0 && !derived(sl.Scope()) {
				newest, some = max(newest, writtenAt(sl.LogRecords().At(0)), writtenAt(sl.LogRecords().At(n-1))), true
			}
		}
		if some {
			c.arrived(rl.Resource(), gap.SignalLogs, newest, now)
		}
	}
}

func writtenAt(record plog.LogRecord) pcommon.Timestamp {
	if at := record.Timestamp(); at != 0 {
		return at
	}
	return record.ObservedTimestamp()
}

// maxTimestamp is the latest that is a time in nanoseconds; what is beyond is nonsense.
const maxTimestamp = pcommon.Timestamp(1<<63 - 1)

func (c *correlation) arrived(resource pcommon.Resource, signal gap.Signal, newest pcommon.Timestamp, now int64) {
	if service, ok := resource.Attributes().Get(keyServiceName); ok && service.Type() == pcommon.ValueTypeStr {
		c.operations.Arrived(service.Str(), signal, int64(min(newest, maxTimestamp)), now)
	}
}

func derived(scope pcommon.InstrumentationScope) bool {
	return strings.HasPrefix(scope.Name(), evidence.DerivedScope)
}
