package evidence_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Kafka clients.

const saramaScope = "github.com/dnwe/otelsarama"

// saramaSend is a span of otelsarama 0.43 (semantic conventions 1.17): the offset is the message ID.
func (s *stage) saramaSend(c cue, topic, offset string, at float64, more attributes) *span {
	a := attributes{
		"messaging.system": "kafka", "messaging.destination.kind": "topic", "messaging.destination.name": topic,
		"messaging.operation": "publish", "messaging.message.id": offset, "messaging.kafka.destination.partition": 0,
	}
	return s.span(c, producer, topic+" publish", at, at+0.01, with(a, more))
}

// saramaReceive lasts until the application takes the message from the channel; it begins when the message before it was
// taken.
func (s *stage) saramaReceive(c cue, topic, offset string, at float64) *span {
	return s.span(c, consumer, topic+" receive", at, at+0.001, attributes{
		"messaging.system": "kafka", "messaging.destination.kind": "topic", "messaging.destination.name": topic,
		"messaging.operation": "receive", "messaging.message.id": offset, "messaging.kafka.source.partition": 0,
	})
}

func TestShapeSarama(t *testing.T) {
	t.Run("the receive span is all there is", func(t *testing.T) {
		s := newStage(t, saramaScope)
		p := s.saramaSend(in("shop"), "orders", "17", 0, nil)
		s.saramaReceive(in("billing").under(p), "orders", "17", 1)
		require.Equal(t, []outcome{completed(once("orders"))}, s.finally())
	})
	t.Run("two groups", func(t *testing.T) {
		s := newStage(t, saramaScope)
		p := s.saramaSend(in("shop"), "orders", "17", 0, nil)
		s.saramaReceive(in("billing").under(p), "orders", "17", 1)
		s.saramaReceive(in("mailer").under(p), "orders", "17", 1.5)
		require.Equal(t, []outcome{completed(hop{"orders", "done", 2, 2})}, s.finally())
	})
	t.Run("the application's span below it fails, and succeeds when the partition is read again", func(t *testing.T) {
		s := newStage(t, saramaScope)
		p := s.saramaSend(in("shop"), "orders", "17", 0, nil)
		r := s.saramaReceive(in("billing").under(p), "orders", "17", 1)
		s.span(in("billing").under(r), consumer, "charge", 1.01, 1.2, attributes{"messaging.operation": "process", "messaging.system": "kafka", "messaging.destination.name": "orders"}, failed)
		r = s.saramaReceive(in("billing").under(p), "orders", "17", 5)
		s.span(in("billing").under(r), consumer, "charge", 5.01, 5.2, attributes{"messaging.operation": "process", "messaging.system": "kafka", "messaging.destination.name": "orders"})
		require.Equal(t, []outcome{ended("completed", "retried", hop{"orders", "done", 1, 2})}, s.finally())
	})
	t.Run("a retry topic, then a dead-letter topic", func(t *testing.T) {
		s := newStage(t, saramaScope)
		p := s.saramaSend(in("shop"), "orders", "17", 0, nil)
		r := s.saramaReceive(in("billing").under(p), "orders", "17", 1)
		again := s.saramaSend(in("billing").under(r), "orders.retry", "3", 1.1, nil)
		r = s.saramaReceive(in("billing").under(again), "orders.retry", "3", 5)
		s.saramaSend(in("billing").under(r), "orders.dlq", "0", 5.1, nil)
		require.Equal(t, []outcome{ended("dead_lettered", "retried", hop{"orders", "dead_lettered", 1, 2}, hop{"orders.dlq", "dead_lettered", 0, 0})}, s.finally())
	})
	t.Run("never consumed", func(t *testing.T) {
		s := newStage(t, saramaScope)
		s.saramaSend(in("shop"), "orders", "17", 0, nil)
		require.Equal(t, []outcome{stuck("waiting", hop{"orders", "waiting", 0, 0})}, s.finally())
	})
	t.Run("messages that could not be sent have no offset in common", func(t *testing.T) {
		s := newStage(t, saramaScope)
		for i := range 2 {
			s.span(in("shop"), producer, "orders publish", float64(i), float64(i)+0.1, attributes{
				"messaging.system": "kafka", "messaging.destination.name": "orders", "messaging.operation": "publish",
				"messaging.message.id": "-1", "messaging.kafka.destination.partition": -1,
			}, failed)
		}
		failure := ended("failed", "", hop{"orders", "failed", 0, 0})
		require.Equal(t, []outcome{failure, failure}, s.finally())
	})
	t.Run("an asynchronous send that failed is not the first message of the partition", func(t *testing.T) {
		s := newStage(t, saramaScope)
		p := s.saramaSend(in("shop"), "orders", "0", 0, nil)
		s.saramaReceive(in("billing").under(p), "orders", "0", 1)
		s.saramaSend(in("shop"), "orders", "0", 2, nil).apply(failed)
		require.Equal(t, []outcome{completed(once("orders")), ended("failed", "", hop{"orders", "failed", 0, 0})}, s.finally())
	})
}

