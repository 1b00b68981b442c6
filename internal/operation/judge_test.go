package operation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sec makes a time from seconds.
func sec(s float64) int64 { return int64(s * float64(time.Second)) }

func span(kind Kind, service string, id, parent byte, from, to float64) Fact {
	return Fact{
		Kind: kind, Service: service, Trace: TraceID{1}, Span: SpanID{id}, Parent: SpanID{parent}, At: sec(from), End: sec(to),
		Consumer: kind == KindProcess, Remote: kind == KindProcess,
	}
}

func send(id byte, destination string, from, to float64) Fact {
	f := span(KindSend, "api", id, 0, from, to)
	f.Destination = destination
	return f
}

func process(id, parent byte, destination, service string, from, to float64) Fact {
	f := span(KindProcess, service, id, parent, from, to)
	f.Destination = destination
	return f
}

func failed(f Fact) Fact {
	f.Outcome, f.ErrorType, f.ErrorMessage = OutcomeError, "Timeout", "no answer"
	return f
}

func by(f Fact, service string) Fact {
	f.Service = service
	return f
}

func under(f Fact, parent byte) Fact {
	f.Parent = SpanID{parent}
	return f
}

func batch(f Fact) Fact {
	f.Batch = true
	return f
}

func message(f Fact, id string) Fact {
	f.MessageID = id
	return f
}

func group(f Fact, name string) Fact {
	f.Group = name
	return f
}

func record(kind Kind, service string, id byte, at float64) Fact {
	return Fact{Kind: kind, Service: service, Trace: TraceID{1}, Span: SpanID{id}, At: sec(at), Name: "line"}
}

// apart puts a record in a trace of its own, linked to a span of the first trace unless link is 0.
func apart(f Fact, trace, link byte) Fact {
	f.Trace, f.Parent, f.Remote = TraceID{trace}, SpanID{}, false
	if link != 0 {
		f.LinkTrace, f.LinkSpan = TraceID{1}, SpanID{link}
	}
	return f
}

