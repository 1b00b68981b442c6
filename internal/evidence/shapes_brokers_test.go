package evidence_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Brokers and cloud queues.

// The IDs that SQS gives messages.
const (
	sqsID      = "5fea7756-0ea4-451a-a703-a558b933e274"
	sqsOtherID = "c80e8021-a70a-42c7-a470-796e1186f753"
)

func TestShapeSQSInNode(t *testing.T) {
	// @opentelemetry/instrumentation-aws-sdk 0.6x: all messages of a receive are links of it, even a single one.
	const scope = "@opentelemetry/instrumentation-aws-sdk"
	send := attributes{"messaging.system": "aws_sqs", "messaging.destination.name": "orders", "rpc.system": "aws-api", "rpc.service": "SQS", "rpc.method": "SendMessage"}
	receive := func(n int) attributes {
		return attributes{
			"messaging.system": "aws_sqs", "messaging.destination.name": "orders", "messaging.operation.type": "receive", "messaging.batch.message_count": n,
			"rpc.system": "aws-api", "rpc.service": "SQS", "rpc.method": "ReceiveMessage",
		}
	}
	id := func(n int, id string) func(ptrace.Span) { return about(n, attributes{"messaging.message.id": id}) }
	t.Run("received, processed and deleted", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "orders send", 0, 0.1, with(send, attributes{"messaging.message.id": sqsID}))
		s.span(in("billing").to(p), consumer, "orders receive", 0.5, 1, receive(1), id(0, sqsID))
		s.span(in("billing"), client, "SQS DeleteMessage", 2, 2.1, attributes{"messaging.system": "aws_sqs", "messaging.destination.name": "orders", "rpc.method": "DeleteMessage"})
		require.Equal(t, []outcome{completed(once("orders"))}, s.finally())
	})
	t.Run("empty receives are no operations", func(t *testing.T) {
		s := newStage(t, scope)
		s.span(in("billing"), consumer, "orders receive", 0.5, 1, receive(0))
		s.span(in("billing"), client, "SQS CreateQueue", 2, 2.1, attributes{"messaging.system": "aws_sqs", "rpc.method": "CreateQueue"})
		require.Empty(t, s.finally())
	})
	t.Run("messages of two operations in one receive; one is received again", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "orders send", 0, 0.1, with(send, attributes{"messaging.message.id": sqsID, "order.id": "A1"}))
		q := s.span(in("shop"), producer, "orders send", 0.2, 0.3, with(send, attributes{"messaging.message.id": sqsOtherID, "order.id": "B2"}))
		s.span(in("billing").to(p, q), consumer, "orders receive", 0.5, 1, receive(2), id(0, sqsID), id(1, sqsOtherID))
		s.span(in("billing").to(q), consumer, "orders receive", 30, 31, receive(1), id(0, sqsOtherID))
		all := s.finally()
		require.Equal(t, completed(once("orders")), all[0])
		require.Equal(t, "completed", all[1].State)
		require.Equal(t, []hop{{"orders", "done", 1, 2}}, all[1].Hops)
	})
	t.Run("a batch sent by one span, received one by one", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "orders send", 0, 0.1, with(send, attributes{"rpc.method": "SendMessageBatch"}))
		s.span(in("billing").to(p), consumer, "orders receive", 0.5, 1, receive(1), id(0, sqsID))
		s.span(in("billing").to(p), consumer, "orders receive", 1.5, 2, receive(1), id(0, sqsOtherID))
		require.Equal(t, []outcome{completed(once("orders"), once("orders"))}, s.finally())
	})
	t.Run("a batch sent by one span, received at once", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "orders send", 0, 0.1, with(send, attributes{"rpc.method": "SendMessageBatch"}))
		s.span(in("billing").to(p, p), consumer, "orders receive", 0.5, 1, receive(2), id(0, sqsID), id(1, sqsOtherID))
		require.Equal(t, []outcome{completed(once("orders"), once("orders"))}, s.finally())
	})
	t.Run("SNS to two queues", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "events send", 0, 0.1, attributes{"messaging.system": "aws.sns", "messaging.destination": "events", "messaging.destination.name": "arn:aws:sns:eu-west-1:1:events"})
		s.span(in("billing").to(p), consumer, "billing-q receive", 0.5, 1, with(receive(1), attributes{"messaging.destination.name": "billing-q"}), id(0, sqsID))
		s.span(in("mailer").to(p), consumer, "mailer-q receive", 0.5, 1, with(receive(1), attributes{"messaging.destination.name": "mailer-q"}), id(0, sqsOtherID))
		all := s.finally()
		require.Len(t, all, 1)
		require.Equal(t, "completed", all[0].State)
		require.Empty(t, all[0].Flags)
	})
}

