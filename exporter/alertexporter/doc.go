//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package alertexporter sends operation events to alerting backends.
package alertexporter
