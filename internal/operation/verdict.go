package operation

import "strings"

// State is the state of an operation.
type State uint8

// The states.
const (
	StateInProgress State = iota
	StateCompleted
	StateFailed
	StateStuck
	// StateDeadLettered: a message of it was given up by its queue, and nothing succeeded with it since.
	StateDeadLettered
	// StateUnknown: the end may have been missed, because telemetry that would tell is known to be lacking.
	StateUnknown
	// StateCancelled: somebody declared the operation cancelled.
	StateCancelled
)

var stateNames = [...]string{"in_progress", "completed", "failed", "stuck", "dead_lettered", "unknown", "cancelled"}

// String returns the name used in the API, in events and on spans.
func (s State) String() string { return stateNames[s] }

// Final reports whether the state ends an operation, unless late evidence corrects it.
func (s State) Final() bool {
	return s == StateCompleted || s == StateFailed || s == StateDeadLettered || s == StateCancelled
}

// Bad reports whether the state is an end that nobody wanted.
func (s State) Bad() bool { return s == StateFailed || s == StateDeadLettered }

// Troubled reports whether somebody should look at an operation in that state.
func (s State) Troubled() bool { return s == StateStuck || s.Bad() }

// ParseState returns the state with the given name.
func ParseState(name string) (State, bool) {
	for i, n := range stateNames {
		if n == name {
			return State(i), true
		}
	}
	return 0, false
}

// StateNames returns the names of all states.
func StateNames() []string { return append([]string(nil), stateNames[:]...) }

// StuckReason says why an operation is stuck.
type StuckReason uint8

// The reasons.
const (
	StuckNone StuckReason = iota
	// StuckWaiting: a message was sent and nobody began to consume it within the threshold.
	StuckWaiting
	// StuckProcessing: consumption of a message began and did not end within the threshold.
	StuckProcessing
	// StuckOverdue: the whole operation is past its deadline.
	StuckOverdue
	// StuckStalled: a hop ended well and the one that always follows it did not start.
	StuckStalled
	// StuckMissed: an expected operation did not start.
	StuckMissed
	// StuckTelemetryGap is the reason of StateUnknown: telemetry is lacking.
	StuckTelemetryGap
)

var stuckReasonNames = [...]string{"", "waiting", "processing", "overdue", "stalled", "missed", "telemetry_gap"}

// String returns the name used in the API, in events and on spans.
func (r StuckReason) String() string { return stuckReasonNames[r] }

// StuckReasonNames returns the names of all reasons.
func StuckReasonNames() []string { return append([]string(nil), stuckReasonNames[1:]...) }

// Flags stand beside the state.
type Flags uint8

// The flags.
const (
	// FlagRetried: an attempt failed and the same message was tried again.
	FlagRetried Flags = 1 << iota
	// FlagDuplicated: the same message was processed successfully more than once in one consumer group.
	FlagDuplicated
	// FlagSkewed: a negative wait was seen, so the clocks of two services disagree.
	FlagSkewed
	// FlagDelayed: a message was scheduled for later.
	FlagDelayed
	// FlagLateEvidence: what came after the end changed the verdict.
	FlagLateEvidence
)

var flagNames = [...]string{"retried", "duplicated", "skewed", "delayed", "late_evidence"}

// FlagNames returns the names of all flags; that of 1<<i is the one at i.
func FlagNames() []string { return append([]string(nil), flagNames[:]...) }

// Names returns the names of the flags that are set, in a fixed order; never nil.
func (f Flags) Names() []string {
	names := []string{}
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String joins the names with commas.
func (f Flags) String() string { return strings.Join(f.Names(), ",") }

// Verdict is the judgement on an operation at a time.
type Verdict struct {
	State  State
	Reason StuckReason
	Flags  Flags
	// Hop is the index in View.Hops of the hop that decides a stuck or failed verdict (the first one in order of time), -1 without one.
	// Consumer is the index of the consumer group within it, -1 without one.
	Hop, Consumer int
	// Group is the consumer group that is awaited and showed no sign at all; "" without one. Awaited is the destination that
	// should have followed a hop that stalled.
	Group, Awaited string
	// Silent is the service whose telemetry is lacking, of an unknown verdict; "" if it is that of everybody, or nobody's.
	Silent string
	// Since is when the deciding condition began (the message was sent, processing began, the last attempt failed), in
	// nanoseconds since 1970; 0 without one.
	Since int64
	// Threshold is the time in nanoseconds after Since that made the verdict, 0 without one; Source tells where it comes from,
	// and Usual what it rests on if it was learned.
	Threshold int64
	Source    ThresholdSource
	Usual     Usual
	// EndedAt is when a final operation ended, 0 while it has not.
	EndedAt int64
	// Next is when the verdict can change without new evidence, 0 if it cannot.
	Next int64
}

// SameOutcome reports whether two verdicts say the same to a reader: state, reason, flags, deciding hop, and who or what is awaited.
func (v Verdict) SameOutcome(w Verdict) bool {
	return v.State == w.State && v.Reason == w.Reason && v.Flags == w.Flags && v.Hop == w.Hop && v.Consumer == w.Consumer &&
		v.Group == w.Group && v.Awaited == w.Awaited
}
