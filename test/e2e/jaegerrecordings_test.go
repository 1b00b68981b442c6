//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/test/replay"
	"github.com/throughline/throughline/test/verdict"
)

// recordedWaitTolerance is how far the time that an application says a message waited, by its own clock and where it looked at
// it, may be from that between the spans of its libraries, in seconds.
const recordedWaitTolerance = 0.05

// doneTolerance is the same for the end of a delivery, in nanoseconds.
const doneTolerance = int64(20 * time.Millisecond)

// TestDerivedTracesOfRecordings compares the derived traces of two real applications with what they say happened: every
// sending and every delivery is there, once, under its service and with the times of its original span, and nothing else.
func TestDerivedTracesOfRecordings(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"node-amqplib", "python-celery"} {
		t.Run(name, func(t *testing.T) {
			recording, err := replay.Load(filepath.Join(recordingsDir, name))
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), replayBudget)
			defer cancel()
			s := startJaegers(t, replayConfig)
			require.NoError(t, replay.Send(ctx, "http://"+s.collector.OTLPHTTP, recording.Requests, 0))
			judged := s.requireTruth(ctx, t, recording, quietTime)
			sent := sentIn(t, recording)
			byID := map[string]*verdict.Operation{}
			for i := range judged {
				for _, id := range append(judged[i].Aliases, judged[i].ID) {
					byID[id] = &judged[i]
				}
			}
			spans := 0
			var differ []string
			for i := range recording.Truth.Operations {
				c := recordedCheck{truth: &recording.Truth.Operations[i], sent: sent}
				op := byID[c.truth.ID]
				require.NotNil(t, op, c.truth.ID)
				c.shown, c.found = s.same(t, op.ID, op.TraceID)
				c.check()
				if len(c.found) > 0 && len(differ) < shownDifferences {
					differ = append(differ, fmt.Sprintf("%s (%s): %s", op.ID, c.truth.Outcome, strings.Join(c.found, "\n")))
				}
				spans += len(c.shown)
			}
			require.Empty(t, differ, strings.Join(differ, "\n"))
			for _, j := range s.all {
				s.checkOneEach(t, j, judged, recording.Requests[0].At)
			}
			t.Logf("the derived traces of %d operations, %d spans in all, show what the applications say", len(recording.Truth.Operations), spans)
		})
	}
}

// checkOneEach checks that there is one final trace for each final verdict on an operation, and a snapshot of each that is
// stuck.
func (s *jaegers) checkOneEach(t *testing.T, j namedJaeger, judged []verdict.Operation, at time.Time) {
	t.Helper()
	want := map[bool]map[string]int{true: {}, false: {}}
	roots := map[[2]string]bool{}
	for i := range judged {
		root := s.root(t, judged[i].TraceID)
		roots[[2]string{root.service, root.name}] = true
		traces := 1
		if judged[i].State != stateStuck {
			// A final verdict that was corrected has one trace more for each correction.
			revision, err := strconv.Atoi(root.attributes["async.operation.revision"])
			require.NoError(t, err)
			traces = revision
		}
		want[judged[i].State == stateStuck][judged[i].ID] = traces
	}
	got := map[bool]map[string]int{true: {}, false: {}}
	for root := range roots {
		found, err := searchJaegerAt(t, j.URL, root[0], map[string]string{"async.operation.name": strings.TrimPrefix(root[1], "async ")}, at)
		require.NoError(t, err)
		for i := range found {
			root := found[i].roots()
			require.Len(t, root, 1)
			if strings.HasPrefix(root[0].OperationName, "async ") {
				got[found[i].snapshot()][root[0].tag("async.operation.id")]++
			}
		}
	}
	require.Equal(t, want[false], got[false], "%s: final traces by operation", j.name)
	for id := range want[true] {
		require.NotZero(t, got[true][id], "%s: no snapshot of %s", j.name, id)
	}
}

func sentIn(t *testing.T, recording *replay.Recording) *sentTelemetry {
	t.Helper()
	sent := newSentTelemetry()
	for _, r := range recording.Requests {
		if r.Signal == replay.SignalTraces {
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(r.Body)
			require.NoError(t, err)
			sent.addTraces(td)
			continue
		}
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(r.Body)
		require.NoError(t, err)
		sent.addLogs(ld)
	}
	sent.sort()
	return sent
}

// recordedCheck compares one derived trace with what an application wrote down.
type recordedCheck struct {
	truth *replay.Operation
	sent  *sentTelemetry
	shown []shownSpan
	found []string
}

