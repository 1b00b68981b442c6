package operation

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func due(f Fact, at float64) Fact {
	f.Due = sec(at)
	return f
}

func TestDueTimes(t *testing.T) {
	line := func(service string, at float64) Fact { return due(record(KindLog, service, 9, at), 100) }
	waiting := []string{"orders: waiting, 1 sent"}
	requireRulings(t, []ruling{
		{name: "not stuck before it is due", flags: FlagDelayed, facts: []Fact{due(send(1, "orders", 1, 1.1), 100)}, hops: waiting, now: 159, next: 160},
		{name: "stuck the threshold after it was due", flags: FlagDelayed, facts: []Fact{due(send(1, "orders", 1, 1.1), 100)}, hops: waiting, now: 160, state: StateStuck, reason: StuckWaiting, since: 100},
		{name: "told by a line of the producer", flags: FlagDelayed, facts: []Fact{send(1, "orders", 1, 1.1), line("api", 2.9)}, hops: waiting, now: 159, next: 160},
		{name: "told by a line before the send", flags: FlagDelayed, facts: []Fact{send(1, "orders", 3, 3.1), line("api", 1.1)}, hops: waiting, now: 159, next: 160},
		{name: "a line of another time speaks of something else", facts: []Fact{send(1, "orders", 1, 1.1), line("api", 3.1)}, hops: waiting, now: 61, state: StateStuck, reason: StuckWaiting, since: 1},
		{
			name: "a line of another service speaks of something else", facts: []Fact{send(1, "orders", 1, 1.1), by(line("other", 1.2), "other"), span(KindWork, "other", 9, 0, 1, 2)},
			hops: waiting, now: 61, state: StateStuck, reason: StuckWaiting, since: 1,
		},
		{
			name: "a line that names another destination", facts: []Fact{send(1, "orders", 1, 1.1), to(line("api", 1.2), "mails")},
			hops: waiting, now: 61, state: StateStuck, reason: StuckWaiting, since: 1,
		},
		{
			name: "a line speaks of the nearest send, not of the last", flags: FlagDelayed, now: 62, state: StateStuck, reason: StuckWaiting, since: 2,
			facts: []Fact{send(1, "orders", 1, 1.1), send(2, "mails", 2, 2.1), line("api", 1.2)}, hops: []string{"orders: waiting, 1 sent", "mails: waiting, 1 sent"},
		},
		{
			name: "a line speaks of the nearest send", flags: FlagDelayed, now: 61, state: StateStuck, reason: StuckWaiting, since: 1,
			facts: []Fact{send(1, "orders", 1, 1.1), send(2, "mails", 2, 2.1), line("api", 2.2)}, hops: []string{"orders: waiting, 1 sent", "mails: waiting, 1 sent"},
		},
	})
	for name, facts := range map[string][]Fact{
		"the send tells":       {due(send(1, "orders", 1, 1.1), 20), process(2, 1, "orders", "worker", 22, 23)},
		"the consumer tells":   {send(1, "orders", 1, 1.1), due(process(2, 1, "orders", "worker", 22, 23), 20)},
		"the last word counts": {due(send(1, "orders", 1, 1.1), 10), due(process(2, 1, "orders", "worker", 22, 23), 20)},
		"a retry's own due time is none of the message's": {
			due(send(1, "orders", 1, 1.1), 20), failed(process(2, 1, "orders", "worker", 22, 23)), due(process(3, 1, "orders", "worker", 31, 32), 30),
		},
	} {
		h := build(facts).View(NoHabits{}).Hops[0]
		require.Equal(t, sec(20), h.DueAt, name)
		require.Equal(t, sec(2), h.Consumers[0].WaitedNanos, name)
	}
	early := build([]Fact{due(send(1, "orders", 1, 1.1), 20), process(2, 1, "orders", "worker", 5, 6)}).View(NoHabits{}).Hops[0].Consumers[0]
	require.Zero(t, early.WaitedNanos, "taken before it was due")
	require.False(t, early.Skewed)
}

func to(f Fact, destination string) Fact {
	f.Destination = destination
	return f
}

// heartbeat is a sign of life of a span of the worker, the next of which is due at until; a finished child if that is 0.
func heartbeat(id byte, at, until float64) Fact {
	f := record(KindAlive, "worker", id, at)
	f.Name, f.End = "", sec(until)
	return f
}

func unended(f Fact) Fact {
	f.End = 0
	return f
}

