package sim

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
	"github.com/throughline/throughline/cmd/asyncgen/internal/truth"
)

// verdicts is how each scenario must be judged.
var verdicts = map[plan.Scenario]struct{ state, reason string }{
	plan.ScenarioCompleted:     {"completed", ""},
	plan.ScenarioRetried:       {"completed", ""},
	plan.ScenarioFailed:        {"failed", ""},
	plan.ScenarioNeverConsumed: {"stuck", "waiting"},
	plan.ScenarioKilled:        {"stuck", "processing"},
	plan.ScenarioDuplicated:    {"completed", ""},
	plan.ScenarioDeadLettered:  {"dead_lettered", ""},
}

func mixOf(scenario plan.Scenario) plan.Mix {
	var mix plan.Mix
	mix[scenario] = 1
	return mix
}

func TestScenarios(t *testing.T) {
	for scenario := range verdicts {
		for _, propagation := range Propagations {
			t.Run(scenario.String()+"/"+string(propagation), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					settings := plan.Settings{Seed: 11, Operations: 40, Hops: 4, Mix: mixOf(scenario), TimeScale: 1}
					r := perform(t, settings, Settings{Rate: 50, Propagation: propagation})
					require.Len(t, r.truth, 40)
					p := plan.New(settings)
					for index := range 40 {
						c := &check{T: t, recorder: r, op: p.Operation(index), propagation: propagation}
						c.operation()
					}
				})
			})
		}
	}
}

// check compares the telemetry and the truth of one operation with its plan. Time is simulated, so times must be equal.
type check struct {
	*testing.T
	*recorder
	op          *plan.Operation
	propagation Propagation
}

func (c *check) operation() {
	done := c.truth[c.op.ID]
	require.NotNil(c, done)
	want := verdicts[c.op.Scenario]
	require.Equal(c, want.reason, done.Reason)
	require.Equal(c, c.op.Workflow.Name, done.Name)
	flags := []string{}
	failures := 0
	for i := range c.op.Hops {
		failures = max(failures, len(c.op.Hops[i].Attempts))
	}
	if c.op.Scenario == plan.ScenarioFailed && failures > 1 {
		want.state = truth.StateDeadLettered
	}
	require.Equal(c, want.state, done.State)
	switch {
	case c.op.Scenario == plan.ScenarioDuplicated:
		flags = append(flags, truth.FlagDuplicated)
	case failures > 1:
		flags = append(flags, truth.FlagRetried)
	}
	require.Equal(c, flags, done.Flags)
	require.Len(c, done.Hops, len(c.op.Hops))
	for i := range c.op.Hops {
		c.producer(i, &c.op.Hops[i], &done.Hops[i])
		c.consumer(&c.op.Hops[i], &done.Hops[i])
	}
}

// correlation checks that the correlation ID is where the kind of propagation puts it, and nowhere else.
func (c *check) correlation(got string, carries bool) {
	want := ""
	if carries {
		want = c.op.ID
	}
	require.Equal(c, want, got)
}

func (c *check) producer(number int, hop *plan.Hop, done *truth.Hop) {
	sends := c.spansOf(hop.MessageID, opSend)
	require.Len(c, sends, 1, "a message is sent once, however often it is processed")
	send := sends[0]
	require.Equal(c, trace.SpanKindProducer, send.SpanKind())
	require.Equal(c, "send "+hop.Stage.Destination, send.Name())
	require.Equal(c, hop.Stage.System, done.System)
	require.Equal(c, hop.Stage.System, send.attr(keySystem))
	require.Equal(c, hop.Stage.Destination, done.Destination)
	require.Equal(c, hop.MessageID, done.MessageID)
	require.Equal(c, truth.Span{Service: send.service, TraceID: send.SpanContext().TraceID().String(), SpanID: send.SpanContext().SpanID().String()}, done.Producer)
	require.True(c, send.StartTime().Equal(done.SentAt))
	require.True(c, send.Parent().IsValid(), "a message is sent by a request or by a handler")
	c.correlation(send.attr(keyConversationID), number == 0 || c.propagation == PropagationNone)
	if number == 0 {
		require.Equal(c, c.op.Workflow.Name, send.attr(keyOperationName))
	} else {
		require.False(c, send.has(keyOperationName))
	}
}

