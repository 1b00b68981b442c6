package coverage

import "github.com/throughline/throughline/internal/operation"

// Code names something that is missing from a service's telemetry.
type Code uint8

// The codes, what hurts most first.
const (
	// CodeNotAttached: messaging records that were given up because nothing connects them with an operation.
	CodeNotAttached Code = iota
	// CodeUnpairedConsumer: consumptions without parent, link or message ID: no send can be found for them.
	CodeUnpairedConsumer
	// CodeBatchWithoutLinks: consumptions of several messages that do not say which.
	CodeBatchWithoutLinks
	// CodeNeverConsumed: messages that nobody was seen to consume, in operations that are over or stuck.
	CodeNeverConsumed
	// CodeSendUnseen: consumed messages that nobody was seen to send.
	CodeSendUnseen
	// CodeNoDestination: messaging records that do not say which queue or topic they are about.
	CodeNoDestination
	// CodeNoMessageID: sends and consumptions that do not name their message.
	CodeNoMessageID
	// CodeOperationWithoutID: operations of which no record carries a correlation ID.
	CodeOperationWithoutID
	// CodeNoCorrelationID: messaging records that found their operation by something weaker than its ID.
	CodeNoCorrelationID
	// CodeOneService: operations with messages in which no other service was ever seen.
	CodeOneService
	// CodeFailedWithoutError: failed spans that do not say by what.
	CodeFailedWithoutError
	// CodeLogWithoutContext: log records of a message's life without trace, correlation ID and message ID.
	CodeLogWithoutContext
	// CodeNoServiceName: records of which nobody knows where they come from.
	CodeNoServiceName
	// CodeCount is the number of codes.
	CodeCount
)

// Unit says what a finding counts.
type Unit string

// The units.
const (
	UnitRecord    Unit = "record"
	UnitMessage   Unit = "message"
	UnitOperation Unit = "operation"
)

type definition struct {
	name string
	unit Unit
	hint string
	// of returns how many there are of which some are found wanting.
	of func(*account) uint64
}

var definitions = [CodeCount]definition{
	CodeNotAttached: {"not_attached", UnitRecord, "nothing connects these records with an operation: set messaging.message.conversation_id to the ID of " +
		"the operation, or pass the trace context (traceparent) in the headers of messages", (*account).messaging},
	CodeUnpairedConsumer: {"unpaired_consumer", UnitRecord, "pass the trace context (traceparent) in the headers of messages and let the consumer's span " +
		"continue it or link to it, or set messaging.message.id on both sides", (*account).consumptions},
	CodeBatchWithoutLinks: {"batch_without_links", UnitRecord, "give the span of a batch one link for each message, to the span that sent it",
		(*account).consumptions},
	CodeNeverConsumed: {"never_consumed", UnitMessage, "the consumers are not instrumented, send their telemetry elsewhere, or name the destination and the " +
		"message differently: see messaging.destination.name and messaging.message.id", func(a *account) uint64 { return a.sent }},
	CodeSendUnseen: {"send_unseen", UnitMessage, "the producers are not instrumented, or send their telemetry elsewhere; or the trace context is lost on the " +
		"way and messaging.message.id is missing", func(a *account) uint64 { return a.consumed }},
	CodeNoDestination: {"no_destination", UnitRecord, "set messaging.destination.name to the name of the queue or topic", (*account).messaging},
	CodeNoMessageID: {"no_message_id", UnitRecord, "set messaging.message.id (for Kafka messaging.destination.partition.id and messaging.kafka.offset): it " +
		"pairs records whose trace context is lost, and tells a redelivery from another message", (*account).messages},
	CodeOperationWithoutID: {"operation_without_id", UnitOperation, "set messaging.message.conversation_id on at least one record of each operation, or name " +
		"the attribute that has the ID in `correlation_keys`", func(a *account) uint64 { return a.operations }},
	CodeNoCorrelationID: {"no_correlation_id", UnitRecord, "these records depend on their trace, links or message IDs: set messaging.message.conversation_id, " +
		"or name the attribute that has the ID in `correlation_keys`", (*account).messagingAttached},
	CodeOneService: {"one_service", UnitOperation, "right if the service sends to itself; else the other services are not instrumented, or nothing " +
		"connects their records with these", func(a *account) uint64 { return a.operations }},
	CodeFailedWithoutError: {"failed_without_error", UnitRecord, "set error.type, or record the exception on the span", func(a *account) uint64 { return a.failed }},
	CodeLogWithoutContext: {"log_without_context", UnitRecord, "write log records in the context of the active span, or with the correlation ID as an " +
		"attribute or a field of the body", (*account).logs},
	CodeNoServiceName: {"no_service_name", UnitRecord, "set the resource attribute service.name (OTEL_SERVICE_NAME)", (*account).records},
}

// String returns the name used in metrics and in the API. It does not change.
func (c Code) String() string { return definitions[c].name }

// Finding says what is missing, how often, and what to do about it.
type Finding struct {
	Code Code
	// Count of Of were found wanting; what they are is Unit.
	Count, Of uint64
}

// Unit says what the finding counts.
func (f Finding) Unit() Unit { return definitions[f.Code].unit }

// Hint says in one line what to set.
func (f Finding) Hint() string { return definitions[f.Code].hint }

// Share is Count as a part of Of, from 0 to 1.
func (f Finding) Share() float64 { return max(0, share(f.Count, f.Of)) }

// look notes what a record lacks. It is called once for each, when it comes.
func (a *account) look(f *operation.Fact, g Group) {
	if f.Service == "" {
		a.missing[CodeNoServiceName]++
	}
	consumption := g == GroupReceive || g == GroupProcess
	if g.Messaging() && f.Destination == "" {
		a.missing[CodeNoDestination]++
	}
	if (consumption || g == GroupSend) && f.MessageID == "" {
		a.missing[CodeNoMessageID]++
	}
	if consumption && f.MessageID == "" && f.LinkSpan.IsZero() {
		switch {
		case f.Batch:
			a.missing[CodeBatchWithoutLinks]++
		case f.Parent.IsZero():
			a.missing[CodeUnpairedConsumer]++
		}
	}
	if f.Outcome == operation.OutcomeError && f.IsSpan() {
		a.failed++
		if f.ErrorType == "" {
			a.missing[CodeFailedWithoutError]++
		}
	}
	if g == GroupLog && f.Trace.IsZero() && f.ID == "" && f.MessageID == "" {
		a.missing[CodeLogWithoutContext]++
	}
}