func TestSignsOfLife(t *testing.T) {
	begun := []Fact{send(1, "orders", 1, 1.1), unended(process(2, 1, "orders", "worker", 2, 0))}
	beating := slices.Concat(begun, []Fact{heartbeat(2, 12, 42), heartbeat(2, 22, 52)})
	open := []string{"orders: processing, 1 sent | worker: open"}
	never, soon := testPolicy(), testPolicy()
	never.Processing.Limit = 0
	soon.Processing.Limit = sec20
	requireRulings(t, []ruling{
		{name: "none are given", facts: begun, hops: open, now: 301, next: 302},
		{name: "none are given, for too long", facts: begun, hops: open, now: 302, state: StateStuck, reason: StuckProcessing, since: 2},
		{name: "the next one may come", facts: beating, hops: open, now: 51, next: 52},
		{name: "the next one did not come", facts: beating, hops: open, now: 52, state: StateStuck, reason: StuckProcessing, since: 22},
		{name: "alive, and so not too slow", facts: beating, hops: open, policy: soon, now: 41, next: 42},
		{name: "not alive for as long as it may take", facts: beating, hops: open, policy: soon, now: 42, state: StateStuck, reason: StuckProcessing, since: 22},
		{name: "processing may take for ever", facts: beating, hops: open, policy: never, now: 1e6, state: StateInProgress},
		{
			name: "signs of a span that ended count for nothing", now: 62, state: StateCompleted,
			facts: append(beating[:4:4], process(2, 1, "orders", "worker", 2, 23)), hops: []string{"orders: done, 1 sent | worker: ok"},
		},
		{
			name: "a batch is alive for all of its messages", now: 52, state: StateStuck, reason: StuckProcessing, since: 22,
			facts: []Fact{send(1, "orders", 1, 1.1), unended(batch(apart(process(2, 0, "orders", "worker", 2, 0), 2, 1))), inTrace(heartbeat(2, 22, 52), 2)}, hops: open,
		},
		{
			name: "a child of a span that never came", facts: []Fact{send(1, "orders", 1, 1.1), heartbeat(2, 3, 0)}, hops: open,
			now: 303, state: StateStuck, reason: StuckProcessing, since: 3,
		},
		{
			name: "the first child counts", facts: []Fact{send(1, "orders", 1, 1.1), heartbeat(2, 3, 0), heartbeat(2, 9, 0)}, hops: open,
			now: 303, state: StateStuck, reason: StuckProcessing, since: 3,
		},
		{
			name: "a heartbeat opens nothing: its span comes along", facts: []Fact{send(1, "orders", 1, 1.1), heartbeat(2, 3, 33)},
			hops: []string{"orders: waiting, 1 sent"}, now: 61, state: StateStuck, reason: StuckWaiting,
		},
		{
			name: "a child of the producer", facts: []Fact{send(1, "orders", 1, 1.1), by(heartbeat(7, 3, 0), "api")},
			hops: []string{"orders: waiting, 1 sent"}, now: 61, state: StateStuck, reason: StuckWaiting,
		},
	})
}

const sec20 = 20_000_000_000

func TestOfSignsOfLifeTheLatestAndTheFirstAreKept(t *testing.T) {
	o := New(NewSymbols(10))
	for i := range 500 {
		beat, child := heartbeat(2, float64(i+1), float64(i+31)), heartbeat(2, float64(i+1), 0)
		o.Add(&beat)
		o.Add(&child)
		require.Less(t, o.Pending(), 50, "a day of heartbeats must not fill the memory")
	}
	require.Equal(t, []Fact{heartbeat(2, 1, 0), heartbeat(2, 500, 530)}, o.Facts())

	other := heartbeat(3, 7, 37)
	o.Add(&other)
	require.Equal(t, 3, o.Len(), "each span has its own")
}

func TestExceptions(t *testing.T) {
	thrown := func(at float64, change func(*Fact)) Fact {
		f := record(KindException, "worker", 2, at)
		f.Name, f.ErrorType, f.ErrorMessage, f.Detail = "exception", "Timeout", "no answer", "at worker"
		if change != nil {
			change(&f)
		}
		return f
	}
	for _, tc := range []struct {
		name      string
		exception Fact
		outcome   Outcome
		failed    bool
	}{
		{"the last that an unset span did", thrown(2.9985, nil), OutcomeUnset, true},
		{"recorded when the span had ended", thrown(3, nil), OutcomeUnset, true},
		{"in the middle it was caught", thrown(2.5, nil), OutcomeUnset, false},
		{"just before the last moment", thrown(2.9975, nil), OutcomeUnset, false},
		{"the application says it went well", thrown(3, nil), OutcomeOK, false},
		{"a log record is no event of the span", thrown(3, func(f *Fact) { f.Severity = 17 }), OutcomeUnset, false},
		{"processing failed, by its name", thrown(2.5, func(f *Fact) { f.Name = processException }), OutcomeUnset, true},
		{"processing failed by its name, and went well", thrown(2.5, func(f *Fact) { f.Name = processException }), OutcomeOK, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := process(2, 1, "orders", "worker", 2, 3)
			p.Outcome = tc.outcome
			a := build([]Fact{send(1, "orders", 1, 1.1), p, tc.exception}).View(NoHabits{}).Hops[0].Consumers[0].Attempts[0]
			require.Len(t, a.Notes, 1)
			if !tc.failed {
				require.NotEqual(t, OutcomeError, a.Outcome)
				require.Nil(t, a.Error)
				return
			}
			require.Equal(t, OutcomeError, a.Outcome)
			require.Equal(t, "Timeout", a.Error.Type)
			require.Equal(t, "at worker", a.Error.Stack)
		})
	}
	reported := build([]Fact{send(1, "orders", 1, 1.1), record(KindStarted, "worker", 2, 2), thrown(2.5, func(f *Fact) { f.Name = processException })})
	a := reported.View(NoHabits{}).Hops[0].Consumers[0].Attempts[0]
	require.Equal(t, sec(2.5), a.EndedAt, "an attempt whose span never came ends with the failure")
}

