package measure

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

// retried is an operation whose message waited 2 s, was tried in vain for 1 s and then done in 3 s.
func retried() *operation.View {
	return view("order-1", hop(1, operation.HopDone, consumer("billing", operation.HopDone, 2,
		attempt(3, 4, operation.OutcomeError), attempt(7, 10, operation.OutcomeUnset))))
}

var retriedLines = []string{
	"async.operation.duration{operation=order.fulfil,outcome=completed} count=1 sum=10",
	"async.operation.outcomes{operation=order.fulfil,outcome=completed} 1",
	"async.queue.wait{destination=orders,group=billing,system=kafka} count=1 sum=2",
	"async.process.duration{destination=orders,group=billing,outcome=error,system=kafka} count=1 sum=1",
	"async.process.duration{destination=orders,group=billing,outcome=ok,system=kafka} count=1 sum=3",
	"async.process.attempts{destination=orders,group=billing,outcome=error,system=kafka} 1",
	"async.process.attempts{destination=orders,group=billing,outcome=ok,system=kafka} 1",
}

func TestFirstFinalVerdictCountsEverything(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	m.Observe(first(retried(), operation.StateCompleted, operation.FlagRetried))
	requireLines(t, m.Collect(at(30), nil), retriedLines...)
	requireLines(t, m.Collect(at(60), nil), retriedLines...)
	require.Empty(t, m.Overflowed())
}

func TestVerdictThatIsNotFinalCountsNothing(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	c := first(retried(), operation.StateStuck, 0)
	c.FinalRevision = 0
	m.Observe(c)
	gone := first(retried(), operation.StateCompleted, operation.FlagDuplicated)
	gone.Gone = true
	m.Observe(gone)
	require.Empty(t, render(m.Collect(at(30), nil)))
}

func TestStuckBeforeCompletedCountsOnce(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	stuck := first(retried(), operation.StateStuck, 0)
	stuck.FinalRevision = 0
	m.Observe(stuck)
	m.Observe(then(stuck, operation.StateCompleted, operation.FlagRetried))
	requireLines(t, m.Collect(at(30), nil), retriedLines...)
}

func TestCorrectionCountsTheNewOutcomeOnly(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	failed := first(retried(), operation.StateFailed, 0)
	m.Observe(failed)
	before := render(m.Collect(at(30), nil))
	m.Observe(then(failed, operation.StateCompleted, operation.FlagRetried))
	after := render(m.Collect(at(30), nil))
	const failedOnce = "async.operation.outcomes{operation=order.fulfil,outcome=failed} 1\n"
	require.Contains(t, before, failedOnce)
	require.Equal(t, before, removeLine(after, "async.operation.outcomes{corrected=true,operation=order.fulfil,outcome=completed} 1\n"))
}

func removeLine(text, line string) string {
	for i := 0; i+len(line) <= len(text); i++ {
		if text[i:i+len(line)] == line {
			return text[:i] + text[i+len(line):]
		}
	}
	return text + "(no line " + line + ")"
}

func TestLateDuplicateCountsAlthoughTheOutcomeStays(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	completed := first(retried(), operation.StateCompleted, operation.FlagRetried)
	m.Observe(completed)
	late := then(completed, operation.StateCompleted, operation.FlagRetried|operation.FlagDuplicated)
	late.View = view("order-1", hop(1, operation.HopDone, consumer("billing", operation.HopDone, 2,
		attempt(3, 4, operation.OutcomeError), attempt(7, 10, operation.OutcomeUnset), attempt(11, 12, operation.OutcomeOK),
		attempt(13, 14, operation.OutcomeOK), attempt(15, 0, operation.OutcomeUnset))))
	m.Observe(late)
	m.Observe(then(late, operation.StateCompleted, late.Verdict.Flags|operation.FlagSkewed))
	requireLines(t, m.Collect(at(30), nil), append(slices.Clip(retriedLines),
		"async.message.duplicated{destination=orders,group=billing,system=kafka} 2")...)
}