func TestShapeKafkaPython(t *testing.T) {
	send := attributes{"messaging.system": "kafka", "messaging.destination": "orders", "messaging.kafka.partition": 0}
	receive := attributes{"messaging.system": "kafka", "messaging.destination": "orders", "messaging.kafka.partition": 0}
	t.Run("what is received is not processed yet", func(t *testing.T) {
		// Nothing but the span's name says that the record was only handed over.
		s := newStage(t, "opentelemetry.instrumentation.kafka")
		p := s.span(in("shop"), producer, "orders send", 0, 0.1, send)
		s.span(in("billing").under(p), consumer, "orders receive", 1, 1.0001, receive)
		s.span(in("billing").under(p), consumer, "charge", 1.1, 2, attributes{"messaging.operation": "process", "messaging.system": "kafka", "messaging.destination": "orders"})
		require.Equal(t, []outcome{completed(once("orders"))}, s.finally())
	})
	t.Run("the worker died", func(t *testing.T) {
		s := newStage(t, "opentelemetry.instrumentation.kafka")
		p := s.span(in("shop"), producer, "orders send", 0, 0.1, send)
		r := s.span(in("billing").under(p), consumer, "orders receive", 1, 1.0001, receive)
		s.line("billing", r, 1.1, "charging card", nil)
		require.Equal(t, []outcome{stuck("processing", hop{"orders", "processing", 1, 1})}, s.finally())
	})
}

func TestShapeConfluentKafkaPython(t *testing.T) {
	process := attributes{
		"messaging.system": "kafka", "messaging.destination": "orders", "messaging.kafka.partition": 0, "messaging.operation": "process",
		"messaging.message.id": "orders.0.17", "messaging.destination_kind": "queue",
	}
	t.Run("a message", func(t *testing.T) {
		s := newStage(t, "opentelemetry.instrumentation.confluent_kafka")
		p := s.span(in("shop"), producer, "orders send", 0, 0.1, attributes{
			"messaging.system": "kafka", "messaging.destination": "orders", "messaging.operation": "publish", "messaging.destination_kind": "queue",
		})
		recv := s.span(in("billing"), consumer, "recv", 1, 1.0001, nil)
		s.span(in("billing").under(recv).to(p), consumer, "orders process", 1, 2, process)
		require.Equal(t, []outcome{completed(once("orders"))}, s.finally())
	})
	t.Run("a batch of several operations", func(t *testing.T) {
		s := newStage(t, "opentelemetry.instrumentation.confluent_kafka")
		send := attributes{"messaging.system": "kafka", "messaging.destination": "orders", "messaging.operation": "publish"}
		p := s.span(in("shop"), producer, "orders send", 0, 0.1, send)
		q := s.span(in("shop"), producer, "orders send", 0.2, 0.3, send)
		recv := s.span(in("billing"), consumer, "recv", 1, 1.0001, nil)
		s.span(in("billing").under(recv).to(p, q), consumer, "orders process", 1, 2, attributes{
			"messaging.system": "kafka", "messaging.destination": "orders", "messaging.operation": "process",
		})
		require.Equal(t, []outcome{completed(once("orders")), completed(once("orders"))}, s.finally())
	})
}

