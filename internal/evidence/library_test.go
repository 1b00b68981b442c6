package evidence

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// read draws the facts of a span of the given scope, as a user who describes some more libraries would have it.
func read(tb testing.TB, scope string, td ptrace.Traces, own ...Library) []operation.Fact {
	x, err := NewExtractor(Config{
		CorrelationKeys: append(DefaultCorrelationKeys(), "order.id", "order_id"), Libraries: append(own, DefaultLibraries()...),
	})
	require.NoError(tb, err)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().SetName(scope)
	b := &Batch{}
	x.Traces(b, td)
	require.Zero(tb, b.Dropped)
	return b.Facts
}

// recorded is what a library was seen to emit, and the fact it makes beside what every span has.
type recorded struct {
	name, scope, span string
	kind              ptrace.SpanKind
	attributes        map[string]any
	change            func(ptrace.Span)
	want              operation.Fact
}

func requireRecorded(t *testing.T, all []recorded) {
	t.Helper()
	for _, tc := range all {
		t.Run(tc.name, func(t *testing.T) {
			td := oneSpan(tc.kind, tc.attributes, func(s ptrace.Span) {
				s.SetName(tc.span)
				if tc.change != nil {
					tc.change(s)
				}
			})
			want := tc.want
			want.Trace, want.Span, want.Service, want.Instance, want.Name = operation.TraceID(traceA), operation.SpanID(spanA), "api", "h1/42", tc.span
			want.At, want.Consumer = int64(t0), tc.kind == ptrace.SpanKindConsumer
			if want.End == 0 {
				want.End = int64(t0) + int64(time.Second)
			} else {
				want.End = 0
			}
			facts := read(t, tc.scope, td)
			require.NotEmpty(t, facts)
			require.Equal(t, want, facts[0])
		})
	}
}

// unfinished stands for no end in a wanted fact.
const unfinished = -1

func status(code ptrace.StatusCode, text string) func(ptrace.Span) {
	return func(s ptrace.Span) {
		s.Status().SetCode(code)
		s.Status().SetMessage(text)
	}
}

func happened(name string) func(ptrace.Span) {
	return func(s ptrace.Span) {
		e := s.Events().AppendEmpty()
		e.SetName(name)
		e.SetTimestamp(t0 + 900_000_000)
	}
}

const errorCode, okCode = ptrace.StatusCodeError, ptrace.StatusCodeOk

func TestRiver(t *testing.T) {
	scope := "github.com/riverqueue/rivercontrib/otelriver"
	work := func(more map[string]any) map[string]any {
		a := map[string]any{
			"order_id": "PO-0000312", "id": 202, "created_at": "2026-11-21T03:17:02Z", "scheduled_at": "2026-11-21T03:17:02Z", "attempt": 2,
			"kind": "charge_card", "priority": 1, "queue": "critical", "status": "ok", "tag": []any{},
		}
		maps.Copy(a, more)
		return a
	}
	worked := func(outcome operation.Outcome, d operation.Disposition, message string) operation.Fact {
		return operation.Fact{
			Kind: operation.KindProcess, System: "river", Destination: "critical", MessageID: "202", Type: "charge_card", ID: "PO-0000312", IDRank: 8,
			Due: time.Date(2026, 11, 21, 3, 17, 2, 0, time.UTC).UnixNano(), Delivery: 2, Outcome: outcome, Disposition: d, ErrorMessage: message,
		}
	}
	requireRecorded(t, []recorded{
		{
			"insert", scope, "river.insert_many", ptrace.SpanKindProducer,
			map[string]any{"status": "ok", "kinds": []any{"gift_wrap"}, "unique_skipped_as_duplicate_count": 0}, status(okCode, ""),
			operation.Fact{Kind: operation.KindSend, System: "river", Type: "gift_wrap", Outcome: operation.OutcomeOK},
		},
		{
			"work", scope, "river.work", ptrace.SpanKindConsumer, work(nil), status(okCode, ""),
			worked(operation.OutcomeOK, operation.DispositionUnknown, ""),
		},
		{
			"failed", scope, "river.work", ptrace.SpanKindConsumer, work(nil), status(errorCode, "acquirer returned 502"),
			worked(operation.OutcomeError, operation.DispositionUnknown, "acquirer returned 502"),
		},
		{
			"cancelled", scope, "river.work", ptrace.SpanKindConsumer, work(map[string]any{"cancel": true}), status(errorCode, "stolen"),
			worked(operation.OutcomeError, operation.DispositionFinal, "stolen"),
		},
		{
			"not cancelled", scope, "river.work", ptrace.SpanKindConsumer, work(map[string]any{"cancel": false}), status(errorCode, "stolen"),
			worked(operation.OutcomeError, operation.DispositionUnknown, "stolen"),
		},
		{
			"snoozed", scope, "river.work", ptrace.SpanKindConsumer, work(map[string]any{"snooze": true}), nil,
			worked(operation.OutcomeUnset, operation.DispositionRetry, ""),
		},
	})
	facts := read(t, scope, oneSpan(ptrace.SpanKindProducer, map[string]any{"kinds": []any{"charge", "pack", "mail"}}))
	require.Len(t, facts, 3)
	for i, kind := range []string{"charge", "pack", "mail"} {
		require.Equal(t, kind, facts[i].Type)
		require.Equal(t, operation.KindSend, facts[i].Kind)
	}
	facts = read(t, "somebody.else", oneSpan(ptrace.SpanKindProducer, map[string]any{"kinds": []any{"charge"}, "queue": "critical", "id": 7}))
	require.Equal(t, operation.Fact{Kind: operation.KindSend}, withoutOrigin(facts[0]), "names without a prefix mean nothing elsewhere")
}

