// Package snapshot writes and reads the form in which parts of the state outlive the process.
//
// A snapshot begins with the name of what it is of and a version, and ends with a checksum, so that [Open] can refuse what is
// damaged, of something else, or written by a newer program, with a text that says so. Between these a [Writer] puts numbers as
// varints and texts with their lengths before them, and a [Reader] takes them back; once something is not as it should be, a
// Reader reads nothing more, allocates nothing for it, and says so at the end.
package snapshot
