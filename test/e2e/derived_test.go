//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/verdict"
)

// rounding is what cutting times to microseconds can make of an instant, in microseconds.
const rounding = 2

// checkFinalTraces waits until Jaeger has the one derived trace of every final operation, and checks each of them.
func (s *stand) checkFinalTraces(t *testing.T, truths []truth, judged []verdict.Operation) {
	t.Helper()
	traceIDs := map[string]string{}
	for i := range judged {
		traceIDs[judged[i].ID] = judged[i].TraceID
	}
	seen := map[string]string{}
	count := 0
	for i := range truths {
		op := &truths[i]
		if !op.final() {
			continue
		}
		count++
		var trace *jaegerTrace
		await(t, traceTimeout, "derived trace of "+op.ID, func() (err error) {
			trace, err = s.jaegerTrace(t, traceIDs[op.ID])
			return err
		})
		wrong := checkTrace(trace, op)
		for k := range trace.Spans {
			id := trace.Spans[k].SpanID
			if other, ok := seen[id]; ok {
				wrong = append(wrong, fmt.Sprintf("the span ID %s is also used for %s", id, other))
			}
			seen[id] = op.ID
		}
		require.Empty(t, wrong, "the derived trace of %s\ntruth: %s\ntrace: %s", op.ID, asJSON(op), asJSON(trace))
	}
	t.Logf("%d final operations have a derived trace each, with %d spans in all and no span ID twice", count, len(seen))
}

// checkTrace says what is wrong with a derived trace.
func checkTrace(trace *jaegerTrace, op *truth) []string {
	c := traceCheck{trace: trace, op: op}
	root := c.shape()
	if root == nil {
		return c.found
	}
	c.root(root)
	for i := range op.Hops {
		c.hop(&op.Hops[i])
	}
	return c.found
}

type traceCheck struct {
	trace *jaegerTrace
	op    *truth
	found []string
}

