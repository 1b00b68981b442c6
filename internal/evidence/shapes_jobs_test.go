package evidence_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// In-process buses, job queues and frameworks.

// watermillPublish is a span of github.com/voi-oss/watermill-opentelemetry 0.1: the publisher says that it processes.
func (s *stage) watermillPublish(c cue, topic string, at float64, change ...func(ptrace.Span)) *span {
	s.scope = "watermill/publisher"
	return s.span(c, producer, "gochannel.GoChannel", at, at+0.001, attributes{
		"messaging.destination_kind": "topic", "messaging.destination": topic, "messaging.operation": "process",
	}, change...)
}

// watermillHandle is a handler: it says that it receives, for as long as it works.
func (s *stage) watermillHandle(c cue, handler, topic string, from, until float64, change ...func(ptrace.Span)) *span {
	s.scope = "watermill/subscriber"
	return s.span(c, consumer, handler, from, until, attributes{
		"messaging.destination_kind": "topic", "messaging.destination": topic, "messaging.operation": "receive",
	}, change...)
}

func TestShapeWatermill(t *testing.T) {
	t.Run("completed", func(t *testing.T) {
		s := newStage(t, "")
		p := s.watermillPublish(in("core"), "orders", 0)
		s.watermillHandle(in("core").under(p), "billing", "orders", 0.1, 1)
		require.Equal(t, []outcome{completed(once("orders"))}, s.finally())
	})
	t.Run("published and never handled", func(t *testing.T) {
		s := newStage(t, "")
		s.watermillPublish(in("core"), "orders", 0)
		require.Equal(t, []outcome{stuck("waiting", hop{"orders", "waiting", 0, 0})}, s.finally())
	})
	t.Run("the middleware retries within the same context", func(t *testing.T) {
		s := newStage(t, "")
		p := s.watermillPublish(in("core"), "orders", 0)
		first := s.watermillHandle(in("core").under(p), "billing", "orders", 0.1, 1, threw)
		s.watermillHandle(in("core").under(first), "billing", "orders", 1.1, 2)
		require.Equal(t, []outcome{ended("completed", "retried", hop{"orders", "done", 1, 2})}, s.finally())
	})
	t.Run("a nacked message comes again", func(t *testing.T) {
		s := newStage(t, "")
		p := s.watermillPublish(in("core"), "orders", 0)
		s.watermillHandle(in("core").under(p), "billing", "orders", 0.1, 1, threw)
		s.watermillHandle(in("core").under(p), "billing", "orders", 1.1, 2)
		require.Equal(t, []outcome{ended("completed", "retried", hop{"orders", "done", 1, 2})}, s.finally())
	})
	t.Run("the poison queue", func(t *testing.T) {
		s := newStage(t, "")
		p := s.watermillPublish(in("core"), "orders", 0)
		h := s.watermillHandle(in("core").under(p), "billing", "orders", 0.1, 1)
		s.watermillPublish(in("core").under(h), "orders.poison", 0.9)
		require.Equal(t, []outcome{ended("dead_lettered", "", hop{"orders", "dead_lettered", 1, 1}, hop{"orders.poison", "dead_lettered", 0, 0})}, s.finally())
	})
	t.Run("two handlers of one topic in one process are no duplicate", func(t *testing.T) {
		s := newStage(t, "")
		p := s.watermillPublish(in("core"), "orders", 0)
		s.watermillHandle(in("core").under(p), "billing", "orders", 0.1, 1)
		s.watermillHandle(in("core").under(p), "mailing", "orders", 0.1, 2)
		require.Equal(t, []outcome{completed(hop{"orders", "done", 2, 2})}, s.finally())
	})
	t.Run("one of two handlers fails for good", func(t *testing.T) {
		s := newStage(t, "")
		p := s.watermillPublish(in("core"), "orders", 0)
		s.watermillHandle(in("core").under(p), "billing", "orders", 0.1, 1, threw)
		s.watermillHandle(in("core").under(p), "mailing", "orders", 0.1, 2)
		require.Equal(t, []outcome{ended("failed", "", hop{"orders", "failed", 2, 2})}, s.finally())
	})
	t.Run("one handler twice is a duplicate", func(t *testing.T) {
		s := newStage(t, "")
		p := s.watermillPublish(in("core"), "orders", 0)
		s.watermillHandle(in("core").under(p), "billing", "orders", 0.1, 1)
		s.watermillHandle(in("core").under(p), "billing", "orders", 3, 4)
		require.Equal(t, []outcome{ended("completed", "duplicated", hop{"orders", "done", 1, 2})}, s.finally())
	})
	t.Run("the process was killed", func(t *testing.T) {
		s := newStage(t, "")
		before := s.watermillPublish(in("core"), "orders", -9)
		s.watermillHandle(in("core").under(before), "billing", "orders", -8, -7)
		p := s.watermillPublish(in("core"), "orders", 0)
		h := s.never(in("core").under(p))
		s.line("core", h, 0.2, "charging card", nil)
		require.Equal(t, []outcome{completed(once("orders")), stuck("processing", hop{"orders", "processing", 1, 1})}, s.finally())
	})
	t.Run("the sender goes on after it published", func(t *testing.T) {
		s := newStage(t, "")
		before := s.watermillPublish(in("core"), "orders", -9)
		s.watermillHandle(in("core").under(before), "billing", "orders", -8, -7)
		request := s.never(in("core"))
		s.watermillPublish(in("core").under(request), "orders", 0)
		s.line("core", request, 0.2, "order accepted", nil)
		require.Equal(t, []outcome{completed(once("orders")), stuck("waiting", hop{"orders", "waiting", 0, 0})}, s.finally())
	})
}

