package operation

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatASenderProves(t *testing.T) {
	tried := []Fact{send(1, "orders", 1, 1.1), failed(process(2, 1, "orders", "worker", 2, 3))}
	biller := process(6, 5, "payments", "biller", 9, 10)
	requireRulings(t, []ruling{
		{
			name: "a send by a service that had failed: it had tried again", now: 20, state: StateCompleted, flags: FlagRetried,
			facts: append(tried[:2:2], by(under(send(5, "payments", 8, 8.1), 99), "worker"), biller),
			hops:  []string{"orders: done, 1 sent | worker: failed, inferred", "payments: done, 1 sent | biller: ok"},
		},
		{
			name: "a send from within the failed attempt proves no other one", now: 33, state: StateFailed,
			facts: append(tried[:2:2], resent(5, 2, "payments", 2.5), biller),
			hops:  []string{"orders: failed, 1 sent | worker: failed", "payments: done, 1 sent | biller: ok"},
		},
		{
			name: "a send of another service", now: 33, state: StateFailed,
			facts: append(tried[:2:2], by(under(send(5, "payments", 8, 8.1), 99), "other"), biller),
			hops:  []string{"orders: failed, 1 sent | worker: failed", "payments: done, 1 sent | biller: ok"},
		},
		{
			name: "whoever usually sends there had tried again", habits: &knowing{sender: "worker"}, now: 20, state: StateCompleted, flags: FlagRetried,
			facts: append(tried[:2:2], biller),
			hops:  []string{"orders: done, 1 sent | worker: failed, inferred", "payments: done, 0 sent | biller: ok"},
		},
		{
			name: "where another one usually sends there, nothing is proven", habits: &knowing{sender: "other"}, now: 33, state: StateFailed,
			facts: append(tried[:2:2], biller),
			hops:  []string{"orders: failed, 1 sent | worker: failed", "payments: done, 0 sent | biller: ok"},
		},
		{
			name: "where the operation shows who sends there, habits do not count", habits: &knowing{sender: "worker"}, now: 33, state: StateFailed,
			facts: append(tried[:2:2], by(send(8, "payments", 1.2, 1.3), "api"), process(9, 8, "payments", "biller", 2, 3), biller),
			hops: []string{
				"orders: failed, 1 sent | worker: failed", "payments: done, 1 sent | biller: ok", "payments: done, 0 sent | biller: ok",
			},
		},
		{
			name: "a message that nobody took was taken by whoever sent on", habits: &knowing{sender: "worker"}, now: 20, state: StateCompleted,
			facts: []Fact{send(1, "orders", 1, 1.1), biller},
			hops:  []string{"orders: done, 1 sent | worker: inferred", "payments: done, 0 sent | biller: ok"},
		},
		{
			name: "its own sender took nothing", habits: &knowing{sender: "api"}, now: 61, state: StateStuck, reason: StuckWaiting,
			facts: []Fact{send(1, "orders", 1, 1.1), biller},
			hops:  []string{"orders: waiting, 1 sent", "payments: done, 0 sent | biller: ok"},
		},
		{
			name: "an attempt that is open ended with what it sent", now: 20, state: StateCompleted,
			facts: []Fact{send(1, "orders", 1, 1.1), record(KindStarted, "worker", 2, 2), by(under(send(5, "payments", 8, 8.1), 99), "worker"), biller},
			hops:  []string{"orders: done, 1 sent | worker: inferred", "payments: done, 1 sent | biller: ok"},
		},
	})
}

