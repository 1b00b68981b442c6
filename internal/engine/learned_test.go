package engine

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// knownFlows are the counts of an engine's flows.
func knownFlows(e *Engine) map[flow][2]uint32 {
	e.habits.mu.RLock()
	defer e.habits.mu.RUnlock()
	known := map[flow][2]uint32{}
	for f, m := range e.habits.counts {
		known[f] = [2]uint32{m.one, m.more}
	}
	return known
}

// TestAnOperationIsLearnedFromOnce however often the collector is started, and whether all is judged anew then or not.
func TestAnOperationIsLearnedFromOnce(t *testing.T) {
	j := newJournal(t, nil)
	for n := range 8 {
		send, process := hop(n+1, n*10+1, "orders", "trace", 1)
		j.apply(3, []operation.Fact{withID(send, fmt.Sprint("o-", n)), process})
	}
	again, processed := hop(8, 75, "orders", "trace", 2)
	j.apply(3, []operation.Fact{withID(again, "o-7"), processed})
	j.tell(t, j.sweep(60))
	want := map[flow][2]uint32{{"orders", ""}: {7, 1}}
	require.Equal(t, want, knownFlows(j.engine))
	for range 3 {
		j.restart(t, 61)
		require.Equal(t, want, knownFlows(j.engine))
		require.Len(t, j.sweep(61), 8, "told again, as it is not certain that they were")
		late := operation.Fact{Kind: operation.KindLog, Trace: trace(1), Span: spanID(2), At: at(3), Service: "orders-worker", Name: "late"}
		j.apply(62, []operation.Fact{late})
		j.tell(t, j.sweep(70))
		require.Equal(t, want, knownFlows(j.engine))
	}
	require.True(t, j.engine.habits.Processes("orders-worker"))
	require.Equal(t, "api", j.engine.habits.Sender("orders"))

	// What was in doubt is in doubt again: it is judged anew once the habit is known.
	j.certain()
	for n := range 9 {
		send, process := hop(n+101, n*10+1001, "orders", "trace", 71)
		j.apply(75, []operation.Fact{withID(send, fmt.Sprint("p-", n)), process})
	}
	changes := append(j.sweep(140), j.sweep(141)...)
	found := false
	for _, c := range changes {
		found = found || (c.View.ID == "o-7" && c.Verdict.Flags&operation.FlagDuplicated != 0)
	}
	require.True(t, found, "it had two messages where one is usual")
}

func TestDamagedHabitsAreRefused(t *testing.T) {
	e := newEngine(t, nil)
	send, process := hop(1, 1, "orders", "trace", 1)
	apply(e, 2, withID(send, "o-1"), process)
	sweep(e, 100)
	before := e.SaveHabits()
	for text, data := range map[string]string{
		"damaged: unexpected end": "{", "version 2": `{"version":2}`, "flow 1": `{"version":1,"flows":[{"bit":8}]}`, "10001 of one kind": tooMany(t),
	} {
		require.ErrorContains(t, e.RestoreHabits([]byte(data)), text)
		require.JSONEq(t, string(before), string(e.SaveHabits()))
	}
}

func tooMany(t *testing.T) string {
	data, err := json.Marshal(savedHabits{Version: 1, Processes: strings.Split(strings.Repeat("x,", maxHabits), ",")})
	require.NoError(t, err)
	return string(data)
}

func FuzzRestoreHabits(f *testing.F) {
	f.Add([]byte(`{"version":1,"processes":["a"],"senders":{"q":"a","r":""},"flows":[{"destination":"q","one":3,"bit":7}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e := newEngine(t, nil)
		if e.RestoreHabits(data) != nil {
			return
		}
		saved := e.SaveHabits()
		again := newEngine(t, nil)
		require.NoError(t, again.RestoreHabits(saved))
		require.Equal(t, knownFlows(e), knownFlows(again))
		send, process := hop(1, 1, "q", "trace", 1)
		apply(again, 2, withID(send, "o-1"), process)
		again.Sweep(time.Unix(0, at(100)))
	})
}
