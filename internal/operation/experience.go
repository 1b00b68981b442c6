package operation

// StageKind says which time of an operation is meant.
type StageKind uint8

// The stages that have a usual length.
const (
	// StageWaiting is the time from when a message was sent, or due, to the first sign of consumption.
	StageWaiting StageKind = iota
	// StageProcessing is the time that one attempt takes.
	StageProcessing
	// StageFollowing is the time from the end of a hop to the start of the one that follows it.
	StageFollowing
)

var stageKindNames = [...]string{"waiting", "processing", "stalled"}

// String returns the name of the threshold that bounds the stage.
func (k StageKind) String() string { return stageKindNames[k] }

// Stage is a time of the operations of one name.
type Stage struct {
	Kind StageKind
	// Operation is the name of the operation, Destination and Type those of the message, Group the consumer group.
	Operation, Destination, Type, Group string
	// Next is the destination that follows, for StageFollowing.
	Next string
}

// Usual is what is usual for a stage. Times are in nanoseconds.
type Usual struct {
	// Threshold is the time beyond which it is unusual, Value the quantile that it comes from.
	Threshold, Value int64
	// Quantile is between 0 and 1, Samples how many observations it rests on.
	Quantile float64
	Samples  int
}

// Successor is a destination that always follows.
type Successor struct {
	Destination string
	Usual       Usual
}

// UsualGroup is a consumer group that consumes every message of a destination.
type UsualGroup struct{ Group, Service string }

// Experience is what earlier operations taught. It must be safe for concurrent use, quick, and must not call back.
type Experience interface {
	// Usual returns what is usual for a stage; false while too little is known.
	Usual(stage Stage) (Usual, bool)
	// Successors appends to dst the destinations to which every operation of that name goes on after a message of that
	// destination and type.
	Successors(operation, destination, messageType string, dst []Successor) []Successor
	// Groups appends to dst the groups that consume every message of the destination.
	Groups(destination string, dst []UsualGroup) []UsualGroup
	// Renamed reports whether a group that consumes every message of the destination goes by another name now, under which its
	// service consumes.
	Renamed(destination, group, now string) bool
	// Consumers appends to dst the services that were seen to consume from the destination lately.
	Consumers(destination string, dst []string) []string
}

// LearnedAs returns the name under which experience is gathered and asked for: that of the operation, but "" for one that nobody
// gave an ID, which may be a part of another one.
func (v *View) LearnedAs() string {
	if v.Implicit {
		return ""
	}
	return v.Name
}

// Telemetry tells where telemetry is lacking. It must be safe for concurrent use, quick, and must not call back.
type Telemetry interface {
	// Lacks reports whether something that the service did between two times (nanoseconds since 1970) may have been missed,
	// because nothing came from it, or from anybody.
	Lacks(service string, from, until int64) bool
}

// Circumstances are what is known beyond one operation. What is nil is not known.
type Circumstances struct {
	Experience Experience
	Telemetry  Telemetry
}
