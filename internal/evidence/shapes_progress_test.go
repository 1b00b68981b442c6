package evidence_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A quarter of an hour after the beginning work is stuck that began then and has not been heard of for five minutes.

func TestShapeProgress(t *testing.T) {
	sent := attributes{"messaging.system": "kafka", "messaging.destination.name": "reports", "messaging.message.id": "m-1", "order.id": "o-1"}
	busy := outcome{State: "in_progress", Hops: []hop{{"reports", "processing", 1, 1}}}
	silent := stuck("processing", hop{"reports", "processing", 1, 1})
	say := func(s *stage, within *span, at, share float64) {
		s.line("worker", within, at, "rendering", attributes{"event.name": "async.operation.progress", "async.operation.progress": share})
	}
	begin := func(t *testing.T) (*stage, *span) {
		s := newStage(t, "acme")
		p := s.span(in("web"), producer, "send reports", 0, 0.1, sent)
		working := s.never(in("worker").under(p))
		s.line("worker", working, 1, "starting", attributes{"event.name": "async.process.started", "messaging.message.id": "m-1", "messaging.destination.name": "reports"})
		return s, working
	}
	t.Run("none", func(t *testing.T) {
		s, _ := begin(t)
		require.Equal(t, []outcome{silent}, s.finally())
	})
	t.Run("until a while ago", func(t *testing.T) {
		s, working := begin(t)
		say(s, working, 200, 0.2)
		say(s, working, 400, 0.4)
		require.Equal(t, []outcome{silent}, s.finally())
	})
	t.Run("until just now", func(t *testing.T) {
		s, working := begin(t)
		for at := 100.0; at < 900; at += 100 {
			say(s, working, at, at/1000)
		}
		require.Equal(t, []outcome{busy}, s.finally())
	})
	t.Run("without trace context, by the message", func(t *testing.T) {
		s, _ := begin(t)
		s.line("worker", nil, 800, "80 %", attributes{
			"event.name": "async.operation.progress", "messaging.message.id": "m-1", "messaging.destination.name": "reports",
		})
		require.Equal(t, []outcome{busy}, s.finally())
	})
	t.Run("and the end", func(t *testing.T) {
		s := newStage(t, "acme")
		p := s.span(in("web"), producer, "send reports", 0, 0.1, sent)
		working := s.span(in("worker").under(p), consumer, "process reports", 1, 800, sent)
		say(s, working, 400, 0.5)
		require.Equal(t, []outcome{completed(once("reports"))}, s.finally())
	})
}

func TestShapeProgressOfBullMQ(t *testing.T) {
	// bullmq 5: a span of its own for each update, within the job's, which has not ended.
	job := func(what string) attributes {
		return attributes{"bullmq.queue.name": "reports", "bullmq.queue.operation": what, "bullmq.job.name": "render", "bullmq.job.id": "12"}
	}
	s := newStage(t, "bullmq")
	p := s.span(in("web"), producer, "add reports", 0, 0.1, with(job("add"), attributes{"order.id": "o-1"}))
	working := s.never(in("worker").under(p))
	s.span(in("worker").under(working), internal, "updateJobProgress reports", 300, 300.1, with(job("updateJobProgress"), attributes{"bullmq.job.progress": "30"}))
	s.span(in("worker").under(working), internal, "updateJobProgress reports", 800, 800.1, with(job("updateJobProgress"), attributes{"bullmq.job.progress": "80"}))
	require.Equal(t, []outcome{{State: "in_progress", Hops: []hop{{"reports", "processing", 1, 1}}}}, s.finally())
}

func TestShapeCancelled(t *testing.T) {
	sent := attributes{"messaging.system": "kafka", "messaging.destination.name": "orders", "messaging.message.id": "m-1", "order.id": "o-1"}
	waiting := hop{"orders", "waiting", 0, 0}
	t.Run("by a log record", func(t *testing.T) {
		s := newStage(t, "acme")
		s.span(in("web"), producer, "send orders", 0, 0.1, sent)
		s.line("web", nil, 30, "customer changed their mind", attributes{"event.name": "async.operation.cancelled", "order.id": "o-1"})
		require.Equal(t, []outcome{ended("cancelled", "", waiting)}, s.finally())
	})
	t.Run("by a span event", func(t *testing.T) {
		s := newStage(t, "acme")
		s.span(in("web"), producer, "send orders", 0, 0.1, sent)
		s.span(in("web"), server, "DELETE /orders/{id}", 30, 31, attributes{"order.id": "o-1"}, happened("async.operation.cancelled"))
		require.Equal(t, []outcome{ended("cancelled", "", waiting)}, s.finally())
	})
}
