package sim

import (
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
)

// Attribute names of the semantic conventions v1.44.0, and Throughline's own.
const (
	keyOperationName = "async.operation.name"
	keyProgress      = "async.operation.progress"

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
	keyDueTime         = "messaging.rocketmq.message.delivery_timestamp"
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
	EventProgress         = "async.operation.progress"
	EventCancelled        = "async.operation.cancelled"
)

// The operation types of messaging spans, which serve as operation names too.
const (
	opSend    = "send"
	opReceive = "receive"
	opProcess = "process"
)

// maxAttributes is the largest number of attributes of a messaging span; slices made for it never grow.
const maxAttributes = 16

// messagingAttributes are those that the sending and the consuming side of a message have in common.
func (r *run) messagingAttributes(operation string, hop *plan.Hop, client string, offset int64) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, maxAttributes)
	attributes = append(attributes,
		attribute.String(keySystem, hop.Stage.System),
		attribute.String(keyMessagingOpName, operation),
		attribute.String(keyMessagingOpType, operation),
		attribute.String(keyDestination, hop.Stage.Destination),
		attribute.String(keyMessageID, hop.MessageID),
		attribute.Int(keyBodySize, hop.BodyBytes),
		attribute.String(keyClientID, client),
	)
	if hop.Stage.System == plan.SystemRabbitMQ {
		return append(attributes,
			attribute.String(keyServerAddress, "rabbitmq.internal"),
			attribute.Int(keyServerPort, 5672),
			attribute.String(keyRoutingKey, hop.Stage.Destination))
	}
	return append(attributes,
		attribute.String(keyServerAddress, "kafka.internal"),
		attribute.Int(keyServerPort, 9092),
		attribute.String(keyPartition, strconv.Itoa(hop.Partition)),
		attribute.String(keyKafkaKey, r.op.Customer),
		attribute.Int64(keyKafkaOffset, offset))
}

// producerAttributes are the attributes of a send span. That of the first message names the operation.
func (r *run) producerAttributes(number int, service string, offset int64, due time.Time) []attribute.KeyValue {
	attributes := r.messagingAttributes(opSend, &r.op.Hops[number], service+"-producer", offset)
	if number == 0 {
		attributes = append(attributes, attribute.String(keyOperationName, r.op.Workflow.Name))
	}
	if !due.IsZero() {
		attributes = append(attributes, attribute.Int64(keyDueTime, due.UnixMilli()))
	}
	if number == 0 || r.sim.settings.Propagation == PropagationNone {
		attributes = append(attributes, attribute.String(keyConversationID, r.op.ID))
	}
	return attributes
}

// consumerAttributes are the attributes of a receive or process span.
func (r *run) consumerAttributes(operation string, hop *plan.Hop, stage *plan.Stage, delivered delivery) []attribute.KeyValue {
	attributes := r.messagingAttributes(operation, hop, stage.Service+"-consumer", delivered.offset)
	attributes = append(attributes, attribute.String(keyGroup, stage.Group))
	if hop.Stage.System == plan.SystemRabbitMQ {
		attributes = append(attributes, attribute.Int64(keyDeliveryTag, delivered.tag))
	}
	if r.sim.settings.Propagation == PropagationNone {
		attributes = append(attributes, attribute.String(keyConversationID, r.op.ID))
	}
	return attributes
}
