// Package benchmark holds benchmarks that cross packages: what it costs to read telemetry and keep operations, beside what
// it costs to receive that telemetry at all.
//
// It has no code of its own. Machines differ and are noisy, so its figures are ratios within one run.
// The yardstick is unmarshalling the same batch from OTLP, which every collector does.
package benchmark
