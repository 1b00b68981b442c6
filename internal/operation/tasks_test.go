package operation

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func typed(f Fact, name string) Fact {
	f.Type = name
	return f
}

// unlinked puts a record in a trace of its own, with nothing that leads to its producer.
func unlinked(f Fact, trace byte) Fact { return apart(f, trace, 0) }

func named(f Fact, name string) Fact {
	f.Name = name
	return f
}

func TestMessagesAreToldApartByType(t *testing.T) {
	charge, pack := typed(send(1, "jobs", 1, 1.1), "charge"), typed(send(2, "jobs", 2, 2.1), "pack")
	several := func(kind string) Fact { return typed(send(1, "", 1, 1.1), kind) }
	requireRulings(t, []ruling{
		{
			name: "two of one destination", facts: []Fact{charge, pack, unlinked(typed(process(3, 0, "jobs", "worker", 3, 4), "pack"), 2)},
			hops: []string{"jobs charge: waiting, 1 sent", "jobs pack: done, 1 sent | worker: ok"}, now: 61, state: StateStuck, reason: StuckWaiting, since: 1,
		},
		{
			name: "without a type it is the earliest", facts: []Fact{charge, pack, unlinked(process(3, 0, "jobs", "worker", 3, 4), 2)},
			hops: []string{"jobs charge: done, 1 sent | worker: ok", "jobs pack: waiting, 1 sent"}, now: 62, state: StateStuck, reason: StuckWaiting, since: 2,
		},
		{
			name: "by a consumer that is named for the type", facts: []Fact{charge, pack, unlinked(named(process(3, 0, "jobs", "worker", 3, 4), "pack"), 2)},
			hops: []string{"jobs charge: waiting, 1 sent", "jobs pack: done, 1 sent | worker: ok"}, now: 61, state: StateStuck, reason: StuckWaiting, since: 1,
		},
		{
			name: "another type is another message", facts: []Fact{charge, unlinked(typed(process(3, 0, "jobs", "worker", 3, 4), "pack"), 2)},
			hops: []string{"jobs charge: waiting, 1 sent", "jobs pack: done, 0 sent | worker: ok"}, now: 61, state: StateStuck, reason: StuckWaiting, since: 1,
		},
		{
			name: "by a producer that knows no destination, in order of time", now: 14, state: StateInProgress, next: 64,
			facts: []Fact{
				typed(send(1, "", 1, 1.1), "charge"), typed(send(2, "", 4, 4.1), "charge"),
				unlinked(typed(process(3, 0, "critical", "worker", 2, 3), "charge"), 2),
			},
			hops: []string{"critical charge: done, 1 sent | worker: ok", "charge: waiting, 1 sent"},
		},
		{
			name: "a destination says more than a type", now: 14, next: 61,
			facts: []Fact{
				typed(send(1, "", 1, 1.1), "charge"), typed(send(2, "jobs", 2, 2.1), "charge"),
				unlinked(typed(process(3, 0, "jobs", "worker", 3, 4), "charge"), 2),
			},
			hops: []string{"charge: waiting, 1 sent", "jobs charge: done, 1 sent | worker: ok"},
		},
		{
			name:  "several of one span, by their order and their types",
			facts: []Fact{several("charge"), several("pack"), process2(3, "pack", 2, 3), process2(4, "charge", 4, 5)},
			hops:  []string{"charge: done, 1 sent | worker: ok", "pack: done, 1 sent | worker: ok"}, now: 15, state: StateCompleted,
		},
		{
			name:  "several of one span, one of them left",
			facts: []Fact{several("charge"), several("pack"), process2(4, "pack", 4, 5)},
			hops:  []string{"charge: waiting, 1 sent", "pack: done, 1 sent | worker: ok"}, now: 61, state: StateStuck, reason: StuckWaiting,
		},
	})
}

// process2 is a job that only its type and its parent, the span 1, lead to.
func process2(id byte, kind string, from, to float64) Fact {
	return typed(process(id, 1, "", "worker", from, to), kind)
}

