package cause

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkLearn is what a healthy operation of two hops costs, BenchmarkHints what looking for a cause does.
func BenchmarkLearn(b *testing.B) {
	w := world{random: rand.New(rand.NewPCG(1, 1)), partitions: 8, workers: 6}
	table, err := NewTable(DefaultSettings(), resources)
	if err != nil {
		b.Fatal(err)
	}
	subjects := make([]*Subject, 256)
	for i := range subjects {
		subjects[i] = w.operation(i, w.trip(), false)
		table.Learn(subjects[i], 0)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		table.Learn(subjects[i%len(subjects)], 0)
		i++
	}
}

func BenchmarkHints(b *testing.B) {
	w := world{random: rand.New(rand.NewPCG(1, 1)), partitions: 8, workers: 6}
	table, err := NewTable(DefaultSettings(), resources)
	if err != nil {
		b.Fatal(err)
	}
	var sample Sample
	for i := range 256 {
		table.Learn(w.operation(i, w.trip(), false), 0)
		bad := w.trip()
		bad.worker = 3
		table.Fail(&sample, w.operation(i, bad, true), 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(table.Hints(&sample)) == 0 {
			b.Fatal("no hint")
		}
	}
}
