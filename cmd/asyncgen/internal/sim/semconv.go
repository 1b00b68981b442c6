package sim

import (
	"strconv"

	"go.opentelemetry.io/otel/attribute"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
)

// Attribute names of the semantic conventions v1.44.0, and Throughline's own.
const (
	keyOperationName = "async.operation.name"

	keySystem          = "messaging.system"
	keyMessagingOpName = "messaging.operation.name"
	keyMessagingOpType = "messaging.operation.type"
	keyDestination     = "messaging.destination.name"
	keyPartition       = "messaging.destination.partition.id"
	keyGroup           = "messaging.consumer.group.name"
	keyClientID        = "messaging.client.id"
	keyMessageID       = "messaging.message.id"
	keyConversationID  = "messaging.message.conversation_id"
	keyBodySize        = "messaging.message.body.size"
	keyKafkaKey        = "messaging.kafka.message.key"
	keyKafkaOffset     = "messaging.kafka.offset"
	keyRoutingKey      = "messaging.rabbitmq.destination.routing_key"
	keyDeliveryTag     = "messaging.rabbitmq.message.delivery_tag"

	keyErrorType           = "error.type"
	keyExceptionType       = "exception.type"
	keyExceptionMessage    = "exception.message"
	keyExceptionStacktrace = "exception.stacktrace"
	eventException         = "exception"

	keyServerAddress  = "server.address"
	keyServerPort     = "server.port"
	keyHTTPMethod     = "http.request.method"
	keyHTTPRoute      = "http.route"
	keyHTTPStatus     = "http.response.status_code"
	keyURLPath        = "url.path"
	keyURLScheme      = "url.scheme"
	keyURLFull        = "url.full"
	keyDBSystem       = "db.system.name"
	keyDBNamespace    = "db.namespace"
	keyDBOperation    = "db.operation.name"
	keyDBCollection   = "db.collection.name"
	keyDBQuerySummary = "db.query.summary"
)

// Event names of the log records that tell how far a handler has come.
const (
	EventProcessStarted   = "async.process.started"
	EventProcessCompleted = "async.process.completed"
	EventProcessFailed    = "async.process.failed"
)

// The operation types of messaging spans, which serve as operation names too.
const (
	opSend    = "send"
	opReceive = "receive"
	opProcess = "process"
)

// messagingAttributes are those that the sending and the consuming side of a message have in common.
func (r *run) messagingAttributes(operation string, hop *plan.Hop, client string) []attribute.KeyValue {
	broker, port := "kafka.internal", 9092
	if hop.Stage.System == plan.SystemRabbitMQ {
		broker, port = "rabbitmq.internal", 5672
	}
	attributes := make([]attribute.KeyValue, 0, 18)
	attributes = append(attributes,
		attribute.String(keySystem, hop.Stage.System),
		attribute.String(keyMessagingOpName, operation),
		attribute.String(keyMessagingOpType, operation),
		attribute.String(keyDestination, hop.Stage.Destination),
		attribute.String(keyMessageID, hop.MessageID),
		attribute.Int(keyBodySize, hop.BodyBytes),
		attribute.String(keyClientID, client),
		attribute.String(keyServerAddress, broker),
		attribute.Int(keyServerPort, port),
	)
	if r.sim.settings.Propagation == PropagationNone {
		attributes = append(attributes, attribute.String(keyConversationID, r.op.ID))
	}
	return attributes
}

// routingAttributes say where in its destination a message lies.
func (r *run) routingAttributes(hop *plan.Hop, offset int64) []attribute.KeyValue {
	if hop.Stage.System == plan.SystemRabbitMQ {
		return []attribute.KeyValue{attribute.String(keyRoutingKey, hop.Stage.Destination)}
	}
	return []attribute.KeyValue{
		attribute.String(keyPartition, strconv.Itoa(hop.Partition)),
		attribute.String(keyKafkaKey, r.op.Customer),
		attribute.Int64(keyKafkaOffset, offset),
	}
}

// consumerAttributes are the attributes of a receive or process span.
func (r *run) consumerAttributes(operation string, hop *plan.Hop, delivered delivery) []attribute.KeyValue {
	attributes := append(r.messagingAttributes(operation, hop, hop.Stage.Service+"-consumer"), r.routingAttributes(hop, delivered.offset)...)
	attributes = append(attributes, attribute.String(keyGroup, hop.Stage.Group))
	if hop.Stage.System == plan.SystemRabbitMQ {
		attributes = append(attributes, attribute.Int64(keyDeliveryTag, delivered.tag))
	}
	return attributes
}
