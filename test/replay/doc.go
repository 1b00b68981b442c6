// Package replay sends recorded telemetry of real applications to a collector and compares its verdicts with what really
// happened.
//
// A recording is a folder: export requests as OTLP JSON in the order in which they arrived, one per line, and TRUTH.json,
// which the applications wrote synchronously and which shares nothing with their telemetry. The recordings are in test/conformance/testdata;
// the command in cmd replays any.
package replay
