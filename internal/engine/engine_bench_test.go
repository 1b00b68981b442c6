package engine

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/learn"
	"github.com/throughline/throughline/internal/operation"
)

// benchOperation builds the evidence of one operation of three hops: six messaging spans, an entry span and three log lines.
func benchOperation(n int) []operation.Fact {
	var id operation.TraceID
	binary.LittleEndian.PutUint64(id[:], uint64(n)+1)
	span := func(i int) (s operation.SpanID) {
		binary.LittleEndian.PutUint64(s[:], uint64(n)*32+uint64(i)+1)
		return s
	}
	base := start.UnixNano() + int64(n)*int64(time.Millisecond)
	facts := []operation.Fact{{Kind: operation.KindWork, Trace: id, Span: span(0), At: base, End: base + 100, Service: "api", Name: "POST /orders"}}
	for h := range 3 {
		at := base + int64(h)*int64(time.Second)
		destination := [...]string{"orders", "payments", "shipments"}[h]
		send := operation.Fact{
			Kind: operation.KindSend, Trace: id, Span: span(1 + h*3), Parent: span(h * 3), At: at, End: at + 10,
			Service: "api", Destination: destination, System: "kafka",
		}
		process := operation.Fact{
			Kind: operation.KindProcess, Consumer: true, Remote: true, Trace: id, Span: span(2 + h*3), Parent: send.Span, At: at + 100, End: at + 500,
			Service: "worker", Destination: destination, System: "kafka", Group: "workers",
		}
		line := operation.Fact{Kind: operation.KindLog, Trace: id, Span: process.Span, At: at + 200, Service: "worker", Name: "working"}
		facts = append(facts, line, process, send)
	}
	facts[len(facts)-1].ID = "order-" + string(binary.AppendUvarint(nil, uint64(n)))
	return facts
}

func benchEngine(b *testing.B, operations int) *Engine {
	e := newEngine(b, func(s *Settings) { s.MaxOperations = operations })
	var out []Assignment
	for n := range operations {
		out = e.Apply(start, benchOperation(n), out[:0])
	}
	return e
}

// BenchmarkApply measures whole operations arriving at a full engine, so that each begins one and lets another go.
func BenchmarkApply(b *testing.B) {
	const held = 10_000
	e := benchEngine(b, held)
	evidence := make([][]operation.Fact, 4*held)
	for i := range evidence {
		evidence[i] = benchOperation(held + i)
	}
	var out []Assignment
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		out = e.Apply(start, evidence[n%len(evidence)], out[:0])
		n++
	}
}

// BenchmarkApplyKnown measures facts of an operation that holds them already: the steady state of a client that retries.
func BenchmarkApplyKnown(b *testing.B) {
	e := benchEngine(b, 1000)
	facts := benchOperation(500)
	out := e.Apply(start, facts, nil)
	b.ReportAllocs()
	for b.Loop() {
		out = e.Apply(start, facts, out[:0])
	}
}

// BenchmarkSweepNothingDue measures a sweep over open operations of which none is due.
func BenchmarkSweepNothingDue(b *testing.B) {
	e := benchEngine(b, 10_000)
	e.Sweep(start)
	b.ReportAllocs()
	for b.Loop() {
		e.Sweep(start)
	}
}

// BenchmarkSweepCompleted measures judging operations of three hops that have completed by then, for each of them.
func BenchmarkSweepCompleted(b *testing.B) {
	const atATime = 1000
	book, err := learn.New(learn.DefaultSettings())
	require.NoError(b, err)
	e := newEngine(b, func(s *Settings) {
		s.MaxOperations = 2 * atATime
		s.Circumstances.Experience = book
	})
	var facts []operation.Fact
	var out []Assignment
	now, n, judged := start, 0, 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for range atATime {
			facts = wholeOperation(n, now.UnixNano(), facts[:0])
			out = e.Apply(now, facts, out[:0])
			n++
		}
		now = now.Add(time.Minute)
		b.StartTimer()
		changes := e.Sweep(now)
		for i := range changes {
			book.Learn(changes[i].View, now.UnixNano())
		}
		judged += len(changes)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(judged), "ns/operation")
}

// BenchmarkJudge measures reducing and judging one operation of three hops.
func BenchmarkJudge(b *testing.B) {
	o := operation.New(operation.NewSymbols(100))
	for _, f := range benchOperation(1) {
		o.Add(&f)
	}
	policy := operation.DefaultPolicy()
	b.ReportAllocs()
	for b.Loop() {
		operation.Judge(o.View(operation.NoHabits{}), &policy, &operation.Circumstances{}, start.UnixNano())
	}
}
