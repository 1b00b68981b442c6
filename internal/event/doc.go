// Package event writes what happens to operations and incidents as OTLP log records with an event name, and reads incidents
// back from them.
//
// The records are for any log backend, and for the alert exporter of this or of another collector: all an alert needs is in
// the attributes. docs/events.md lists them; names of the OpenTelemetry semantic conventions are used where there are any.
package event
