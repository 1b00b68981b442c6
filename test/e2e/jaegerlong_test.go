//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	manyHops = 10_000
	// hopsAtOnce is how many are sent in one request.
	hopsAtOnce = 500
	// maxDrawn is how many spans a derived trace has at most, by default.
	maxDrawn = 1_000
)

// TestLongOperation has an operation of 10,000 hops: its derived trace is cut, says by how much, and Jaeger answers it.
func TestLongOperation(t *testing.T) {
	t.Parallel()
	s := start(t, setup{overlays: []string{shortThresholds, "yaml:extensions::operations::max_facts: 100000"}})
	began := time.Now().Add(-time.Minute)
	for from := 0; from < manyHops; from += hopsAtOnce {
		s.sendTraces(t, longTraces(began, from, from+hopsAtOnce))
	}
	var traceID string
	await(t, verdictTimeout, "the end of the long operation", func() error {
		op, err := s.api.Operation(t.Context(), "long-1")
		if err == nil && op.State != "completed" {
			err = fmt.Errorf("it is %s", op.State)
		}
		traceID = op.TraceID
		return err
	})
	var trace *jaegerTrace
	await(t, traceTimeout, "its derived trace", func() (err error) {
		trace, err = s.jaegerTrace(t, traceID)
		return err
	})
	asked := time.Now()
	_, err := s.jaegerTrace(t, traceID)
	require.NoError(t, err)
	answered := time.Since(asked)
	fine, err := spansV3(t, s.jaeger.URL, traceID)
	require.NoError(t, err)
	t.Logf("Jaeger answers the derived trace of %d hops, cut to %d spans, within %s", manyHops, len(trace.Spans), answered)

	require.Len(t, trace.Spans, maxDrawn)
	require.Len(t, fine, maxDrawn)
	require.Empty(t, trace.Warnings)
	c := traceCheck{trace: trace, op: &truth{ID: "long-1"}}
	root := c.shape()
	require.Empty(t, c.found)
	require.Equal(t, "true", root.tag("async.operation.cut"))
	// Sending, waiting and processing of each hop, and the root itself.
	require.Equal(t, strconv.Itoa(3*manyHops+1-maxDrawn), root.tag("async.operation.cut.spans"))
	last := began.Add(manyHops * time.Millisecond)
	require.GreaterOrEqual(t, root.end(), last.UnixMicro()-rounding, "the root envelops what was cut")
	s.checkHealthy(t)
}

// longTraces are some hops of one operation, each in a trace of its own, one after the other.
func longTraces(began time.Time, from, to int) ptrace.Traces {
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "relay")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for hop := from; hop < to; hop++ {
		for k, kind := range []ptrace.SpanKind{ptrace.SpanKindProducer, ptrace.SpanKindConsumer} {
			span := spans.AppendEmpty()
			trace := pcommon.TraceID{0x33}
			binary.BigEndian.PutUint32(trace[8:], uint32(hop))
			span.SetTraceID(trace)
			span.SetSpanID(pcommon.SpanID{0x44, byte(hop >> 8), byte(hop), byte(k + 1)})
			span.SetKind(kind)
			span.SetName([]string{"send relay", "process relay"}[k])
			at := began.Add(time.Duration(hop)*time.Millisecond + time.Duration(k)*500*time.Microsecond)
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(k*499+1) * time.Microsecond)))
			attributes := span.Attributes()
			attributes.PutStr("messaging.system", "kafka")
			attributes.PutStr("messaging.destination.name", "relay")
			attributes.PutStr("messaging.operation.type", []string{"send", "process"}[k])
			attributes.PutStr("messaging.message.id", "long-"+strconv.Itoa(hop))
			attributes.PutStr("correlation.id", "long-1")
			if k == 1 {
				span.SetParentSpanID(pcommon.SpanID{0x44, byte(hop >> 8), byte(hop), 1})
			}
		}
	}
	return traces
}
