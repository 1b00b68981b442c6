package chaos

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/event"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/test/verdict"
)

func TestCompareFindsEveryDifference(t *testing.T) {
	truths := []Truth{{
		ID: "a", Name: "order", State: "completed",
		Hops: []TruthHop{{Destination: "orders", State: "done", Consumers: []TruthConsumer{{Group: "g", State: "done", Attempts: 2}}}},
	}, {ID: "b", State: "failed"}}
	judged := func() []verdict.Operation {
		return []verdict.Operation{{
			ID: "a", Name: "order", State: "completed",
			Hops: []verdict.Hop{{Destination: "orders", State: "done", Consumers: []verdict.Consumer{{Group: "g", State: "done", Attempts: 2}}}},
		}, {ID: "b", State: "failed"}}
	}
	require.NoError(t, Compare(truths, judged(), Excuses{}).Err(Excuses{}))

	for name, spoil := range map[string]func(ops []verdict.Operation) []verdict.Operation{
		"verdict: stuck, truth completed": func(ops []verdict.Operation) []verdict.Operation { ops[0].State = "stuck"; return ops },
		"attempts of g: 1, truth 2": func(ops []verdict.Operation) []verdict.Operation {
			ops[0].Hops[0].Consumers[0].Attempts = 1
			return ops
		},
		"hops: 0, truth 1":                func(ops []verdict.Operation) []verdict.Operation { ops[0].Hops = nil; return ops },
		"b: forgotten":                    func(ops []verdict.Operation) []verdict.Operation { return ops[:1] },
		"c: no such operation took place": func(ops []verdict.Operation) []verdict.Operation { return append(ops, verdict.Operation{ID: "c"}) },
	} {
		t.Run(name, func(t *testing.T) {
			c := Compare(truths, spoil(judged()), Excuses{})
			require.ErrorContains(t, c.Err(Excuses{}), name)
			require.ErrorContains(t, c.Err(Excuses{operations: map[string]bool{"d": true}}), name)
			require.Len(t, c.Differences, 1)
			require.NoError(t, c.Err(Excuses{operations: map[string]bool{c.Differences[0].ID: true}}))
		})
	}
}

func TestWhatCameLateMayBeJudgedSo(t *testing.T) {
	truths := []Truth{{ID: "a", State: "completed"}}
	judged := func() []verdict.Operation {
		return []verdict.Operation{{ID: "a", State: "completed", Flags: []string{flagLate}}}
	}
	require.ErrorContains(t, Compare(truths, judged(), Excuses{}).Err(Excuses{}), "completed+late_evidence")
	require.NoError(t, Compare(truths, judged(), Excuses{operations: map[string]bool{"a": true}}).Err(Excuses{}))
}

func TestWhatMustBeToldFollowsFromTheTruth(t *testing.T) {
	path := filepath.Join(t.TempDir(), "truth.json")
	require.NoError(t, os.WriteFile(path, []byte(`[
		{"id":"late","name":"n","state":"completed","hops":[{"destination":"d","state":"done","wait_seconds":30,"consumers":[{"group":"g"}]}]},
		{"id":"dead","name":"n","state":"dead_lettered","flags":["retried"],"hops":[{"destination":"d.dlq","state":"dead_lettered"},
			{"destination":"d","state":"dead_lettered","wait_seconds":1,"consumers":[{"group":"g","trace_id":"t"}]}]},
		{"id":"twice","name":"n","state":"completed","flags":["duplicated"],"hops":[{"destination":"d","state":"done","wait_seconds":1}]},
		{"id":"killed","name":"n","state":"stuck","reason":"processing","hops":[{"destination":"d","state":"processing","consumers":[{"group":"g"}]}]}]`), 0o600))
	truths, err := ReadTruth(path)
	require.NoError(t, err)

	limits := Thresholds{Waiting: 20 * time.Second}
	var told [][]string
	for i := range truths {
		told = append(told, truths[i].events(limits))
	}
	require.Equal(t, [][]string{{event.NameStuck, event.NameRecovered}, {event.NameDeadLettered}, {event.NameDuplicated}, {event.NameStuck}}, told)
	require.Equal(t, map[Group]*Pages{
		{stateStuck, stateWaiting, "n", "d", ""}:     {[]string{"late"}, true},
		{stateDeadLettered, "", "n", "d", "g"}:       {[]string{"dead"}, false},
		{stateStuck, stateProcessing, "n", "d", "g"}: {[]string{"killed"}, false},
	}, Groups(truths, limits))
}

func TestWhatLostItsNameIsExcusedByItsTrace(t *testing.T) {
	trace := operation.TraceID{1, 2, 3}
	text := hex.EncodeToString(trace[:])
	truths := []Truth{
		{ID: "a", Hops: []TruthHop{{Consumers: []TruthConsumer{{TruthSpan: TruthSpan{text}}}}}},
		{ID: "b", Hops: []TruthHop{{Producer: TruthSpan{"ffff"}}}},
	}
	excused := Excuse(truths, map[string]bool{text: true})
	require.Equal(t, 1, excused.Len())
	require.True(t, excused.Has("a"))
	require.False(t, excused.Has("b"))
	require.True(t, excused.Has(operation.ImplicitID(trace, operation.SpanID{9})))
	require.False(t, excused.Has(operation.ImplicitID(operation.TraceID{4}, operation.SpanID{9})))
}
