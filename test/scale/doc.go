// Command scale measures how Throughline behaves with a million open operations, prints a table and draws a picture.
//
// Machines differ and are noisy, so wherever it can it measures a ratio within one run: against unmarshalling the same
// batches, against a smaller number of open operations, against the same collector without Throughline. Each measurement runs
// in a process of its own, one after another, so that none inherits the heap of the one before; each is repeated, and the
// median is shown beside the range. docs/benchmarks.md explains the figures.
package main
