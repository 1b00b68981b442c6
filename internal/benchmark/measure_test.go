package benchmark

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// request is an export request in protocol buffers: of traces, or of logs.
type request struct {
	logs bool
	data []byte
}

func traceRequest(tb testing.TB, td ptrace.Traces) request {
	data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(tb, err)
	return request{data: data}
}

func logRequest(tb testing.TB, ld plog.Logs) request {
	data, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(tb, err)
	return request{logs: true, data: data}
}

// received is a request as receivers hand it on.
type received struct {
	traces ptrace.Traces
	logs   plog.Logs
	isLogs bool
}

func (r *request) receive(tb testing.TB) received {
	if r.logs {
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(r.data)
		require.NoError(tb, err)
		return received{logs: ld, isLogs: true}
	}
	return received{traces: unmarshal(tb, r.data)}
}

// records is the number of spans or log records.
func (r *received) records() int {
	if r.isLogs {
		return r.logs.LogRecordCount()
	}
	return r.traces.SpanCount()
}

func (i *ingester) takeReceived(r *received) {
	if !r.isLogs {
		i.take(r.traces)
		return
	}
	i.batch.Reset()
	i.extractor.Logs(&i.batch, r.logs)
	i.assigned = i.engine.Apply(began, i.batch.Facts, i.assigned[:0])
}

// compare unmarshals each request and takes it, by turns, and reports both per span or log record, their ratio, and what
// our part allocates. Of each request the best time of all rounds counts: what else the machine does is in the others.
//
// With keys, which recordings have, each round has a fresh engine, so that nothing is a repetition of an earlier round;
// without, the engine is full, so that new operations push out old ones.
func compare(b *testing.B, requests []request, keys ...string) {
	b.Helper()
	in, fresh := newIngester(b, keys...), len(keys) > 0
	best := make([]struct{ unmarshal, ours best }, len(requests))
	records := make([]int, len(requests))
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		i := n % len(requests)
		if fresh && i == 0 {
			b.StopTimer()
			in = newIngester(b, keys...)
			b.StartTimer()
		}
		start := time.Now()
		got := requests[i].receive(b)
		middle := time.Now()
		in.takeReceived(&got)
		best[i].ours.offer(time.Since(middle))
		best[i].unmarshal.offer(middle.Sub(start))
		records[i] = got.records()
		n++
	}
	var unmarshalling, ours, count float64
	for i := range best {
		unmarshalling += float64(best[i].unmarshal)
		ours += float64(best[i].ours)
		count += float64(records[i])
	}
	b.ReportMetric(unmarshalling/count, "ns-unmarshal/record")
	b.ReportMetric(ours/count, "ns-ours/record")
	b.ReportMetric(ours/unmarshalling, "x-unmarshal")
	if fresh {
		in = newIngester(b, keys...)
	}
	allocations, bytes := allocated(b, in, requests)
	b.ReportMetric(allocations, "allocs-ours/record")
	b.ReportMetric(bytes, "B-ours/record")
}

// median sorts the times.
func median(of []time.Duration) time.Duration {
	slices.Sort(of)
	return of[len(of)/2]
}

// best is the shortest time so far, 0 before the first.
type best time.Duration

func (t *best) offer(took time.Duration) {
	if *t == 0 || best(took) < *t {
		*t = best(took)
	}
}

// allocated is what one round of our part allocates per record.
func allocated(tb testing.TB, in *ingester, requests []request) (allocations, bytes float64) {
	all := make([]received, len(requests))
	records := 0
	for i := range requests {
		all[i] = requests[i].receive(tb)
		records += all[i].records()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range all {
		in.takeReceived(&all[i])
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(records), float64(after.TotalAlloc-before.TotalAlloc) / float64(records)
}
