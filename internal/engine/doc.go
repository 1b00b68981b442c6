// Package engine keeps all open operations: it finds out which operation each fact belongs to, holds the facts, and says
// what changed.
//
// [Engine.Apply] takes facts in, [Engine.Sweep] judges what is new or due and returns the changes of verdict; both get the
// time passed in and do no I/O, and nothing is ever called out of the engine under a lock.
// Everything it holds is bounded, and whatever it drops is counted by reason in [Stats].
package engine