func TestJudge(t *testing.T) {
	policy := DefaultPolicy()
	policy.Waiting.Limit, policy.Processing.Limit, policy.RetryWithin, policy.Settle = 60*time.Second, 300*time.Second, 30*time.Second, 10*time.Second
	overdue := policy
	overdue.Deadline.Limit = 20 * time.Second
	shipments := policy
	shipments.CompletesOn = "shipments"
	for _, tc := range []struct {
		name   string
		facts  []Fact
		policy Policy
		habits Habits
		now    float64
		state  State
		reason StuckReason
		flags  Flags
		hop    int
		next   float64
	}{
		{name: "just sent", facts: []Fact{send(1, "orders", 1, 1.1)}, now: 2, state: StateInProgress, hop: -1, next: 61},
		{name: "never consumed", facts: []Fact{send(1, "orders", 1, 1.1)}, now: 61, state: StateStuck, reason: StuckWaiting},
		{name: "done, not settled", facts: []Fact{send(1, "orders", 1, 1.1), process(2, 1, "orders", "worker", 2, 3)}, now: 5, hop: -1, next: 13},
		{name: "completed", facts: []Fact{send(1, "orders", 1, 1.1), process(2, 1, "orders", "worker", 2, 3)}, now: 13, state: StateCompleted, hop: -1},
		{
			name:  "completed, by link",
			facts: []Fact{send(1, "orders", 1, 1.1), apart(process(2, 0, "orders", "worker", 2, 3), 2, 1)}, now: 13, state: StateCompleted, hop: -1,
		},
		{
			name:  "completed, by message ID",
			facts: []Fact{message(send(1, "orders", 1, 1.1), "m1"), message(apart(process(2, 0, "orders", "worker", 2, 3), 2, 0), "m1")},
			now:   13, state: StateCompleted, hop: -1,
		},
		{
			name:  "completed, by a message ID known under another destination",
			facts: []Fact{message(send(1, "orders", 1, 1.1), "0123456789abcdef"), message(apart(process(2, 0, "q.orders", "worker", 2, 3), 2, 0), "0123456789abcdef")},
			now:   13, state: StateCompleted, hop: -1,
		},
		{
			name:  "completed, by destination in order of time",
			facts: []Fact{send(1, "orders", 1, 1.1), apart(process(2, 0, "orders", "worker", 2, 3), 2, 0)}, now: 13, state: StateCompleted, hop: -1,
		},
		{
			name:  "failed attempt, a retry may come",
			facts: []Fact{send(1, "orders", 1, 1.1), failed(process(2, 1, "orders", "worker", 2, 3))}, now: 5, hop: -1, next: 33,
		},
		{
			name:  "failed",
			facts: []Fact{send(1, "orders", 1, 1.1), failed(process(2, 1, "orders", "worker", 2, 3))}, now: 33, state: StateFailed,
		},
		{
			name: "retried",
			facts: []Fact{
				send(1, "orders", 1, 1.1), failed(process(2, 1, "orders", "worker", 2, 3)), process(3, 1, "orders", "worker", 8, 9),
			},
			now: 19, state: StateCompleted, flags: FlagRetried, hop: -1,
		},
		{
			name: "retried in vain",
			facts: []Fact{
				send(1, "orders", 1, 1.1), failed(process(2, 1, "orders", "worker", 2, 3)), failed(process(3, 1, "orders", "worker", 8, 9)),
			},
			now: 39, state: StateDeadLettered, flags: FlagRetried,
		},
		{
			name: "duplicated",
			facts: []Fact{
				send(1, "orders", 1, 1.1), process(2, 1, "orders", "worker", 2, 3), process(3, 1, "orders", "worker", 2, 3),
			},
			now: 19, state: StateCompleted, flags: FlagDuplicated, hop: -1,
		},
		{
			name: "published twice under one message ID",
			facts: []Fact{
				message(send(1, "orders", 1, 1.1), "m1"), message(send(4, "orders", 1.2, 1.3), "m1"),
				message(process(2, 1, "orders", "worker", 2, 3), "m1"), message(process(3, 4, "orders", "worker", 2, 3), "m1"),
			},
			now: 19, state: StateCompleted, flags: FlagDuplicated, hop: -1,
		},
		{
			name: "fan-out is no duplicate",
			facts: []Fact{
				send(1, "orders", 1, 1.1), group(process(2, 1, "orders", "worker", 2, 3), "a"), group(process(3, 1, "orders", "worker", 2, 3), "b"),
			},
			now: 19, state: StateCompleted, hop: -1,
		},
		{
			name: "a message and the batch it was processed in are one attempt",
			facts: []Fact{
				send(1, "orders", 1, 1.1), process(2, 1, "orders", "worker", 2, 5), batch(apart(process(3, 0, "orders", "worker", 4, 5), 2, 1)),
			},
			now: 19, state: StateCompleted, hop: -1,
		},
		{
			name: "a message processed again in a later batch is a duplicate",
			facts: []Fact{
				send(1, "orders", 1, 1.1), process(2, 1, "orders", "worker", 2, 5), batch(apart(process(3, 0, "orders", "worker", 6, 7), 2, 1)),
			},
			now: 19, state: StateCompleted, flags: FlagDuplicated, hop: -1,
		},
		{
			name:  "killed: a started line and no span",
			facts: []Fact{send(1, "orders", 1, 1.1), record(KindStarted, "worker", 2, 2)}, now: 302, state: StateStuck, reason: StuckProcessing,
		},
		{
			name:  "killed: any line of a span that never came",
			facts: []Fact{send(1, "orders", 1, 1.1), record(KindLog, "worker", 2, 2)}, now: 302, state: StateStuck, reason: StuckProcessing,
		},
		{
			name: "killed, then redelivered: no retry",
			facts: []Fact{
				send(1, "orders", 1, 1.1), record(KindStarted, "worker", 2, 2), process(3, 1, "orders", "worker", 8, 9),
			},
			now: 302, state: StateCompleted, hop: -1,
		},
		{
			name:  "a line of the producer is no consumption",
			facts: []Fact{send(1, "orders", 1, 1.1), record(KindLog, "api", 9, 2)}, now: 302, state: StateStuck, reason: StuckWaiting,
		},
		{
			name: "a line within a span of its service is no new attempt",
			facts: []Fact{
				send(1, "orders", 1, 1.1), failed(process(2, 1, "orders", "worker", 2, 3)), record(KindLog, "worker", 9, 2.5),
			},
			now: 33, state: StateFailed,
		},
		{
			name:  "received, and that is all this service ever says",
			facts: []Fact{send(1, "orders", 1, 1.1), span(KindReceive, "worker", 2, 1, 1, 2)}, now: 302, state: StateCompleted, hop: -1,
		},
		{
			name:  "received by a service that usually processes",
			facts: []Fact{send(1, "orders", 1, 1.1), span(KindReceive, "worker", 2, 1, 1, 2)}, habits: allProcess{},
			now: 302, state: StateStuck, reason: StuckProcessing,
		},
		{
			name:   "received and processed are one attempt",
			facts:  []Fact{send(1, "orders", 1, 1.1), span(KindReceive, "worker", 2, 1, 1, 2), process(3, 2, "orders", "worker", 2, 3)},
			habits: allProcess{}, now: 302, state: StateCompleted, hop: -1,
		},
		{
			name: "a later hop proves the earlier one",
			facts: []Fact{
				send(1, "orders", 1, 1.1), by(under(send(5, "payments", 3, 3.1), 99), "worker"), process(6, 5, "payments", "biller", 4, 5),
			},
			now: 302, state: StateCompleted, hop: -1,
		},
		{
			name: "what a killed worker had sent before proves that it had processed, and so twice",
			facts: []Fact{
				send(1, "orders", 1, 1.1), record(KindStarted, "worker", 2, 2), process(6, 5, "payments", "biller", 3, 4),
				process(3, 1, "orders", "worker", 8, 9), by(under(send(7, "payments", 8.5, 8.6), 3), "worker"), process(8, 7, "payments", "biller", 9, 10),
			},
			now: 302, state: StateCompleted, flags: FlagDuplicated, hop: -1,
		},
		{
			name: "what was received before the known attempt began proves another one",
			facts: []Fact{
				send(1, "orders", 1, 1.1), process(6, 5, "payments", "biller", 3, 4),
				process(3, 1, "orders", "worker", 8, 9), by(under(send(7, "payments", 8.5, 8.6), 3), "worker"), process(8, 7, "payments", "biller", 9, 10),
			},
			now: 302, state: StateCompleted, flags: FlagDuplicated, hop: -1,
		},
		{
			name: "a failed attempt that had sent on, and was repeated",
			facts: []Fact{
				send(1, "orders", 1, 1.1),
				failed(process(2, 1, "orders", "worker", 2, 3)), by(under(send(5, "payments", 2.5, 2.6), 2), "worker"), process(6, 5, "payments", "biller", 3, 4),
				process(3, 1, "orders", "worker", 8, 9), by(under(send(7, "payments", 8.5, 8.6), 3), "worker"), process(8, 7, "payments", "biller", 9, 10),
			},
			now: 302, state: StateCompleted, flags: FlagDuplicated, hop: -1,
		},
		{
			name: "a service without instrumentation in the middle",
			facts: []Fact{
				send(1, "orders", 1, 1.1), apart(process(6, 0, "payments", "biller", 4, 5), 3, 0),
			},
			now: 302, state: StateCompleted, hop: -1,
		},
		{name: "could not be sent", facts: []Fact{failed(send(1, "orders", 1, 1.1))}, now: 32, state: StateFailed},
		{name: "overdue", facts: []Fact{send(1, "orders", 1, 1.1)}, policy: overdue, now: 21, state: StateStuck, reason: StuckOverdue, hop: -1, next: 0},
		{
			name: "completes on a destination",
			facts: []Fact{
				send(1, "orders", 1, 1.1), process(2, 1, "orders", "worker", 2, 3), under(send(3, "shipments", 2, 2.1), 2),
				process(4, 3, "shipments", "shipper", 3, 4), under(send(5, "mails", 3, 3.1), 4),
			},
			policy: shipments, now: 4, state: StateCompleted, hop: -1,
		},
		{
			name:  "declared completed",
			facts: []Fact{send(1, "orders", 1, 1.1), record(KindOperationCompleted, "api", 0, 2)}, now: 3, state: StateCompleted, hop: -1,
		},
		{
			name:  "declared failed",
			facts: []Fact{send(1, "orders", 1, 1.1), record(KindOperationFailed, "api", 0, 2)}, now: 3, state: StateFailed, hop: -1,
		},
		{
			name: "log lines alone", now: 20, state: StateCompleted, flags: FlagRetried, hop: -1,
			facts: []Fact{
				message(by(Fact{Kind: KindStarted, Destination: "tasks", At: sec(1)}, "worker"), "7"),
				message(by(Fact{Kind: KindFailed, Destination: "tasks", At: sec(2), ErrorType: "E"}, "worker"), "7"),
				message(by(Fact{Kind: KindStarted, Destination: "tasks", At: sec(3)}, "worker"), "7"),
				message(by(Fact{Kind: KindSucceeded, Destination: "tasks", At: sec(4)}, "worker"), "7"),
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, h := tc.policy, tc.habits
			if p.Priority == 0 {
				p = policy
			}
			if h == nil {
				h = NoHabits{}
			}
			v := build(tc.facts).View(h)
			verdict := Judge(v, &p, &Circumstances{}, sec(tc.now))
			require.Equal(t, tc.state.String(), verdict.State.String())
			require.Equal(t, tc.reason.String(), verdict.Reason.String())
			require.Equal(t, tc.flags.Names(), verdict.Flags.Names())
			require.Equal(t, tc.hop, verdict.Hop)
			if tc.next != 0 {
				require.Equal(t, sec(tc.next), verdict.Next)
			}
		})
	}
}