func TestTheFirstConsumerTellsTheMessageID(t *testing.T) {
	job := typed(send(1, "", 1, 1.1), "charge")
	try := func(id, trace byte, from float64, number string) Fact {
		return unlinked(message(typed(process(id, 0, "critical", "worker", from, from+1), "charge"), number), trace)
	}
	requireRulings(t, []ruling{
		{
			name: "further attempts have it", facts: []Fact{job, failed(try(2, 2, 2, "7")), failed(try(3, 3, 4, "7")), try(4, 4, 6, "7")},
			hops: []string{"critical charge: done, 1 sent | worker: failed, failed, ok"}, now: 17, state: StateCompleted, flags: FlagRetried,
		},
		{
			name: "another one is another message", facts: []Fact{job, failed(try(2, 2, 2, "7")), try(3, 3, 4, "8")},
			hops: []string{"critical charge: failed, 1 sent | worker: failed", "critical charge: done, 0 sent | worker: ok"}, now: 33, state: StateFailed,
		},
	})
}

// task is a root span with the operation's ID.
func task(trace byte, service, name string, from, to float64) Fact {
	return Fact{
		Kind: KindTask, Service: service, Name: name, Destination: name, ID: "o-1", Trace: TraceID{trace}, Span: SpanID{trace}, At: sec(from), End: sec(to),
	}
}

// insert is a row that the service api inserts.
func insert(id byte, table string, at float64) Fact {
	f := span(KindInsert, "api", id, 0, at, at+0.1)
	f.Destination = table
	return f
}

func TestTasks(t *testing.T) {
	requireRulings(t, []ruling{
		{name: "what begins the operation is work", facts: []Fact{task(5, "cron", "nightly", 1, 2)}, hops: []string{}, now: 12, state: StateCompleted},
		{
			name: "later ones process something", facts: []Fact{send(1, "orders", 1, 1.1), process(2, 1, "orders", "worker", 2, 3), task(5, "poller", "ship", 4, 5)},
			hops: []string{"orders: done, 1 sent | worker: ok", "ship: done, 0 sent | poller: ok"}, now: 15, state: StateCompleted,
		},
		{
			name: "one that failed", facts: []Fact{record(KindLog, "api", 0, 1), failed(task(5, "poller", "ship", 4, 5))},
			hops: []string{"ship: failed, 0 sent | poller: failed"}, now: 35, state: StateFailed, since: 5,
		},
		{
			name: "failed, then done again: attempts of one hop", now: 18, state: StateCompleted, flags: FlagRetried,
			facts: []Fact{record(KindLog, "api", 0, 1), failed(task(5, "poller", "ship", 4, 5)), task(6, "poller", "ship", 7, 8)},
			hops:  []string{"ship: done, 0 sent | poller: failed, ok"},
		},
		{
			name: "done, then done again: two", now: 18, state: StateCompleted,
			facts: []Fact{record(KindLog, "api", 0, 1), task(5, "poller", "ship", 4, 5), task(6, "poller", "ship", 7, 8)},
			hops:  []string{"ship: done, 0 sent | poller: ok", "ship: done, 0 sent | poller: ok"},
		},
		{
			name: "the same task ID done again: a duplicate", now: 18, state: StateCompleted, flags: FlagDuplicated,
			facts: []Fact{record(KindLog, "api", 0, 1), message(task(5, "poller", "ship", 4, 5), "41"), message(task(6, "poller", "ship", 7, 8), "41")},
			hops:  []string{"ship: done, 0 sent | poller: ok, ok"},
		},
		{
			name: "another task ID is another task", now: 38, state: StateFailed, since: 8,
			facts: []Fact{record(KindLog, "api", 0, 1), message(failed(task(5, "poller", "ship", 4, 8)), "41"), message(task(6, "poller", "ship", 7, 9), "42")},
			hops:  []string{"ship: failed, 0 sent | poller: failed", "ship: done, 0 sent | poller: ok"},
		},
		{
			name: "another service has a task of its own", now: 38, state: StateFailed, since: 8,
			facts: []Fact{record(KindLog, "api", 0, 1), failed(task(5, "poller", "ship", 4, 8)), task(6, "other", "ship", 7, 9)},
			hops:  []string{"ship: failed, 0 sent | poller: failed", "ship: done, 0 sent | other: ok"},
		},
		{
			name: "a task of the trace that began the operation is work", now: 15, state: StateCompleted,
			facts: []Fact{send(1, "orders", 1, 1.1), process(2, 1, "orders", "worker", 2, 3), inTrace(task(5, "poller", "ship", 4, 5), 1)},
			hops:  []string{"orders: done, 1 sent | worker: ok"},
		},
	})
	v := build([]Fact{task(5, "cron", "nightly", 1, 2)}).View(NoHabits{})
	require.Len(t, v.Works, 1)
}

