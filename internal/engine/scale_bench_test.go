package engine

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// openOperation builds the evidence of one operation that sent the last of its three messages: an entry span, three sends
// and two process spans. Only the first message has the ID.
func openOperation(n int, base int64, facts []operation.Fact) []operation.Fact {
	return someOperation(n, base, 2, facts)
}

// wholeOperation is one whose last message was processed, too.
func wholeOperation(n int, base int64, facts []operation.Fact) []operation.Fact {
	return someOperation(n, base, 3, facts)
}

func someOperation(n int, base int64, processed int, facts []operation.Fact) []operation.Fact {
	var id operation.TraceID
	binary.LittleEndian.PutUint64(id[:], uint64(n)*0x9e3779b97f4a7c15)
	binary.LittleEndian.PutUint64(id[8:], uint64(n)+1)
	text := hex.EncodeToString(id[:6])
	span := func(i int) (s operation.SpanID) {
		copy(s[:], id[:6])
		s[7] = byte(i)
		return s
	}
	first := len(facts)
	facts = append(facts, operation.Fact{
		Kind: operation.KindWork, Trace: id, Span: span(1), At: base, End: base + 5e6, Service: "service-0", Instance: "i-1", Name: "POST /orders",
	})
	for h, destination := range [...]string{"orders", "payments", "shipments"} {
		at := base + int64(h*7+1)*int64(time.Millisecond)
		message := fmt.Sprintf("%s-4b0e-9d3c-%04d", text, h)
		send := operation.Fact{
			Kind: operation.KindSend, Trace: id, Span: span(2 + 2*h), Parent: span(1 + 2*h), At: at, End: at + 5e6, MessageID: message,
			Service: [...]string{"service-0", "service-1", "service-2"}[h], Instance: "i-1", Name: "send " + destination, System: "kafka", Destination: destination,
		}
		facts = append(facts, send)
		if h == processed {
			break
		}
		facts = append(facts, operation.Fact{
			Kind: operation.KindProcess, Consumer: true, Remote: true, Trace: id, Span: span(3 + 2*h), Parent: send.Span, At: at + 1e6, End: at + 6e6,
			Service: [...]string{"service-1", "service-2", "service-3"}[h], Instance: "i-1", Name: "process " + destination, System: "kafka", Destination: destination,
			Group: "group-" + destination, MessageID: message,
		})
	}
	facts[first+1].ID = "order-" + text
	return facts
}

const (
	// openFor is a threshold that no benchmark reaches, so that open operations stay open and have a deadline each.
	openFor = 1000 * time.Hour
	// later is when operations begin that are to be stuck soon, after dueIn.
	later = time.Hour
	dueIn = time.Minute
)

// openEngine returns an engine that holds so many open operations, and has judged them.
func openEngine(tb testing.TB, operations, room int) *Engine {
	policy := operation.DefaultPolicy()
	policy.Waiting.Limit, policy.Processing.Limit = openFor, openFor
	soon := policy
	soon.Waiting.Limit = dueIn
	e := newEngine(tb, func(s *Settings) {
		s.MaxOperations = operations + room
		s.Policy = func(v *operation.View) *operation.Policy {
			if v.StartedAt >= start.Add(later).UnixNano() {
				return &soon
			}
			return &policy
		}
	})
	var facts []operation.Fact
	var out []Assignment
	for n := range operations {
		facts = openOperation(n, start.UnixNano(), facts[:0])
		out = e.Apply(start, facts, out[:0])
		if n%10_000 == 0 {
			e.Sweep(start)
		}
	}
	e.Sweep(start.Add(time.Minute))
	return e
}

func liveHeap() float64 {
	var m runtime.MemStats
	// What pools keep goes with the second collection.
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// sizes are numbers of open operations. With -short the greatest is left out, which takes a minute to build each time.
func sizes() []int {
	if testing.Short() {
		return []int{10_000, 100_000}
	}
	return []int{10_000, 100_000, 1_000_000}
}

// BenchmarkHeap measures what an open operation needs, with all that leads to it.
func BenchmarkHeap(b *testing.B) {
	for _, operations := range sizes() {
		b.Run(strconv.Itoa(operations), func(b *testing.B) {
			for b.Loop() {
				before := liveHeap()
				e := openEngine(b, operations, 0)
				b.ReportMetric((liveHeap()-before)/float64(operations), "B/operation")
				runtime.KeepAlive(e)
			}
		})
	}
}

// BenchmarkApplyOpen measures new operations, each of which lets a finished one go, beside so many open ones.
func BenchmarkApplyOpen(b *testing.B) {
	for _, operations := range sizes() {
		b.Run(strconv.Itoa(operations), func(b *testing.B) {
			const room = 5_000
			e := openEngine(b, operations, room)
			var facts []operation.Fact
			var out []Assignment
			n, now := operations, start.Add(time.Minute)
			next := func() {
				facts = openOperation(n, now.UnixNano(), facts[:0])
				facts = append(facts, operation.Fact{
					Kind: operation.KindOperationCompleted, Trace: facts[0].Trace, Span: facts[0].Span, At: now.UnixNano() + 1e9, Service: "service-2", Name: "completed",
				})
				n++
			}
			for range 2 * room {
				next()
				out = e.Apply(now, facts, out[:0])
				if n%100 == 0 {
					now = now.Add(time.Second)
					e.Sweep(now.Add(10 * time.Second))
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				next()
				out = e.Apply(now, facts, out[:0])
				if n%100 == 0 {
					b.StopTimer()
					now = now.Add(time.Second)
					e.Sweep(now.Add(10 * time.Second))
					b.StartTimer()
				}
			}
		})
	}
}

// BenchmarkIdle measures a sweep over open operations of which none is due.
func BenchmarkIdle(b *testing.B) {
	for _, operations := range sizes() {
		b.Run(strconv.Itoa(operations), func(b *testing.B) {
			e := openEngine(b, operations, 0)
			b.ReportAllocs()
			for b.Loop() {
				e.Sweep(start.Add(2 * time.Minute))
			}
		})
	}
}

// BenchmarkSweepDelay measures a sweep in which a hundred operations of so many are due, which is how long a verdict waits at
// most once the sweep has begun.
func BenchmarkSweepDelay(b *testing.B) {
	for _, operations := range sizes() {
		b.Run(strconv.Itoa(operations), func(b *testing.B) {
			const due, room = 100, 100_000
			e := openEngine(b, operations, room)
			now := start.Add(later)
			var facts []operation.Fact
			var took []time.Duration
			n := operations
			for b.Loop() {
				b.StopTimer()
				for range due {
					n++
					facts = openOperation(n, now.UnixNano(), facts[:0])
					e.Apply(now, facts, nil)
				}
				e.Sweep(now.Add(dueIn / 2))
				now = now.Add(2 * dueIn)
				b.StartTimer()
				began := time.Now()
				changes := e.Sweep(now)
				took = append(took, time.Since(began))
				if len(changes) != due {
					b.Fatalf("%d verdicts changed: must be %d", len(changes), due)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
		})
	}
}
