package incident

import (
	"slices"

	"github.com/throughline/throughline/internal/operation"
)

// State is how far an incident is.
type State uint8

// The states.
const (
	StateOpen State = iota
	StateResolved
)

var stateNames = [...]string{"open", "resolved"}

// String returns the name used in events and in the API.
func (s State) String() string { return stateNames[s] }

// ParseState returns the state with the given name.
func ParseState(name string) (State, bool) {
	i := slices.Index(stateNames[:], name)
	return State(max(i, 0)), i >= 0
}

// Incident is a group of operations that are stuck or failed in the same way. It is a value: what a [Tracker] returned
// never changes afterwards. Times are nanoseconds since 1970 UTC, 0 = unknown.
type Incident struct {
	Key
	ID string
	// Version is the [FingerprintVersion] the ID was computed by.
	Version int
	State   State
	// Revision grows with every event of this incident. It is never below the milliseconds since 1970 at which the event
	// was made, so that it grows across a restart too.
	Revision int64

	// ParentID is the ID of the incident that stands for this one and others of its destination, "" while it stands for itself.
	// Children is the number of incidents that this one stands for.
	ParentID string
	Children int64

	// Severity is the highest among the affected operations; the others come from the same rule.
	Severity       operation.Severity
	Priority       int
	Owner, Runbook string

	// Active is the number of operations affected now, Total how many joined since the incident is known (one that left
	// and came back counts again). Lost are those of this opening that left the collector's memory while still stuck or unknown: it
	// is not known what became of them.
	Active, Total, Lost int64
	// Rate is how many operations joined per minute lately: a mean that forgets within about five minutes, as of UpdatedAt.
	Rate float64
	// Acknowledged says that somebody takes care of it, Muted that nobody wants to be told of it; nil: not so.
	Acknowledged, Muted *Mark
	// Hints are what may have caused it.
	Hints Hints
	// Hop is the first failing hop of the first operation of this opening; its dead-letter destination is that of the first
	// operation of which it is known.
	Hop Hop

	// FirstSeen and LastSeen are when the condition began for the first and the latest affected operation, by event time.
	FirstSeen, LastSeen int64
	// OpenedAt, UpdatedAt and ResolvedAt are times of the collector's clock. OpenedAt is that of the current opening,
	// ResolvedAt the latest resolution. UpdatedAt grows with every change.
	OpenedAt, UpdatedAt, ResolvedAt int64
	// Reopened counts the openings after the first, QuietNanos is how long it had been resolved before the current one.
	Reopened   int64
	QuietNanos int64

	// Operations is a sample of the affected operations: those that still are come first.
	Operations []Sample
	// Error is an error of one of them, nil without one.
	Error *operation.Error
}

// Sample is one affected operation.
type Sample struct {
	ID string
	// Trace is the operation's first original trace, zero without one.
	Trace operation.TraceID
}

// Mark is what somebody said of an incident.
type Mark struct {
	// By is who said so, as the console knows them; "" if it does not.
	By string
	// At is when, Until for how long it holds; 0 = until the incident is resolved. Nanoseconds since 1970 UTC.
	At, Until int64
	// Note is why, "" if nobody said.
	Note string
}

// EventKind says what happened to an incident.
type EventKind uint8

// The kinds of events.
const (
	EventOpened EventKind = iota
	EventUpdated
	EventResolved
)

var eventKindNames = [...]string{"opened", "updated", "resolved"}

// String returns the name used in event names.
func (k EventKind) String() string { return eventKindNames[k] }

// ParseEventKind returns the kind with the given name.
func ParseEventKind(name string) (EventKind, bool) {
	i := slices.Index(eventKindNames[:], name)
	return EventKind(max(i, 0)), i >= 0
}

// Cause says why an event was made.
type Cause uint8

// The causes.
const (
	// CauseNew: opened for the first time.
	CauseNew Cause = iota
	// CauseReopened: opened again after it had been resolved.
	CauseReopened
	// CauseEscalated and CauseReduced: the highest severity among the affected operations rose or fell.
	CauseEscalated
	CauseReduced
	// CauseCount: the number of affected operations doubled or halved.
	CauseCount
	// CauseRefresh: nothing happened, and it is still open.
	CauseRefresh
	// CauseRecovered: resolved, all affected operations recovered.
	CauseRecovered
	// CauseQuiet: resolved, because nothing failed this way for a while.
	CauseQuiet
	// CauseLost: nothing is affected any more, but operations left the collector's memory while they were still stuck.
	CauseLost
	// CauseMarked: somebody acknowledged or muted it, or took that back, or the time for which it was so is over.
	CauseMarked
	// CauseHint: it became known what the operations have in common, or something else is now the most striking.
	CauseHint
	// CauseJoined: it became part of an incident that stands for many; CauseParted: it stands for itself again, or the one that
	// stood for many is over because only few are left.
	CauseJoined
	CauseParted
	// CauseRestored: nothing happened to it, and the collector was started anew or took over from another one.
	CauseRestored
	// CauseHandedOver: nothing happened to it, and another collector tells of it from now on. The event has the revision of the one before.
	CauseHandedOver
)

var causeNames = [...]string{
	"new", "reopened", "escalated", "reduced", "count", "refresh", "recovered", "quiet", "lost", "marked", "hint", "joined", "parted",
	"restored", "handed_over",
}

// String returns the name used in events.
func (c Cause) String() string { return causeNames[c] }

// ParseCause returns the cause with the given name.
func ParseCause(name string) (Cause, bool) {
	i := slices.Index(causeNames[:], name)
	return Cause(max(i, 0)), i >= 0
}

// Event is something to be told about an incident: the incident as it then was, and why it is told.
type Event struct {
	Kind  EventKind
	Cause Cause
	// At is when the event was made, in nanoseconds since 1970 by the collector's clock.
	At       int64
	Incident Incident
}
