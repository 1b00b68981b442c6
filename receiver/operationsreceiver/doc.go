// Package operationsreceiver emits what the operations extension derives from telemetry: one stitched trace for each
// operation, metrics, and events.
//
// It opens no port: it subscribes to the extension and brings what it gets into the pipelines it stands in. A pipeline
// that refuses is asked again with growing pauses, while the extension goes on and queues, up to a bound.
//
//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
package operationsreceiver