func TestShapeBoto3SQS(t *testing.T) {
	// opentelemetry-instrumentation-boto3sqs: the process span lasts until the message is deleted.
	const scope = "opentelemetry.instrumentation.boto3sqs"
	a := attributes{"messaging.system": "aws.sqs", "messaging.destination": "orders", "messaging.destination_kind": "queue", "messaging.url": "https://sqs/1/orders"}
	of := func(id, operation string) attributes {
		return with(a, attributes{"messaging.message_id": id, "messaging.operation": operation})
	}
	t.Run("one message", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "orders send", 0, 0.1, with(a, attributes{"messaging.message_id": sqsID}))
		r := s.span(in("billing"), consumer, "orders receive", 0.5, 1, with(a, attributes{"messaging.operation": "receive"}))
		s.span(in("billing").under(r).to(p), consumer, "orders process", 0.9, 3, of(sqsID, "process"))
		require.Equal(t, []outcome{completed(once("orders"))}, s.finally())
	})
	t.Run("one receive brings messages of two operations", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "orders send", 0, 0.1, with(a, attributes{"messaging.message_id": sqsID}))
		q := s.span(in("shop"), producer, "orders send", 0.2, 0.3, with(a, attributes{"messaging.message_id": sqsOtherID}))
		r := s.span(in("billing"), consumer, "orders receive", 0.5, 1, with(a, attributes{"messaging.operation": "receive"}))
		s.span(in("billing").under(r).to(p), consumer, "orders process", 0.9, 3, of(sqsID, "process"))
		s.span(in("billing").under(r).to(q), consumer, "orders process", 0.9, 4, of(sqsOtherID, "process"))
		require.Equal(t, []outcome{completed(once("orders")), completed(once("orders"))}, s.finally())
	})
	t.Run("the entry's ID within its request is no conversation", func(t *testing.T) {
		s := newStage(t, scope)
		for i, id := range []string{sqsID, sqsOtherID} {
			at := float64(i)
			p := s.span(in("shop"), producer, "orders send", at, at+0.1, with(a, attributes{"messaging.message_id": id, "messaging.conversation_id": "1"}))
			s.span(in("billing").to(p), consumer, "orders process", at+0.5, at+0.6, of(id, "process"))
		}
		require.Equal(t, []outcome{completed(once("orders")), completed(once("orders"))}, s.finally())
	})
}

func TestShapePika(t *testing.T) {
	// opentelemetry-instrumentation-pika and aio-pika: what says receive lasts as long as the callback.
	const scope = "opentelemetry.instrumentation.pika.pika_instrumentor"
	a := attributes{"messaging.system": "rabbitmq", "messaging.destination": "shop", "net.peer.name": "localhost"}
	send, receive := with(a, attributes{"messaging.temp_destination": true}), with(a, attributes{"messaging.operation": "receive"})
	t.Run("the callback fails, and succeeds after redelivery", func(t *testing.T) {
		s := newStage(t, scope)
		outer := s.span(in("shop"), producer, "shop send", 0, 0.1, send)
		p := s.span(in("shop").under(outer), producer, "shop send", 0.01, 0.09, send)
		s.span(in("billing").under(p), consumer, "shop receive", 1, 2, receive, failed, threw)
		s.span(in("billing").under(p), consumer, "shop receive", 2.1, 3, receive)
		require.Equal(t, []outcome{ended("completed", "retried", hop{"shop", "done", 1, 2})}, s.finally())
	})
	t.Run("the callback fails for good", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "shop send", 0, 0.1, send)
		s.span(in("billing").under(p), consumer, "shop receive", 1, 2, receive, failed, threw)
		require.Equal(t, []outcome{ended("failed", "", hop{"shop", "failed", 1, 1})}, s.finally())
	})
	t.Run("the generator's span ends at once; the worker says that it works and dies", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "shop send", 0, 0.1, send)
		r := s.span(in("billing").under(p), consumer, "shop receive", 1, 1.00002, receive)
		s.line("billing", r, 1.1, "charging card", nil)
		require.Equal(t, []outcome{stuck("processing", hop{"shop", "processing", 1, 1})}, s.finally())
	})
	t.Run("two services take it", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "shop send", 0, 0.1, send)
		s.span(in("billing").under(p), consumer, "shop receive", 1, 2, receive)
		s.span(in("mailer").under(p), consumer, "shop receive", 1, 2, receive)
		require.Equal(t, []outcome{completed(hop{"shop", "done", 2, 2})}, s.finally())
	})
	t.Run("the consumer sends it to a dead-letter queue", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "shop send", 0, 0.1, send)
		r := s.span(in("billing").under(p), consumer, "shop receive", 1, 2, receive)
		s.span(in("billing").under(r), producer, "orders.dlq send", 1.9, 1.95, with(send, attributes{"messaging.destination": "orders.dlq"}))
		require.Equal(t, []outcome{ended("dead_lettered", "", hop{"shop", "dead_lettered", 1, 1}, hop{"orders.dlq", "dead_lettered", 0, 0})}, s.finally())
	})
}