func TestShapeAIOKafka(t *testing.T) {
	send := attributes{
		"messaging.system": "kafka", "messaging.destination.name": "orders", "messaging.destination.partition.id": "0",
		"messaging.operation.name": "send", "messaging.operation.type": "publish",
	}
	receive := func(offset string, more attributes) attributes {
		return with(attributes{
			"messaging.system": "kafka", "messaging.destination.name": "orders", "messaging.destination.partition.id": "0",
			"messaging.consumer.group.name": "billing-group", "messaging.operation.name": "receive", "messaging.operation.type": "receive",
			"messaging.kafka.message.offset": 17, "messaging.message.id": "orders.0." + offset,
		}, more)
	}
	t.Run("getone in two groups of one service", func(t *testing.T) {
		s := newStage(t, "opentelemetry.instrumentation.aiokafka")
		p := s.span(in("shop"), producer, "orders send", 0, 0.1, send)
		s.span(in("billing").under(p), consumer, "orders receive", 1, 1.0001, receive("17", nil))
		s.span(in("billing").under(p), consumer, "orders receive", 2, 2.0001, receive("17", attributes{"messaging.consumer.group.name": "audit-group"}))
		require.Equal(t, []outcome{completed(hop{"orders", "done", 2, 2})}, s.finally())
	})
	t.Run("getmany of several operations", func(t *testing.T) {
		s := newStage(t, "opentelemetry.instrumentation.aiokafka")
		p := s.span(in("shop"), producer, "orders send", 0, 0.1, send)
		q := s.span(in("shop"), producer, "orders send", 0.2, 0.3, send)
		count := attributes{
			"messaging.system": "kafka", "messaging.consumer.group.name": "billing-group", "messaging.batch.message_count": 2,
			"messaging.operation.name": "receive", "messaging.operation.type": "receive",
		}
		poll := s.span(in("billing"), consumer, "orders receive", 1, 1.01, count)
		first := s.span(in("billing").under(p), consumer, "orders receive", 1.001, 1.002, receive("17", nil))
		second := s.span(in("billing").under(q), consumer, "orders receive", 1.003, 1.004, receive("18", nil))
		s.span(in("billing").under(poll).to(first, second), consumer, "orders receive", 1, 1.005, with(count, attributes{
			"messaging.destination.name": "orders", "messaging.destination.partition.id": "0",
		}))
		require.Equal(t, []outcome{completed(once("orders")), completed(once("orders"))}, s.finally())
	})
}

// javaKafka are the attributes of the Java agent 2.x; the stable names come with OTEL_SEMCONV_STABILITY_OPT_IN=messaging.
func javaKafka(operation string, more attributes) attributes {
	return with(attributes{"messaging.system": "kafka", "messaging.destination.name": "orders", "messaging.operation": operation}, more)
}

