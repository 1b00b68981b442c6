package console

import (
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

func record(namespace, id string, updated int64, state operation.State) Record {
	return Record{
		View: &operation.View{Namespace: namespace, ID: id, Name: "n"}, Name: "n", UpdatedAt: updated,
		Verdict: operation.Verdict{State: state, Hop: -1, Consumer: -1},
	}
}

func drawRecords(t *rapid.T) []Record {
	n := rapid.IntRange(0, 60).Draw(t, "records")
	records := make([]Record, n)
	for i := range records {
		namespace := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "namespace")
		updated := rapid.Int64Range(1, 10).Draw(t, "updated")
		state := operation.State(rapid.IntRange(0, 3).Draw(t, "state"))
		records[i] = record(namespace, fmt.Sprint("id-", i), updated, state)
	}
	return records
}

func drawQuery(t *rapid.T) Query {
	q := Query{Limit: rapid.IntRange(1, 20).Draw(t, "limit"), Since: rapid.Int64Range(0, 5).Draw(t, "since")}
	q.Namespace = rapid.SampledFrom([]string{"", "a"}).Draw(t, "namespace filter")
	if rapid.Bool().Draw(t, "by state") {
		q.States = []operation.State{operation.StateStuck, operation.StateFailed}
	}
	return q
}

// pages reads a list to its end; change is called after each page.
func pages(t require.TestingT, m *memory, q Query, change func()) []Item {
	var all []Item
	for range 1000 {
		page := m.page(q)
		require.LessOrEqual(t, len(page.Items), q.Limit)
		all = append(all, page.Items...)
		if page.Next == nil {
			return all
		}
		q.After = page.Next
		change()
	}
	require.FailNow(t, "the list never ends")
	return nil
}

func TestPagesTogetherAreTheSortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &memory{records: drawRecords(t)}
		q := drawQuery(t)

		var want []Position
		for s := range m.summaries() {
			if q.Matches(&s) {
				want = append(want, Position{UpdatedAt: s.UpdatedAt, Namespace: s.Namespace, ID: s.ID})
			}
		}
		slices.SortFunc(want, func(a, b Position) int { return a.compare(&b) })

		var got []Position
		for _, item := range pages(t, m, q, func() {}) {
			got = append(got, item.At)
			require.Equal(t, item.At.ID, item.Record.View.ID)
		}
		require.Equal(t, want, got)
	})
}

func TestPagingSurvivesConcurrentChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &memory{records: drawRecords(t)}
		before := slices.Clone(m.records)
		changed := map[string]bool{}
		clock := int64(100)
		all := pages(t, m, Query{Limit: rapid.IntRange(1, 20).Draw(t, "limit")}, func() {
			clock++
			if len(m.records) > 0 && rapid.Bool().Draw(t, "touch") {
				i := rapid.IntRange(0, len(m.records)-1).Draw(t, "touched")
				m.records[i].UpdatedAt = clock
				changed[m.records[i].View.ID] = true
			}
			m.records = append(m.records, record("", fmt.Sprint("new-", clock), clock, 0))
			if len(m.records) > 2 && rapid.Bool().Draw(t, "remove") {
				i := rapid.IntRange(0, len(m.records)-1).Draw(t, "removed")
				changed[m.records[i].View.ID] = true
				m.records = slices.Delete(slices.Clone(m.records), i, i+1)
			}
		})

		seen := map[string]int{}
		for _, item := range all {
			seen[item.Record.View.ID]++
		}
		for i := range before {
			id := before[i].View.ID
			if changed[id] {
				require.LessOrEqual(t, seen[id], 1, id)
			} else {
				require.Equal(t, 1, seen[id], id)
			}
		}
	})
}

func TestRecordsThatNoLongerMatchAreLeftOut(t *testing.T) {
	m := &memory{records: []Record{
		record("", "recovered", 3, operation.StateStuck), record("", "gone", 2, operation.StateStuck),
		record("", "still", 1, operation.StateStuck),
	}}
	q := Query{Limit: 2, States: []operation.State{operation.StateStuck}}
	selection := Select(q, scanOf(m.summaries()))
	m.records = []Record{record("", "recovered", 9, operation.StateCompleted), m.records[2]}

	first := Merge(q, selection, m.lookup, nil)
	require.Empty(t, first.Items)
	require.Equal(t, &Position{UpdatedAt: 2, ID: "gone"}, first.Next)

	q.After = first.Next
	second := m.page(q)
	require.Len(t, second.Items, 1)
	require.Equal(t, "still", second.Items[0].Record.View.ID)
	require.Nil(t, second.Next)
}