// withoutOrigin leaves what a fact says beside where and when it comes from.
func withoutOrigin(f operation.Fact) operation.Fact {
	f.Trace, f.Span, f.Service, f.Instance, f.Name, f.At, f.End = operation.TraceID{}, operation.SpanID{}, "", "", "", 0, 0
	return f
}

func TestCelery(t *testing.T) {
	scope := "opentelemetry.instrumentation.celery"
	id := "a9dd3e61-8719-4b88-bf0f-978717f8b377"
	run := func(state string, more map[string]any) map[string]any {
		a := map[string]any{
			"celery.action": "run", "celery.state": state, "messaging.conversation_id": id, "messaging.destination": "c.payments",
			"messaging.message.id": id, "celery.task_name": "shop.charge",
		}
		maps.Copy(a, more)
		return a
	}
	ran := func(outcome operation.Outcome, d operation.Disposition) operation.Fact {
		return operation.Fact{
			Kind: operation.KindProcess, System: "celery", Destination: "c.payments", MessageID: id, Type: "shop.charge", Outcome: outcome, Disposition: d,
		}
	}
	again := ran(operation.OutcomeError, operation.DispositionRetry)
	again.Delivery, again.Due = 3, time.Date(2026, 11, 21, 3, 23, 27, 882_702_000, time.UTC).UnixNano()
	gone := ran(operation.OutcomeError, operation.DispositionUnknown)
	gone.ErrorMessage = "gateway timeout"
	requireRecorded(t, []recorded{
		{
			"send", scope, "apply_async/shop.charge", ptrace.SpanKindProducer,
			map[string]any{
				"celery.action": "apply_async", "messaging.message.id": id, "celery.task_name": "shop.charge", "messaging.destination_kind": "queue",
				"messaging.destination": "c.payments",
			},
			nil, operation.Fact{Kind: operation.KindSend, System: "celery", Destination: "c.payments", MessageID: id, Type: "shop.charge"},
		},
		{"success", scope, "run/shop.charge", ptrace.SpanKindConsumer, run("SUCCESS", nil), nil, ran(operation.OutcomeOK, operation.DispositionComplete)},
		{
			"retry", scope, "run/shop.charge", ptrace.SpanKindConsumer,
			run("RETRY", map[string]any{"celery.retries": 2, "celery.eta": "2026-11-21T03:23:27.882702+00:00"}), nil, again,
		},
		{"failure", scope, "run/shop.charge", ptrace.SpanKindConsumer, run("FAILURE", nil), status(errorCode, "gateway timeout"), gone},
		{"failure without a status", scope, "run/shop.charge", ptrace.SpanKindConsumer, run("FAILURE", nil), nil, ran(operation.OutcomeError, operation.DispositionUnknown)},
		{"rejected", scope, "run/shop.charge", ptrace.SpanKindConsumer, run("REJECTED", nil), nil, ran(operation.OutcomeError, operation.DispositionRejected)},
		{"revoked", scope, "run/shop.charge", ptrace.SpanKindConsumer, run("REVOKED", nil), nil, ran(operation.OutcomeError, operation.DispositionFinal)},
		{"ignored", scope, "run/shop.charge", ptrace.SpanKindConsumer, run("IGNORED", nil), nil, ran(operation.OutcomeOK, operation.DispositionComplete)},
	})
	elsewhere := read(t, "somebody.else", oneSpan(ptrace.SpanKindConsumer, run("RETRY", nil)))
	require.Equal(t, id, elsewhere[0].ID, "elsewhere the conversation ID is a correlation ID")
	require.Equal(t, operation.DispositionUnknown, elsewhere[0].Disposition)
}

