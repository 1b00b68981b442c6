package measure

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// givenUpOn is a hop whose group failed twice, lastly at so many seconds.
func givenUpOn(messageID string, last float64) operation.Hop {
	h := hop(0, operation.HopDeadLettered, consumer("billing", operation.HopDeadLettered, 1,
		attempt(1, 2, operation.OutcomeError), attempt(last-1, last, operation.OutcomeError)))
	h.MessageID = messageID
	return h
}

// parkedBy makes the hop's last attempt send the message to a dead-letter queue, and returns the hop of that.
func parkedBy(h *operation.Hop) operation.Hop {
	attempts := h.Consumers[0].Attempts
	last := &attempts[len(attempts)-1]
	last.Span, last.Disposition = operation.SpanID{9}, operation.DispositionDeadLetter
	parked := hop(2, operation.HopDeadLettered)
	parked.Destination, parked.Sends[0].Parent, parked.Sends[0].Span = "orders.dlq", last.Span, operation.SpanID{10}
	return parked
}

// deadLetters are the lines of the metric.
func deadLetters(m *Meter) []string {
	var lines []string
	for line := range strings.Lines(render(m.Collect(at(90), nil))) {
		if rest, ok := strings.CutPrefix(line, "async.message.dead_lettered"); ok {
			lines = append(lines, strings.TrimSpace(rest))
		}
	}
	return lines
}

// final is a change to dead_lettered at 60 s, long after all that happened.
func final(v *operation.View) *operation.Change {
	c := first(v, operation.StateDeadLettered, operation.FlagRetried)
	c.At = sec(60)
	return c
}

const atBilling = "{destination=orders,group=billing,system=kafka} 1"

func TestDeadLettersCountOncePerMessage(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	dead := final(view("a", givenUpOn("m-1", 4)))
	m.Observe(dead)
	require.Equal(t, []string{atBilling}, deadLetters(m))
	m.Observe(then(dead, operation.StateDeadLettered, operation.FlagSkewed))
	require.Equal(t, []string{atBilling}, deadLetters(m), "a flag more")

	again := then(dead, operation.StateInProgress, operation.FlagRetried)
	m.Observe(again)
	m.Observe(then(again, operation.StateDeadLettered, operation.FlagRetried))
	require.Equal(t, []string{atBilling}, deadLetters(m), "given up again after a further attempt")

	m.Observe(final(view("a", givenUpOn("m-1", 4), givenUpOn("m-2", 4))))
	require.Equal(t, []string{"{destination=orders,group=billing,system=kafka} 2"}, deadLetters(m), "another message")
	m.Observe(final(view("b", givenUpOn("m-1", 4))))
	require.Equal(t, []string{"{destination=orders,group=billing,system=kafka} 3"}, deadLetters(m), "another operation, whose queue numbers anew")
}

func TestDeadLettersCountWhereTheyWereGivenUp(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	given := givenUpOn("m-1", 4)
	parked := parkedBy(&given)
	m.Observe(final(view("a", given, parked)))
	require.Equal(t, []string{atBilling}, deadLetters(m), "not in the dead-letter queue, too")

	m = newMeter(t, DefaultMaxSeries)
	parked.Sends[0].Parent = operation.SpanID{}
	m.Observe(final(view("a", givenUpOn("m-1", 4), parked)))
	require.Equal(t, []string{atBilling}, deadLetters(m), "what lies in the dead-letter queue can be nothing else")

	m = newMeter(t, DefaultMaxSeries)
	dead := final(view("a", parked))
	m.Observe(dead)
	require.Equal(t, []string{"{destination=orders.dlq,system=kafka} 1"}, deadLetters(m), "nothing else is known")
	given = givenUpOn("m-1", 4)
	late := then(dead, operation.StateDeadLettered, operation.FlagRetried)
	late.View = view("a", given, parkedBy(&given))
	m.Observe(late)
	require.Equal(t, []string{"{destination=orders.dlq,system=kafka} 1"}, deadLetters(m), "it was counted before its origin was known")
}

func TestEachGroupGivesUpForItself(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	h := givenUpOn("m-1", 4)
	h.Consumers = append(h.Consumers, consumer("audit", operation.HopFailed, 1, attempt(1, 2, operation.OutcomeError)),
		consumer("mail", operation.HopDeadLettered, 1, attempt(1, 2, operation.OutcomeError), attempt(3, 4, operation.OutcomeError)))
	h.State = operation.HopFailed
	m.Observe(final(view("a", h)))
	require.Equal(t, []string{atBilling, "{destination=orders,group=mail,system=kafka} 1"}, deadLetters(m))
}

// A message that may be tried again yet does not count, though another one of its operation is final.
func TestWhatMayBeTriedAgainIsNotCounted(t *testing.T) {
	within := operation.DefaultPolicy().RetryWithin.Seconds()
	v := view("a", givenUpOn("m-1", 4), givenUpOn("m-2", 61-within))
	for name, p := range map[string]*operation.Policy{"default": nil, "short": {RetryWithin: time.Second}} {
		m := newMeter(t, DefaultMaxSeries)
		c := final(v)
		c.Policy = p
		m.Observe(c)
		want := map[string]string{"default": "1", "short": "2"}[name]
		require.Equal(t, []string{"{destination=orders,group=billing,system=kafka} " + want}, deadLetters(m), name)
	}
}

func TestOtherVerdictsCountNoDeadLetters(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	for state := range operation.StateUnknown + 1 {
		if state != operation.StateDeadLettered {
			m.Observe(first(view("a", givenUpOn("m-1", 4)), state, 0))
		}
	}
	gone := final(view("a", givenUpOn("m-1", 4)))
	gone.Gone = true
	m.Observe(gone)
	require.Empty(t, deadLetters(m))
}

func TestOutcomeAndDurationOfDeadLetters(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	m.Observe(final(view("a", givenUpOn("m-1", 4))))
	text := render(m.Collect(at(90), nil))
	require.Contains(t, text, "async.operation.outcomes{operation=order.fulfil,outcome=dead_lettered} 1\n")
	require.Contains(t, text, "async.operation.duration{operation=order.fulfil,outcome=dead_lettered} count=1 sum=10\n")
}

func TestPropertyLettersAreRememberedUpToTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		l, recent := newLetters(limit), []byte{}
		for range rapid.IntRange(0, 40).Draw(t, "letters") {
			b := rapid.ByteRange(0, 9).Draw(t, "letter")
			which := letter{record: operation.Record{Span: operation.SpanID{b}}}
			known := strings.Contains(string(recent), string([]byte{b}))
			require.Equal(t, known, l.knows(which))
			require.Equal(t, !known, l.first(which))
			if !known {
				recent = append(recent, b)
				recent = recent[max(0, len(recent)-limit):]
			}
			require.Len(t, l.seen, len(recent))
			require.LessOrEqual(t, len(l.order), limit)
		}
	})
}