func TestMatches(t *testing.T) {
	stuck := stuckRecord()
	stuck.View.Hops[0].Awaited = []string{"billing"}
	for name, tc := range map[string]struct {
		query Query
		want  bool
	}{
		"anything":                {Query{}, true},
		"state":                   {Query{States: []operation.State{operation.StateStuck}}, true},
		"other state":             {Query{States: []operation.State{operation.StateFailed, operation.StateCompleted}}, false},
		"reason":                  {Query{Reasons: []operation.StuckReason{operation.StuckWaiting}}, true},
		"other reason":            {Query{Reasons: []operation.StuckReason{operation.StuckOverdue}}, false},
		"name":                    {Query{Name: "order-fulfilment"}, true},
		"part of the name":        {Query{Name: "order"}, false},
		"the evidence's own name": {Query{Name: "orders"}, false},
		"other namespace":         {Query{Namespace: "tenant a"}, false},
		"sending service":         {Query{Service: "checkout"}, true},
		"consuming service":       {Query{Service: "audit"}, true},
		"part of a service":       {Query{Service: "check"}, false},
		"destination":             {Query{Destination: "orders"}, true},
		"other destination":       {Query{Destination: "order"}, false},
		"both, one wrong":         {Query{Destination: "orders", Service: "nobody"}, false},
		"text in the ID":          {Query{Text: "DER-4"}, true},
		"text in an alias":        {Query{Text: "corr"}, true},
		"text in the name":        {Query{Text: "Fulfil"}, true},
		"text nowhere":            {Query{Text: "order-421"}, false},
		"rule":                    {Query{Rule: "orders"}, true},
		"part of a rule":          {Query{Rule: "order"}, false},
		"one of several flags":    {Query{Flags: operation.FlagSkewed | operation.FlagRetried}, true},
		"another flag":            {Query{Flags: operation.FlagSkewed}, false},
		"group":                   {Query{Group: "auditors"}, true},
		"awaited group":           {Query{Group: "billing"}, true},
		"other group":             {Query{Group: "audit"}, false},
		"since then":              {Query{Since: stuck.UpdatedAt}, true},
		"since later":             {Query{Since: stuck.UpdatedAt + 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := summarize(&stuck)
			require.Equal(t, tc.want, tc.query.Matches(&s))
		})
	}
}

func TestServiceOfWorkOrNoteMatches(t *testing.T) {
	r := record("", "x", 1, 0)
	r.View.Works = []operation.Work{{Origin: operation.Origin{Service: "poller"}}}
	r.View.Notes = []operation.Note{{Origin: operation.Origin{Service: "logger"}}}
	r.View.Hops = []operation.Hop{{Consumers: []operation.Consumer{{
		Service: "first", Attempts: []operation.Attempt{{Origin: operation.Origin{Service: "second"}}},
	}}}}
	for _, service := range []string{"poller", "logger", "first", "second"} {
		s := summarize(&r)
		require.True(t, (&Query{Service: service}).Matches(&s), service)
	}
}

func TestViewIsComputedOnlyIfAskedFor(t *testing.T) {
	calls := 0
	summaries := func() iter.Seq[Summary] {
		r := stuckRecord()
		s := summarize(&r)
		s.View = func() *operation.View { calls++; return r.View }
		return slices.Values([]Summary{s})
	}
	require.Len(t, Select(Query{Limit: 1, Text: "order", Name: "order-fulfilment"}, scanOf(summaries())).Positions, 1)
	require.Empty(t, Select(Query{Limit: 1, Name: "other", Service: "audit"}, scanOf(summaries())).Positions)
	CheckHealth(HealthQuery{Name: "order-fulfilment"}, summaries())
	Tally(summaries())
	require.Zero(t, calls)

	require.Len(t, Select(Query{Limit: 1, Service: "audit", Destination: "orders"}, scanOf(summaries())).Positions, 1)
	require.Equal(t, 1, calls)
}

func TestContainsFold(t *testing.T) {
	for _, tc := range []struct {
		s, text string
		want    bool
	}{
		{"Order-42", "order", true},
		{"order-42", "R-42", true},
		{"ÜBUNG", "übung", true},
		{"abc", "abcd", false},
		{"", "a", false},
		{"aab", "ab", true},
		{"a\xff\xfeb", "\xfeB", true},
	} {
		require.Equal(t, tc.want, containsFold(tc.s, tc.text), "%q in %q", tc.text, tc.s)
	}
}

func TestTallyBoundsNames(t *testing.T) {
	flood := func(yield func(Summary) bool) {
		for i := range 3 * talliedNames {
			if !yield(Summary{Name: fmt.Sprint("junk-", i), State: operation.StateCompleted}) {
				return
			}
			if i < 5 && !yield(Summary{Name: "real", State: operation.StateStuck}) {
				return
			}
		}
	}
	c := Tally(flood)
	require.Len(t, c.Names, MaxNames)
	require.Equal(t, NameCounts{"real", StateCounts{operation.StateStuck: 5}}, c.Names[0])
	require.Equal(t, StateCounts{operation.StateCompleted: 3 * talliedNames, operation.StateStuck: 5}, c.States)
	var named uint64
	for i := range c.Names {
		named += c.Names[i].total()
	}
	require.Equal(t, uint64(3*talliedNames+5), named+c.Others[operation.StateCompleted])
}

func TestSelectIncidents(t *testing.T) {
	incidents := []incident.Incident{
		{ID: "a", UpdatedAt: 1}, {ID: "c", UpdatedAt: 3}, {ID: "b", UpdatedAt: 3}, {ID: "d", UpdatedAt: 2, State: incident.StateResolved},
	}
	var got []string
	q := IncidentQuery{Limit: 2}
	for range 2 {
		page := SelectIncidents(q, slices.Values(incidents))
		for _, i := range page.Incidents {
			got = append(got, i.ID)
		}
		q.After = page.Next
	}
	require.Nil(t, q.After)
	require.Equal(t, []string{"b", "c", "d", "a"}, got)

	open := SelectIncidents(IncidentQuery{Limit: 9, States: []incident.State{incident.StateResolved}}, slices.Values(incidents))
	require.Len(t, open.Incidents, 1)
	require.Equal(t, "d", open.Incidents[0].ID)
}
