//go:build e2e

package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	stormHealthy = 40
	stormErrors  = 6
	// perError is how many operations fail in each way.
	perError = 6
)

// TestStorm lets a new version on one instance fail in many ways: one alert stands for all incidents, and names the version.
func TestStorm(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.sendTraces(t, orderTraces(0, stormHealthy, func(i int) (int, string) { return i % 3, "" }))
	await(t, verdictTimeout, "the healthy operations", func() error { return s.allAre(t, stormHealthy, "completed") })

	s.sendTraces(t, orderTraces(stormHealthy, stormErrors*perError, func(i int) (int, string) { return 3, fmt.Sprint("Error", i%stormErrors) }))
	var active []alert
	await(t, verdictTimeout, "the alert of the storm", func() (err error) {
		active, err = s.activeAlerts(t)
		if err == nil && (len(active) != 1 || active[0].Annotations["incidents"] != strconv.Itoa(stormErrors)) {
			err = fmt.Errorf("the active alerts are %v", active)
		}
		return err
	})
	require.Equal(t, "AsyncIncidentStorm", active[0].Labels["alertname"])
	require.Equal(t, "storm", active[0].Labels["kind"])
	require.Equal(t, "orders", active[0].Labels["destination"])
	require.Equal(t, strconv.Itoa(stormErrors*perError), active[0].Annotations["affected_operations"])
	counts := fmt.Sprintf("(%d of %d failing, 0 of %d healthy)", perError, perError, stormHealthy)
	require.Equal(t, "version 2.0 "+counts+"; instance worker-3 "+counts, active[0].Annotations["likely_cause"])
	require.Contains(t, active[0].Annotations["deployment"], "worker 2.0 since ")

	await(t, resolveTimeout, "the end of the storm", func() (err error) {
		active, err = s.activeAlerts(t)
		if err == nil && len(active) > 0 {
			err = fmt.Errorf("the active alerts are %v", active)
		}
		return err
	})
	incidents, err := s.incidents(t)
	require.NoError(t, err)
	require.Len(t, incidents, stormErrors+1)
	for _, i := range incidents {
		require.Equal(t, "resolved", i.State)
	}
	s.checkHealthy(t)
}

// allAre reports whether there are so many operations, and all in one state.
func (s *stand) allAre(t *testing.T, n int, state string) error {
	t.Helper()
	judged, err := s.api.Operations(t.Context())
	if err != nil {
		return err
	}
	var errs []error
	for i := range judged {
		if judged[i].State != state {
			errs = append(errs, fmt.Errorf("%s is %s", judged[i].ID, judged[i].State))
		}
	}
	if len(judged) != n {
		errs = append(errs, fmt.Errorf("there are %d operations", len(judged)))
	}
	return errors.Join(errs...)
}

// orderTraces are operations of one hop each; way tells which worker processes one, and the type of its error if it fails.
func orderTraces(from, n int, way func(i int) (worker int, failure string)) ptrace.Traces {
	traces := ptrace.NewTraces()
	for i := from; i < from+n; i++ {
		worker, failure := way(i)
		trace := pcommon.TraceID{0x57}
		binary.BigEndian.PutUint32(trace[8:], uint32(i))
		send := orderSpan(traces, trace, "shop", "shop-1", "1.0")
		send.SetKind(ptrace.SpanKindProducer)
		send.SetSpanID(pcommon.SpanID{1})
		send.Attributes().PutStr("messaging.operation.type", "send")
		send.Attributes().PutStr("messaging.message.conversation_id", "order-"+strconv.Itoa(i))

		version := "1.0"
		if worker == 3 {
			version = "2.0"
		}
		process := orderSpan(traces, trace, "worker", "worker-"+strconv.Itoa(worker), version)
		process.SetKind(ptrace.SpanKindConsumer)
		process.SetSpanID(pcommon.SpanID{2})
		process.SetParentSpanID(pcommon.SpanID{1})
		process.Attributes().PutStr("messaging.operation.type", "process")
		if failure != "" {
			process.Status().SetCode(ptrace.StatusCodeError)
			process.Attributes().PutStr("error.type", failure)
		}
	}
	return traces
}

// orderSpan begins a span of an instance of a service that has to do with an order.
func orderSpan(traces ptrace.Traces, trace pcommon.TraceID, service, instance, version string) ptrace.Span {
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", service)
	rs.Resource().Attributes().PutStr("service.instance.id", instance)
	rs.Resource().Attributes().PutStr("service.version", version)
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName("orders")
	span.SetTraceID(trace)
	now := time.Now()
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Millisecond)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	span.Attributes().PutStr("messaging.system", "kafka")
	span.Attributes().PutStr("messaging.destination.name", "orders")
	return span
}