func (c *check) consumer(hop *plan.Hop, done *truth.Hop) {
	processed, started := c.spansOf(hop.MessageID, opProcess), c.linesOf(hop.MessageID, EventProcessStarted)
	require.Len(c, started, len(hop.Attempts))
	if len(hop.Attempts) == 0 {
		require.Empty(c, done.Consumers)
		require.Empty(c, processed)
		require.Nil(c, done.WaitSeconds)
		if !hop.Stage.DeadLetters {
			require.Equal(c, truth.StateWaiting, done.State)
			return
		}
		require.Equal(c, truth.StateDeadLettered, done.State)
		c.deadLetter(hop)
		return
	}
	require.InDelta(c, hop.Attempts[0].Wait.Seconds(), *done.WaitSeconds, 1e-9)
	received := len(c.spansOf(hop.MessageID, opReceive))
	if hop.Stage.Receives {
		require.Equal(c, len(hop.Attempts), received)
	} else {
		require.Zero(c, received)
	}
	for _, l := range started {
		require.Equal(c, hop.Stage.Destination, l.attr(keyDestination))
		require.Equal(c, hop.Stage.Group, l.attr(keyGroup))
		c.correlation(l.attr(keyConversationID), c.propagation == PropagationNone)
	}
	if hop.Attempts[0].Outcome == plan.OutcomeKilled {
		c.killed(hop, done, processed, started[0])
		return
	}
	require.Len(c, processed, len(hop.Attempts))
	for i := range processed {
		c.attempt(hop, done, &hop.Attempts[i], processed[i])
	}
	c.decided(hop, done, processed)
}

// deadLetter checks that a message in a dead-letter queue was sent within the last attempt at the message before it.
func (c *check) deadLetter(hop *plan.Hop) {
	before := c.op.Hops[len(c.op.Hops)-2]
	require.Equal(c, before.Stage.Destination+".dlq", hop.Stage.Destination)
	processed, send := c.spansOf(before.MessageID, opProcess), c.spansOf(hop.MessageID, opSend)[0]
	last := processed[len(processed)-1]
	require.Equal(c, last.SpanContext().SpanID(), send.Parent().SpanID())
	require.Equal(c, last.SpanContext().TraceID(), send.SpanContext().TraceID())
	require.Equal(c, before.Stage.Service, send.service)
	require.Equal(c, codes.Error, last.Status().Code)
	require.False(c, send.EndTime().After(last.EndTime()))
}

// killed checks a handler whose process died: only its start line and the spans that had ended are left.
func (c *check) killed(hop *plan.Hop, done *truth.Hop, processed []span, started line) {
	require.Empty(c, processed, "a dead process exports nothing")
	consumer := done.Consumers[0]
	require.Equal(c, "processing", consumer.State)
	require.Nil(c, consumer.EndedAt)
	require.Equal(c, consumer.TraceID, started.TraceID().String())
	require.Equal(c, consumer.SpanID, started.SpanID().String())
	orphans := 0
	for _, s := range c.spans {
		if s.Parent().SpanID().String() == consumer.SpanID {
			require.Equal(c, hop.Stage.Service, s.service)
			orphans++
		}
	}
	require.Equal(c, hop.Attempts[0].StepsDone, orphans)
	require.Empty(c, c.linesOf(hop.MessageID, EventProcessCompleted))
	require.Empty(c, c.linesOf(hop.MessageID, EventProcessFailed))
}

func (c *check) attempt(hop *plan.Hop, done *truth.Hop, planned *plan.Attempt, got span) {
	require.Equal(c, hop.Stage.Service, got.service)
	require.Equal(c, trace.SpanKindConsumer, got.SpanKind())
	require.Equal(c, "process "+hop.Stage.Destination, got.Name())
	require.Equal(c, hop.Stage.Group, got.attr(keyGroup))
	require.Equal(c, planned.Steps[0]+planned.Steps[1]+planned.Rest, got.EndTime().Sub(got.StartTime()))
	c.correlation(got.attr(keyConversationID), c.propagation == PropagationNone)
	c.related(done.Producer, got)
	failed := planned.Outcome == plan.OutcomeFails
	require.Equal(c, failed, got.Status().Code == codes.Error)
	require.Equal(c, failed, len(got.Events()) == 1)
	if failed {
		require.Equal(c, hop.Stage.Failure.Type, got.attr(keyErrorType))
		require.Equal(c, "exception", got.Events()[0].Name)
		require.Len(c, got.Events()[0].Attributes, 3)
	}
	event := map[bool]string{true: EventProcessFailed, false: EventProcessCompleted}[failed]
	lines := 0
	for _, l := range c.linesOf(hop.MessageID, event) {
		if l.SpanID() != got.SpanContext().SpanID() {
			continue
		}
		lines++
		if failed {
			require.Equal(c, hop.Stage.Failure.Type, l.attr(keyExceptionType))
			require.NotEmpty(c, l.attr(keyExceptionMessage))
			require.NotEmpty(c, l.attr(keyExceptionStacktrace))
		}
	}
	require.Equal(c, 1, lines, event)
}

