package engine

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

func newHabits() *habits {
	h := &habits{}
	h.init(Settings{}, operation.NewSymbols(100))
	return h
}

// mailed is a completed operation with so many messages in the destination mails.
func mailed(messages int) *operation.View {
	v := &operation.View{Hops: []operation.Hop{{Destination: "orders", State: operation.HopDone}}}
	for range messages {
		v.Hops = append(v.Hops, operation.Hop{Destination: "mails", Type: "receipt", State: operation.HopDone})
	}
	return v
}

func TestOneMessageIsUsual(t *testing.T) {
	for _, tc := range []struct {
		one, more int
		once      bool
	}{{9, 0, false}, {10, 0, true}, {9, 1, true}, {8, 1, false}, {9, 2, false}, {18, 2, true}, {17, 3, false}, {0, 30, false}} {
		h := newHabits()
		for range tc.one {
			h.learnOperation(&entry{}, mailed(1))
		}
		for range tc.more {
			h.learnOperation(&entry{}, mailed(2))
		}
		require.Equal(t, tc.once, h.Once("mails", "receipt"), "%d and %d", tc.one, tc.more)
		require.False(t, h.Once("mails", ""), "another type")
		require.False(t, h.Once("bills", "receipt"), "another destination")
	}
}

func TestOnlyWhatIsDoneIsLearned(t *testing.T) {
	h := newHabits()
	for range 20 {
		v := mailed(2)
		v.Hops[2].State = operation.HopFailed
		h.learnOperation(&entry{}, v)
	}
	require.True(t, h.Once("mails", "receipt"))
}

func TestAnOperationIsLearnedOnce(t *testing.T) {
	h := newHabits()
	n := &entry{}
	for range 50 {
		h.learnOperation(n, mailed(1))
	}
	require.False(t, h.Once("mails", "receipt"))
	require.EqualValues(t, 1, h.counts[flow{"mails", "receipt"}].one)
}

// TestWhatAnOperationCountsAsIsPutRight: it may have completed when but a part of it was known.
func TestWhatAnOperationCountsAsIsPutRight(t *testing.T) {
	h, n := newHabits(), &entry{}
	counts := func() [2]uint32 {
		m := h.counts[flow{"mails", "receipt"}]
		return [2]uint32{m.one, m.more}
	}
	h.learnOperation(n, mailed(0))
	h.learnOperation(n, mailed(1))
	require.Equal(t, [2]uint32{1, 0}, counts(), "its mail was not known at first")
	h.learnOperation(n, mailed(2))
	require.Equal(t, [2]uint32{0, 1}, counts())
	h.learnOperation(n, mailed(3))
	require.Equal(t, [2]uint32{0, 1}, counts())
	h.learnOperation(n, mailed(1))
	require.Equal(t, [2]uint32{1, 0}, counts(), "two were one after all")
	require.EqualValues(t, 1, h.counts[flow{"orders", ""}].one)
}

func TestWhoeverWasInDoubtIsJudgedAgain(t *testing.T) {
	h := newHabits()
	odd, late := &entry{}, &entry{}
	require.Equal(t, []*entry{odd}, h.learnOperation(odd, mailed(2)))
	require.Empty(t, h.learnOperation(odd, mailed(2)), "it waits already")
	for range 8 {
		require.Empty(t, h.learnOperation(&entry{}, mailed(1)))
	}
	require.Equal(t, []*entry{odd}, h.learnOperation(&entry{}, mailed(1)), "now it is known")
	require.Empty(t, h.learnOperation(&entry{}, mailed(1)), "and told once")

	require.Empty(t, h.learnOperation(late, mailed(1)))
	require.Empty(t, h.learnOperation(late, mailed(2)), "it was judged with what is known")
}

func TestDoubtsAreBounded(t *testing.T) {
	h := newHabits()
	for range maxDoubtful + 10 {
		h.learnOperation(&entry{}, mailed(2))
	}
	require.Len(t, h.counts[flow{"mails", "receipt"}].doubtful, maxDoubtful)
}

func TestHabitsCanChange(t *testing.T) {
	m := multiplicity{one: maxCount - 1, more: 1000}
	m.count(1)
	require.EqualValues(t, maxCount/2, m.one)
	require.EqualValues(t, 500, m.more)
}

