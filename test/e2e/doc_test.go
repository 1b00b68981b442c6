//go:build e2e

// Package e2e runs the built collector between a real Jaeger, a real Alertmanager and the workload generator, and compares
// what they say with what the generator did.
//
// `make e2e` builds everything and runs it. Each test starts its own servers on free ports and stops them; a test that
// fails prints the end of the collector's output. Nothing waits for a fixed time: all waits end as soon as what they wait
// for is there.
package e2e
