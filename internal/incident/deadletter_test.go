package incident

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stack"
)

// parked is a change to dead_lettered by which the judge points at the dead-letter queue; the group that sent the message
// there is known if its attempt says so.
func parked(id string, known bool) operation.Change {
	c := change(id, inProgress, dead)
	attempt := &c.View.Hops[0].Consumers[0].Attempts[0]
	attempt.Span = operation.SpanID{7}
	if known {
		attempt.Disposition = operation.DispositionDeadLetter
	}
	c.View.Hops[0].State, c.View.Hops[0].Consumers[0].State = operation.HopDeadLettered, operation.HopDeadLettered
	c.View.Hops = append(c.View.Hops, operation.Hop{
		System: "kafka", Destination: "orders.dlq", State: operation.HopDeadLettered,
		Sends: []operation.Send{{Origin: operation.Origin{Service: "warehouse", Span: operation.SpanID{6}, Parent: operation.SpanID{7}}}},
	})
	c.Verdict.Hop, c.Verdict.Consumer = 1, -1
	return c
}

func TestDeadLettersCountWhereTheyWereGivenUp(t *testing.T) {
	silent, told, unclear := change("a", inProgress, dead), parked("b", true), parked("c", false)
	want := Key{
		Kind: operation.StateDeadLettered, OperationName: "fulfil", Destination: "orders", Group: "packers", ErrorType: "Timeout",
		Message: "no answer",
	}
	for _, c := range []*operation.Change{&silent, &told} {
		key, ok := KeyOf(c, stack.Rules{})
		require.True(t, ok)
		require.Equal(t, want, key)
		require.Equal(t, "no answer", ErrorOf(c).Message)
	}
	hop := Hop{System: "kafka", Destination: "orders", Group: "packers", Service: "warehouse", Producer: "shop"}
	require.Equal(t, hop, HopOf(&silent))
	hop.DeadLetter = "orders.dlq"
	require.Equal(t, hop, HopOf(&told))

	key, ok := KeyOf(&unclear, stack.Rules{})
	require.True(t, ok)
	require.Equal(t, Key{Kind: operation.StateDeadLettered, OperationName: "fulfil", Destination: "orders.dlq"}, key)
	require.Equal(t, Hop{Index: 1, System: "kafka", Destination: "orders.dlq", Producer: "warehouse", DeadLetter: "orders.dlq"}, HopOf(&unclear))

	waits := told
	waits.Verdict = operation.Verdict{State: operation.StateStuck, Reason: operation.StuckWaiting, Hop: 0, Consumer: -1}
	require.Empty(t, HopOf(&waits).DeadLetter, "it is stuck, whatever happened to another message")
}

func TestDeadLettersAreNoFailures(t *testing.T) {
	kinds := map[string]operation.State{}
	for _, v := range []operation.Verdict{waiting, failed, dead} {
		c := change("a", inProgress, v)
		key, ok := KeyOf(&c, stack.Rules{})
		require.True(t, ok)
		kinds[key.ID()] = v.State
	}
	require.Len(t, kinds, 3)
}

func TestDeadLettersAreResolvedAsFailuresAre(t *testing.T) {
	tracker := newTracker(t, nil)
	events := tracker.Observe(start, []operation.Change{change("a", inProgress, dead), parked("b", true)})
	require.Len(t, events, 1)
	opened := events[0].Incident
	require.Equal(t, EventOpened, events[0].Kind)
	require.Equal(t, operation.StateDeadLettered, opened.Kind)
	require.Equal(t, int64(2), opened.Active)
	require.Equal(t, "orders.dlq", opened.Hop.DeadLetter, "one operation tells it for both")
	require.Equal(t, `2 operations of "fulfil" dead_lettered at "orders", consumer group "packers", error "Timeout", sent to "orders.dlq"`, opened.Summary())

	require.Empty(t, tracker.Sweep(start.Add(tracker.settings.ResolveAfter-time.Second)))
	events = tracker.Sweep(start.Add(tracker.settings.ResolveAfter))
	require.NotEmpty(t, events)
	last := events[len(events)-1]
	require.Equal(t, []any{EventResolved, CauseQuiet, opened.ID}, []any{last.Kind, last.Cause, last.Incident.ID})

	again := change("a", dead, dead)
	again.Verdict.Flags = operation.FlagRetried
	require.Empty(t, tracker.Observe(start.Add(time.Hour), []operation.Change{again}), "what is told again opens nothing")
}

func TestDeadLettersThatAreSentAgainRecover(t *testing.T) {
	tracker := newTracker(t, nil)
	opened := tracker.Observe(start, []operation.Change{parked("a", true)})
	after := parked("a", true)
	after.Before, after.Verdict = after.Verdict, completed
	events := tracker.Observe(start.Add(time.Minute), []operation.Change{after})
	require.Len(t, events, 1)
	require.Equal(t, []any{EventResolved, CauseRecovered}, []any{events[0].Kind, events[0].Cause})
	require.Equal(t, opened[0].Incident.ID, events[0].Incident.ID)
	require.Zero(t, events[0].Incident.Active)
}

// What was called failed by the first evidence and dead-lettered by the rest is in one incident after the other.
func TestAFailureThatTurnsOutDeadLetteredMoves(t *testing.T) {
	tracker := newTracker(t, nil)
	first := tracker.Observe(start, []operation.Change{change("a", inProgress, failed)})
	c := parked("a", true)
	c.Before = failed
	events := tracker.Observe(start.Add(time.Second), []operation.Change{c})
	require.Len(t, events, 2)
	require.Equal(t, []any{EventResolved, first[0].Incident.ID}, []any{events[0].Kind, events[0].Incident.ID})
	require.Equal(t, []any{EventOpened, operation.StateDeadLettered}, []any{events[1].Kind, events[1].Incident.Kind})
}
