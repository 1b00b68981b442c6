// Package stitch turns a judged operation into one derived trace, as tracing backends can show it: the operation as the
// root, directly below it the work, the time in each queue and each attempt at processing.
//
// [Trace] is a pure function of the change, so that every collector that holds the same operation emits the same bytes,
// and [TraceID] is known from the operation's ID alone, so that originals can carry it before the trace exists.
// Everything that comes from telemetry is bounded in number and in size, and the root span says what was cut.
package stitch
