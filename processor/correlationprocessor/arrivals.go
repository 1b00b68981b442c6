package correlationprocessor

import (
	"iter"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/evidence"
	"github.com/throughline/throughline/internal/gap"
)

const keyServiceName = "service.name"

// extent is the time between the oldest and the newest record of a resource. Exporters send in the order in which spans ended and
// records were written, so the first and the last of each scope are enough to know it.
type extent struct {
	oldest, newest pcommon.Timestamp
	some           bool
}

func (e *extent) add(at pcommon.Timestamp) {
	if !e.some || at < e.oldest {
		e.oldest = at
	}
	e.newest, e.some = max(e.newest, at), true
}

// arrivedTraces tells whose traces came, so that silence is noticed.
func (c *correlation) arrivedTraces(td ptrace.Traces) {
	if c.config.DryRun {
		return
	}
	now := time.Now().UnixNano()
	for _, rs := range td.ResourceSpans().All() {
		var e extent
		for _, ss := range rs.ScopeSpans().All() {
			if n := ss.Spans().Len(); n > 0 && !derived(ss.Scope()) {
				e.add(ss.Spans().At(0).EndTimestamp())
				e.add(ss.Spans().At(n - 1).EndTimestamp())
			}
		}
		if service, each := c.arrived(rs.Resource(), gap.SignalTraces, e, now); each {
			c.arrivedEach(service, gap.SignalTraces, endsOf(rs), now)
		}
	}
}

func endsOf(rs ptrace.ResourceSpans) iter.Seq[pcommon.Timestamp] {
	return func(yield func(pcommon.Timestamp) bool) {
		for _, ss := range rs.ScopeSpans().All() {
			if derived(ss.Scope()) {
				continue
			}
			for _, span := range ss.Spans().All() {
				if !yield(span.EndTimestamp()) {
					return
				}
			}
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
		var e extent
		for _, sl := range rl.ScopeLogs().All() {
			if n := sl.LogRecords().Len(); n > 0 && !derived(sl.Scope()) {
				e.add(writtenAt(sl.LogRecords().At(0)))
				e.add(writtenAt(sl.LogRecords().At(n - 1)))
			}
		}
		if service, each := c.arrived(rl.Resource(), gap.SignalLogs, e, now); each {
			c.arrivedEach(service, gap.SignalLogs, timesOf(rl), now)
		}
	}
}

func timesOf(rl plog.ResourceLogs) iter.Seq[pcommon.Timestamp] {
	return func(yield func(pcommon.Timestamp) bool) {
		for _, sl := range rl.ScopeLogs().All() {
			if derived(sl.Scope()) {
				continue
			}
			for _, record := range sl.LogRecords().All() {
				if !yield(writtenAt(record)) {
					return
				}
			}
		}
	}
}

func writtenAt(record plog.LogRecord) pcommon.Timestamp {
	if at := record.Timestamp(); at != 0 {
		return at
	}
	return record.ObservedTimestamp()
}

// arrived tells what came of a resource, and reports whether each record of it is wanted by itself.
func (c *correlation) arrived(resource pcommon.Resource, signal gap.Signal, e extent, now int64) (service string, each bool) {
	name, ok := resource.Attributes().Get(keyServiceName)
	if !ok || name.Type() != pcommon.ValueTypeStr || !e.some {
		return "", false
	}
	return name.Str(), c.operations.Arrived(name.Str(), signal, nanos(e.oldest), nanos(e.newest), now)
}

func (c *correlation) arrivedEach(service string, signal gap.Signal, times iter.Seq[pcommon.Timestamp], now int64) {
	for at := range times {
		c.operations.Arrived(service, signal, nanos(at), nanos(at), now)
	}
}

// maxTimestamp is the latest that is a time in nanoseconds; what is beyond is nonsense.
const maxTimestamp = pcommon.Timestamp(1<<63 - 1)

func nanos(at pcommon.Timestamp) int64 { return int64(min(at, maxTimestamp)) }

func derived(scope pcommon.InstrumentationScope) bool {
	return strings.HasPrefix(scope.Name(), evidence.DerivedScope)
}
