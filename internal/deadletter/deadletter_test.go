package deadletter

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// policy is the default one.
func policy() *operation.Policy {
	p := operation.DefaultPolicy()
	return &p
}

func fact(kind operation.Kind, service string, span, parent byte, destination string, from, to int64) operation.Fact {
	f := operation.Fact{
		Kind: kind, ID: "order-42", Service: service, Destination: destination, Trace: operation.TraceID{1}, Span: operation.SpanID{span},
		Consumer: kind == operation.KindProcess, Remote: kind == operation.KindProcess, At: from * 1e9, End: to * 1e9,
	}
	if parent != 0 {
		f.Parent = operation.SpanID{parent}
	}
	return f
}

func failing(f operation.Fact) operation.Fact {
	f.Outcome, f.ErrorType = operation.OutcomeError, "CardDeclined"
	return f
}

// judged is what the judge makes of the facts long after the last of them.
func judged(facts ...operation.Fact) (*operation.View, *operation.Verdict) {
	o := &operation.Operation{}
	for i := range facts {
		o.Add(&facts[i])
	}
	v := o.View(operation.NoHabits{})
	verdict := operation.Judge(v, policy(), &operation.Circumstances{}, 10_000*1e9)
	return v, &verdict
}

func TestWhoGaveUp(t *testing.T) {
	send := fact(operation.KindSend, "shop", 1, 0, "orders", 1, 2)
	first := failing(fact(operation.KindProcess, "packer", 2, 1, "orders", 3, 4))
	second := failing(fact(operation.KindProcess, "packer", 3, 1, "orders", 5, 8))
	parked := fact(operation.KindSend, "packer", 4, 3, "orders.dlq", 6, 7)
	mailed := fact(operation.KindSend, "packer", 5, 3, "mails", 6, 7)
	mailing := fact(operation.KindProcess, "mailer", 6, 5, "mails", 8, 9)
	redriven := fact(operation.KindProcess, "janitor", 7, 4, "orders.dlq", 20, 21)
	for name, test := range map[string]struct {
		facts       []operation.Fact
		state       operation.State
		pointed     string
		deciding    string
		group       string
		destination string
	}{
		"sent to a dead-letter queue": {
			[]operation.Fact{send, first, second, parked}, operation.StateDeadLettered, "orders.dlq", "orders", "packer", "orders.dlq",
		},
		"sent to a dead-letter queue at the first attempt, and elsewhere": {
			[]operation.Fact{send, second, mailed, mailing, parked}, operation.StateDeadLettered, "orders.dlq", "orders", "packer", "orders.dlq",
		},
		"parked by its queue": {
			[]operation.Fact{send, first, second}, operation.StateDeadLettered, "orders", "orders", "packer", "",
		},
		"who gave up is not known": {
			[]operation.Fact{send, parked}, operation.StateDeadLettered, "orders.dlq", "orders.dlq", "", "orders.dlq",
		},
		"failed": {
			[]operation.Fact{send, second}, operation.StateFailed, "orders", "orders", "packer", "",
		},
		"looked after by somebody": {
			[]operation.Fact{send, first, second, parked, redriven}, operation.StateDeadLettered, "orders", "orders", "packer", "orders.dlq",
		},
	} {
		t.Run(name, func(t *testing.T) {
			v, verdict := judged(test.facts...)
			require.Equal(t, test.state, verdict.State)
			require.Equal(t, test.pointed, v.Hops[verdict.Hop].Destination, "what the judge points at")
			at := Deciding(v, verdict)
			require.Equal(t, test.deciding, v.Hops[at.Hop].Destination)
			group := ""
			if at.Consumer >= 0 {
				group = v.Hops[at.Hop].Consumers[at.Consumer].Group
			}
			require.Equal(t, test.group, group)
			require.Equal(t, test.destination, Destination(v, at))
		})
	}
}

