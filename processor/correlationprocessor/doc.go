// Package correlationprocessor draws facts about asynchronous operations from the spans and log records that pass, brings
// them to the operations extension, and stamps what passes with the operation it belongs to.
//
// Telemetry passes through it whatever happens: trouble in reading it or in the engine is counted and never returned,
// because an error would make the client send the whole batch again.
// Nothing is held back: a record whose operation is not known yet passes unstamped.
//
//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
package correlationprocessor
