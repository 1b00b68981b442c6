//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package correlationprocessor draws facts about asynchronous operations from passing telemetry.
package correlationprocessor