func TestAMQPLib(t *testing.T) {
	scope := "@opentelemetry/instrumentation-amqplib"
	conversation, id := "d1f8d7ba-ad0a-446f-878b-e5c3a9dfbb96", "72ca484c-9c0b-45c5-901f-5e8fd44e9b44"
	attributes := func(exchange, key string, consumer bool) map[string]any {
		a := map[string]any{
			"messaging.protocol_version": "0.9.1", "messaging.protocol": "AMQP", "messaging.system": "rabbitmq", "messaging.destination": exchange,
			"messaging.destination_kind": "topic", "messaging.rabbitmq.routing_key": key, "messaging.message_id": id, "messaging.conversation_id": conversation,
		}
		if consumer {
			a["messaging.operation"] = "process"
		}
		return a
	}
	processed := func(destination, group string, outcome operation.Outcome, d operation.Disposition, message string) operation.Fact {
		return operation.Fact{
			Kind: operation.KindProcess, System: "rabbitmq", Destination: destination, Group: group, MessageID: id, ID: conversation, IDRank: 1,
			Outcome: outcome, Disposition: d, ErrorMessage: message,
		}
	}
	all := []recorded{
		{
			"publish", scope, "publish orders", ptrace.SpanKindProducer, attributes("orders", "order.created", false), nil,
			operation.Fact{Kind: operation.KindSend, System: "rabbitmq", Destination: "orders", MessageID: id, ID: conversation, IDRank: 1},
		},
		{
			"publish to the default exchange", scope, "publish <default>", ptrace.SpanKindProducer, attributes("", "payments", false), nil,
			operation.Fact{Kind: operation.KindSend, System: "rabbitmq", Destination: "payments", MessageID: id, ID: conversation, IDRank: 1},
		},
		{
			"process", scope, "payments process", ptrace.SpanKindConsumer, attributes("orders", "order.created", true), nil,
			processed("orders", "payments", operation.OutcomeUnset, operation.DispositionUnknown, ""),
		},
		{
			"process from the default exchange", scope, "reminders process", ptrace.SpanKindConsumer, attributes("", "reminders", true), nil,
			processed("reminders", "", operation.OutcomeUnset, operation.DispositionUnknown, ""),
		},
		{
			"failed by the application", scope, "payments process", ptrace.SpanKindConsumer, attributes("orders", "order.created", true),
			status(errorCode, "card declined"), processed("orders", "payments", operation.OutcomeError, operation.DispositionUnknown, "card declined"),
		},
	}
	for text, d := range map[string]operation.Disposition{
		"nack called on message without requeue": operation.DispositionRejected, "nackAll called on message without requeue": operation.DispositionRejected,
		"reject called on message without requeue": operation.DispositionRejected,
		"nack called on message with requeue":      operation.DispositionRetry, "nackAll called on message with requeue": operation.DispositionRetry,
		"reject called on message with requeue": operation.DispositionRetry, "channel closed": operation.DispositionRetry, "channel error": operation.DispositionRetry,
	} {
		all = append(all, recorded{
			text, scope, "payments process", ptrace.SpanKindConsumer, attributes("orders", "order.created", true),
			status(errorCode, text), processed("orders", "payments", operation.OutcomeError, d, text),
		})
	}
	never := processed("orders", "payments", operation.OutcomeUnset, operation.DispositionUnknown, "")
	never.End = unfinished
	requireRecorded(t, append(all, recorded{
		"never acknowledged", scope, "payments process", ptrace.SpanKindConsumer, attributes("orders", "order.created", true),
		status(errorCode, "instrumentation timeout"), never,
	}))
}

