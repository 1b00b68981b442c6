//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package operationsreceiver emits the telemetry derived from asynchronous operations.
package operationsreceiver
