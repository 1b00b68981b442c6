package evidence_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Frameworks of .NET.

func TestShapeMassTransit(t *testing.T) {
	// MassTransit 8: receive lasts as long as everything below it; each attempt of the retry filter is a process span.
	const scope = "MassTransit"
	const id, conversation = "01000000-5d0f-6f0e-4a1b-08dbe0000001", "01000000-5d0f-6f0e-4a1b-08dbe0000002"
	send := attributes{
		"messaging.operation": "send", "messaging.system": "rabbitmq", "messaging.destination.name": "Contracts:OrderSubmitted",
		"messaging.masstransit.message_id": id, "messaging.message.conversation_id": conversation,
	}
	receive := attributes{"messaging.operation": "receive", "messaging.destination.name": "submit-order", "messaging.message.id": id}
	process := attributes{"messaging.operation": "process", "messaging.masstransit.message_id": id, "messaging.message.conversation_id": conversation, "messaging.masstransit.consumer_type": "SubmitOrderConsumer"}
	t.Run("completed", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "Contracts:OrderSubmitted send", 0, 0.1, send)
		r := s.span(in("billing").under(p), consumer, "submit-order receive", 1, 2, receive)
		s.span(in("billing").under(r), consumer, "submit-order process", 1.1, 1.9, process)
		require.Equal(t, []outcome{completed(once("Contracts:OrderSubmitted"))}, s.finally())
	})
	t.Run("retried by the filter", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "Contracts:OrderSubmitted send", 0, 0.1, send)
		r := s.span(in("billing").under(p), consumer, "submit-order receive", 1, 3, receive)
		s.span(in("billing").under(r), consumer, "submit-order process", 1.1, 1.5, process, failed, threw)
		s.span(in("billing").under(r), consumer, "submit-order process", 2.5, 2.9, process)
		require.Equal(t, []outcome{ended("completed", "retried", hop{"Contracts:OrderSubmitted", "done", 1, 2})}, s.finally())
	})
	t.Run("moved to the error queue, which no span shows", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "Contracts:OrderSubmitted send", 0, 0.1, send)
		r := s.span(in("billing").under(p), consumer, "submit-order receive", 1, 3, receive, failed)
		s.span(in("billing").under(r), consumer, "submit-order process", 1.1, 1.5, process, failed, threw)
		require.Equal(t, []outcome{ended("failed", "", hop{"Contracts:OrderSubmitted", "failed", 1, 1})}, s.finally())
	})
	t.Run("published to two endpoints", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("shop"), producer, "Contracts:OrderSubmitted send", 0, 0.1, send)
		for _, service := range []string{"billing", "mailer"} {
			r := s.span(in(service).under(p), consumer, service+" receive", 1, 2, with(receive, attributes{"messaging.destination.name": service}))
			s.span(in(service).under(r), consumer, service+" process", 1.1, 1.9, process)
		}
		require.Equal(t, []outcome{completed(hop{"Contracts:OrderSubmitted", "done", 2, 2})}, s.finally())
	})
}

func TestShapeNServiceBus(t *testing.T) {
	// NServiceBus 8 and 9: nothing but attributes of its own.
	const scope = "NServiceBus.Core"
	a := attributes{"nservicebus.message_id": "5d0f6f0e-4a1b-4c3d-8e2f-001122334455", "nservicebus.enclosed_message_types": "Shop.OrderPlaced", "nservicebus.conversation_id": "c-1"}
	t.Run("immediate retry", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("sales"), producer, "send message", 0, 0.1, a)
		s.span(in("billing").under(p), consumer, "process message", 1, 2, a, failed, threw)
		s.span(in("billing").under(p), consumer, "process message", 2.1, 3, a)
		require.Equal(t, []outcome{ended("completed", "retried", hop{"Shop.OrderPlaced", "done", 1, 2})}, s.finally())
	})
	t.Run("two endpoints subscribe to an event", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("sales"), producer, "publish event", 0, 0.1, a)
		s.span(in("billing").under(p), consumer, "process message", 1, 2, a)
		s.span(in("shipping").under(p), consumer, "process message", 1, 2, a)
		require.Equal(t, []outcome{completed(hop{"Shop.OrderPlaced", "done", 2, 2})}, s.finally())
	})
}

func TestShapeWolverine(t *testing.T) {
	// Wolverine 3 to 5: a message is executed in an INTERNAL span that is named for its type; what becomes of it after a failure
	// is a span event.
	const scope = "Wolverine"
	a := attributes{
		"messaging.system": "rabbitmq", "messaging.destination": "rabbitmq://queue/orders", "messaging.message_id": "5d0f6f0e-4a1b-4c3d-8e2f-001122334455",
		"messaging.conversation_id": "c-1", "messaging.message_type": "Shop.OrderPlaced",
	}
	t.Run("requeued, then moved to the error queue", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("sales"), producer, "send", 0, 0.1, a)
		s.span(in("billing").under(p), internal, "Shop.OrderPlaced", 1, 2, a, failed, happened("wolverine.envelope.requeued"))
		s.span(in("billing").under(p), internal, "Shop.OrderPlaced", 3, 4, a, failed, happened("wolverine.error.queued"))
		require.Equal(t, []outcome{ended("dead_lettered", "retried", hop{"rabbitmq://queue/orders", "dead_lettered", 1, 2})}, s.finally())
	})
	t.Run("rescheduled and not tried again yet", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("sales"), producer, "send", 0, 0.1, a)
		s.span(in("billing").under(p), internal, "Shop.OrderPlaced", 1, 2, a, failed, happened("wolverine.envelope.rescheduled"))
		require.Equal(t, []outcome{stuck("waiting", hop{"rabbitmq://queue/orders", "waiting", 1, 1})}, s.finally())
	})
	t.Run("received into the inbox", func(t *testing.T) {
		s := newStage(t, scope)
		p := s.span(in("sales"), producer, "send", 0, 0.1, a)
		s.span(in("billing").under(p), consumer, "receive", 1, 1.01, a)
		s.span(in("billing").under(p), internal, "Shop.OrderPlaced", 1.02, 2, a)
		require.Equal(t, []outcome{completed(once("rabbitmq://queue/orders"))}, s.finally())
	})
}