func TestAsynq(t *testing.T) {
	id := "df871723-d321-44f0-9bd9-df33035a5814"
	run := func(retries int) map[string]any {
		return map[string]any{"asynq.task.id": id, "asynq.queue": "critical", "asynq.retry_count": retries, "asynq.max_retry": 3}
	}
	ran := func(delivery uint16, outcome operation.Outcome, d operation.Disposition, message string) operation.Fact {
		return operation.Fact{
			Kind: operation.KindProcess, System: "asynq", Destination: "critical", MessageID: id, Delivery: delivery, Outcome: outcome, Disposition: d,
			ErrorMessage: message,
		}
	}
	requireRecorded(t, []recorded{
		{
			"enqueue", "aq-api", "enqueue order:charge", ptrace.SpanKindProducer,
			map[string]any{"asynq.task.type": "order:charge", "asynq.queue": "critical", "asynq.task.id": id}, nil,
			operation.Fact{Kind: operation.KindSend, System: "asynq", Destination: "critical", MessageID: id, Type: "order:charge"},
		},
		{"run", "aq-charger", "order:charge", ptrace.SpanKindConsumer, run(0), nil, ran(1, operation.OutcomeUnset, operation.DispositionUnknown, "")},
		{
			"failed, to be retried", "aq-charger", "order:charge", ptrace.SpanKindConsumer, run(2), status(errorCode, "timeout"),
			ran(3, operation.OutcomeError, operation.DispositionUnknown, "timeout"),
		},
		{
			"failed for the last time", "aq-charger", "order:charge", ptrace.SpanKindConsumer, run(3), status(errorCode, "timeout"),
			ran(4, operation.OutcomeError, operation.DispositionDeadLetter, "timeout"),
		},
		{"the last time succeeded", "aq-charger", "order:charge", ptrace.SpanKindConsumer, run(3), nil, ran(4, operation.OutcomeUnset, operation.DispositionUnknown, "")},
	})
	for name, limit := range map[string]any{"no limit": 0, "no number": "many", "another one": 4} {
		a := run(3)
		a["asynq.max_retry"] = limit
		require.Equal(t, operation.DispositionUnknown, read(t, "aq", oneSpan(ptrace.SpanKindConsumer, a, status(errorCode, "timeout")))[0].Disposition, name)
	}
}

func TestBullMQ(t *testing.T) {
	job := func(what string, more map[string]any) map[string]any {
		a := map[string]any{"bullmq.queue.name": "payments", "bullmq.queue.operation": what, "bullmq.job.name": "charge", "bullmq.job.id": "12"}
		maps.Copy(a, more)
		return a
	}
	local := func(s ptrace.Span) { s.SetParentSpanID(pcommon.SpanID{9}) }
	base := operation.Fact{System: "bullmq", Destination: "payments", MessageID: "12", Type: "charge"}
	want := func(kind operation.Kind, outcome operation.Outcome, d operation.Disposition) operation.Fact {
		f := base
		f.Kind, f.Outcome, f.Disposition = kind, outcome, d
		return f
	}
	parented := func(f operation.Fact) operation.Fact {
		f.Parent = operation.SpanID{9}
		return f
	}
	ran := want(operation.KindProcess, operation.OutcomeUnset, operation.DispositionUnknown)
	ran.Delivery, ran.ID, ran.IDRank = 1, "SO-1", 7
	broke := ran
	broke.Outcome = operation.OutcomeError
	process := job("process", map[string]any{"bullmq.job.attempts.made": 1, "order.id": "SO-1"})
	all := []recorded{
		{"process", "payment-worker", "process payments", ptrace.SpanKindConsumer, process, happened("job completed"), ran},
		{"process that failed leaves the status unset", "payment-worker", "process payments", ptrace.SpanKindConsumer, process, happened("job failed"), broke},
	}
	for _, word := range []string{"add", "addJob", "addNode"} {
		all = append(all, recorded{word, "storefront", word + " payments", ptrace.SpanKindProducer, job(word, nil), nil, want(operation.KindSend, 0, 0)})
	}
	for word, d := range map[string]operation.Disposition{"delay": operation.DispositionRetry, "retry": operation.DispositionRetry, "fail": operation.DispositionDeadLetter} {
		all = append(all, recorded{
			word, "payment-worker", word + " payments", ptrace.SpanKindInternal, job(word, nil), local, parented(want(operation.KindSettle, operation.OutcomeError, d)),
		})
	}
	all = append(all, recorded{
		"complete", "payment-worker", "complete payments", ptrace.SpanKindInternal, job("complete", nil), local,
		parented(want(operation.KindSettle, operation.OutcomeOK, operation.DispositionComplete)),
	})
	requireRecorded(t, all)
	for _, word := range []string{"extendLocks", "moveStalledJobsToWait", "startStalledCheckTimer"} {
		require.Empty(t, read(t, "payment-worker", oneSpan(ptrace.SpanKindInternal, job(word, map[string]any{"order.id": "SO-1"}))), word)
	}
	for _, word := range []string{"addBulk", "addFlow", "addBulkJobs"} {
		facts := read(t, "storefront", oneSpan(ptrace.SpanKindProducer, map[string]any{"bullmq.queue.name": "payments", "bullmq.queue.operation": word}))
		require.Equal(t, operation.Fact{Kind: operation.KindSend, System: "bullmq", Destination: "payments"}, withoutOrigin(facts[0]), word)
	}
}