func TestWaitsAndSkew(t *testing.T) {
	v := build([]Fact{send(1, "orders", 1, 1.5), process(2, 1, "orders", "worker", 1.2, 3)}).View(NoHabits{})
	require.Equal(t, sec(1.2)-sec(1), v.Hops[0].Consumers[0].WaitedNanos, "delivered before the producer's call returned")
	require.False(t, v.Hops[0].Consumers[0].Skewed)

	v = build([]Fact{send(1, "orders", 1, 1.5), process(2, 1, "orders", "worker", 0.2, 3)}).View(NoHabits{})
	require.Zero(t, v.Hops[0].Consumers[0].WaitedNanos)
	require.True(t, v.Hops[0].Consumers[0].Skewed)

	v = build([]Fact{send(1, "orders", 1, 1.5), process(2, 1, "orders", "worker", 4.5, 5)}).View(NoHabits{})
	require.Equal(t, sec(4.5)-sec(1), v.Hops[0].Consumers[0].WaitedNanos)
}

func TestAPullThatBeganBeforeTheMessageExistedReceivesItAtItsEnd(t *testing.T) {
	for name, from := range map[string]float64{"long poll": 0.5, "fetch": 1.5} {
		v := build([]Fact{send(1, "orders", 1, 1.1), span(KindReceive, "worker", 2, 1, from, 2), process(3, 2, "orders", "worker", 3, 4)}).View(NoHabits{})
		want := sec(max(from, 1)) - sec(1)
		if from < 1 {
			want = sec(2) - sec(1)
		}
		require.Equal(t, want, v.Hops[0].Consumers[0].WaitedNanos, name)
		require.False(t, v.Hops[0].Consumers[0].Skewed, name)
	}
}

