package correlationprocessor

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/throughline/throughline/extension/operationsextension"
)

// The shape of the workload: requests of one service each, as SDKs send them by default, of operations of a request that is
// served and three messages, with two queries for each of these four (15 spans).
const (
	requestSpans = 512
	streamed     = 10_000
)

var destinations = [...]string{"orders", "payments", "shipments"}

// exporter collects the spans of one service into requests.
type exporter struct {
	traces ptrace.Traces
	spans  ptrace.SpanSlice
	send   func(ptrace.Traces)
}

func newExporter(service string, send func(ptrace.Traces)) *exporter {
	e := &exporter{traces: ptrace.NewTraces(), send: send}
	rs := e.traces.ResourceSpans().AppendEmpty()
	for key, value := range map[string]string{"service.name": service, "service.instance.id": "i-1", "service.version": "1.2.3", "host.name": "node-7"} {
		rs.Resource().Attributes().PutStr(key, value)
	}
	e.spans = rs.ScopeSpans().AppendEmpty().Spans()
	return e
}

// span adds one of operation n; it is the number-th of that, its parent another one or 0.
func (e *exporter) span(n, number, parent int, kind ptrace.SpanKind, attributes ...string) {
	s := e.spans.AppendEmpty()
	id := func(number int) (id pcommon.SpanID) {
		binary.BigEndian.PutUint64(id[:], uint64(n)<<8|uint64(number))
		return id
	}
	var trace pcommon.TraceID
	binary.BigEndian.PutUint64(trace[8:], uint64(n))
	s.SetTraceID(trace)
	s.SetSpanID(id(number))
	s.SetFlags(0x101)
	if parent != 0 {
		s.SetParentSpanID(id(parent))
	}
	if kind == ptrace.SpanKindConsumer {
		s.SetFlags(0x301)
	}
	s.SetKind(kind)
	s.SetName("a span")
	at := pcommon.Timestamp(1_700_000_000_000_000_000 + n*1_000_000 + number*100_000)
	s.SetStartTimestamp(at)
	s.SetEndTimestamp(at + 50_000)
	for i := 0; i < len(attributes); i += 2 {
		s.Attributes().PutStr(attributes[i], attributes[i+1])
	}
	if e.spans.Len() == requestSpans {
		e.flush()
	}
}

func (e *exporter) queries(n, number, parent int) {
	for i := range 2 {
		e.span(n, number+i, parent, ptrace.SpanKindClient, "db.system.name", "postgresql", "db.namespace", "shop", "server.address", "db-1",
			"db.query.text", "SELECT * FROM orders WHERE id = $1")
	}
}

func (e *exporter) flush() {
	e.send(e.traces)
	e.spans.RemoveIf(func(ptrace.Span) bool { return true })
}

// requests returns the requests of four services about so many operations, marshalled.
func requests(tb testing.TB, operations int) [][]byte {
	var all [][]byte
	send := func(td ptrace.Traces) {
		data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(tb, err)
		all = append(all, data)
	}
	var services [len(destinations) + 1]*exporter
	for i := range services {
		services[i] = newExporter(fmt.Sprint("service-", i), send)
	}
	for n := 1; n <= operations; n++ {
		services[0].span(n, 1, 0, ptrace.SpanKindServer, "http.request.method", "POST", "http.route", "/orders")
		services[0].queries(n, 2, 1)
		for i, destination := range destinations {
			number := 10 * (i + 1)
			message := []string{
				"messaging.system", "kafka", "messaging.destination.name", destination, "messaging.operation.name", "send",
				"messaging.message.id", fmt.Sprintf("%08x-4f7a-4b0e-9d3c-%012x", n, i), "server.address", "broker-1",
			}
			services[i].span(n, number, max(1, number-9), ptrace.SpanKindProducer,
				append([]string{"messaging.operation.type", "send", "messaging.message.conversation_id", fmt.Sprint("order-", n)}, message...)...)
			services[i+1].span(n, number+1, number, ptrace.SpanKindConsumer,
				append([]string{"messaging.operation.type", "process", "messaging.consumer.group.name", destination + "-group"}, message...)...)
			services[i+1].queries(n, number+2, number+1)
		}
	}
	for _, e := range services {
		if e.spans.Len() > 0 {
			e.flush()
		}
	}
	return all
}

// running starts the processor and the extension by their factories, as the collector does. The extension keeps half of the
// operations, so that new ones push out old ones.
func running(tb testing.TB, stamp bool) processor.Traces {
	f := operationsextension.NewFactory()
	operations := f.CreateDefaultConfig().(*operationsextension.Config)
	operations.MaxOperations = streamed / 2
	e, err := f.Create(tb.Context(), extension.Settings{ID: operationsextension.DefaultID, TelemetrySettings: componenttest.NewNopTelemetrySettings()}, operations)
	require.NoError(tb, err)
	cfg := createDefaultConfig().(*Config)
	cfg.Stamp = stamp
	p, err := NewFactory().CreateTraces(tb.Context(), processortest.NewNopSettings(NewFactory().Type()), cfg, consumertest.NewNop())
	require.NoError(tb, err)
	h := host{map[component.ID]component.Component{operationsextension.DefaultID: e}}
	require.NoError(tb, e.Start(tb.Context(), h))
	require.NoError(tb, p.Start(tb.Context(), h))
	tb.Cleanup(func() {
		require.NoError(tb, p.Shutdown(context.Background()))
		require.NoError(tb, e.Shutdown(context.Background()))
	})
	return p
}

// BenchmarkThroughput measures how many spans a second one core takes through the processor, with and without stamping, and
// what that costs beside unmarshalling the same requests. Medians, because other processes disturb some of the requests.
func BenchmarkThroughput(b *testing.B) {
	data := requests(b, streamed)
	for _, stamp := range []bool{true, false} {
		b.Run(fmt.Sprintf("stamp=%v", stamp), func(b *testing.B) {
			p := running(b, stamp)
			var unmarshalling, consuming []time.Duration
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				start := time.Now()
				td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data[n%len(data)])
				if err != nil {
					b.Fatal(err)
				}
				received := time.Now()
				if err := p.ConsumeTraces(b.Context(), td); err != nil {
					b.Fatal(err)
				}
				consuming = append(consuming, time.Since(received))
				unmarshalling = append(unmarshalling, received.Sub(start))
			}
			slices.Sort(unmarshalling)
			slices.Sort(consuming)
			took := float64(consuming[len(consuming)/2])
			b.ReportMetric(took/requestSpans, "ns/span")
			b.ReportMetric(requestSpans*float64(time.Second)/took, "spans/s")
			b.ReportMetric(took/float64(unmarshalling[len(unmarshalling)/2]), "x-unmarshal")
		})
	}
}

// TestRequestsAreOperations: what the benchmark measures is what it says.
func TestRequestsAreOperations(t *testing.T) {
	const operations = 500
	spans, fake := 0, newFake(t)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(NewFactory().Type()), createDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), hostOf(fake)))
	for _, data := range requests(t, operations) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data)
		require.NoError(t, err)
		spans += td.SpanCount()
		require.NoError(t, p.ConsumeTraces(t.Context(), td))
	}
	require.NoError(t, p.Shutdown(context.Background()))
	require.Equal(t, 15*operations, spans)
	require.Equal(t, operations, fake.engine.Stats().Operations)
	snapshot, ok := fake.engine.Get("", "order-471")
	require.True(t, ok)
	require.Len(t, snapshot.View.Hops, len(destinations))
}