// TestWordsOfOperations: they count whatever the kind of the span, under each name of the attribute.
func TestWordsOfOperations(t *testing.T) {
	local := func(s ptrace.Span) { s.SetParentSpanID(pcommon.SpanID{9}) }
	for kind, words := range map[operation.Kind][]string{
		operation.KindSend: {
			"send", "create", "publish", "enqueue", "add", "addBulk", "addFlow", "addNode", "addJob", "addBulkJobs", "apply_async",
			"SendMessage", "SendMessageBatch",
		},
		operation.KindReceive: {"receive", "poll", "ReceiveMessage"},
		operation.KindProcess: {"process", "deliver", "consume", "run"},
		operation.KindSettle: {
			"settle", "ack", "nack", "reject", "complete", "abandon", "dead_letter", "defer", "fail", "delay", "retry",
		},
	} {
		for _, word := range words {
			for _, key := range names[fieldOperation] {
				facts := read(t, "x", oneSpan(ptrace.SpanKindInternal, map[string]any{key: word, "messaging.destination.name": "q"}, local))
				require.Equal(t, kind.String(), facts[0].Kind.String(), "%s=%s", key, word)
			}
		}
	}
}

// TestWordsOfOutcomes: what the words of no particular library say of how a span ended.
func TestWordsOfOutcomes(t *testing.T) {
	type effectOf struct {
		outcome     operation.Outcome
		disposition operation.Disposition
	}
	done, again := effectOf{operation.OutcomeOK, operation.DispositionComplete}, effectOf{operation.OutcomeError, operation.DispositionRetry}
	gone, put := effectOf{operation.OutcomeError, operation.DispositionDeadLetter}, effectOf{operation.OutcomeUnset, operation.DispositionRetry}
	says := func(want effectOf, td ptrace.Traces, what string) {
		f := read(t, "x", td)[0]
		require.Equal(t, want, effectOf{f.Outcome, f.Disposition}, what)
	}
	for name, want := range map[string]effectOf{
		"ServiceBusReceiver.Complete": done, "ServiceBusReceiver.Abandon": again, "ServiceBusReceiver.DeadLetter": gone, "ServiceBus.deadLetter": gone,
		"ServiceBusReceiver.Defer": put, "ServiceBus.complete": done, "Complete": {}, "ServiceBusReceiver.RenewLock": {},
	} {
		settle := map[string]any{"messaging.operation.type": "settle", "messaging.destination.name": "q"}
		says(want, oneSpan(ptrace.SpanKindClient, settle, func(s ptrace.Span) { s.SetName(name) }), name)
	}
	for _, word := range []struct {
		key   string
		value any
		want  effectOf
	}{
		{"messaging.gcp_pubsub.result", "acked", done}, {"messaging.gcp_pubsub.result", "nacked", again}, {"messaging.gcp_pubsub.result", "expired", again},
		{"messaging.message.released", true, put}, {"messaging.message.released", false, effectOf{}}, {"messaging.settlement", "abandon", again},
		{"celery.state", "RETRY", effectOf{}},
	} {
		says(word.want, oneSpan(ptrace.SpanKindConsumer, map[string]any{word.key: word.value, "messaging.destination.name": "q"}), word.key)
	}
	for name, want := range map[string]effectOf{
		"job failed": {operation.OutcomeError, operation.DispositionUnknown}, "wolverine.error.queued": gone,
		"wolverine.envelope.discarded": {operation.OutcomeError, operation.DispositionFinal}, "wolverine.envelope.requeued": again,
		"wolverine.envelope.retried": again, "wolverine.envelope.rescheduled": again, "wolverine.envelope.sent": {},
	} {
		says(want, oneSpan(ptrace.SpanKindConsumer, map[string]any{"messaging.destination.name": "q"}, happened(name)), name)
	}
}

