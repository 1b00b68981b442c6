//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package operationsextension owns the state of all open asynchronous operations.
package operationsextension
