package operation

import (
	"fmt"
	"testing"
)

// BenchmarkAdd stores the seven facts of operations of three hops, and reports what one fact takes.
func BenchmarkAdd(b *testing.B) {
	symbols := NewSymbols(100)
	facts := []Fact{{Kind: KindWork, Span: SpanID{1}, Service: "service-0", Name: "POST /orders"}}
	for h, destination := range [...]string{"orders", "payments", "shipments"} {
		message := fmt.Sprintf("550e8400-e29b-41d4-a716-44665544000%d", h)
		sent := Fact{
			Kind: KindSend, Span: SpanID{byte(2*h + 2)}, Parent: facts[len(facts)-1].Span, Service: fmt.Sprintf("service-%d", h), Name: "send " + destination,
			System: "kafka", Destination: destination, MessageID: message,
		}
		processed := sent
		processed.Kind, processed.Consumer, processed.Remote, processed.Group, processed.Name = KindProcess, true, true, "group-"+destination, "process "+destination
		processed.Span, processed.Parent, processed.Service = SpanID{byte(2*h + 3)}, sent.Span, fmt.Sprintf("service-%d", h+1)
		facts = append(facts, sent, processed)
	}
	for i := range facts {
		f := &facts[i]
		f.Trace, f.Instance, f.At, f.End = TraceID{1, 2}, "i-1", int64(1e18+i*1e6), int64(1e18+i*1e6+5e6)
	}
	facts[1].ID = "order-1"
	b.ReportAllocs()
	for b.Loop() {
		o := New(symbols)
		for i := range facts {
			o.Add(&facts[i])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(facts)), "ns/fact")
}
