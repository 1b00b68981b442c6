package correlationprocessor

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
)

// inner builds spans that are no evidence, ten in a trace.
func inner(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "api")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := spans.AppendEmpty()
		var trace pcommon.TraceID
		binary.BigEndian.PutUint64(trace[:], uint64(i/10)+1)
		var span pcommon.SpanID
		binary.BigEndian.PutUint64(span[:], uint64(i)+1)
		s.SetTraceID(trace)
		s.SetSpanID(span)
		s.SetParentSpanID(pcommon.SpanID{9, 9})
		s.SetKind(ptrace.SpanKindClient)
		s.SetName("SELECT orders")
		s.SetStartTimestamp(1_700_000_000_000_000_000)
		s.SetEndTimestamp(1_700_000_001_000_000_000)
		for _, key := range []string{"db.system.name", "db.namespace", "server.address", "db.query.text"} {
			s.Attributes().PutStr(key, "value")
		}
	}
	return td
}

// outer builds the same with a producer and a consumer span of one operation in each trace.
func outer(n int) ptrace.Traces {
	td := inner(n)
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i, s := range spans.All() {
		if i%10 > 1 {
			continue
		}
		s.SetKind(ptrace.SpanKindProducer)
		s.Attributes().PutStr("messaging.system", "kafka")
		s.Attributes().PutStr("messaging.destination.name", "orders")
		if i%10 == 0 {
			id := s.TraceID()
			s.Attributes().PutStr("correlation.id", "order-"+id.String())
			continue
		}
		s.SetKind(ptrace.SpanKindConsumer)
		s.SetParentSpanID(spans.At(i - 1).SpanID())
	}
	return td
}

// TestNothingIsAllocatedForWhatIsNoEvidence goes round the pool, which gives things away at random under the race detector.
func TestNothingIsAllocatedForWhatIsNoEvidence(t *testing.T) {
	for _, stamp := range []bool{true, false} {
		cfg := createDefaultConfig().(*Config)
		cfg.Stamp = stamp
		c, err := newCorrelation(processortest.NewNopSettings(NewFactory().Type()), cfg, "traces")
		require.NoError(t, err)
		c.operations = newFake(t)
		td, space := inner(100), newBatch()
		allocations := testing.AllocsPerRun(100, func() {
			c.readTraces(context.Background(), space, td)
			space.clear()
		})
		require.Zero(t, allocations, "stamp: %v", stamp)
	}
}

// copies is how many fresh batches are made at a time, because one that has its stamps gets none.
const copies = 100

func BenchmarkConsumeTraces(b *testing.B) {
	for name, original := range map[string]ptrace.Traces{"without evidence": inner(500), "with evidence": outer(500)} {
		b.Run(name, func(b *testing.B) {
			p, err := NewFactory().CreateTraces(b.Context(), processortest.NewNopSettings(NewFactory().Type()), createDefaultConfig(), consumertest.NewNop())
			require.NoError(b, err)
			require.NoError(b, p.Start(b.Context(), hostOf(newFake(b))))
			var fresh []ptrace.Traces
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				if n%copies == 0 {
					b.StopTimer()
					fresh = fresh[:0]
					for range copies {
						fresh = append(fresh, copyOf(original))
					}
					b.StartTimer()
				}
				if err := p.ConsumeTraces(b.Context(), fresh[n%copies]); err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.ReportMetric(float64(b.Elapsed())/float64(n*original.SpanCount()), "ns/span")
			require.NoError(b, p.Shutdown(context.Background()))
		})
	}
}
