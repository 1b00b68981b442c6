package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/cmd/asyncgen/internal/otlptest"
	"github.com/throughline/throughline/cmd/asyncgen/internal/truth"
)

// remote is what the OTLP flags of a span say when its parent, or of a link when its target, is known to be remote.
const remote = 0x300

// hopArrivals is all that arrived about one message.
type hopArrivals struct {
	sends, receives, processes []arrivedSpan
	started, completed, failed []arrivedLine
}

type arrivedSpan struct {
	ptrace.Span
	service string
}

type arrivedLine struct {
	plog.LogRecord
	service string
}

// arrivals is what a server received, by message ID, and what the entry services logged, by correlation ID.
type arrivals struct {
	hops    map[string]*hopArrivals
	entries map[string]int
	spans   map[pcommon.SpanID]int
}

func collect(server *otlptest.Server) *arrivals {
	a := &arrivals{hops: map[string]*hopArrivals{}, entries: map[string]int{}, spans: map[pcommon.SpanID]int{}}
	for _, traces := range server.Traces() {
		for _, resource := range traces.ResourceSpans().All() {
			service := text(resource.Resource().Attributes(), "service.name")
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					a.addSpan(arrivedSpan{span, service})
				}
			}
		}
	}
	for _, logs := range server.Logs() {
		for _, resource := range logs.ResourceLogs().All() {
			service := text(resource.Resource().Attributes(), "service.name")
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					a.addLine(arrivedLine{record, service})
				}
			}
		}
	}
	return a
}

func (a *arrivals) hop(messageID string) *hopArrivals {
	if a.hops[messageID] == nil {
		a.hops[messageID] = &hopArrivals{}
	}
	return a.hops[messageID]
}

func (a *arrivals) addSpan(span arrivedSpan) {
	a.spans[span.SpanID()]++
	id := text(span.Attributes(), "messaging.message.id")
	if id == "" {
		return
	}
	hop := a.hop(id)
	switch text(span.Attributes(), "messaging.operation.type") {
	case "send":
		hop.sends = append(hop.sends, span)
	case "receive":
		hop.receives = append(hop.receives, span)
	case "process":
		hop.processes = append(hop.processes, span)
	}
}

func (a *arrivals) addLine(line arrivedLine) {
	id := text(line.Attributes(), "messaging.message.id")
	if id == "" {
		a.entries[text(line.Attributes(), "messaging.message.conversation_id")]++
		return
	}
	hop := a.hop(id)
	switch line.EventName() {
	case "async.process.started":
		hop.started = append(hop.started, line)
	case "async.process.completed":
		hop.completed = append(hop.completed, line)
	case "async.process.failed":
		hop.failed = append(hop.failed, line)
	}
}

func text(attributes pcommon.Map, key string) string {
	if value, found := attributes.Get(key); found {
		return value.AsString()
	}
	return ""
}

// judge derives from the arrivals alone how an operation must be judged, as simply as one can who knows that everything has
// arrived.
func (a *arrivals) judge(hops []truth.Hop) (state, reason string, flags []string) {
	state, flags = "completed", []string{}
	var retried, duplicated bool
	for _, hop := range hops {
		arrived := a.hop(hop.MessageID)
		switch ended := len(arrived.completed) + len(arrived.failed); {
		case strings.HasSuffix(hop.Destination, ".dlq"):
			state = "dead_lettered"
		case len(arrived.started) == 0:
			state, reason = "stuck", "waiting"
		case ended < len(arrived.started):
			state, reason = "stuck", "processing"
		case len(arrived.completed) == 0 && len(arrived.failed) > 1:
			state = "dead_lettered"
		case len(arrived.completed) == 0:
			state = "failed"
		}
		retried = retried || len(arrived.failed) > 0 && len(arrived.started) > 1
		duplicated = duplicated || len(arrived.completed) > 1
	}
	if duplicated {
		flags = append(flags, "duplicated")
	}
	if retried {
		flags = append(flags, "retried")
	}
	return state, reason, flags
}

// compare checks one hop of the truth against what arrived about it.
func (h *hopArrivals) compare(t *testing.T, hop truth.Hop, propagation string) {
	t.Helper()
	require.Len(t, h.sends, 1)
	send := h.sends[0]
	require.Equal(t, ptrace.SpanKindProducer, send.Kind())
	require.Equal(t, hop.SentAt.UnixNano(), int64(send.StartTimestamp()))
	require.Equal(t, truth.Span{Service: send.service, TraceID: send.TraceID().String(), SpanID: send.SpanID().String()}, hop.Producer)
	if len(hop.Consumers) == 0 {
		require.Empty(t, h.started)
		require.Empty(t, h.processes)
		return
	}
	consumer := hop.Consumers[0]
	require.Len(t, h.started, consumer.Attempts)
	require.Len(t, h.processes, len(h.completed)+len(h.failed), "a span for each handler that ended")
	decided := consumer.EndedAt == nil
	for _, process := range h.processes {
		require.Equal(t, ptrace.SpanKindConsumer, process.Kind())
		require.Equal(t, consumer.Service, process.service)
		related(t, send, process, propagation)
		if process.SpanID().String() == consumer.SpanID {
			require.Equal(t, consumer.EndedAt.UnixNano(), int64(process.EndTimestamp()))
			require.Equal(t, consumer.State == "failed" || consumer.State == "dead_lettered", process.Status().Code() == ptrace.StatusCodeError)
			decided = true
		}
	}
	require.True(t, decided, "the span that decided has arrived, unless its process was killed")
	first := h.started[0].Timestamp()
	for _, line := range h.started {
		first = min(first, line.Timestamp())
	}
	for _, receive := range h.receives {
		first = min(first, receive.StartTimestamp())
	}
	require.Equal(t, consumer.ReceivedAt.UnixNano(), int64(first), "the first sign of consumption")
	require.InDelta(t, *hop.WaitSeconds, float64(first-send.StartTimestamp())/1e9, 1e-4)
}

func related(t *testing.T, send, process arrivedSpan, propagation string) {
	t.Helper()
	switch propagation {
	case "trace":
		require.Equal(t, send.TraceID(), process.TraceID())
		require.Equal(t, send.SpanID(), process.ParentSpanID())
		require.Equal(t, uint32(remote), process.Flags()&remote)
	case "link":
		require.True(t, process.ParentSpanID().IsEmpty())
		require.Equal(t, 1, process.Links().Len())
		link := process.Links().At(0)
		require.Equal(t, send.SpanID(), link.SpanID())
		require.Equal(t, send.TraceID(), link.TraceID())
		require.Equal(t, uint32(remote), link.Flags()&remote)
	case "none":
		require.True(t, process.ParentSpanID().IsEmpty())
		require.Zero(t, process.Links().Len())
	}
}
