package evidence_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// In-process buses, job queues and frameworks.

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
