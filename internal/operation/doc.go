// Package operation holds the model of an asynchronous operation: the facts that evidence states about it, the hops they
// reduce to, and the verdict on them.
//
// Everything in it is pure: an [Operation] is a set of [Fact] values whose merge is commutative, associative and
// idempotent, [Operation.View] reduces the set to hops, and [Judge] is a function of that view, a [Policy] and a time.
// It knows no clock, no I/O, no goroutine and no collector type; only the standard library is imported.
package operation
