package operation

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ruling is one rule of the reduction: what the facts make of the hops, and of the operation, in whatever order they came.
type ruling struct {
	name   string
	facts  []Fact
	habits Habits
	policy Policy
	// hops are as sketch writes them.
	hops []string
	// now is when the verdict is given, since what it counts from, next when it can change; all in seconds.
	now         float64
	state       State
	reason      StuckReason
	flags       Flags
	since, next float64
}

// testPolicy waits 60 s for a consumer, 300 s for its end, 30 s for a retry and 10 s for anything new.
func testPolicy() Policy {
	return Policy{Waiting: Threshold{Limit: 60 * time.Second}, Processing: Threshold{Limit: 300 * time.Second}, RetryWithin: 30 * time.Second, Settle: 10 * time.Second}
}

func requireRulings(t *testing.T, rulings []ruling) {
	t.Helper()
	for _, tc := range rulings {
		t.Run(tc.name, func(t *testing.T) {
			p, h := tc.policy, tc.habits
			if p.Settle == 0 {
				p = testPolicy()
			}
			if h == nil {
				h = NoHabits{}
			}
			facts := append([]Fact(nil), tc.facts...)
			for seed := range uint64(8) {
				v := build(facts).View(h)
				require.Equal(t, tc.hops, sketches(v))
				verdict := Judge(v, &p, &Circumstances{}, sec(tc.now))
				require.Equal(t, tc.state.String(), verdict.State.String())
				require.Equal(t, tc.reason.String(), verdict.Reason.String())
				require.Equal(t, tc.flags.Names(), verdict.Flags.Names())
				if tc.since != 0 {
					require.Equal(t, sec(tc.since), verdict.Since, "since")
				}
				if tc.next != 0 {
					require.Equal(t, sec(tc.next), verdict.Next, "next")
				}
				r := rand.New(rand.NewPCG(seed, 1))
				r.Shuffle(len(facts), func(i, k int) { facts[i], facts[k] = facts[k], facts[i] })
			}
		})
	}
}

func sketches(v *View) []string {
	lines := make([]string, len(v.Hops))
	for i := range v.Hops {
		lines[i] = sketch(&v.Hops[i])
	}
	return lines
}

// sketch writes a hop as `destination type: state, sends | group: attempt, attempt | ...`.
func sketch(h *Hop) string {
	var b strings.Builder
	b.WriteString(h.Destination)
	if h.Type != "" && h.Type != h.Destination {
		b.WriteString(" " + h.Type)
	}
	fmt.Fprintf(&b, ": %s, %d sent", h.State, len(h.Sends))
	for i := range h.Consumers {
		c := &h.Consumers[i]
		attempts := make([]string, len(c.Attempts))
		for k := range c.Attempts {
			attempts[k] = c.Attempts[k].sketch()
		}
		fmt.Fprintf(&b, " | %s: %s", c.Group, strings.Join(attempts, ", "))
	}
	return b.String()
}

func (a *Attempt) sketch() string {
	word := "failed"
	switch {
	case a.Open():
		word = "open"
	case a.Inferred:
		word = "inferred"
	case a.succeeded():
		word = "ok"
	case a.Disposition > DispositionComplete:
		word = a.Disposition.String()
	}
	if a.deadLetteredTo != "" {
		word += " to " + a.deadLetteredTo
	}
	return word
}

func disposed(f Fact, d Disposition) Fact {
	f.Disposition = d
	return f
}

// resent is a send by the worker from within one of its attempts.
func resent(id, attempt byte, destination string, at float64) Fact {
	return by(under(send(id, destination, at, at+0.1), attempt), "worker")
}

