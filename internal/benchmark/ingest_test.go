package benchmark

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/evidence"
)

const (
	perBatch = 50
	batches  = 200
	// spansPerOperation of which 6 are about messages.
	spansPerOperation = 15
)

var began = time.Unix(1_700_000_000, 0)

// stream builds batches of whole operations: an entry request, three hops of a send and a process span in three services,
// and eight inner spans that are no evidence. The ID is on the first send only.
func stream(tb testing.TB) [][]byte {
	marshaler := ptrace.ProtoMarshaler{}
	all := make([][]byte, batches)
	for i := range all {
		td := ptrace.NewTraces()
		services := make([]ptrace.SpanSlice, 4)
		for s := range services {
			rs := td.ResourceSpans().AppendEmpty()
			for key, value := range map[string]string{
				"service.name": fmt.Sprintf("service-%d", s), "service.instance.id": "i-1", "service.version": "1.2.3", "host.name": "node-7", "telemetry.sdk.language": "go",
			} {
				rs.Resource().Attributes().PutStr(key, value)
			}
			services[s] = rs.ScopeSpans().AppendEmpty().Spans()
		}
		for n := range perBatch {
			operation(services, i*perBatch+n)
		}
		data, err := marshaler.MarshalTraces(td)
		require.NoError(tb, err)
		all[i] = data
	}
	return all
}

func operation(services []ptrace.SpanSlice, n int) {
	var trace pcommon.TraceID
	binary.LittleEndian.PutUint64(trace[:], uint64(n)+1)
	at, next := pcommon.NewTimestampFromTime(began.Add(time.Duration(n)*time.Millisecond)), byte(0)
	span := func(s int, kind ptrace.SpanKind, name string, parent byte, attributes ...string) byte {
		next++
		at += 1_000_000
		sp := services[s].AppendEmpty()
		sp.SetTraceID(trace)
		sp.SetSpanID(pcommon.SpanID{byte(n), byte(n >> 8), byte(n >> 16), next})
		if parent != 0 {
			sp.SetParentSpanID(pcommon.SpanID{byte(n), byte(n >> 8), byte(n >> 16), parent})
		}
		sp.SetFlags(0x101)
		if kind == ptrace.SpanKindConsumer {
			sp.SetFlags(0x301)
		}
		sp.SetKind(kind)
		sp.SetName(name)
		sp.SetStartTimestamp(at)
		sp.SetEndTimestamp(at + 5_000_000)
		for k := 0; k < len(attributes); k += 2 {
			sp.Attributes().PutStr(attributes[k], attributes[k+1])
		}
		return next
	}
	inner := func(s int, parent byte) {
		span(s, ptrace.SpanKindClient, "SELECT orders", parent, "db.system.name", "postgresql", "db.namespace", "shop", "server.address", "db-1", "db.query.text", "SELECT * FROM orders WHERE id = $1")
	}
	parent := span(0, ptrace.SpanKindServer, "POST /orders", 0, "http.request.method", "POST", "url.path", "/orders", "http.route", "/orders")
	inner(0, parent)
	inner(0, parent)
	for h, destination := range []string{"orders", "payments", "shipments"} {
		messaging := []string{
			"messaging.system", "kafka", "messaging.destination.name", destination, "messaging.message.id", fmt.Sprintf("%08x-4f7a-4b0e-9d3c-%012x", n, h),
			"messaging.client.id", "client-1", "server.address", "broker-1",
		}
		send := append([]string{"messaging.operation.type", "send", "messaging.operation.name", "send"}, messaging...)
		if h == 0 {
			send = append(send, "messaging.message.conversation_id", fmt.Sprintf("order-%d", n))
		}
		sent := span(h, ptrace.SpanKindProducer, "send "+destination, parent, send...)
		parent = span(h+1, ptrace.SpanKindConsumer, "process "+destination, sent,
			append([]string{"messaging.operation.type", "process", "messaging.operation.name", "process", "messaging.consumer.group.name", "group-" + destination}, messaging...)...)
		inner(h+1, parent)
		inner(h+1, parent)
	}
}