func TestShapeJavaKafka(t *testing.T) {
	const scope = "io.opentelemetry.kafka-clients-0.11"
	sent := func(offset int) attributes {
		return javaKafka("publish", attributes{"messaging.destination.partition.id": "2", "messaging.kafka.message.offset": offset})
	}
	taken := func(offset int) attributes {
		return javaKafka("process", attributes{
			"messaging.destination.partition.id": "2", "messaging.kafka.message.offset": offset, "messaging.kafka.consumer.group": "billing-group",
		})
	}
	t.Run("without receive telemetry: failed, then succeeded", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "orders publish", 0, 0.1, sent(17))
		s.span(in("billing").under(p), consumer, "orders process", 1, 1.1, taken(17), failed, threw)
		s.span(in("billing").under(p), consumer, "orders process", 2, 2.1, taken(17))
		require.Equal(t, []outcome{ended("completed", "retried", hop{"orders", "done", 1, 2})}, s.finally())
	})
	t.Run("Spring Kafka with a retry topic and a dead-letter topic", func(t *testing.T) {
		s := newStage(t, "io.opentelemetry.spring-kafka-2.7")
		p := s.span(in("shop"), producer, "orders publish", 0, 0.1, sent(17))
		first := s.span(in("billing").under(p), consumer, "orders process", 1, 1.1, taken(17), failed)
		retry := attributes{"messaging.system": "kafka", "messaging.destination.name": "orders-retry-0", "messaging.operation": "publish"}
		again := s.span(in("billing").under(first), producer, "orders-retry-0 publish", 1.05, 1.06, retry)
		second := s.span(in("billing").under(again), consumer, "orders-retry-0 process", 3, 3.1, with(retry, attributes{"messaging.operation": "process", "messaging.kafka.consumer.group": "billing-group-retry-0"}), failed)
		dead := attributes{"messaging.system": "kafka", "messaging.destination.name": "orders-dlt", "messaging.operation": "publish"}
		last := s.span(in("billing").under(second), producer, "orders-dlt publish", 3.05, 3.06, dead)
		s.span(in("billing").under(last), consumer, "orders-dlt process", 4, 4.1, with(dead, attributes{"messaging.operation": "process", "messaging.kafka.consumer.group": "billing-group-dlt"}))
		require.Equal(t, "dead_lettered", s.finally()[0].State)
	})
	t.Run("receive telemetry: one poll of messages of two operations", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "orders publish", 0, 0.1, sent(17))
		q := s.span(in("shop"), producer, "orders publish", 0.2, 0.3, sent(18))
		r := s.span(in("billing"), consumer, "orders receive", 1, 1.1, javaKafka("receive", attributes{"messaging.batch.message_count": 2, "messaging.kafka.consumer.group": "billing-group"}))
		s.span(in("billing").under(r).to(p), consumer, "orders process", 1.2, 1.3, taken(17))
		s.span(in("billing").under(r).to(q), consumer, "orders process", 1.4, 1.5, taken(18), failed)
		require.Equal(t, []outcome{completed(once("orders")), ended("failed", "", hop{"orders", "failed", 1, 1})}, s.finally())
	})
	t.Run("stable names: a poll with links, a batch listener", func(t *testing.T) {
		s := newStage(t, scope)
		send := attributes{"messaging.system": "kafka", "messaging.destination.name": "orders", "messaging.operation.name": "send", "messaging.operation.type": "send", "messaging.destination.partition.id": "2"}
		p := s.span(in("shop"), producer, "send orders", 0, 0.1, with(send, attributes{"messaging.kafka.offset": 17}))
		q := s.span(in("shop"), producer, "send orders", 0.2, 0.3, with(send, attributes{"messaging.kafka.offset": 18}))
		batch := attributes{"messaging.system": "kafka", "messaging.destination.name": "orders", "messaging.batch.message_count": 2, "messaging.consumer.group.name": "billing-group"}
		first, second := about(0, attributes{"messaging.kafka.offset": 17, "messaging.destination.partition.id": "2"}), about(1, attributes{"messaging.kafka.offset": 18, "messaging.destination.partition.id": "2"})
		s.span(in("billing").to(p, q), client, "poll orders", 1, 1.1, with(batch, attributes{"messaging.operation.name": "poll", "messaging.operation.type": "receive"}), first, second)
		s.span(in("billing").to(p, q), consumer, "process orders", 1.2, 1.5, with(batch, attributes{"messaging.operation.name": "process", "messaging.operation.type": "process"}), first, second)
		require.Equal(t, []outcome{completed(once("orders")), completed(once("orders"))}, s.finally())
	})
	t.Run("a producer without acknowledgements knows no offset", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "orders publish", 0, 0.1, sent(-1))
		s.span(in("billing").under(p), consumer, "orders process", 1, 1.1, taken(17))
		q := s.span(in("shop"), producer, "orders publish", 2, 2.1, sent(-1))
		s.span(in("billing").under(q), consumer, "orders process", 3, 3.1, taken(18))
		require.Equal(t, []outcome{completed(once("orders")), completed(once("orders"))}, s.finally())
	})
}

func TestShapeRubyKafka(t *testing.T) {
	// ruby_kafka, rdkafka and racecar make the consumer a child and a link of the producer.
	read := attributes{"messaging.system": "kafka", "messaging.destination": "orders", "messaging.destination_kind": "topic", "messaging.kafka.partition": 0, "messaging.kafka.offset": 17}
	write := attributes{"messaging.system": "kafka", "messaging.destination": "orders", "messaging.destination_kind": "topic"}
	t.Run("failed, then succeeded", func(t *testing.T) {
		s := newStage(t, "OpenTelemetry::Instrumentation::Racecar")
		p := s.span(in("shop"), producer, "orders publish", 0, 0.1, write)
		s.span(in("billing").under(p).to(p), consumer, "orders process", 1, 1.1, read, failed)
		s.span(in("billing").under(p).to(p), consumer, "orders process", 2, 2.1, read)
		require.Equal(t, []outcome{ended("completed", "retried", hop{"orders", "done", 1, 2})}, s.finally())
	})
	t.Run("a batch", func(t *testing.T) {
		s := newStage(t, "OpenTelemetry::Instrumentation::Rdkafka")
		p := s.span(in("shop"), producer, "orders publish", 0, 0.1, write)
		q := s.span(in("shop"), producer, "orders publish", 0.2, 0.3, write)
		s.span(in("billing").to(p, q), consumer, "batch process", 1, 1.1, attributes{"messaging.system": "kafka", "messaging.destination_kind": "topic", "messaging.kafka.message_count": 2})
		require.Equal(t, []outcome{completed(once("orders")), completed(once("orders"))}, s.finally())
	})
}
