//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package consoleextension serves the API of internal/console over HTTP.
//
// It is glue: confighttp gives the listener with its TLS and authentication, and the operations extension, found in Start,
// gives what is to be seen. It holds no state of its own and never changes that of another component.
package consoleextension