// TestLibrariesThatNobodyRecorded: one look at each entry that no recording has.
func TestLibrariesThatNobodyRecorded(t *testing.T) {
	received := map[string]any{"messaging.operation": "receive", "messaging.destination.name": "q", "messaging.message.conversation_id": "1"}
	named := func(name string) func(ptrace.Span) { return func(s ptrace.Span) { s.SetName(name) } }

	handled := read(t, "watermill/subscriber", oneSpan(ptrace.SpanKindConsumer, received))[0]
	require.Equal(t, operation.KindProcess, handled.Kind)
	require.Equal(t, "watermill", handled.System)
	require.Equal(t, "watermill", read(t, "watermill/publisher", oneSpan(ptrace.SpanKindProducer, nil))[0].System)
	require.Equal(t, operation.KindReceive, read(t, "x", oneSpan(ptrace.SpanKindConsumer, received))[0].Kind)

	require.Empty(t, read(t, "opentelemetry.instrumentation.boto3sqs", oneSpan(ptrace.SpanKindConsumer, received))[0].ID)
	require.Equal(t, "1", read(t, "x", oneSpan(ptrace.SpanKindConsumer, received))[0].ID)

	require.Empty(t, read(t, "opentelemetry.instrumentation.confluent_kafka", oneSpan(ptrace.SpanKindConsumer, nil, named("recv"))))
	require.NotEmpty(t, read(t, "x", oneSpan(ptrace.SpanKindConsumer, nil, named("recv"))))

	job := map[string]any{"messaging.system": "active_job", "messaging.destination": "q", "messaging.message.id": "1"}
	for word, want := range map[string]operation.Disposition{
		"enqueue_retry": operation.DispositionRetry, "retry_stopped": operation.DispositionDeadLetter, "discard": operation.DispositionFinal,
	} {
		f := read(t, "OpenTelemetry::Instrumentation::ActiveJob", oneSpan(ptrace.SpanKindInternal, job, named("q "+word)))[0]
		require.Equal(t, operation.KindSettle, f.Kind, word)
		require.Equal(t, want, f.Disposition, word)
		require.Equal(t, operation.OutcomeError, f.Outcome, word)
	}
}

func TestServiceBusDispositions(t *testing.T) {
	for word, want := range map[string]struct {
		outcome operation.Outcome
		d       operation.Disposition
	}{
		"complete": {operation.OutcomeOK, operation.DispositionComplete}, "abandon": {operation.OutcomeError, operation.DispositionRetry},
		"dead_letter": {operation.OutcomeError, operation.DispositionDeadLetter}, "defer": {operation.OutcomeUnset, operation.DispositionRetry},
	} {
		facts := read(t, "azure", oneSpan(ptrace.SpanKindClient, map[string]any{
			"messaging.operation.type": "settle", "messaging.destination.name": "orders", "messaging.servicebus.disposition_status": word,
			"messaging.servicebus.message.delivery_count": 3,
		}))
		require.Equal(t, operation.Fact{Kind: operation.KindSettle, Destination: "orders", Outcome: want.outcome, Disposition: want.d}, withoutOrigin(facts[0]), word)
	}
}

func TestDeliveriesAreCountedFromOne(t *testing.T) {
	for _, tc := range []struct {
		key   string
		value any
		want  uint16
	}{
		{"messaging.servicebus.message.delivery_count", 3, 3}, {"messaging.gcp_pubsub.message.delivery_attempt", 2, 2},
		{"messaging.message.delivery_attempt", "4", 4}, {"bullmq.job.attempts.made", 1, 1}, {"celery.retries", 0, 1}, {"asynq.retry_count", 2, 3},
		{"celery.retries", -5, 0}, {"bullmq.job.attempts.made", 0, 0}, {"bullmq.job.attempts.made", "often", 0}, {"bullmq.job.attempts.made", 1 << 40, 0},
		{"celery.retries", 65534, 65535}, {"celery.retries", 65535, 0},
	} {
		facts := read(t, "x", oneSpan(ptrace.SpanKindConsumer, map[string]any{tc.key: tc.value, "messaging.destination.name": "q"}))
		require.Equal(t, tc.want, facts[0].Delivery, "%s=%v", tc.key, tc.value)
	}
	facts := read(t, "x", oneSpan(ptrace.SpanKindProducer, map[string]any{"celery.retries": 2, "messaging.destination.name": "q"}))
	require.Zero(t, facts[0].Delivery, "a send is no delivery")
}

func TestTasksAreKnownByTheirIDs(t *testing.T) {
	for key, want := range map[string]string{
		"task_id": "77", "job_id": "77", "app.task.id": "77", "taskId": "77", "batch.job-id": "77",
		"order": "", "id": "", "basket_id": "", "job_name": "", "taskid": "77", "mytask_Id": "77",
	} {
		facts := read(t, "x", oneSpan(ptrace.SpanKindInternal, map[string]any{key: 77, "order.id": "o-1"}))
		require.Equal(t, operation.KindTask, facts[0].Kind)
		require.Equal(t, want, facts[0].MessageID, key)
		require.Equal(t, "a span", facts[0].Destination)
	}
}