func TestIdentity(t *testing.T) {
	corr := Fact{Kind: KindLog, At: 5, ID: "corr-9", IDRank: 1}
	both := Fact{Kind: KindLog, At: 6, ID: "order-1", IDRank: 0, Alias: "corr-9", AliasRank: 1}
	require.Equal(t, Identity{ID: "corr-9", Aliases: []string{}}, build([]Fact{corr}).Identity())
	require.Equal(t, Identity{ID: "order-1", Aliases: []string{"corr-9"}}, build([]Fact{both, corr}).Identity())

	implicit := build([]Fact{send(7, "orders", 1, 2)}).Identity()
	require.True(t, implicit.Implicit)
	record, ok := ParseImplicitID(implicit.ID)
	require.True(t, ok)
	require.Equal(t, Record{TraceID{1}, SpanID{7}}, record)
	for _, bad := range []string{"", "x", "order-42", implicit.ID[1:], "zz" + implicit.ID[2:]} {
		_, ok := ParseImplicitID(bad)
		require.False(t, ok, bad)
	}
}

func TestNames(t *testing.T) {
	line := record(KindLog, "api", 9, 0.5)
	line.ID, line.Name = "o-1", "order 4711 received"
	work := span(KindWork, "api", 8, 0, 0.7, 2)
	work.Name = "POST /orders"
	named := send(1, "orders", 1, 2)
	named.OperationName = "order-fulfilment"
	for want, facts := range map[string][]Fact{
		"api":              {line},
		"POST /orders":     {line, work},
		"orders":           {line, work, send(1, "orders", 1, 2)},
		"order-fulfilment": {line, work, named},
		"unnamed":          {{Kind: KindLog, At: 1}},
	} {
		require.Equal(t, want, build(facts).View(NoHabits{}).Name)
	}
}
