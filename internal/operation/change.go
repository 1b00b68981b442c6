package operation

// Change is what the outputs follow from: an operation whose verdict differs from the one before.
type Change struct {
	// View is the operation as it is now, Verdict the judgement on it and Before the previous one (zero for a new operation).
	View    *View
	Verdict Verdict
	Before  Verdict
	// New says that nothing was ever told of the operation before.
	New bool
	// Revision counts the changes of this operation's verdict, from 1.
	Revision uint32
	// FinalRevision counts how often the operation became final: 1 for the first time, more when late evidence corrected it.
	FinalRevision uint32
	// WasStuck tells which verdicts before this one were stuck: bit i is about revision Revision-1-i. What lies further back is
	// forgotten.
	WasStuck uint64
	// Seen is who consumed last, of any operation, from the destination in which a message waits: of the group that is awaited, if
	// it is a certain one. Its At is 0 if nobody is known to have done so.
	Seen Sighting
	// Gone says that the operation is no more: it turned out to be part of another one, or gave way to newer ones. Its
	// verdict is then in_progress, and nothing follows.
	Gone bool
	// Left says of a Gone one that it gave way, or that its retention was over.
	Left bool
	// Again says that it may have been told before the collector was started, with the same revision: whoever counts or learns must
	// pass over it.
	Again  bool
	Policy *Policy
	// At is the time of judgement in nanoseconds since 1970.
	At int64
}

// Sighting is when a consumer was last seen.
type Sighting struct {
	// Group is the consumer group's name, or that of the service where no record names the group.
	Group, Service string
	// At is in nanoseconds since 1970, 0 without one.
	At int64
}
