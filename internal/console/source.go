package console

import (
	"context"
	"errors"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// ErrNotFound is what a source returns for an ID it does not know, or knows no more.
var ErrNotFound = errors.New("not found")

// Source is what the API shows. All methods may be called by many goroutines at once. What they return belongs to the
// caller and never changes afterwards. They return ctx.Err() when ctx ends first, and any other error means that the
// source cannot answer at present.
type Source interface {
	OperationSource
	IncidentSource
	CoverageSource
	ClockSource
	RuleSource
	ExpectationSource
	TelemetrySource
	LearnedSource
	SelfSource
	AuditSource
	// Stats returns the counts since the start.
	Stats(ctx context.Context) (Stats, error)
}

// OperationSource holds the operations, open and finished ones, as long as they are retained.
type OperationSource interface {
	// Operation returns the operation that has the ID, as its name or as one of its aliases; ErrNotFound if none has.
	Operation(ctx context.Context, namespace, id string) (Record, error)
	// Operations returns the first q.Limit operations that match, in the order of Position and after q.After.
	Operations(ctx context.Context, q Query) (Page, error)
	// Health tells how the operations with a name are; see CheckHealth.
	Health(ctx context.Context, q HealthQuery) (Health, error)
}

// IncidentSource holds the incidents, open and resolved ones, as long as they are retained.
type IncidentSource interface {
	// Incident returns the incident with the ID; ErrNotFound without one.
	Incident(ctx context.Context, id string) (incident.Incident, error)
	// Incidents returns the first q.Limit incidents that match, in the order of Position and after q.After.
	Incidents(ctx context.Context, q IncidentQuery) (IncidentPage, error)
	// ActOnIncident carries out an action and returns the incident as it then is; errors as of incident.Tracker.Act, and [*Pending] if
	// another collector has to do it and did not yet.
	ActOnIncident(ctx context.Context, id string, action incident.Action, mark incident.Mark) (incident.Incident, error)
}

// Record is one operation with the judgement on it.
type Record struct {
	View *operation.View
	// Name is what the operation is called: by its rule, or else by the evidence (View.Name).
	Name    string
	Verdict operation.Verdict
	// Policy is what it was judged by; nil stands for the defaults.
	Policy *operation.Policy
	// Circumstances are what was known beyond the operation when it was judged; nil: nothing.
	Circumstances *operation.Circumstances
	// TraceID is that of the derived trace.
	TraceID operation.TraceID
	// UpdatedAt is when the operation last changed, by the clock of the collector, in nanoseconds since 1970. It never
	// goes back, and any change that the API shows moves it on.
	UpdatedAt int64
	// IncidentID is the open incident the operation belongs to, "" without one.
	IncidentID string
	// Runaway says that the operation has reached the bound of facts, and what came later is not shown.
	Runaway bool
	// Archived says that the operation has left memory: it is shown as the store has it, and nothing new of it is known.
	Archived bool
}

// Summary is what lists are selected by: what a source knows of an operation without computing its view.
type Summary struct {
	Namespace, ID string
	Aliases       []string
	// Name must be the same as Record.Name.
	Name   string
	State  operation.State
	Reason operation.StuckReason
	Flags  operation.Flags
	// Rule is the name of the rule that it was judged by, "" for the defaults, and for what was not judged as yet.
	Rule string
	// Threshold is what made the verdict, 0 without one, and Source where it comes from.
	Threshold int64
	Source    operation.ThresholdSource
	// UpdatedAt is that of the record.
	UpdatedAt int64
	// View computes the operation's view. It is called at most once for a summary, only while the iteration stands at it,
	// and only if a filter asks for what the summary does not tell.
	View func() *operation.View
	// Mentions reports whether the view may show the service and the destination, "" for any, which costs less than the view; nil: it may.
	Mentions func(service, destination string) bool
}

// Judged fills in what the verdict says.
func (s *Summary) Judged(v *operation.Verdict) {
	s.State, s.Reason, s.Flags, s.Threshold, s.Source = v.State, v.Reason, v.Flags, v.Threshold, v.Source
}

// Position is a place in a list: the latest updated first, then by namespace and ID. Operations that have left memory, and only the store has,
// come in the order of the store, after those in memory that changed at the same time.
type Position struct {
	// UpdatedAt is in nanoseconds since 1970.
	UpdatedAt int64
	// Archived says that the place is behind an operation that only the store has, and so behind all in memory of the same time.
	Archived      bool
	Namespace, ID string
	// Cursor is where the list of the store goes on, "" at its beginning.
	Cursor string
}

// Item is an operation in a page. At is its place when the page was selected; the record may be newer.
type Item struct {
	At     Position
	Record Record
}

// Page is a part of a list of operations.
type Page struct {
	Items []Item
	// Next is the place after which the next page begins, nil if there is none.
	Next *Position
	// Partial is why the page lacks what only the store has, nil if it does not.
	Partial error
}
