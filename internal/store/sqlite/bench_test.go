package sqlite_test

import (
	"flag"
	"testing"

	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/sqlite"
	"github.com/throughline/throughline/internal/store/storetest"
)

// rows is how many operations the benchmarks store; the target is met with 1000000.
var rows = flag.Int("rows", 20_000, "operations that benchmarks store, a multiple of 1000")

func empty(tb testing.TB) store.Store { return open(tb, sqlite.Settings{}) }

func BenchmarkRows(b *testing.B) { storetest.BenchRows(b, empty) }

func BenchmarkRecords(b *testing.B) { storetest.BenchRecords(b, empty) }

func BenchmarkLists(b *testing.B) { storetest.BenchLists(b, empty, *rows) }