func TestDueTimesInAllFormats(t *testing.T) {
	at := time.Date(2026, 11, 21, 3, 23, 27, 0, time.UTC)
	for text, want := range map[string]int64{
		"2026-11-21T03:23:27Z": at.UnixNano(), "2026-11-21T04:23:27+01:00": at.UnixNano(), "2026-11-21T03:23:27.5+00:00": at.UnixNano() + 5e8,
		"1795231407": at.UnixNano(), "1795231407000": at.UnixNano(), "1795231407000000": at.UnixNano(), "1795231407000000000": at.UnixNano(),
		"1795231407.5": at.UnixNano() + 5e8, "": 0, "soon": 0, "5000": 0, "-1795231407": 0, "1999-01-01T00:00:00Z": 0, "2201-01-01T00:00:00Z": 0,
		"9999-12-31T00:00:00Z": 0, "NaN": 0, "Inf": 0, "1e300": 0, "-9223372036854775807": 0, "9223372036854775807": 0, "1795269574578": 1795269574578e6, "1795269574.578123": 1795269574578123e3,
	} {
		require.Equal(t, want, dueTime(text), text)
	}
	facts := read(t, "x", oneSpan(ptrace.SpanKindProducer, map[string]any{"messaging.rocketmq.message.delivery_timestamp": int64(1795231407000), "messaging.destination.name": "q"}))
	require.Equal(t, at.UnixNano(), facts[0].Due)
}

func TestUsersDescribeLibraries(t *testing.T) {
	own := Library{
		Scope: "acme.queue", System: "acmemq", IgnoreKeys: []string{"order.id"},
		Attributes: map[string][]string{
			"destination": {"acme.lane", "acme.queue"}, "message_id": {"acme.no"}, "operation": {"acme.op"}, "state": {"acme.result"}, "consumer_group": {"acme.group"},
		},
		Operations: map[string]string{"PUT": "send", "GET": "receive", "housekeeping": "ignore", "handle": "process"},
		Outcomes:   map[string]string{"LATER": "retry", "acme.result=false": "failed"},
		Events:     map[string]string{"gave up": "dead_letter"},
		Statuses:   map[string]string{"shutting down": "unfinished"},
	}
	span := func(kind ptrace.SpanKind, attributes map[string]any, change ...func(ptrace.Span)) []operation.Fact {
		return read(t, "acme.queue", oneSpan(kind, attributes, change...), own)
	}
	put := span(ptrace.SpanKindClient, map[string]any{"acme.op": "PUT", "acme.queue": "q2", "acme.lane": "q1", "acme.no": 9, "order.id": "o-1", "acme.group": "g"})
	require.Equal(t, operation.Fact{Kind: operation.KindSend, System: "acmemq", Destination: "q1", MessageID: "9", Group: "g"}, withoutOrigin(put[0]))
	require.Equal(t, operation.KindReceive, span(ptrace.SpanKindClient, map[string]any{"acme.op": "GET"})[0].Kind)
	require.Equal(t, operation.KindSend, span(ptrace.SpanKindClient, map[string]any{"messaging.operation.type": "publish"})[0].Kind, "conventions hold as well")

	name := func(n string) func(ptrace.Span) { return func(s ptrace.Span) { s.SetName(n) } }
	require.Empty(t, span(ptrace.SpanKindServer, nil, name("housekeeping")))
	require.Equal(t, operation.KindProcess, span(ptrace.SpanKindInternal, nil, name("handle"))[0].Kind)

	handle := func(attributes map[string]any, change ...func(ptrace.Span)) operation.Fact {
		return withoutOrigin(span(ptrace.SpanKindConsumer, attributes, change...)[0])
	}
	require.Equal(t, operation.DispositionRetry, handle(map[string]any{"acme.result": "LATER"}).Disposition)
	require.Equal(t, operation.OutcomeError, handle(map[string]any{"acme.result": false}).Outcome)
	require.Equal(t, operation.OutcomeUnset, handle(map[string]any{"acme.result": true}).Outcome)
	require.Equal(t, operation.DispositionDeadLetter, handle(nil, happened("gave up")).Disposition)
	require.Zero(t, span(ptrace.SpanKindConsumer, nil, status(errorCode, "shutting down"))[0].End)

	unnamed := read(t, "other", oneSpan(ptrace.SpanKindServer, nil, name("housekeeping")), own)
	require.Equal(t, operation.KindWork, unnamed[0].Kind, "elsewhere a name says nothing")
}

