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
