// Package cause looks for what operations that fail have in common and healthy ones of the same name have not: an instance, a
// version, a partition, because the one who is woken up asks "what is special about them" first.
//
// A [Table] counts the [Trait] values of healthy operations at each [Place] of their way and forgets slowly; a [Sample] counts
// those of the operations of one incident; [Table.Hints] compares the two by Fisher's exact test, corrected for the number of
// values looked at. It knows no clock and no I/O, everything it holds is bounded, and where the evidence is thin it says nothing.
package cause