func TestRowsOfTaskTablesAreMessages(t *testing.T) {
	queue := &knowing{table: "tasks"}
	line := func(service, text string, at float64, severity uint8) Fact {
		return Fact{Kind: KindLog, Service: service, ID: "o-1", Name: text, At: sec(at), Severity: severity}
	}
	requireRulings(t, []ruling{
		{name: "a row waits", facts: []Fact{insert(1, "tasks", 1)}, habits: queue, hops: []string{"tasks: waiting, 1 sent"}, now: 61, state: StateStuck, reason: StuckWaiting, since: 1},
		{
			name: "a row is taken by a task", facts: []Fact{insert(1, "tasks", 1), task(5, "poller", "ship", 4, 5)}, habits: queue,
			hops: []string{"tasks ship: done, 1 sent | poller: ok"}, now: 15, state: StateCompleted,
		},
		{
			name: "rows are taken in order", habits: queue, now: 15, next: 62,
			facts: []Fact{insert(1, "tasks", 1), insert(2, "tasks", 2), task(5, "poller", "ship", 4, 5)},
			hops:  []string{"tasks ship: done, 1 sent | poller: ok", "tasks: waiting, 1 sent"},
		},
		{
			name: "a row is taken once more after a failure", habits: queue, now: 18, state: StateCompleted, flags: FlagRetried,
			facts: []Fact{insert(1, "tasks", 1), failed(task(5, "poller", "ship", 4, 5)), task(6, "poller", "ship", 7, 8)},
			hops:  []string{"tasks ship: done, 1 sent | poller: failed, ok"},
		},
		{
			name: "a row is not taken before it was inserted", habits: queue, now: 15, next: 66,
			facts: []Fact{record(KindLog, "api", 0, 1), task(5, "poller", "ship", 4, 5), insert(1, "tasks", 6)},
			hops:  []string{"ship: done, 0 sent | poller: ok", "tasks: waiting, 1 sent"},
		},
		{name: "a row of another table is work", facts: []Fact{insert(1, "customers", 1)}, habits: queue, hops: []string{}, now: 12, state: StateCompleted},
		{
			name: "a row of which only log lines tell, done", habits: queue, now: 16, state: StateCompleted,
			facts: []Fact{insert(1, "tasks", 1), line("poller", "shipping order", 4, 9), line("poller", "order shipped", 6, 9)},
			hops:  []string{"tasks: done, 1 sent | poller: ok"},
		},
		{
			name: "a row of which only log lines tell, failed", habits: queue, now: 36, state: StateFailed, since: 6,
			facts: []Fact{insert(1, "tasks", 1), line("poller", "order taken", 4, 9), line("poller", "no such address", 6, 17)},
			hops:  []string{"tasks: failed, 1 sent | poller: failed"},
		},
		{
			name: "a row of which only log lines tell, begun", habits: queue, now: 304, state: StateStuck, reason: StuckProcessing,
			facts: []Fact{insert(1, "tasks", 1), line("poller", "rendering labels", 4, 9)},
			hops:  []string{"tasks: processing, 1 sent | poller: open"},
		},
		{
			name: "the producer's lines take no row", habits: queue, now: 61, state: StateStuck, reason: StuckWaiting,
			facts: []Fact{insert(1, "tasks", 1), line("api", "order accepted", 4, 9)}, hops: []string{"tasks: waiting, 1 sent"},
		},
	})
	v := build([]Fact{insert(1, "customers", 1)}).View(queue)
	require.Len(t, v.Works, 1)
}