func TestRetryDestinationsAreFurtherAttempts(t *testing.T) {
	first := []Fact{
		send(1, "orders", 1, 1.1), failed(process(2, 1, "orders", "worker", 2, 3)), resent(3, 2, "orders.retry", 2.8),
	}
	second := append(append([]Fact(nil), first...), failed(process(4, 3, "orders.retry", "worker", 8, 9)))
	third := append(append([]Fact(nil), second...), resent(5, 4, "orders.retry", 8.8), failed(process(6, 5, "orders.retry", "worker", 14, 15)))
	requireRulings(t, []ruling{
		{
			name: "sent again and not taken yet", facts: first, hops: []string{"orders: waiting, 2 sent | worker: failed"},
			now: 62.7, state: StateInProgress, next: 62.8,
		},
		{
			name: "sent again and never taken: it waits since then", facts: first, hops: []string{"orders: waiting, 2 sent | worker: failed"},
			now: 62.8, state: StateStuck, reason: StuckWaiting, since: 2.8,
		},
		{
			name: "taken again in vain", facts: second, hops: []string{"orders: dead_lettered, 2 sent | worker: failed, failed"},
			now: 39, state: StateDeadLettered, flags: FlagRetried, since: 9,
		},
		{
			name: "the retry succeeds", facts: append(append([]Fact(nil), first...), process(4, 3, "orders.retry", "worker", 8, 9)),
			hops: []string{"orders: done, 2 sent | worker: failed, ok"}, now: 19, state: StateCompleted, flags: FlagRetried,
		},
		{
			name: "given up after three attempts", facts: append(append([]Fact(nil), third...), resent(7, 6, "orders.dlq", 14.8)),
			hops: []string{
				"orders: dead_lettered, 3 sent | worker: failed, failed, dead_letter to orders.dlq", "orders.dlq: dead_lettered, 1 sent",
			},
			now: 15, state: StateDeadLettered, flags: FlagRetried,
		},
		{
			name: "the retry consumer has a group of its own name",
			facts: []Fact{
				send(1, "orders", 1, 1.1), group(failed(process(2, 1, "orders", "worker", 2, 3)), "g"), resent(3, 2, "orders.retry", 2.8),
				group(process(4, 3, "orders.retry", "worker", 8, 9), "g-retry"),
			},
			hops: []string{"orders: done, 2 sent | g: failed, ok"}, now: 19, state: StateCompleted, flags: FlagRetried,
		},
		{
			name: "each group keeps its attempts",
			facts: []Fact{
				send(1, "orders", 1, 1.1), group(failed(process(2, 1, "orders", "worker", 2, 3)), "a"),
				group(failed(process(8, 1, "orders", "other", 2, 4)), "b"), resent(3, 2, "orders.retry", 2.8),
				group(process(4, 3, "orders.retry", "worker", 8, 9), "a"), group(process(5, 3, "orders.retry", "other", 9, 10), "b"),
			},
			hops: []string{"orders: done, 2 sent | a: failed, ok | b: failed, ok"}, now: 20, state: StateCompleted, flags: FlagRetried,
		},
		{
			name: "a send that failed does not wait", hops: []string{"orders: failed, 2 sent | worker: failed"},
			facts: []Fact{first[0], first[1], failed(first[2])}, now: 33, state: StateFailed, since: 3,
		},
		{
			name: "a usual destination is a hop of its own", now: 70, state: StateFailed,
			facts: []Fact{first[0], first[1], resent(3, 2, "refunds", 2.8)},
			hops:  []string{"orders: failed, 1 sent | worker: failed", "refunds: waiting, 1 sent"},
		},
		{
			name: "what retries a dead letter is a hop of its own", now: 30, next: 62.8,
			facts: []Fact{send(1, "orders.dlq", 1, 1.1), process(2, 1, "orders.dlq", "worker", 2, 3), resent(3, 2, "orders.retry", 2.8)},
			hops:  []string{"orders.dlq: done, 1 sent | worker: ok", "orders.retry: waiting, 1 sent"},
		},
	})
}

func TestMessagesSentAgainFromWithinTheirAttempt(t *testing.T) {
	m := "0123456789abcdef"
	again := []Fact{
		message(send(1, "c.payments", 1, 1.1), m), message(disposed(failed(process(2, 1, "c.payments", "worker", 2, 3)), DispositionRetry), m),
		message(resent(3, 2, "c.payments", 2.9), m),
	}
	requireRulings(t, []ruling{
		{
			name: "waits since it was sent again", facts: again, hops: []string{"c.payments: waiting, 2 sent | worker: retry"},
			now: 62.9, state: StateStuck, reason: StuckWaiting, since: 2.9,
		},
		{
			name: "is taken again", facts: append(again[:3:3], message(process(4, 3, "c.payments", "worker", 4, 5), m)),
			hops: []string{"c.payments: done, 2 sent | worker: retry, ok"}, now: 15, state: StateCompleted, flags: FlagRetried,
		},
		{
			name: "is taken again and never ends", facts: append(again[:3:3], message(record(KindStarted, "worker", 4, 4), m)),
			hops: []string{"c.payments: processing, 2 sent | worker: retry, open"}, now: 304, state: StateStuck, reason: StuckProcessing, flags: FlagRetried, since: 4,
		},
		{
			name: "published twice from outside is not sent again", hops: []string{"c.payments: failed, 2 sent | worker: failed"},
			facts: []Fact{again[0], message(failed(process(2, 1, "c.payments", "worker", 2, 3)), m), message(send(3, "c.payments", 2.9, 3), m)},
			now:   33, state: StateFailed,
		},
	})
}