func (c *recordedCheck) wrong(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

func (c *recordedCheck) check() {
	known := map[string]*shownSpan{}
	for i := range c.shown {
		known[c.shown[i].id] = &c.shown[i]
	}
	roots := 0
	for i := range c.shown {
		s := &c.shown[i]
		parent := known[s.parent]
		switch {
		case s.parent == "":
			roots++
		case parent == nil:
			c.wrong("the parent of %q does not exist", s.name)
		case s.start < parent.start || s.end > parent.end:
			c.wrong("%q lies outside of %q", s.name, parent.name)
		}
		if s.parent != "" {
			c.original(s)
		}
	}
	if roots != 1 {
		c.wrong("%d roots", roots)
	}
	for i := range c.truth.Hops {
		c.hop(&c.truth.Hops[i])
	}
	c.nothingElse()
}

// original compares a span with the one that it stands for, unless that died with its process.
func (c *recordedCheck) original(s *shownSpan) {
	if len(s.links) == 0 {
		return
	}
	from, ok := c.sent.spans[s.links[0].span]
	if !ok {
		if s.attributes["async.attempt.unfinished"] != "true" && s.attributes["async.attempt.inferred"] != "true" {
			c.wrong("%q has an end, but its original %s never came", s.name, s.links[0].span)
		}
		return
	}
	if s.links[0].trace != from.TraceID().String() {
		c.wrong("%q links to the span in another trace", s.name)
	}
	until, tolerance := max(s.start+1, int64(from.EndTimestamp())), int64(0)
	if done := c.done(s.links[0].span); s.end != until && done > 0 {
		// Where a batch, or a thread of its own, does the work, the span of the delivery ends too early.
		until, tolerance = max(until, done), doneTolerance
	}
	if s.start != int64(from.StartTimestamp()) || s.end < until-tolerance || s.end > until+tolerance {
		c.wrong("%q takes from %d to %d, its original from %d to %d", s.name, s.start, s.end, from.StartTimestamp(), from.EndTimestamp())
	}
	if service := text(from.resource, "service.name"); s.service != service {
		c.wrong("%q is shown under %s, its original under %s", s.name, s.service, service)
	}
}

// done is when the application says that it was done with the delivery that the span stands for, 0 if it does not say.
func (c *recordedCheck) done(original string) int64 {
	for i := range c.truth.Hops {
		for _, d := range c.truth.Hops[i].Deliveries {
			if d.SpanID == original && d.DoneAt != nil {
				return int64(*d.DoneAt * 1e9)
			}
		}
	}
	return 0
}

// linked are the spans of a kind that stand for the original.
func (c *recordedCheck) linked(kind, original string) []*shownSpan {
	var all []*shownSpan
	for i := range c.shown {
		s := &c.shown[i]
		if s.kind == kind && len(s.links) > 0 && s.links[0].span == original {
			all = append(all, s)
		}
	}
	return all
}

func (c *recordedCheck) hop(h *replay.Hop) {
	for i := range h.Sent {
		if m := &h.Sent[i]; m.SpanExported && m.SpanID != "" {
			if n := len(c.linked("producer", m.SpanID)); n != 1 {
				c.wrong("%s: %d spans for the sending of %s", h.Name, n, m.MessageID)
			}
		}
	}
	for i := range h.Deliveries {
		c.delivery(h, &h.Deliveries[i])
	}
	if len(h.Sent) == 0 || len(h.Deliveries) == 0 || h.Sent[0].DueIn > 0 || !h.Sent[0].SpanExported || !h.Deliveries[0].SpanExported {
		return
	}
	c.waited(h)
}

func (c *recordedCheck) delivery(h *replay.Hop, d *replay.Delivery) {
	if !d.SpanExported || d.SpanID == "" {
		return
	}
	attempts := c.linked("consumer", d.SpanID)
	if len(attempts) != 1 {
		c.wrong("%s: %d spans for the delivery %s of %s", h.Name, len(attempts), d.SpanID, d.MessageID)
		return
	}
	// What went well for the application can have gone wrong for the library: it could not acknowledge the message.
	unacknowledged := c.sent.spans[d.SpanID].Status().Code() == ptrace.StatusCodeError
	if failed := attempts[0].status == statusError; failed != (d.Result == "error" || unacknowledged) {
		c.wrong("%s: the delivery %s was %s, and is shown as %s", h.Name, d.SpanID, d.Result, attempts[0].status)
	}
	if attempts[0].service != d.Service {
		c.wrong("%s: the delivery %s was to %s, and is shown under %s", h.Name, d.SpanID, d.Service, attempts[0].service)
	}
}

// waited looks for the time in the queue until the first delivery.
func (c *recordedCheck) waited(h *replay.Hop) {
	first := &h.Deliveries[0]
	want := max(0, first.ReceivedAt-h.Sent[0].At)
	var seen []float64
	for i := range c.shown {
		s := &c.shown[i]
		if !strings.HasPrefix(s.name, "queue wait ") || s.attributes[keyMessageID] != first.MessageID {
			continue
		}
		wait := float64(s.end-s.start) / 1e9
		if math.Abs(wait-want) <= recordedWaitTolerance {
			return
		}
		seen = append(seen, wait)
	}
	c.wrong("%s: no span for the %v s in the queue, but %v", h.Name, want, seen)
}

// nothingElse checks that what is shown of messages is about those of the operation, and no delivery is made up.
func (c *recordedCheck) nothingElse() {
	var messages []string
	deliveries := 0
	for i := range c.truth.Hops {
		for _, m := range c.truth.Hops[i].Sent {
			messages = append(messages, m.MessageID)
		}
		for _, d := range c.truth.Hops[i].Deliveries {
			messages = append(messages, d.MessageID)
			deliveries++
		}
	}
	attempts := 0
	for i := range c.shown {
		s := &c.shown[i]
		if id := s.attributes[keyMessageID]; id != "" && !slices.Contains(messages, id) {
			c.wrong("%q is about the message %s, which is not of this operation", s.name, id)
		}
		if s.kind == "consumer" {
			attempts++
		}
	}
	if attempts > deliveries {
		c.wrong("%d deliveries are shown, and there were %d", attempts, deliveries)
	}
}
