package operation

import (
	"fmt"
	"strconv"
	"testing"
)

// runaways are the shapes of operations that grow without bound, at the usual limit of facts: what they cost must grow with
// their size, and not with its square.
var runaways = map[string]func(i int) Fact{
	"sends": func(i int) Fact {
		return Fact{Kind: KindSend, End: 1, Trace: TraceID{1}, Destination: "a", MessageID: fmt.Sprint("m", i), Service: "s"}
	},
	"lines in spans that never came": func(int) Fact {
		return Fact{Kind: KindLog, Trace: TraceID{1}, Service: "w", Name: "rendering"}
	},
	"lines outside spans": func(i int) Fact {
		return Fact{Kind: KindLog, Service: fmt.Sprint("w", i%50), Name: "rendering"}
	},
	"retries": func(i int) Fact {
		f := Fact{Kind: KindSend, End: 1, Trace: TraceID{1}, Parent: spanOf(i - 1), Destination: "a.retry", Service: "s"}
		if i%2 == 1 {
			f.Kind, f.Remote, f.Outcome, f.Service = KindProcess, true, OutcomeError, "w"
		}
		return f
	},
	"tasks": func(i int) Fact {
		return Fact{Kind: KindTask, End: 1, Trace: TraceID{byte(i), byte(i >> 8)}, Destination: fmt.Sprint("t", i), Service: "w", MessageID: strconv.Itoa(i)}
	},
	"consumers without producers": func(i int) Fact {
		return Fact{Kind: KindProcess, Remote: true, End: 1, Trace: TraceID{1}, Parent: SpanID{byte(i), byte(i >> 8), 7}, Destination: fmt.Sprint("a", i), Service: fmt.Sprint("w", i)}
	},
	"one message again and again": func(i int) Fact {
		return Fact{Kind: KindReceive, Remote: true, End: 1, Trace: TraceID{1}, Parent: SpanID{byte(i), byte(i >> 8), 7}, Destination: "a", MessageID: "m", Service: "w"}
	},
	"rows": func(int) Fact {
		return Fact{Kind: KindInsert, End: 1, Trace: TraceID{1}, Destination: "a", Service: "w"}
	},
}

func spanOf(i int) SpanID { return SpanID{byte(i), byte(i >> 8), 1} }

func BenchmarkRunaway(b *testing.B) {
	for name, fact := range runaways {
		for _, n := range []int{1_000, 10_000} {
			o := New(NewSymbols(100_000))
			for i := range n {
				f := fact(i)
				f.At, f.ID = int64(i+1), "x"
				if f.End != 0 {
					f.End = f.At + 1
				}
				if f.Span.IsZero() && name != "lines outside spans" {
					f.Span = spanOf(i)
				}
				o.Add(&f)
			}
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					o.View(allProcess{})
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/fact")
			})
		}
	}
}

// usual is the evidence of an operation of three hops: three sends and three process spans, of which the first one carries
// the ID.
func usual(inner bool) []Fact {
	var facts []Fact
	trace := TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9}
	services := [...]string{"service-0", "service-1", "service-2", "service-3"}
	for h, destination := range [...]string{"orders", "payments", "shipments"} {
		at := int64(1_700_000_000_000_000_000 + h*7_000_000)
		message := fmt.Sprintf("1a2b3c4d5e6f-4b0e-9d3c-%04d", h)
		facts = append(facts, Fact{
			Kind: KindSend, Trace: trace, Span: spanOf(2 + 2*h), Parent: spanOf(1 + 2*h), At: at, End: at + 5e6, MessageID: message,
			Service: services[h], Instance: "i-1", Name: "send " + destination, System: "kafka", Destination: destination,
		}, Fact{
			Kind: KindProcess, Consumer: true, Remote: true, Trace: trace, Span: spanOf(3 + 2*h), Parent: spanOf(2 + 2*h), At: at + 1e6, End: at + 6e6,
			Service: services[h+1], Instance: "i-1", Name: "process " + destination, System: "kafka", Destination: destination,
			Group: "group-" + destination, MessageID: message,
		})
		if inner {
			for i := range 3 {
				facts = append(facts, Fact{
					Kind: KindWork, Trace: trace, Span: spanOf(100 + 10*h + i), Parent: spanOf(3 + 2*h), At: at + 2e6, End: at + 3e6,
					Service: services[h+1], Instance: "i-1", Name: "SELECT",
				})
			}
		}
	}
	facts[0].ID = "order-1a2b3c4d5e6f"
	return facts
}

// BenchmarkView measures reducing an operation of three hops, with and without inner spans.
func BenchmarkView(b *testing.B) {
	for _, inner := range []bool{false, true} {
		o := New(NewSymbols(1000))
		for _, f := range usual(inner) {
			o.Add(&f)
		}
		b.Run(fmt.Sprintf("facts=%d", o.Len()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o.View(NoHabits{})
			}
		})
		b.Run(fmt.Sprintf("facts=%d/not_kept", o.Len()), func(b *testing.B) {
			var r Reducer
			b.ReportAllocs()
			for b.Loop() {
				r.View(&o, NoHabits{})
			}
		})
	}
}

// BenchmarkJudge measures judging a view of three hops.
func BenchmarkJudge(b *testing.B) {
	o := New(NewSymbols(1000))
	for _, f := range usual(false) {
		o.Add(&f)
	}
	v, policy := o.View(NoHabits{}), DefaultPolicy()
	b.ReportAllocs()
	for b.Loop() {
		Judge(v, &policy, &Circumstances{}, v.LastAt)
	}
}
