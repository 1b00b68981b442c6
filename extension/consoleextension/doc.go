//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package consoleextension serves operations over an HTTP API.
package consoleextension