func TestMessagesThatWerePutBackWait(t *testing.T) {
	back := disposed(failed(process(2, 1, "orders", "worker", 2, 3)), DispositionRetry)
	off := disposed(process(2, 1, "orders", "worker", 2, 3), DispositionRetry)
	hop := []string{"orders: waiting, 1 sent | worker: retry"}
	requireRulings(t, []ruling{
		{name: "after a failure", facts: []Fact{send(1, "orders", 1, 1.1), back}, hops: hop, now: 62, next: 63},
		{name: "for too long", facts: []Fact{send(1, "orders", 1, 1.1), back}, hops: hop, now: 63, state: StateStuck, reason: StuckWaiting, since: 3},
		{
			name: "and are taken again", facts: []Fact{send(1, "orders", 1, 1.1), back, process(3, 1, "orders", "worker", 5, 6)},
			hops: []string{"orders: done, 1 sent | worker: retry, ok"}, now: 16, state: StateCompleted, flags: FlagRetried,
		},
		{name: "put off without a failure", facts: []Fact{send(1, "orders", 1, 1.1), off}, hops: hop, now: 63, state: StateStuck, reason: StuckWaiting, since: 3},
		{
			name: "put off and taken again is neither retried nor duplicated", hops: []string{"orders: done, 1 sent | worker: retry, ok"},
			facts: []Fact{send(1, "orders", 1, 1.1), off, process(3, 1, "orders", "worker", 5, 6)}, now: 16, state: StateCompleted,
		},
	})
}

func TestDeadLetters(t *testing.T) {
	with := func(d Disposition) []Fact {
		return []Fact{send(1, "orders", 1, 1.1), disposed(failed(process(2, 1, "orders", "worker", 2, 3)), d)}
	}
	lost := func(facts ...Fact) []Fact {
		return append([]Fact{under(by(send(5, "orders.dlq", 4, 4.1), "worker"), 99)}, facts...)
	}
	given := []Fact{send(1, "orders", 1, 1.1), process(2, 1, "orders", "worker", 2, 3), resent(3, 2, "orders.dlq", 2.8)}
	gone := "orders: dead_lettered, 1 sent | worker: dead_letter to orders.dlq"
	requireRulings(t, []ruling{
		{name: "rejected: it may come back", facts: with(DispositionRejected), hops: []string{"orders: dead_lettered, 1 sent | worker: rejected"}, now: 32, next: 33},
		{
			name: "rejected: it did not", facts: with(DispositionRejected), hops: []string{"orders: dead_lettered, 1 sent | worker: rejected"},
			now: 33, state: StateDeadLettered, since: 3,
		},
		{
			name: "rejected and brought back", facts: append(with(DispositionRejected), process(3, 1, "orders", "worker", 8, 9)),
			hops: []string{"orders: done, 1 sent | worker: rejected, ok"}, now: 19, state: StateCompleted, flags: FlagRetried,
		},
		{name: "dead-lettered: at once", facts: with(DispositionDeadLetter), hops: []string{"orders: dead_lettered, 1 sent | worker: dead_letter"}, now: 3, state: StateDeadLettered, since: 3},
		{name: "final: failed at once", facts: with(DispositionFinal), hops: []string{"orders: failed, 1 sent | worker: final"}, now: 3, state: StateFailed, since: 3},
		{
			name: "final after a retry is no dead letter", now: 9, state: StateFailed, flags: FlagRetried, since: 9,
			facts: []Fact{
				send(1, "orders", 1, 1.1), failed(process(2, 1, "orders", "worker", 2, 3)),
				disposed(failed(process(3, 1, "orders", "worker", 8, 9)), DispositionFinal),
			},
			hops: []string{"orders: failed, 1 sent | worker: failed, final"},
		},
		{
			name: "an attempt that sends to a dead-letter destination gave up, whatever its status", facts: given,
			hops: []string{gone, "orders.dlq: dead_lettered, 1 sent"}, now: 3, state: StateDeadLettered,
		},
		{
			name: "a dead letter waits for nobody", facts: given, hops: []string{gone, "orders.dlq: dead_lettered, 1 sent"},
			now: 1e6, state: StateDeadLettered,
		},
		{
			name: "consumed from there, the message is still one that was given up", now: 20, state: StateDeadLettered,
			facts: append(given[:3:3], process(4, 3, "orders.dlq", "janitor", 5, 6)), hops: []string{gone, "orders.dlq: done, 1 sent | janitor: ok"},
		},
		{
			name: "consumed from there in vain", now: 100, state: StateDeadLettered,
			facts: append(given[:3:3], failed(process(4, 3, "orders.dlq", "janitor", 5, 6))), hops: []string{gone, "orders.dlq: dead_lettered, 1 sent | janitor: failed"},
		},
		{name: "nobody knows who gave up", facts: lost(), hops: []string{"orders.dlq: dead_lettered, 1 sent"}, now: 4, state: StateDeadLettered, since: 4},
		{name: "nobody knows who gave up, long ago", facts: lost(), hops: []string{"orders.dlq: dead_lettered, 1 sent"}, now: 1e6, state: StateDeadLettered, since: 4},
		{
			name: "a dead letter that was dealt with", facts: lost(process(6, 5, "orders.dlq", "janitor", 5, 6)),
			hops: []string{"orders.dlq: done, 1 sent | janitor: ok"}, now: 16, state: StateCompleted,
		},
		{
			name: "one message of a batch was given up", now: 3, state: StateDeadLettered, since: 2.8,
			facts: []Fact{send(1, "orders", 1, 1.1), batch(apart(failed(process(2, 0, "orders", "worker", 2, 3)), 2, 1)), inTrace(resent(3, 2, "orders.dlq", 2.8), 2)},
			hops:  []string{"orders: failed, 1 sent | worker: failed", "orders.dlq: dead_lettered, 1 sent"},
		},
		{
			name: "destinations that were named in configuration", habits: &knowing{dead: "morgue", again: "nursery"}, now: 10, state: StateDeadLettered, flags: FlagRetried,
			facts: []Fact{
				send(1, "orders", 1, 1.1), failed(process(2, 1, "orders", "worker", 2, 3)), resent(3, 2, "nursery", 2.8),
				failed(process(4, 3, "nursery", "worker", 8, 9)), resent(5, 4, "morgue", 8.8),
			},
			hops: []string{"orders: dead_lettered, 2 sent | worker: failed, dead_letter to morgue", "morgue: dead_lettered, 1 sent"},
		},
	})
}