func TestWhatLogLinesOutsideSpansTell(t *testing.T) {
	say := func(service, text string, at float64, severity uint8) Fact {
		return Fact{Kind: KindLog, Service: service, ID: "o-1", Name: text, At: sec(at), Severity: severity}
	}
	sent := send(1, "orders", 1, 1.1)
	requireRulings(t, []ruling{
		{
			name: "its last words are its end", facts: []Fact{sent, say("worker", "order taken", 2, 9), say("worker", "order packed", 4, 9)},
			hops: []string{"orders: done, 1 sent | worker: ok"}, now: 14, state: StateCompleted,
		},
		{
			name: "its last words are an error", facts: []Fact{sent, say("worker", "order taken", 2, 9), say("worker", "no stock", 4, severityError)},
			hops: []string{"orders: failed, 1 sent | worker: failed"}, now: 34, state: StateFailed, since: 4,
		},
		{
			name: "its last words are a warning", facts: []Fact{sent, say("worker", "order taken", 2, 9), say("worker", "low stock", 4, severityError-1)},
			hops: []string{"orders: done, 1 sent | worker: ok"}, now: 14, state: StateCompleted,
		},
		{
			name: "its last words say that it is at work", facts: []Fact{sent, say("worker", "order taken", 2, 9), say("worker", "packing order", 4, 9)},
			hops: []string{"orders: processing, 1 sent | worker: open"}, now: 304, state: StateStuck, reason: StuckProcessing,
		},
		{
			name: "a service that reports its ends in spans", habits: &knowing{processes: "worker"}, now: 302, state: StateStuck, reason: StuckProcessing,
			facts: []Fact{sent, say("worker", "order taken", 2, 9)}, hops: []string{"orders: processing, 1 sent | worker: open"},
		},
		{
			name: "lines beside a span are notes", facts: []Fact{sent, process(2, 1, "orders", "worker", 2, 3), say("worker", "packing order", 2.5, 9)},
			hops: []string{"orders: done, 1 sent | worker: ok"}, now: 13, state: StateCompleted,
		},
		{
			name: "lines without the operation's ID prove nothing", facts: []Fact{sent, noID(say("worker", "order packed", 4, 9))},
			hops: []string{"orders: waiting, 1 sent"}, now: 61, state: StateStuck, reason: StuckWaiting,
		},
		{
			name: "a line before the message was sent", facts: []Fact{sent, say("worker", "order packed", 0.5, 9)},
			hops: []string{"orders: waiting, 1 sent"}, now: 61, state: StateStuck, reason: StuckWaiting,
		},
	})
}

func noID(f Fact) Fact {
	f.ID = ""
	return f
}

func TestReceivedAndNothingMore(t *testing.T) {
	receive := func(id byte, from, to float64) Fact {
		f := span(KindReceive, "worker", id, 1, from, to)
		f.Destination, f.Remote = "orders", true
		return f
	}
	line := record(KindLog, "worker", 2, 5)
	line.Severity = severityError
	requireRulings(t, []ruling{
		{
			name: "received twice without anybody telling why is no duplicate", now: 20, state: StateCompleted,
			facts: []Fact{send(1, "orders", 1, 1.1), receive(2, 2, 2.1), receive(3, 8, 8.1)}, hops: []string{"orders: done, 1 sent | worker: ok, ok"},
		},
		{
			name: "a fetch that failed", facts: []Fact{send(1, "orders", 1, 1.1), failed(receive(2, 2, 2.1))}, hops: []string{"orders: failed, 1 sent | worker: failed"},
			now: 33, state: StateFailed, since: 2.1,
		},
		{
			name: "a fetch that failed, by a service that usually processes", habits: &knowing{processes: "worker"},
			facts: []Fact{send(1, "orders", 1, 1.1), failed(receive(2, 2, 2.1))}, hops: []string{"orders: failed, 1 sent | worker: failed"}, now: 33, state: StateFailed,
		},
		{
			name: "the last line said in it is its end", facts: []Fact{send(1, "orders", 1, 1.1), receive(2, 2, 2.1), line},
			hops: []string{"orders: failed, 1 sent | worker: failed"}, now: 35, state: StateFailed, since: 5,
		},
	})
	v := build([]Fact{send(1, "orders", 1, 1.1), receive(2, 2, 2.1), line}).View(NoHabits{})
	require.Equal(t, "line", v.Hops[0].Consumers[0].Attempts[0].Error.Message)
}

// A service that received two messages says of each under its own span that it is done.
func TestWhatWasSaidOfAnotherMessageEndsNoAttempt(t *testing.T) {
	receive := func(id byte, parent byte, message string, from float64) Fact {
		f := span(KindReceive, "worker", id, parent, from, from+0.1)
		f.Destination, f.MessageID, f.Remote = "orders", message, true
		return f
	}
	sent := func(id byte, message string, from float64) Fact {
		f := send(id, "orders", from, from+0.1)
		f.MessageID = message
		return f
	}
	v := build([]Fact{
		sent(1, "m1", 1), sent(4, "m2", 1.5), receive(2, 1, "m1", 2), receive(5, 4, "m2", 6), record(KindLog, "worker", 2, 3), record(KindLog, "worker", 5, 7),
	}).View(NoHabits{})
	require.Len(t, v.Hops, 2)
	require.Equal(t, sec(3), v.Hops[0].Consumers[0].Attempts[0].EndedAt)
	require.Equal(t, sec(7), v.Hops[1].Consumers[0].Attempts[0].EndedAt)
}