func TestUnknownTimesAreNotMeasured(t *testing.T) {
	inferred := operation.Attempt{EndedAt: sec(5), Inferred: true}
	received := operation.Attempt{ReceivedAt: sec(5), EndedAt: sec(5)}
	backwards := attempt(9, 8, operation.OutcomeOK)
	v := view("order-1",
		hop(1, operation.HopDone, consumer("a", operation.HopDone, 0, inferred)),
		hop(1, operation.HopDone, consumer("b", operation.HopDone, 4, received)),
		hop(1, operation.HopProcessing, consumer("c", operation.HopProcessing, 4, attempt(5, 0, operation.OutcomeUnset))),
		hop(1, operation.HopDone, consumer("d", operation.HopDone, 4, backwards)))
	v.Hops[0].Consumers[0].WaitedNanos = -1
	v.StartedAt = 0
	m := newMeter(t, DefaultMaxSeries)
	m.Observe(first(v, operation.StateCompleted, 0))
	requireLines(t, m.Collect(at(30), nil),
		"async.operation.outcomes{operation=order.fulfil,outcome=completed} 1",
		"async.queue.wait{destination=orders,group=b,system=kafka} count=1 sum=4",
		"async.queue.wait{destination=orders,group=c,system=kafka} count=1 sum=4",
		"async.queue.wait{destination=orders,group=d,system=kafka} count=1 sum=4",
		"async.process.duration{destination=orders,group=d,outcome=ok,system=kafka} count=1 sum=0",
		"async.process.attempts{destination=orders,group=a,outcome=ok,system=kafka} 1",
		"async.process.attempts{destination=orders,group=b,outcome=ok,system=kafka} 1",
		"async.process.attempts{destination=orders,group=c,outcome=unfinished,system=kafka} 1",
		"async.process.attempts{destination=orders,group=d,outcome=ok,system=kafka} 1",
	)
}

func TestNameOfThePolicyWins(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	c := first(view("order-1"), operation.StateFailed, 0)
	c.Policy = &operation.Policy{OperationName: "fulfilment"}
	m.Observe(c)
	requireLines(t, m.Collect(at(30), nil),
		"async.operation.duration{operation=fulfilment,outcome=failed} count=1 sum=10",
		"async.operation.outcomes{operation=fulfilment,outcome=failed} 1")
}

func TestTemporaryDestinationsShareASeries(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	for _, name := range []string{"amq.gen-1", "amq.gen-2"} {
		v := retried()
		v.Hops[0].Destination = name
		m.Observe(first(v, operation.StateCompleted, 0))
	}
	require.Contains(t, render(m.Collect(at(30), nil)), "async.queue.wait{destination=temporary,group=billing,system=kafka} count=2 sum=4\n")
}

func TestHistogramAsWritten(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	c := first(retried(), operation.StateCompleted, 0)
	m.Observe(c)
	metric := m.Collect(at(30), nil).ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	require.Equal(t, "async.operation.duration", metric.Name())
	require.Equal(t, "s", metric.Unit())
	require.Equal(t, pmetric.AggregationTemporalityCumulative, metric.Histogram().AggregationTemporality())
	p := metric.Histogram().DataPoints().At(0)
	require.Equal(t, start, p.StartTimestamp().AsTime())
	require.Equal(t, at(30).UTC(), p.Timestamp().AsTime())
	require.Equal(t, map[string]any{"async.operation.name": "order.fulfil", "async.operation.outcome": "completed"}, p.Attributes().AsRaw())
	require.Equal(t, len(bounds)+1, p.BucketCounts().Len())
	for i := range bounds {
		want := uint64(0)
		if bounds[i] == 10 {
			want = 1
		}
		require.Equal(t, want, p.BucketCounts().At(i), "a bound belongs to the bucket below")
	}
	require.InDelta(t, 10, p.Min(), 0)
	require.InDelta(t, 10, p.Max(), 0)
	require.Equal(t, 1, p.Exemplars().Len())
	e := p.Exemplars().At(0)
	trace := stitch.TraceID("order-1", "", 1)
	require.Equal(t, pcommon.TraceID(trace), e.TraceID())
	require.Equal(t, pcommon.SpanID(stitch.RootSpanID(trace)), e.SpanID())
	require.InDelta(t, 10, e.DoubleValue(), 0)
	require.Equal(t, pcommon.Timestamp(c.At), e.Timestamp())

	again := durationsOf(m.Collect(at(60), nil)).At(0)
	require.Equal(t, 1, again.Exemplars().Len(), "who scrapes less often sees it, too")
	require.Equal(t, p.StartTimestamp(), again.StartTimestamp())
	require.Zero(t, durationsOf(m.Collect(at(321), nil)).At(0).Exemplars().Len(), "but not for ever")
}