// inTrace moves a record to another trace, its parent included.
func inTrace(f Fact, trace byte) Fact {
	f.Trace = TraceID{trace}
	return f
}

// knowing has the habits that its fields name.
type knowing struct {
	processes, sender, table, once, dead, again string
	// offsets are by how much the second service is behind the first.
	offsets map[[2]string]int64
}

func (h *knowing) Processes(service string) bool { return h.processes != "" && service == h.processes }

func (h *knowing) Sender(string) string { return h.sender }

func (h *knowing) TaskTable(table string) bool { return h.table != "" && table == h.table }

func (h *knowing) Once(destination, messageType string) bool {
	return h.once != "" && destination+messageType == h.once
}

func (h *knowing) DeadLetter(destination string) bool { return h.dead != "" && destination == h.dead }

func (h *knowing) Behind(ahead, behind string) int64 { return h.offsets[[2]string{ahead, behind}] }
func (h *knowing) Retry(destination string) bool     { return h.again != "" && destination == h.again }

func TestWrappersAreMereWork(t *testing.T) {
	wrapper, inner := send(1, "shop", 1, 2), under(send(2, "mails", 1.2, 1.4), 1)
	requireRulings(t, []ruling{
		{
			name: "a send around another one", facts: []Fact{wrapper, inner, process(3, 2, "mails", "mailer", 2, 3)},
			hops: []string{"mails: done, 1 sent | mailer: ok"}, now: 13, state: StateCompleted,
		},
		{
			name: "a send around several", facts: []Fact{wrapper, inner, under(send(4, "bills", 1.5, 1.6), 1), process(3, 2, "mails", "mailer", 2, 3)},
			hops: []string{"mails: done, 1 sent | mailer: ok", "bills: waiting, 1 sent"}, now: 61.5, state: StateStuck, reason: StuckWaiting, since: 1.5,
		},
		{
			name: "around one to the same destination: one message", facts: []Fact{wrapper, under(send(2, "shop", 1.2, 1.4), 1)},
			hops: []string{"shop: waiting, 2 sent"}, now: 2, next: 61,
		},
		{
			name: "one that was consumed is a message", facts: []Fact{wrapper, inner, process(3, 1, "shop", "till", 2, 3), process(4, 2, "mails", "mailer", 2, 3)},
			hops: []string{"shop: done, 1 sent | till: ok", "mails: done, 1 sent | mailer: ok"}, now: 13, state: StateCompleted,
		},
		{
			name: "one with a message ID is a message", facts: []Fact{message(wrapper, "m1"), inner, process(4, 2, "mails", "mailer", 2, 3)},
			hops: []string{"shop: waiting, 1 sent", "mails: done, 1 sent | mailer: ok"}, now: 61, state: StateStuck, reason: StuckWaiting,
		},
	})
	v := build([]Fact{wrapper, inner}).View(NoHabits{})
	require.Len(t, v.Works, 1)
	require.Equal(t, SpanID{1}, v.Works[0].Span)
	require.Equal(t, sec(2), v.Works[0].EndedAt)
}