func TestHabitsAreBounded(t *testing.T) {
	h := newHabits()
	for i := range maxHabits + 10 {
		name := strconv.Itoa(i)
		for _, f := range []operation.Fact{
			{Kind: operation.KindProcess, Service: name}, {Kind: operation.KindSend, Service: "api", Destination: name}, {Kind: operation.KindPoll, Destination: name},
		} {
			h.learn(&f)
		}
		h.learnOperation(&entry{}, &operation.View{Hops: []operation.Hop{{Destination: name, State: operation.HopDone}}})
	}
	for what, n := range map[string]int{"processes": len(h.processes), "senders": len(h.senders), "tables": len(h.tables), "counts": len(h.counts)} {
		require.Equal(t, maxHabits, n, what)
	}
	large := &operation.View{}
	for i := range maxLearned + 10 {
		large.Hops = append(large.Hops, operation.Hop{Destination: fmt.Sprint("q", i), State: operation.HopDone})
	}
	h = newHabits()
	h.learnOperation(&entry{}, large)
	require.Len(t, h.counts, maxLearned)
}

func TestSenders(t *testing.T) {
	h := newHabits()
	sent := func(service string) {
		h.learn(&operation.Fact{Kind: operation.KindSend, Service: service, Destination: "orders"})
	}
	require.Empty(t, h.Sender("orders"))
	sent("api")
	sent("api")
	require.Equal(t, "api", h.Sender("orders"))
	sent("batch")
	require.Empty(t, h.Sender("orders"))
	sent("api")
	require.Empty(t, h.Sender("orders"), "once there are several, it is nobody")
	require.Empty(t, h.Sender("mails"))
}

func TestNamesOfDestinationsAreHabits(t *testing.T) {
	h := newHabits()
	require.True(t, h.DeadLetter("orders.dlq"))
	require.True(t, h.Retry("orders.retry"))
	h = &habits{}
	h.init(Settings{DeadLetter: func(d string) bool { return d == "morgue" }, Retry: func(d string) bool { return d == "nursery" }}, operation.NewSymbols(100))
	require.True(t, h.DeadLetter("morgue"))
	require.False(t, h.DeadLetter("orders.dlq"))
	require.True(t, h.Retry("nursery"))
	require.False(t, h.Retry("orders.retry"))
}

func TestPollsMakeTablesQueues(t *testing.T) {
	row := operation.Fact{Kind: operation.KindInsert, Trace: trace(1), Span: spanID(1), At: at(0), End: at(0.1), Service: "api", Destination: "tasks", ID: "o-1"}
	poll := operation.Fact{Kind: operation.KindPoll, Trace: trace(2), Span: spanID(2), At: at(1), End: at(1.1), Service: "worker", Destination: "tasks", ID: "o-2"}

	e := newEngine(t, nil)
	apply(e, 2, row)
	settled(e, 100)
	requireState(t, e, "o-1", operation.StateCompleted, operation.StuckNone)

	e = newEngine(t, nil)
	require.Equal(t, []Assignment{{}, {ID: "o-1"}}, apply(e, 2, poll, row))
	require.Equal(t, 1, e.Stats().Operations, "a poll belongs to no operation")
	settled(e, 100)
	requireState(t, e, "o-1", operation.StateStuck, operation.StuckWaiting)
}

// sendsMails applies an operation that sends so many receipts, which are all processed.
func sendsMails(e *Engine, n, receipts int) string {
	id := fmt.Sprint("op-", n)
	for i := range receipts {
		send, process := hop(n*10+i, n*10+i*2+1, "mails", "trace", float64(i*3))
		send.MessageID = fmt.Sprint("m", n, i)
		apply(e, 10, withID(send, id), process)
	}
	return id
}

func TestWhatComesTwiceWhereOneIsUsualIsADuplicate(t *testing.T) {
	e := newEngine(t, nil)
	early := sendsMails(e, 1, 2)
	settled(e, 100)
	require.Zero(t, get(t, e, early).Verdict.Flags, "nobody knows what is usual")
	for n := range 9 {
		sendsMails(e, 2+n, 1)
	}
	settled(e, 110)
	require.Equal(t, operation.FlagDuplicated, get(t, e, early).Verdict.Flags, "it is judged again")

	for n := range 10 {
		sendsMails(e, 11+n, 1)
	}
	late := sendsMails(e, 30, 2)
	settled(e, 120)
	require.Equal(t, operation.FlagDuplicated, get(t, e, late).Verdict.Flags)
}

func TestALostSendIsProvenByWhoUsuallySendsThere(t *testing.T) {
	e := newEngine(t, nil)
	usual, _ := hop(1, 1, "payments", "trace", 0)
	usual.Service = "worker"
	order, _ := hop(2, 11, "orders", "trace", 0)
	_, paid := hop(3, 21, "payments", "trace", 4)
	apply(e, 10, usual, withID(order, "o-1"), withID(paid, "o-1"))
	settled(e, 30)
	hops := get(t, e, "o-1").View.Hops
	require.Equal(t, "orders", hops[0].Destination)
	require.Equal(t, operation.HopDone, hops[0].State)
	require.Equal(t, "worker", hops[0].Consumers[0].Service)
}
