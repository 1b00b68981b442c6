package console

import (
	"fmt"
	"iter"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// crowd is as many summaries as a collector holds by default.
func crowd() iter.Seq[Summary] {
	list := make([]Summary, 100_000)
	view := stuckRecord().View
	for i := range list {
		list[i] = Summary{
			ID: fmt.Sprintf("order-%08d", i), Name: []string{"order-fulfilment", "refund", "signup"}[i%3], Aliases: []string{"alias"},
			State: operation.State(i % 4), UpdatedAt: ago(time.Duration(i*7919%100_003) * time.Millisecond),
			View: func() *operation.View { return view },
		}
	}
	return slices.Values(list)
}

func BenchmarkSelect(b *testing.B) {
	all := crowd()
	after := Select(Query{Limit: MaxLimit}, scanOf(all)).Positions[MaxLimit-1]
	for _, bm := range []struct {
		name  string
		query Query
	}{
		{"newest 50", Query{Limit: DefaultLimit}},
		{"newest 1000", Query{Limit: MaxLimit}},
		{"later page", Query{Limit: DefaultLimit, After: &after}},
		{"by state", Query{Limit: DefaultLimit, States: []operation.State{operation.StateStuck}}},
		{"by text that is nowhere", Query{Limit: DefaultLimit, Text: "nowhere"}},
		{"by destination", Query{Limit: DefaultLimit, Destination: "orders"}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Select(bm.query, scanOf(all))
			}
		})
	}
}

func BenchmarkCheckHealth(b *testing.B) {
	all := crowd()
	b.ReportAllocs()
	for b.Loop() {
		CheckHealth(HealthQuery{Name: "refund"}, all)
	}
}

func BenchmarkTally(b *testing.B) {
	all := crowd()
	b.ReportAllocs()
	for b.Loop() {
		Tally(all)
	}
}

func BenchmarkListOf1000(b *testing.B) {
	m := &memory{}
	for i := range MaxLimit {
		r := stuckRecord()
		r.View.ID = fmt.Sprint("order-", i)
		m.records = append(m.records, r)
	}
	page := Page{}
	for i := range m.records {
		page.Items = append(page.Items, Item{Record: m.records[i]})
	}
	h := handler(fixed{m, page})
	b.ReportAllocs()
	for b.Loop() {
		if w := do(b, h, http.MethodGet, "/api/v1/operations?limit=1000"); w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