func TestWithoutAHop(t *testing.T) {
	v, verdict := judged(fact(operation.KindSend, "shop", 1, 0, "orders", 1, 2))
	verdict.Hop, verdict.Consumer = -1, -1
	require.Equal(t, Place{-1, -1}, Deciding(v, verdict))
	require.Empty(t, Destination(v, Place{-1, -1}))
	verdict.Hop, verdict.Consumer = 7, 7
	require.Equal(t, Place{-1, -1}, Deciding(v, verdict), "a verdict of another view")
	require.Empty(t, Destination(v, Place{7, 7}))
	require.Empty(t, Destination(v, Place{0, 7}))
}

func TestDeadLetterHops(t *testing.T) {
	parked := operation.Hop{Destination: "morgue", State: operation.HopDeadLettered}
	require.True(t, Is(&parked), "configured: only the judge knows")
	given := operation.Hop{
		Destination: "orders", State: operation.HopDeadLettered, Consumers: []operation.Consumer{{State: operation.HopDeadLettered}},
	}
	require.False(t, Is(&given), "its message is in a dead-letter destination, it is none itself")
	require.True(t, Is(&operation.Hop{Destination: "orders.dlq", State: operation.HopDone}))
	require.False(t, Is(&operation.Hop{Destination: "orders", State: operation.HopWaiting}))
}

// Whatever a view looks like, the answers lie within it, and a place that gave up is one whose attempt says so.
func TestPropertyAnswersLieWithinTheView(t *testing.T) {
	destinations := rapid.SampledFrom([]string{"orders", "orders.dlq", "payments", ""})
	span := rapid.Custom(func(t *rapid.T) operation.SpanID { return operation.SpanID{rapid.ByteRange(0, 4).Draw(t, "span")} })
	rapid.Check(t, func(t *rapid.T) {
		v := &operation.View{}
		for range rapid.IntRange(0, 4).Draw(t, "hops") {
			h := operation.Hop{Destination: destinations.Draw(t, "destination"), State: operation.HopState(rapid.IntRange(0, 4).Draw(t, "state"))}
			for range rapid.IntRange(0, 2).Draw(t, "sends") {
				h.Sends = append(h.Sends, operation.Send{Origin: operation.Origin{Span: span.Draw(t, "send"), Parent: span.Draw(t, "parent")}})
			}
			for range rapid.IntRange(0, 2).Draw(t, "groups") {
				c := operation.Consumer{State: operation.HopState(rapid.IntRange(0, 4).Draw(t, "group state"))}
				for range rapid.IntRange(1, 2).Draw(t, "attempts") {
					c.Attempts = append(c.Attempts, operation.Attempt{
						Origin: operation.Origin{Span: span.Draw(t, "attempt")}, Disposition: operation.Disposition(rapid.IntRange(0, 5).Draw(t, "disposition")),
					})
				}
				h.Consumers = append(h.Consumers, c)
			}
			v.Hops = append(v.Hops, h)
		}
		verdict := operation.Verdict{
			State: operation.State(rapid.IntRange(0, 5).Draw(t, "verdict")),
			Hop:   rapid.IntRange(-1, 5).Draw(t, "hop"), Consumer: rapid.IntRange(-1, 3).Draw(t, "consumer"),
		}
		at := Deciding(v, &verdict)
		require.Equal(t, at.Hop >= 0, verdict.Hop >= 0 && verdict.Hop < len(v.Hops))
		if at.Hop != verdict.Hop && at.Hop >= 0 {
			require.Equal(t, operation.StateDeadLettered, verdict.State)
			require.True(t, Is(&v.Hops[verdict.Hop]))
			require.Contains(t, dispositions(v, at), operation.DispositionDeadLetter)
		}
		if d := Destination(v, at); d != "" {
			require.Contains(t, destinationsOf(v), d)
		}
	})
}

func dispositions(v *operation.View, at Place) []operation.Disposition {
	var all []operation.Disposition
	for _, a := range v.Hops[at.Hop].Consumers[at.Consumer].Attempts {
		all = append(all, a.Disposition)
	}
	return all
}

// destinationsOf are those of the hops that are dead letters.
func destinationsOf(v *operation.View) []string {
	var all []string
	for i := range v.Hops {
		if Is(&v.Hops[i]) {
			all = append(all, v.Hops[i].Destination)
		}
	}
	return all
}
