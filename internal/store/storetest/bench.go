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

// BenchRows measures how fast rows are appended and read: each in a transaction of its own, small and large.
func BenchRows(b *testing.B, open func(testing.TB) store.Store) {
	for _, size := range []int{1 << 12, 1 << 17, 1 << 20} {
		s := open(b)
		seq := int64(0)
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(rand.Uint32())
		}
		b.Run(fmt.Sprintf("append/%d KiB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				seq++
				write(b, s, store.Batch{Rows: []store.Row{{Collector: "one", Seq: seq, Data: data}}})
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
		b.Run(fmt.Sprintf("read/%d KiB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size) * seq)
			for b.Loop() {
				n := int64(0)
				for _, err := range s.Rows(b.Context(), nil) {
					require.NoError(b, err)
					n++
				}
				require.Equal(b, seq, n)
			}
		})
	}
}

// BenchRecords measures how fast records are written, so many at once, new ones and such that replace others.
func BenchRecords(b *testing.B, open func(testing.TB) store.Store) {
	for _, atOnce := range []int{1, 100, 1000, 10_000} {
		s := open(b)
		written := 0
		next := func(revision uint32) store.Batch {
			batch := store.Batch{Records: make([]store.Record, atOnce)}
			for i := range batch.Records {
				r := record(written, revision)
				r.UpdatedAt, r.Facts = int64(written), facts(written)
				batch.Records[i] = r
				written++
			}
			return batch
		}
		for _, revision := range []uint32{1, 2} {
			written = 0
			b.Run(fmt.Sprintf("%d at once/revision %d", atOnce, revision), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					batch := next(revision)
					b.StartTimer()
					write(b, s, batch)
				}
				b.ReportMetric(float64(b.N*atOnce)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
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
	lists(b, s, n, written)
	b.Run("trim", func(b *testing.B) {
		var removed int64
		var took []time.Duration
		for b.Loop() {
			began := time.Now()
			trimmed, err := s.Trim(b.Context(), store.Limits{Before: int64(n)})
			took, removed = append(took, time.Since(began)), removed+trimmed.Records
			require.NoError(b, err)
		}
		b.ReportMetric(float64(percentile(took).Microseconds()), "p99-us")
		b.ReportMetric(float64(removed)/b.Elapsed().Seconds(), "removed/s")
	})
}

// percentile returns what 99 of 100 calls took at most.
func percentile(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)*99/100]
}

func lists(b *testing.B, s store.Store, n int, written float64) {
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
			b.ReportMetric(float64(percentile(took).Microseconds()), "p99-us")
			b.ReportMetric(written, "written/s")
		})
	}
}
