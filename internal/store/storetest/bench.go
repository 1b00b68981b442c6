package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

// writeAtOnce is the number of rows of a batch in benchmarks.
const writeAtOnce = 1000

// facts are those of an operation of two hops.
func facts(i int) []byte {
	var all []operation.Fact
	for hop := range 4 {
		all = append(all, operation.Fact{
			Kind: operation.KindSend + operation.Kind(2*(hop%2)), At: int64(i)*1_000_000 + int64(hop), End: int64(i)*1_000_000 + int64(hop) + 100,
			Trace: operation.TraceID{byte(i), byte(i >> 8), byte(i >> 16), 1}, Span: operation.SpanID{byte(i), byte(i >> 8), byte(i >> 16), byte(hop)},
			ID: fmt.Sprintf("order-%d", i), Service: fmt.Sprintf("service-%d", hop), System: "rabbitmq", Destination: fmt.Sprintf("queue-%d", hop/2),
			MessageID: fmt.Sprintf("7b6f5d0c-1c7e-4f7f-9d3f-%012d", 2*i+hop/2), Name: "publish orders",
		})
	}
	return store.AppendFacts(nil, all)
}

// BenchParts measures how fast checkpoints of open operations are written, written again and read.
func BenchParts(b *testing.B, open func(testing.TB) store.Store, operations int) {
	s := open(b)
	version := int64(0)
	checkpoint := func(random bool) {
		version++
		for from := 0; from < operations; from += writeAtOnce {
			batch := store.Batch{Parts: make([]store.Part, writeAtOnce)}
			for i := range batch.Parts {
				n := from + i
				if random {
					n = rand.IntN(operations)
				}
				batch.Parts[i] = store.Part{
					PartID: store.PartID{Key: key(fmt.Sprintf("order-%d", n)), Collector: "one", Version: version}, Facts: facts(n),
				}
			}
			write(b, s, batch)
		}
	}
	rate := func(name string, do func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				do()
			}
			b.ReportMetric(float64(operations)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	rate("write", func() { checkpoint(false) })
	rate("write again", func() { checkpoint(true) })
	rate("restore", func() {
		n := 0
		for p, err := range s.Parts(b.Context(), "") {
			require.NoError(b, err)
			all, err := store.DecodeFacts(p.Facts)
			require.NoError(b, err)
			require.Len(b, all, 4)
			n++
		}
		require.Equal(b, operations, n)
	})
}

// BenchLists measures how long pages take with so many records, which it writes first.
func BenchLists(b *testing.B, open func(testing.TB) store.Store, n int) {
	s := open(b)
	began := time.Now()
	for from := 0; from < n; from += writeAtOnce {
		batch := store.Batch{Records: make([]store.Record, writeAtOnce)}
		for i := range batch.Records {
			r := record(from+i, 1)
			r.UpdatedAt, r.Facts = int64(from+i), facts(from+i)
			r.Services = append(r.Services, fmt.Sprintf("rare-%d", (from+i)%10_000))
			batch.Records[i] = r
		}
		write(b, s, batch)
	}
	written := float64(n) / time.Since(began).Seconds()
	for _, c := range []struct {
		name string
		next func() store.Query
	}{
		{"all", func() store.Query { return store.Query{} }},
		{"state", func() store.Query { return store.Query{State: "stuck"} }},
		{"service", func() store.Query { return store.Query{Service: "service-2"} }},
		{"rare service and state", func() store.Query {
			return store.Query{Service: fmt.Sprintf("rare-%d", rand.IntN(10_000)), State: "failed"}
		}},
		{"frequent ones", func() store.Query { return store.Query{Destination: "queue-3", State: "failed", Name: "name-1"} }},
		{"that never meet", func() store.Query { return store.Query{Name: "name-1", Reason: "processing"} }},
		{"ID", func() store.Query { return store.Query{Text: fmt.Sprintf("order-%d", rand.IntN(n))} }},
		{"error", func() store.Query { return store.Query{Text: "connection refused host3"} }},
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				q := c.next()
				q.Limit = 50
				began := time.Now()
				_, err := s.List(b.Context(), q)
				took = append(took, time.Since(began))
				require.NoError(b, err)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
			b.ReportMetric(written, "written/s")
		})
	}
}