func (c *traceCheck) wrong(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

// shape checks what holds for the trace of any operation, and returns its root, nil unless there is exactly one.
func (c *traceCheck) shape() *jaegerSpan {
	for _, warning := range c.trace.Warnings {
		c.wrong("Jaeger warns of the trace: %s", warning)
	}
	roots := c.trace.roots()
	if len(roots) != 1 {
		c.wrong("%d roots", len(roots))
		return nil
	}
	c.spans(roots[0])
	return roots[0]
}

// spans checks what holds for all spans.
func (c *traceCheck) spans(root *jaegerSpan) {
	known := map[string]bool{}
	for i := range c.trace.Spans {
		s := &c.trace.Spans[i]
		if known[s.SpanID] {
			c.wrong("the span ID %s occurs twice", s.SpanID)
		}
		known[s.SpanID] = true
	}
	for i := range c.trace.Spans {
		s := &c.trace.Spans[i]
		for _, warning := range s.Warnings {
			c.wrong("Jaeger warns of the span %q: %s", s.OperationName, warning)
		}
		if parent := s.parent(); parent != "" && !known[parent] {
			c.wrong("the parent of %q does not exist", s.OperationName)
		}
		if s.StartTime < root.StartTime || s.end() > root.end()+rounding {
			c.wrong("%q lies outside the root", s.OperationName)
		}
		if len(s.References) > 0 && s != root && s.References[0].RefType != childOf {
			c.wrong("the first reference of %q is not its parent", s.OperationName)
		}
		if id := s.tag("async.operation.id"); id != c.op.ID {
			c.wrong("%q belongs to %q", s.OperationName, id)
		}
	}
}

func (c *traceCheck) root(root *jaegerSpan) {
	for key, want := range map[string]string{
		"async.operation.name": c.op.Name, "async.operation.state": c.op.State, "async.operation.reason": c.op.Reason,
	} {
		if got := root.tag(key); got != want {
			c.wrong("%s of the root is %q", key, got)
		}
	}
	for _, flag := range c.op.Flags {
		if !strings.Contains(root.tag("async.operation.flags"), flag) {
			c.wrong("async.operation.flags of the root is %q", root.tag("async.operation.flags"))
		}
	}
	if failed := root.tag("error") == "true"; failed != (c.op.State != "completed") {
		c.wrong("the status of the root is an error: %v", failed)
	}
	parked := ""
	if h := c.op.deadLetter(); h != nil {
		parked = h.Destination
	}
	if got := root.tag("async.hop.dead_letter_destination"); got != parked {
		c.wrong("async.hop.dead_letter_destination of the root is %q", got)
	}
	if cut := root.tag("async.operation.cut"); cut != "" {
		c.wrong("something was cut")
	}
}

// hop checks that the sending, the time in the queue and every attempt are there, directly below the root.
func (c *traceCheck) hop(h *truthHop) {
	sends := c.find("send "+h.Destination, h.Producer.Service, h)
	if len(sends) != 1 || !sends[0].linksTo(h.Producer) {
		c.wrong("%s: %d send spans, or no link to the original one", h.Destination, len(sends))
	}
	waits := c.find("queue wait "+h.Destination, "queue:"+h.Destination, h)
	if len(waits) != 1 {
		c.wrong("%s: %d spans for the time in the queue", h.Destination, len(waits))
		return
	}
	c.wait(h, waits[0])
	if marked := waits[0].tag("async.hop.dead_letter") == "true"; marked != h.isDeadLetter() {
		c.wrong("%s: marked as one for dead letters: %v", h.Destination, marked)
	}
	for k := range h.Consumers {
		c.consumer(h, &h.Consumers[k])
	}
}

func (c *traceCheck) wait(h *truthHop, wait *jaegerSpan) {
	c.below(wait)
	if h.WaitSeconds == nil {
		if wait.tag("async.queue.waiting") != "true" {
			c.wrong("%s: the wait is not marked as going on", h.Destination)
		}
		return
	}
	seconds := float64(wait.Duration) / 1e6
	if math.Abs(seconds-*h.WaitSeconds) > waitTolerance {
		c.wrong("%s: %v s in the queue, truth %v s", h.Destination, seconds, *h.WaitSeconds)
	}
}

func (c *traceCheck) consumer(h *truthHop, want *truthConsumer) {
	attempts := c.find("process "+h.Destination, want.Service, h)
	if len(attempts) != want.Attempts {
		c.wrong("%s: %d attempts, truth %d", h.Destination, len(attempts), want.Attempts)
	}
	decided := want.State == stateProcessing
	for _, attempt := range attempts {
		c.below(attempt)
		if group := attempt.tag("messaging.consumer.group.name"); group != want.Group {
			c.wrong("%s: the consumer group is %q", h.Destination, group)
		}
		decided = decided || attempt.linksTo(want.truthSpan)
	}
	if !decided {
		c.wrong("%s: no attempt links to the span that decided, %s", h.Destination, spanText(want.truthSpan))
	}
}

// below checks that the span is a child of the root: below its producer, a correction of clock skew would move it.
func (c *traceCheck) below(s *jaegerSpan) {
	if roots := c.trace.roots(); s.parent() != roots[0].SpanID {
		c.wrong("%q is not directly below the root", s.OperationName)
	}
}

// find returns the spans of the given name and service about the hop's message.
func (c *traceCheck) find(name, service string, h *truthHop) []*jaegerSpan {
	var found []*jaegerSpan
	for i := range c.trace.Spans {
		s := &c.trace.Spans[i]
		if s.OperationName == name && c.trace.service(s) == service && s.tag("messaging.message.id") == h.MessageID {
			found = append(found, s)
		}
	}
	return found
}

// checkDerivedOnce looks for everything that was derived from the operations: one trace that is not a snapshot for what is
// final, a snapshot and nothing else for what is stuck.
func (s *stand) checkDerivedOnce(t *testing.T, truths []truth) {
	t.Helper()
	for i := range truths {
		op := &truths[i]
		await(t, traceTimeout, "traces derived from "+op.ID, func() error {
			final, snapshots, err := s.derivedTraces(t, op)
			switch {
			case err != nil:
				return err
			case op.final() && len(final) != 1:
				return fmt.Errorf("%d derived traces of %s: %s", len(final), op.ID, asJSON(final))
			case !op.final() && (len(final) != 0 || len(snapshots) != 1):
				return fmt.Errorf("%d derived traces and %d snapshots of %s, which is stuck", len(final), len(snapshots), op.ID)
			case op.final():
				return nil
			}
			var shown verdict.Operation
			if shown, err = s.api.Operation(t.Context(), op.ID); err != nil {
				return err
			}
			if shown.TraceID != snapshots[0].TraceID {
				return fmt.Errorf("the API shows the trace %s for %s, and the snapshot is %s", shown.TraceID, op.ID, snapshots[0].TraceID)
			}
			if wrong := checkTrace(&snapshots[0], op); len(wrong) > 0 {
				return errors.New(strings.Join(append(wrong, asJSON(op), asJSON(snapshots[0])), "\n"))
			}
			return nil
		})
	}
}
