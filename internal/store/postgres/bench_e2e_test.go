//go:build e2e

package postgres_test

import (
	"flag"
	"testing"

	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/storetest"
)

// rows is how many operations the benchmarks store.
var rows = flag.Int("rows", 20_000, "operations that benchmarks store, a multiple of 1000")

func empty(tb testing.TB) store.Store { return open(tb, newServer(tb).database(tb, "bench")) }

func BenchmarkRows(b *testing.B) { storetest.BenchRows(b, empty) }

func BenchmarkRecords(b *testing.B) { storetest.BenchRecords(b, empty) }

func BenchmarkLists(b *testing.B) { storetest.BenchLists(b, empty, *rows) }
