package operationsextension

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/sqlite"
)

// BenchmarkLists measures pages of 50 with so many operations in memory and in the store: `-bench BenchmarkLists -benchtime 300x`.
func BenchmarkLists(b *testing.B) {
	for _, size := range []struct{ memory, stored int }{{100_000, 0}, {1_000_000, 0}, {100_000, 1_000_000}} {
		b.Run(fmt.Sprintf("memory=%d/stored=%d", size.memory, size.stored), func(b *testing.B) {
			o := full(b, size.memory)
			if size.stored > 0 {
				o.useArchive(filled(b, size.stored), "c", func() bool { return true })
			}
			var deep *console.Position
			for range 20 {
				page, err := o.Console().Operations(b.Context(), console.Query{Limit: console.MaxLimit, After: deep})
				require.NoError(b, err)
				deep = page.Next
			}
			for name, q := range map[string]console.Query{
				"latest":        {},
				"deep":          {After: deep},
				"state":         {States: []operation.State{operation.StateFailed}},
				"text":          {Text: "stored-00077777"},
				"text_nowhere":  {Text: "nowhere"},
				"service":       {Service: "api-7"},
				"text_and_name": {Text: "42", Name: "orders"},
			} {
				b.Run(name, func(b *testing.B) { measureList(b, o, q) })
			}
		})
	}
}

func measureList(b *testing.B, o *operations, q console.Query) {
	q.Limit = console.DefaultLimit
	var took []time.Duration
	before := processorTime(b)
	for b.Loop() {
		began := time.Now()
		if _, err := o.Console().Operations(b.Context(), q); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/1e3/float64(len(took)), "cpu-ms/op")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1e3, "p99-ms")
}

// processorTime is that of the process by now: it says what a page costs on a machine that others use, too.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// full returns an extension that holds so many operations.
func full(b *testing.B, n int) *operations {
	b.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.MaxOperations = n
	set := extensiontest.NewNopSettings(NewFactory().Type())
	set.TelemetrySettings = componenttest.NewNopTelemetrySettings()
	o, err := newOperations(set, cfg)
	require.NoError(b, err)
	now := time.Now()
	var facts []operation.Fact
	for i := range n {
		f := sent(fmt.Sprintf("order-%08d", i), 0)
		binary.LittleEndian.PutUint64(f.Trace[:], uint64(i)+1)
		binary.LittleEndian.PutUint64(f.Span[:], uint64(i)+1)
		if facts = append(facts, f); len(facts) == 100 {
			o.Apply(now, facts, nil)
			now, facts = now.Add(time.Millisecond), facts[:0]
		}
	}
	o.Apply(now, facts, nil)
	return o
}

// filled returns a store with so many records.
func filled(b *testing.B, n int) store.Store {
	b.Helper()
	s, err := sqlite.Open(b.Context(), sqlite.Settings{Path: filepath.Join(b.TempDir(), "store.db")})
	require.NoError(b, err)
	b.Cleanup(func() { _ = s.Close() })
	began := time.Now().Add(-24 * time.Hour)
	var batch store.Batch
	for i := range n {
		r := failedLongAgo(fmt.Sprintf("stored-%08d", i), began.Add(time.Duration(i)*time.Millisecond))
		r.Services = []string{"api-" + strconv.Itoa(i%100), "worker"}
		r.State = []operation.State{operation.StateFailed, operation.StateStuck, operation.StateCompleted}[i%3]
		if batch.Records = append(batch.Records, r); len(batch.Records) == 2000 {
			require.NoError(b, s.Write(b.Context(), &batch))
			batch.Records = batch.Records[:0]
		}
	}
	return s
}
