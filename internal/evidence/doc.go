// Package evidence draws facts about asynchronous operations from OTLP spans and log records.
//
// It reads what a convention, a span flag, a link or a log line says, in any generation of attribute names, and carries
// no state: an [Extractor] is immutable and a fact depends on one record and its resource alone.
// Records are read in one pass; one that is no evidence costs no allocation, and what is malformed is counted by reason
// and never an error.
package evidence