func TestShapeOban(t *testing.T) {
	// opentelemetry_oban 1.1: linked; an insert of several jobs is one span, of which each job has the same link.
	const scope = "Elixir.OpentelemetryOban.JobHandler"
	job := func(id, attempt int) attributes {
		return attributes{
			"messaging.system": "oban", "messaging.operation.name": "process", "messaging.operation.type": "process", "messaging.message.id": id,
			"messaging.destination.name": "default", "oban.job.job_id": id, "oban.job.attempt": attempt, "oban.job.max_attempts": 2, "oban.job.worker": "Charge",
		}
	}
	insert := func(id int) attributes {
		return attributes{
			"messaging.system": "oban", "messaging.operation.name": "send", "messaging.operation.type": "create", "messaging.message.id": id,
			"messaging.destination.name": "default", "oban.job.worker": "Charge", "oban.job.max_attempts": 2,
		}
	}
	t.Run("failed, then succeeded", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("web"), producer, "send default", 0, 0.1, insert(42))
		s.span(in("jobs").to(p), consumer, "process default", 1, 2, job(42, 1), failed, threw)
		s.span(in("jobs").to(p), consumer, "process default", 20, 21, job(42, 2))
		require.Equal(t, []outcome{ended("completed", "retried", hop{"default", "done", 1, 2})}, s.finally())
	})
	t.Run("discarded after the last attempt", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("web"), producer, "send default", 0, 0.1, insert(42))
		s.span(in("jobs").to(p), consumer, "process default", 20, 21, job(42, 2), failed, threw)
		require.Equal(t, []outcome{ended("dead_lettered", "", hop{"default", "dead_lettered", 1, 1})}, s.finally())
	})
	t.Run("several jobs inserted at once", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("web"), producer, "send", 0, 0.1, attributes{
			"messaging.system": "oban", "messaging.operation.name": "send", "messaging.operation.type": "create", "messaging.batch.message_count": 2,
		})
		s.span(in("jobs").to(p), consumer, "process default", 1, 2, job(42, 1))
		s.span(in("jobs").to(p), consumer, "process default", 1, 2, job(43, 1), failed)
		require.Equal(t, []outcome{ended("failed", "", hop{"default", "done", 1, 1}, hop{"default", "failed", 1, 1})}, s.finally())
	})
}