func TestShapeBunny(t *testing.T) {
	// opentelemetry-instrumentation-bunny: the process span has no attributes at all.
	s := newStage(t, "OpenTelemetry::Instrumentation::Bunny")
	a := attributes{"messaging.system": "rabbitmq", "messaging.destination": "shop", "messaging.rabbitmq.routing_key": "order.created", "messaging.protocol": "AMQP"}
	p := s.span(in("shop"), producer, "shop.order.created publish", 0, 0.1, a)
	r := s.span(in("billing"), consumer, "shop.order.created receive", 1, 1.01, with(a, attributes{"messaging.operation": "receive"}))
	s.span(in("billing").under(r).to(p), consumer, "shop.order.created process", 1.02, 2, nil, failed, threw)
	require.Equal(t, []outcome{ended("failed", "", hop{"shop", "failed", 1, 1})}, s.finally())
}

func TestShapeAzureServiceBus(t *testing.T) {
	// Azure.Messaging.ServiceBus 7.x with the experimental activity source: each message has a span, a send links to them.
	const scope = "Azure.Messaging.ServiceBus"
	a := attributes{"messaging.system": "servicebus", "messaging.destination.name": "orders", "az.namespace": "Microsoft.ServiceBus"}
	do := func(operation string) attributes { return with(a, attributes{"messaging.operation": operation}) }
	t.Run("abandoned, then completed", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "Message", 0, 0.001, a)
		s.span(in("shop").to(p), client, "ServiceBusSender.Send", 0.01, 0.1, do("publish"))
		first := s.span(in("billing").under(p), consumer, "ServiceBusProcessor.ProcessMessage", 1, 2, do("process"), failed)
		s.span(in("billing").under(first).to(p), client, "ServiceBusReceiver.Abandon", 1.9, 1.95, do("settle"))
		second := s.span(in("billing").under(p), consumer, "ServiceBusProcessor.ProcessMessage", 3, 4, do("process"))
		s.span(in("billing").under(second).to(p), client, "ServiceBusReceiver.Complete", 3.9, 3.95, do("settle"))
		require.Equal(t, []outcome{ended("completed", "retried", hop{"orders", "done", 1, 2})}, s.finally())
	})
	t.Run("dead-lettered by the application", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "Message", 0, 0.001, a)
		first := s.span(in("billing").under(p), consumer, "ServiceBusProcessor.ProcessMessage", 1, 2, do("process"))
		s.span(in("billing").under(first).to(p), client, "ServiceBusReceiver.DeadLetter", 1.9, 1.95, do("settle"))
		require.Equal(t, []outcome{ended("dead_lettered", "", hop{"orders", "dead_lettered", 1, 1})}, s.finally())
	})
	t.Run("two messages received at once", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "Message", 0, 0.001, a)
		q := s.span(in("shop"), producer, "Message", 0.2, 0.201, a)
		s.span(in("billing").to(p, q), client, "ServiceBusReceiver.Receive", 1, 2, with(do("receive"), attributes{"messaging.batch.message_count": 2}))
		s.span(in("billing").to(p), client, "ServiceBusReceiver.Complete", 3, 3.1, do("settle"))
		require.Equal(t, []outcome{completed(once("orders")), completed(once("orders"))}, s.finally())
	})
}