func TestTheFirstLibraryForAScopeCounts(t *testing.T) {
	celery := oneSpan(ptrace.SpanKindConsumer, map[string]any{"celery.state": "RETRY", "messaging.destination": "q", "messaging.conversation_id": "c-1"})
	own := Library{Scope: "opentelemetry.instrumentation.celery", System: "mine", Outcomes: map[string]string{"RETRY": "failed"}}
	facts := read(t, "opentelemetry.instrumentation.celery", celery, own)
	require.Equal(t, operation.Fact{
		Kind: operation.KindProcess, System: "mine", Destination: "q", ID: "c-1", IDRank: 1, Outcome: operation.OutcomeError,
	}, onlyStatements(facts[0]), "the user's description replaces the known one")

	glob := Library{Scope: "com.acme.*", System: "acme"}
	for scope, want := range map[string]string{"com.acme.jobs": "acme", "com.acme.": "acme", "comXacme.jobs": "", "xcom.acme.jobs": "", "com.acme": ""} {
		require.Equal(t, want, read(t, scope, oneSpan(ptrace.SpanKindProducer, map[string]any{"messaging.destination": "q"}), glob)[0].System, scope)
	}
	exact := Library{Scope: "com.acme.jobs", System: "exact"}
	require.Equal(t, "exact", read(t, "com.acme.jobs", oneSpan(ptrace.SpanKindProducer, nil), glob, exact)[0].System, "the scope itself before a pattern")
}

func onlyStatements(f operation.Fact) operation.Fact {
	f = withoutOrigin(f)
	f.Consumer = false
	return f
}

func TestBadLibrariesAreRefused(t *testing.T) {
	bad := Library{
		Attributes: map[string][]string{"colour": {"a"}, "destination": {"b", ""}}, Operations: map[string]string{"PUT": "emit"},
		Outcomes: map[string]string{"LATER": "sometime"}, Events: map[string]string{"x": ""}, Statuses: map[string]string{"y": "OK"},
	}
	err := bad.Validate()
	for _, want := range []string{
		"`scope` is empty", "`attributes::colour`: no such field; there are batch_count, consumer_group", "`attributes::destination` has an empty name",
		"`operations::PUT` is \"emit\": must be one of ignore, process, progress, receive, send, settle, work",
		"`outcomes::LATER` is \"sometime\": must be one of dead_letter, deferred, failed, final, ok, rejected, retry, unfinished",
		"`events::x` is \"\"", "`statuses::y` is \"OK\"",
	} {
		require.ErrorContains(t, err, want)
	}
	_, err = NewExtractor(Config{CorrelationKeys: []string{"id"}, Libraries: []Library{{Scope: "ok"}, bad}})
	require.ErrorContains(t, err, "libraries[1]: ")
	for _, known := range DefaultLibraries() {
		require.NoError(t, known.Validate(), known.Scope)
	}
}

// TestEveryFieldCanHaveAnotherName: an attribute that a library names for a field is read like the first of the usual names.
func TestEveryFieldCanHaveAnotherName(t *testing.T) {
	for _, name := range AttributeFields() {
		f := attributeFields[name]
		require.NotEmpty(t, fieldNames[f], name)
		lib := Library{Scope: "s", Attributes: map[string][]string{name: {"own." + name}}}
		p := newProfile(Config{}, &lib)
		m := p.keys.find("own." + name)
		require.NotNil(t, m, name)
		require.Equal(t, f, m.field, name)
		require.Zero(t, m.rank)
		if len(names[f]) == 0 {
			continue
		}
		usual := p.keys.find(names[f][0])
		require.NotNil(t, usual, name)
		require.EqualValues(t, 1, usual.rank, "%s: its own name comes first", name)
	}
}

// TestTheWorstDispositionCounts: whatever words a span uses, in whatever order, and whatever else it says.
func TestTheWorstDispositionCounts(t *testing.T) {
	words, meanings := OutcomeNames(), newLookup(effects)
	rapid.Check(t, func(t *rapid.T) {
		f := operation.Fact{End: 5}
		worst := operation.DispositionUnknown
		for range rapid.IntRange(1, 4).Draw(t, "words") {
			word := rapid.SampledFrom(words).Draw(t, "word")
			worst = max(worst, effects[word].disposition)
			say(&f, meanings, word)
		}
		say(&f, meanings, "no such word")
		say(&f, meanings, "")
		require.Equal(t, worst, f.Disposition)
	})
}
