// Package telemetry gives every simulated service its own OpenTelemetry SDK, as if each were a process of its own.
//
// Spans go through the SDK's batch processor and log records through a [Batcher], both by OTLP/gRPC over one shared connection.
// Nothing is ever dropped silently: full queues block the service that fills them, and what could not be delivered is
// counted as lost.
package telemetry