func TestPresumptions(t *testing.T) {
	p := testPolicy()
	view := func(facts ...Fact) *View { return build(facts).View(NoHabits{}) }

	presumed := view(send(1, "orders", 1, 1.1))
	presumed.Hops[0].PresumeConsumed(sec(4))
	verdict := Judge(presumed, &p, &Circumstances{}, sec(61))
	require.Equal(t, StateCompleted, verdict.State)
	require.Equal(t, sec(4), verdict.EndedAt)
	require.Zero(t, verdict.Flags)

	doubtful := view(send(1, "orders", 1, 1.1))
	doubtful.Hops[0].Uncertain = true
	verdict = Judge(doubtful, &p, &Circumstances{}, sec(60))
	require.Equal(t, StateInProgress, verdict.State)
	require.Equal(t, sec(61), verdict.Next)
	verdict = Judge(doubtful, &p, &Circumstances{}, sec(61))
	require.Equal(t, StateUnknown, verdict.State)
	require.Equal(t, StuckTelemetryGap, verdict.Reason)
	require.Equal(t, 0, verdict.Hop)
	for name, tc := range map[string]struct {
		other  []Fact
		state  State
		reason StuckReason
		hop    int
	}{
		"a message that waits":  {[]Fact{send(5, "mails", 3, 3.1)}, StateStuck, StuckWaiting, 1},
		"one that waited first": {[]Fact{send(5, "mails", 0.5, 0.6)}, StateStuck, StuckWaiting, 0},
		"a failure":             {[]Fact{send(5, "mails", 3, 3.1), failed(process(6, 5, "mails", "mailer", 4, 5))}, StateFailed, StuckNone, 1},
		"a success":             {[]Fact{send(5, "mails", 3, 3.1), process(6, 5, "mails", "mailer", 4, 5)}, StateUnknown, StuckTelemetryGap, 0},
		"a dead letter":         {[]Fact{send(5, "mails.dlq", 0.5, 0.6)}, StateDeadLettered, StuckNone, 0},
	} {
		t.Run(name, func(t *testing.T) {
			v := view(append([]Fact{send(1, "orders", 1, 1.1)}, tc.other...)...)
			for i := range v.Hops {
				v.Hops[i].Uncertain = v.Hops[i].Destination == "orders"
			}
			verdict := Judge(v, &p, &Circumstances{}, sec(100))
			require.Equal(t, tc.state.String(), verdict.State.String())
			require.Equal(t, tc.reason.String(), verdict.Reason.String())
			require.Equal(t, tc.hop, verdict.Hop)
		})
	}
	p.Waiting.Limit = 0
	require.Equal(t, StateInProgress, Judge(doubtful, &p, &Circumstances{}, sec(1e6)).State, "a message may wait for ever")
}

func TestAttemptsAreCountedByTheirQueueToo(t *testing.T) {
	counted := failed(process(2, 1, "orders", "worker", 2, 3))
	counted.Delivery = 3
	v := build([]Fact{send(1, "orders", 1, 1.1), counted, process(3, 1, "orders", "worker", 5, 6)}).View(NoHabits{})
	require.Equal(t, 3, v.Hops[0].Consumers[0].Tries())
	require.Equal(t, 3, v.Hops[0].Consumers[0].Attempts[0].Number)

	v = build([]Fact{send(1, "orders", 1, 1.1), failed(process(2, 1, "orders", "worker", 2, 3)), process(3, 1, "orders", "worker", 5, 6)}).View(NoHabits{})
	require.Equal(t, 2, v.Hops[0].Consumers[0].Tries())
}