func TestShapeSidekiq(t *testing.T) {
	// opentelemetry-instrumentation-sidekiq 0.26, linked by default.
	a := attributes{
		"messaging.system": "sidekiq", "messaging.sidekiq.job_class": "Charge", "messaging.message_id": "2b9f0c3a4d5e6f7081920a1b",
		"messaging.destination": "default", "messaging.destination_kind": "queue",
	}
	process := with(a, attributes{"messaging.operation": "process"})
	t.Run("failed, then succeeded", func(t *testing.T) {
		s := newStage(t, "OpenTelemetry::Instrumentation::Sidekiq")
		p := s.span(in("web"), producer, "default publish", 0, 0.1, a)
		s.span(in("jobs").to(p), consumer, "default process", 1, 2, process, failed, threw)
		s.span(in("jobs").to(p), consumer, "default process", 20, 21, process)
		require.Equal(t, []outcome{ended("completed", "retried", hop{"default", "done", 1, 2})}, s.finally())
	})
	t.Run("without propagation, by the job's ID", func(t *testing.T) {
		s := newStage(t, "OpenTelemetry::Instrumentation::Sidekiq")
		s.span(in("web"), producer, "default publish", 0, 0.1, a)
		s.span(in("jobs"), consumer, "default process", 1, 2, process)
		require.Equal(t, []outcome{completed(once("default"))}, s.finally())
	})
	t.Run("below Active Job", func(t *testing.T) {
		s := newStage(t, "OpenTelemetry::Instrumentation::ActiveJob")
		job := attributes{"messaging.system": "active_job", "messaging.destination": "default", "messaging.message.id": "5d0f6f0e-4a1b-4c3d-8e2f-001122334455", "code.namespace": "Charge"}
		outer := s.span(in("web"), producer, "default publish", 0, 0.2, job, succeeded)
		s.scope = "OpenTelemetry::Instrumentation::Sidekiq"
		inner := s.span(in("web").under(outer), producer, "default publish", 0.05, 0.1, a)
		run := s.span(in("jobs").to(inner), consumer, "default process", 1, 2, process)
		s.scope = "OpenTelemetry::Instrumentation::ActiveJob"
		s.span(in("jobs").under(run).to(outer), consumer, "default process", 1.1, 1.9, job, succeeded)
		require.Equal(t, "completed", s.finally()[0].State)
	})
}

func TestShapeActiveJob(t *testing.T) {
	// opentelemetry-instrumentation-active_job 0.8: what became of a job is an inner span beside the failed one.
	const scope = "OpenTelemetry::Instrumentation::ActiveJob"
	job := attributes{"messaging.system": "active_job", "messaging.destination": "default", "messaging.message.id": "5d0f6f0e-4a1b-4c3d-8e2f-001122334455", "code.namespace": "Charge"}
	t.Run("retried, then succeeded", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("web"), producer, "default publish", 0, 0.2, job, succeeded)
		first := s.span(in("jobs").to(p), consumer, "default process", 1, 2, job, failed)
		retry := s.span(in("jobs").under(first), internal, "default enqueue_retry", 1.8, 1.9, job, failed)
		again := s.span(in("jobs").under(retry), producer, "default publish", 1.82, 1.88, job, succeeded)
		s.span(in("jobs").to(again), consumer, "default process", 10, 11, job, succeeded)
		require.Equal(t, []outcome{ended("completed", "retried", hop{"default", "done", 1, 2})}, s.finally())
	})
	t.Run("discarded", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("web"), producer, "default publish", 0, 0.2, job, succeeded)
		first := s.span(in("jobs").to(p), consumer, "default process", 1, 2, job, failed)
		s.span(in("jobs").under(first), internal, "default discard", 1.8, 1.9, job, failed)
		require.Equal(t, []outcome{ended("failed", "", hop{"default", "failed", 1, 1})}, s.finally())
	})
	t.Run("given up after the last attempt", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("web"), producer, "default publish", 0, 0.2, job, succeeded)
		first := s.span(in("jobs").to(p), consumer, "default process", 1, 2, job, failed)
		s.span(in("jobs").under(first), internal, "default retry_stopped", 1.8, 1.9, job, failed)
		require.Equal(t, []outcome{ended("dead_lettered", "", hop{"default", "dead_lettered", 1, 1})}, s.finally())
	})
}