func TestShapePubSub(t *testing.T) {
	// cloud.google.com/go/pubsub 1.4x; the clients for Node, Python, Java and C++ have the same names.
	const scope = "cloud.google.com/go/pubsub"
	const id = "7654321098765432"
	topic := attributes{"messaging.system": "gcp_pubsub", "messaging.destination.name": "orders", "messaging.message.id": id, "code.function": "Publish"}
	subscription := func(name, result string) attributes {
		return attributes{
			"messaging.system": "gcp_pubsub", "messaging.destination.name": name, "messaging.message.id": id, "code.function": "receive",
			"messaging.batch.message_count": 1, "messaging.gcp_pubsub.result": result, "messaging.operation": "receive",
		}
	}
	t.Run("nacked, then acked", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "orders create", 0, 0.1, topic)
		r := s.span(in("billing").under(p), consumer, "billing-sub subscribe", 1, 2, subscription("billing-sub", "nacked"))
		s.span(in("billing").under(r), internal, "billing-sub process", 1.1, 1.9, nil)
		r = s.span(in("billing").under(p), consumer, "billing-sub subscribe", 3, 4, subscription("billing-sub", "acked"))
		s.span(in("billing").under(r), internal, "billing-sub process", 3.1, 3.9, nil)
		require.Equal(t, []outcome{ended("completed", "retried", hop{"orders", "done", 1, 2})}, s.finally())
	})
	t.Run("two subscriptions, acknowledged by one call each", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "orders create", 0, 0.1, topic)
		q := s.span(in("shop"), producer, "orders create", 0.2, 0.3, with(topic, attributes{"messaging.message.id": "7654321098765433"}))
		first := s.span(in("billing").under(p), consumer, "billing-sub subscribe", 1, 2, subscription("billing-sub", "acked"))
		s.span(in("audit").under(p), consumer, "audit-sub subscribe", 1, 2, subscription("audit-sub", "acked"))
		second := s.span(in("billing").under(q), consumer, "billing-sub subscribe", 1, 2, with(subscription("billing-sub", "acked"), attributes{"messaging.message.id": "7654321098765433"}))
		s.span(in("billing").to(first, second), client, "billing-sub ack", 2.2, 2.3, attributes{"messaging.system": "gcp_pubsub", "messaging.destination.name": "billing-sub", "messaging.batch.message_count": 2})
		require.Equal(t, []outcome{completed(hop{"orders", "done", 2, 2}), completed(once("orders"))}, s.finally())
	})
	t.Run("messages that were sent and acknowledged by the same calls", func(t *testing.T) {
		s := newStage(t, scope)
		rpc := attributes{"messaging.system": "gcp_pubsub", "messaging.batch.message_count": 2, "messaging.destination.name": "orders"}
		other := attributes{"messaging.message.id": "7654321098765433"}
		p := s.span(in("shop"), producer, "orders create", 0, 0.1, topic)
		q := s.span(in("shop"), producer, "orders create", 0.01, 0.1, with(topic, other))
		publish := s.span(in("shop").to(p, q), client, "orders publish", 0.02, 0.09, rpc)
		first := s.span(in("billing").under(p), consumer, "billing-sub subscribe", 1, 2, subscription("billing-sub", "acked"))
		second := s.span(in("billing").under(q), consumer, "billing-sub subscribe", 1, 2, with(subscription("billing-sub", "acked"), other))
		ack := s.span(in("billing").to(first, second), client, "billing-sub ack", 1.5, 1.9, with(rpc, attributes{"messaging.destination.name": "billing-sub"}))
		p.link(publish)
		q.link(publish)
		first.link(ack)
		second.link(ack)
		require.Equal(t, []outcome{completed(once("orders")), completed(once("orders"))}, s.finally())
	})
	t.Run("the lease expired", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "orders create", 0, 0.1, topic)
		s.span(in("billing").under(p), consumer, "billing-sub subscribe", 1, 2, subscription("billing-sub", "expired"))
		require.Equal(t, "waiting", s.finally()[0].Reason)
	})
}