func unmarshal(tb testing.TB, data []byte) ptrace.Traces {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data)
	require.NoError(tb, err)
	return td
}

// ingester extracts and applies, with the engine full of operations, so that each new one lets an old one go.
type ingester struct {
	extractor *evidence.Extractor
	engine    *engine.Engine
	batch     evidence.Batch
	assigned  []engine.Assignment
}

// newIngester takes further keys before the usual ones.
func newIngester(tb testing.TB, keys ...string) *ingester {
	x, err := evidence.NewExtractor(evidence.Config{CorrelationKeys: append(keys, evidence.DefaultCorrelationKeys()...)})
	require.NoError(tb, err)
	settings := engine.DefaultSettings()
	settings.MaxOperations = batches * perBatch / 2
	e, err := engine.New(settings)
	require.NoError(tb, err)
	return &ingester{extractor: x, engine: e}
}

func (i *ingester) take(td ptrace.Traces) {
	i.read(td)
	i.apply()
}

// read draws the facts, apply brings them to the engine.
func (i *ingester) read(td ptrace.Traces) {
	i.batch.Reset()
	i.extractor.Traces(&i.batch, td)
}

func (i *ingester) apply() { i.assigned = i.engine.Apply(began, i.batch.Facts, i.assigned[:0]) }

// BenchmarkIngest measures unmarshalling, and then evidence and engine, on the same batches by turns, and reports each per
// span and the ratio of our part to unmarshalling (target: at most 0.25). Medians, because other processes disturb some of
// the batches.
func BenchmarkIngest(b *testing.B) {
	data := stream(b)
	in := newIngester(b)
	for _, d := range data {
		in.take(unmarshal(b, d))
	}
	var unmarshalling, reading, applying []time.Duration
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		td := unmarshal(b, data[n%batches])
		received := time.Now()
		in.read(td)
		read := time.Now()
		in.apply()
		applying = append(applying, time.Since(read))
		reading = append(reading, read.Sub(received))
		unmarshalling = append(unmarshalling, received.Sub(start))
		n++
	}
	perSpan := func(of []time.Duration) float64 { return float64(median(of)) / (perBatch * spansPerOperation) }
	b.ReportMetric(perSpan(unmarshalling), "ns-unmarshal/span")
	b.ReportMetric(perSpan(reading), "ns-evidence/span")
	b.ReportMetric(perSpan(applying), "ns-engine/span")
	b.ReportMetric((perSpan(reading)+perSpan(applying))/perSpan(unmarshalling), "x-unmarshal")
}

// BenchmarkUnmarshal measures the yardstick alone.
func BenchmarkUnmarshal(b *testing.B) {
	data := stream(b)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		unmarshal(b, data[n%batches])
		n++
	}
}

// BenchmarkEvidence measures drawing the facts alone, over and over from one batch, which is in the caches as it is just
// after unmarshalling.
func BenchmarkEvidence(b *testing.B) {
	in, td := newIngester(b), unmarshal(b, stream(b)[0])
	in.read(td)
	var took []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		in.read(td)
		took = append(took, time.Since(start))
	}
	b.ReportMetric(float64(median(took))/(perBatch*spansPerOperation), "ns/span")
}

// BenchmarkEvidenceAndEngine measures our part alone.
func BenchmarkEvidenceAndEngine(b *testing.B) {
	data := stream(b)
	in := newIngester(b)
	all := make([]ptrace.Traces, batches)
	for i, d := range data {
		all[i] = unmarshal(b, d)
		in.take(all[i])
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		in.take(all[n%batches])
		n++
	}
}

func TestTheStreamIsWhatItSaysItIs(t *testing.T) {
	in := newIngester(t)
	td := unmarshal(t, stream(t)[0])
	require.Equal(t, perBatch*spansPerOperation, td.SpanCount())
	in.take(td)
	require.Equal(t, perBatch, in.engine.Stats().Operations)
	snapshot, ok := in.engine.Get("", "order-7")
	require.True(t, ok)
	require.Len(t, snapshot.View.Hops, 3)
	require.Equal(t, 7, snapshot.View.Facts)
}
