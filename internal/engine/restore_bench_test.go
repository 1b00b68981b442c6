package engine

import (
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// BenchmarkExport measures writing down everything that is held, and how long others wait for the lock at most.
func BenchmarkExport(b *testing.B) {
	for _, operations := range sizes() {
		b.Run(strconv.Itoa(operations), func(b *testing.B) {
			e := openEngine(b, operations, 0)
			b.ReportAllocs()
			for b.Loop() {
				facts := 0
				for c := range e.Export() {
					facts += len(c.Facts)
				}
				if facts != 6*operations {
					b.Fatalf("%d facts: must be %d", facts, 6*operations)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*operations), "ns/operation")
		})
	}
}

// BenchmarkRestore measures replaying and adopting what an export yielded, and the first sweep after it.
func BenchmarkRestore(b *testing.B) {
	for _, operations := range sizes() {
		b.Run(strconv.Itoa(operations), func(b *testing.B) {
			chunks := exported(openEngine(b, operations, 0))
			var swept time.Duration
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				e := newEngine(b, func(s *Settings) { s.MaxOperations = operations })
				runtime.GC()
				b.StartTimer()
				for _, c := range chunks {
					e.Replay(c.At, c.Facts)
					if unknown := e.Adopt(c.States, 0); len(unknown) > 0 {
						b.Fatalf("%d states of no operation", len(unknown))
					}
				}
				b.StopTimer()
				began := time.Now()
				e.Sweep(start.Add(time.Minute))
				swept += time.Since(began)
				if n := e.Stats().Operations; n != operations {
					b.Fatalf("%d operations: must be %d", n, operations)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*operations), "ns/operation")
			b.ReportMetric(float64(swept.Nanoseconds())/float64(b.N*operations), "sweep-ns/operation")
		})
	}
}

// exported keeps what an export yields.
func exported(e *Engine) []Chunk {
	var chunks []Chunk
	for c := range e.Export() {
		c.Facts = append([]operation.Fact(nil), c.Facts...)
		for i := range c.Facts {
			f := &c.Facts[i]
			f.MessageID, f.ID = string([]byte(f.MessageID)), string([]byte(f.ID))
		}
		c.States = slices.Clone(c.States)
		chunks = append(chunks, c)
	}
	return chunks
}