func TestShapeDelayedJob(t *testing.T) {
	// Nothing is propagated: the row's ID is all that the two sides have in common.
	a := attributes{"messaging.system": "delayed_job", "messaging.destination": "default", "messaging.message_id": "42", "messaging.delayed_job.name": "Charge"}
	s := newStage(t, "OpenTelemetry::Instrumentation::DelayedJob")
	s.span(in("web"), producer, "default publish", 0, 0.2, with(a, attributes{"messaging.operation": "publish"}))
	s.span(in("jobs"), consumer, "default process", 1, 2, with(a, attributes{"messaging.operation": "process"}), failed, threw)
	s.span(in("jobs"), consumer, "default process", 8, 9, with(a, attributes{"messaging.operation": "process"}))
	require.Equal(t, []outcome{ended("completed", "retried", hop{"default", "done", 1, 2})}, s.finally())
}

func TestShapeLaravel(t *testing.T) {
	// opentelemetry-auto-laravel 1.x: no operation but in the names; the worker's look at the queue is a span of its own.
	const scope = "io.opentelemetry.contrib.php.laravel"
	job := attributes{
		"messaging.system": "redis", "messaging.destination.name": "queues:default", "messaging.message.id": "5d0f6f0e-4a1b-4c3d-8e2f-001122334455",
		"messaging.message.job_name": "App\\Jobs\\Charge", "messaging.message.attempts": 0,
	}
	t.Run("released, then succeeded", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("web"), producer, "create queues:default", 0, 0.1, job)
		s.span(in("jobs"), consumer, "receive queues:default", 0.9, 1, job)
		s.span(in("jobs").under(p), consumer, "process queues:default", 1, 2, with(job, attributes{"messaging.message.released": true, "messaging.message.deleted": true}), failed, threw)
		s.span(in("jobs"), consumer, "receive queues:default", 90, 90.1, job)
		s.span(in("jobs").under(p), consumer, "process queues:default", 90.1, 91, with(job, attributes{"messaging.message.released": false, "messaging.message.deleted": true}))
		require.Equal(t, []outcome{ended("completed", "retried", hop{"queues:default", "done", 1, 2})}, s.finally())
	})
	t.Run("released and not taken again", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("web"), producer, "create queues:default", 0, 0.1, job)
		s.span(in("jobs").under(p), consumer, "process queues:default", 1, 2, with(job, attributes{"messaging.message.released": true}), failed, threw)
		require.Equal(t, []outcome{stuck("waiting", hop{"queues:default", "waiting", 1, 1})}, s.finally())
	})
}

func TestShapeRemoulade(t *testing.T) {
	// opentelemetry-instrumentation-remoulade: the names count the retries, and nothing says which queue it was.
	s := newStage(t, "opentelemetry.instrumentation.remoulade")
	a := attributes{"remoulade.actor_name": "charge", "messaging.message.id": "5d0f6f0e-4a1b-4c3d-8e2f-001122334455"}
	p := s.span(in("web"), producer, "remoulade/send", 0, 0.1, with(a, attributes{"remoulade.action": "send", "remoulade.retry_count": 0}))
	first := s.span(in("jobs").under(p), consumer, "remoulade/process", 1, 2, with(a, attributes{"remoulade.action": "run", "remoulade.retry_count": 0}), failed)
	again := s.span(in("jobs").under(first), producer, "remoulade/send(retry-1)", 2, 2.1, with(a, attributes{"remoulade.action": "send", "remoulade.retry_count": 1}))
	s.span(in("jobs").under(again), consumer, "remoulade/process(retry-1)", 5, 6, with(a, attributes{"remoulade.action": "run", "remoulade.retry_count": 1}))
	require.Equal(t, []outcome{ended("completed", "retried", hop{"", "done", 1, 2})}, s.finally())
}
