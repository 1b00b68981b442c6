// Package plan decides, before anything runs, what each generated operation is going to do.
//
// A [Plan] is a pure function of its [Settings]: the operation with a given index always has the same ID, workflow,
// scenario, timings and attempts for the same seed, whoever asks and in whatever order.
// It knows no clock and no OpenTelemetry; package sim carries plans out.
package plan
