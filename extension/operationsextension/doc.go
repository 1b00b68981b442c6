// Package operationsextension owns the state of all asynchronous operations: the engine, the incidents and the metrics.
//
// The correlation processor brings it facts, the operations receiver takes what follows from them into pipelines, and the
// console shows them; all find it by [Find]. It sweeps from Ready on and flushes in NotReady, so that what it has to say
// still reaches the exporters.
//
//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
package operationsextension