// related checks how a process span refers to the producer span.
func (c *check) related(producer truth.Span, got span) {
	switch c.propagation {
	case PropagationTrace:
		require.Equal(c, producer.TraceID, got.SpanContext().TraceID().String())
		require.Equal(c, producer.SpanID, got.Parent().SpanID().String())
		require.True(c, got.Parent().IsRemote())
		require.Empty(c, got.Links())
		return
	case PropagationLink:
		require.Len(c, got.Links(), 1)
		link := got.Links()[0].SpanContext
		require.Equal(c, producer.SpanID, link.SpanID().String())
		require.Equal(c, producer.TraceID, link.TraceID().String())
		require.True(c, link.IsRemote())
	case PropagationNone:
		require.Empty(c, got.Links())
	}
	require.False(c, got.Parent().IsValid())
	require.NotEqual(c, producer.TraceID, got.SpanContext().TraceID().String())
}

// decided checks that the truth names the attempt that decided: the first that succeeded, else the last.
func (c *check) decided(hop *plan.Hop, done *truth.Hop, processed []span) {
	deciding, state := len(processed)-1, truth.StateFailed
	if len(processed) > 1 {
		state = truth.StateDeadLettered
	}
	for i := range hop.Attempts {
		if hop.Attempts[i].Outcome == plan.OutcomeSucceeds {
			deciding, state = i, "done"
			break
		}
	}
	require.Len(c, done.Consumers, 1)
	consumer, got := done.Consumers[0], processed[deciding]
	require.Equal(c, state, done.State)
	require.Equal(c, state, consumer.State)
	require.Equal(c, hop.Stage.Group, consumer.Group)
	require.Equal(c, hop.Stage.Service, consumer.Service)
	require.Equal(c, len(hop.Attempts), consumer.Attempts)
	require.Equal(c, got.SpanContext().TraceID().String(), consumer.TraceID)
	require.Equal(c, got.SpanContext().SpanID().String(), consumer.SpanID)
	require.True(c, got.EndTime().Equal(*consumer.EndedAt))
	require.True(c, processed[0].StartTime().Equal(consumer.ReceivedAt))
	for i := 1; i < len(processed); i++ {
		require.Equal(c, hop.Attempts[i].Wait, processed[i].StartTime().Sub(processed[i-1].EndTime()))
	}
}

func TestEntryService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := plan.Settings{Seed: 5, Operations: 20, Hops: 1, Mix: mixOf(plan.ScenarioCompleted), TimeScale: 1}
		for _, propagation := range Propagations {
			r := perform(t, settings, Settings{Rate: 50, Propagation: propagation})
			for id, done := range r.truth {
				lines := 0
				for _, l := range r.lines {
					if l.attr(keyConversationID) == id && l.TraceID().String() == done.Hops[0].Producer.TraceID && l.service == done.Hops[0].Producer.Service {
						lines++
					}
				}
				require.Equal(t, 2, lines, "the entry service logs the correlation ID within its trace")
			}
		}
	})
}

func TestSpansPerOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := perform(t, plan.Settings{Seed: 5, Operations: 30, Hops: 3, Mix: mixOf(plan.ScenarioCompleted), TimeScale: 1},
			Settings{Rate: 50, Propagation: PropagationTrace})
		for _, done := range r.truth {
			spans, sends, processes, receives, servers := 0, 0, 0, 0, 0
			for _, s := range r.spans {
				if s.SpanContext().TraceID().String() != done.Hops[0].Producer.TraceID {
					continue
				}
				spans++
				switch s.attr(keyMessagingOpType) {
				case opSend:
					sends++
				case opProcess:
					processes++
				case opReceive:
					receives++
				}
				if s.SpanKind() == trace.SpanKindServer {
					servers++
					require.False(t, s.Parent().IsValid())
				}
			}
			require.Equal(t, []int{1, 3, 3}, []int{servers, sends, processes})
			require.Equal(t, 16, spans, "15 and a receive span")
			require.Equal(t, 1, receives)
		}
	})
}

func TestRecoveredAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := plan.Settings{Seed: 6, Operations: 20, Hops: 3, Mix: mixOf(plan.ScenarioNeverConsumed), TimeScale: 1, RecoverAfter: 20 * time.Second}
		r := perform(t, settings, Settings{Rate: 10, Propagation: PropagationLink})
		require.Len(t, r.truth, 20)
		for _, done := range r.truth {
			require.Equal(t, "completed", done.State)
			require.Empty(t, done.Flags)
			require.Len(t, done.Hops, 3)
			late := 0
			for _, hop := range done.Hops {
				if *hop.WaitSeconds == 20 {
					late++
				}
			}
			require.Equal(t, 1, late)
		}
	})
}
