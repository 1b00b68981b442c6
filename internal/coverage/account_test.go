package coverage

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// hop is a message to a destination; an empty service was not seen.
func hop(destination, producer, consumer string) operation.Hop {
	h := operation.Hop{System: "kafka", Destination: destination}
	if producer != "" {
		h.Sends = []operation.Send{{Origin: operation.Origin{Service: producer}}}
	}
	if consumer != "" {
		h.Consumers = []operation.Consumer{{Service: consumer, Attempts: []operation.Attempt{{Origin: operation.Origin{Service: consumer}}}}}
		h.State = operation.HopDone
	}
	return h
}

// over is the change by which an operation is over.
func over(id string, hops ...operation.Hop) *operation.Change {
	return &operation.Change{
		View: &operation.View{ID: id, Hops: hops}, Verdict: operation.Verdict{State: operation.StateCompleted}, FinalRevision: 1,
	}
}

func byName(r Report) map[string]map[string][2]uint64 {
	m := map[string]map[string][2]uint64{}
	for _, s := range r.Services {
		m[s.Name] = missing(s)
	}
	return m
}

func TestWhatOperationsTell(t *testing.T) {
	l := NewLedger()
	implicit := operation.ImplicitID(operation.TraceID{1}, operation.SpanID{1})
	l.Settled(over("o-1", hop("orders", "shop", "billing"), hop("labels", "billing", ""), hop("printed", "", "depot")))
	l.Settled(over(implicit, hop("orders", "shop", "shop")))
	report := l.Report(nil)
	require.Equal(t, map[string]map[string][2]uint64{
		"shop":    {"operation_without_id": {1, 2}, "one_service": {1, 2}},
		"billing": {"never_consumed": {1, 1}},
		"depot":   {"send_unseen": {1, 1}},
	}, byName(report))
	require.Equal(t, []Destination{
		{System: "kafka", Name: "labels", Messages: 1, ProducedOnly: 1},
		{System: "kafka", Name: "orders", Messages: 2},
		{System: "kafka", Name: "printed", Messages: 1, ConsumedOnly: 1},
	}, report.Destinations)
}

func TestOnlyTheFirstEndOfAnOperationCounts(t *testing.T) {
	for name, change := range map[string]func(*operation.Change){
		"again":      func(c *operation.Change) { c.FinalRevision = 2 },
		"not over":   func(c *operation.Change) { c.Verdict.State, c.FinalRevision = operation.StateStuck, 0 },
		"open again": func(c *operation.Change) { c.Verdict.State = operation.StateInProgress },
		"gone":       func(c *operation.Change) { c.Gone = true },
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLedger()
			c := over("o-1", hop("q", "a", "b"))
			change(c)
			l.Settled(c)
			require.Empty(t, l.Report(nil).Services)
		})
	}
}

func TestStuckOperationsCountWhileTheyAre(t *testing.T) {
	l := NewLedger()
	stuck := over("o-1", hop("labels", "billing", "")).View
	require.Equal(t, map[string][2]uint64{"never_consumed": {1, 1}, "one_service": {1, 1}},
		byName(l.Report(slices.Values([]*operation.View{stuck})))["billing"])
	require.Empty(t, l.Report(nil).Services, "and leave nothing behind")
	require.Empty(t, l.First(1))
}

func TestDeadLettersAndProvenConsumptions(t *testing.T) {
	l := NewLedger()
	dead := hop("orders.dlq", "broker", "")
	dead.State = operation.HopDeadLettered
	inferred := hop("labels", "billing", "printer")
	inferred.Consumers[0].Attempts[0].Inferred = true
	l.Settled(over("o-1", dead, inferred))
	require.Equal(t, map[string]map[string][2]uint64{
		"broker": {}, "billing": {"never_consumed": {1, 1}},
	}, byName(l.Report(nil)), "nobody need consume dead letters; a proof of consumption is no record of it")
}

func TestOthersTakePartToo(t *testing.T) {
	l := NewLedger()
	c := over("o-1", hop("q", "a", "a"))
	c.View.Works = []operation.Work{{Origin: operation.Origin{Service: "api"}}}
	c.View.Notes = []operation.Note{{Origin: operation.Origin{Service: "audit"}}}
	l.Settled(c)
	report := l.Report(nil)
	require.Equal(t, map[string]map[string][2]uint64{"a": {}, "api": {}, "audit": {}}, byName(report))
	for _, s := range report.Services {
		require.EqualValues(t, 1, s.Operations)
	}

	crowd := over("o-2")
	for i := range 2 * maxParticipants {
		crowd.View.Works = append(crowd.View.Works, operation.Work{Origin: operation.Origin{Service: strconv.Itoa(i)}})
	}
	l = NewLedger()
	l.Settled(crowd)
	require.Len(t, l.Report(nil).Services, maxParticipants)
}

func TestDestinationsBeyondTheBoundAreCountedTogether(t *testing.T) {
	l := NewLedger()
	for i := range MaxDestinations + 3 {
		l.Settled(over("o-1", hop(fmt.Sprint("reply-", i), "a", "b")))
	}
	destinations := l.Report(nil).Destinations
	require.Len(t, destinations, MaxDestinations+1)
	require.Equal(t, Destination{Name: Overflow, Messages: 3}, destinations[0])
}
