package stitch

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// chain is an operation of so many hops, each in a trace of its own, with all that real messages tell: one more span than two
// for each hop.
func chain(hops int) []operation.Fact {
	facts := []operation.Fact{request(1, 0, 0.1)}
	sender := 1
	for i := range hops {
		at := float64(i)
		destination, service := fmt.Sprint("orders.", i%8), fmt.Sprint("worker-", i%8)
		f := send(0, 0, destination, at+0.02, at+0.04)
		f.MessageID = fmt.Sprintf("6f1e2d3c-0a1b-4c2d-8e3f-%012d", i)
		f.Trace, f.Span, f.Parent = number(sender/2), spanNumber(2*i+2), spanNumber(sender)
		if i > 0 {
			f = by(f, fmt.Sprint("worker-", (i-1)%8))
		}
		facts[0].Trace, facts[0].Span = number(0), spanNumber(1)
		p := process(0, 0, destination, service, at+0.5, at+1.1)
		p.MessageID, p.Group = f.MessageID, service+"-group"
		p.Trace, p.Span, p.Remote, p.JoinedBy = number(i+1), spanNumber(2*i+3), false, operation.ReasonLink
		p.LinkTrace, p.LinkSpan = f.Trace, f.Span
		sender = 2*i + 3
		facts = append(facts, f, p)
	}
	return facts
}

func number(n int) operation.TraceID {
	return operation.TraceID{0xa3, byte(n >> 16), byte(n >> 8), byte(n)}
}

func spanNumber(n int) operation.SpanID {
	return operation.SpanID{0xb4, byte(n >> 16), byte(n >> 8), byte(n)}
}

func TestChainHasAllItsSpans(t *testing.T) {
	_, report := Trace(change(chain(3), 600), DefaultSettings())
	require.Equal(t, 1+1+3*3, report.Spans)
	require.Equal(t, 1+2*3+4, report.Links)
}

// An operation that is too long for one trace is cut, says so, and stays within what receivers take.
func TestTenThousandHopsAreCut(t *testing.T) {
	traces, report := Trace(change(chain(10_000), 1e6), DefaultSettings())
	require.Equal(t, 1_000, report.Spans)
	require.Equal(t, 2+3*10_000, report.Spans+report.CutSpans)
	root := flatten(traces)[0]
	said, ok := root.Attributes().Get("async.operation.cut.spans")
	require.True(t, ok)
	require.EqualValues(t, report.CutSpans, said.Int())
	require.EqualValues(t, 10_001-32, root.DroppedLinksCount())
	require.Less(t, (&ptrace.ProtoMarshaler{}).TracesSize(traces), 1<<20)
}

// BenchmarkTrace says what it costs to draw an operation, and how many bytes of OTLP it becomes.
func BenchmarkTrace(b *testing.B) {
	for name, c := range map[string]*operation.Change{
		"hops=1": change(chain(1), 60), "hops=3": change(chain(3), 600), "hops=10000": change(chain(10_000), 1e6),
		"attempts=100": many(100),
	} {
		b.Run(name, func(b *testing.B) {
			settings := DefaultSettings()
			traces, report := Trace(c, settings)
			b.ReportAllocs()
			for b.Loop() {
				Trace(c, settings)
			}
			b.ReportMetric(float64((&ptrace.ProtoMarshaler{}).TracesSize(traces)), "otlp-B/op")
			b.ReportMetric(float64(report.Spans), "spans/op")
		})
	}
}

func BenchmarkTraceID(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		TraceID("0a52730597fb4ffa01fc117d9e71e3a9", "", 1)
	}
}
