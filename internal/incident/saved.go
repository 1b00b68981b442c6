package incident

import "errors"

// savedVersion is that of the format of what is saved. Fields may be added to it; whoever gives one another meaning makes a new version.
const savedVersion = 1

// Errors of [Tracker.Restore].
var (
	// ErrNewer: a later version of the program saved it.
	ErrNewer = errors.New("saved by a later version")
	// ErrCorrupt: it is not what was saved.
	ErrCorrupt = errors.New("corrupt")
)

// maxSaved bounds what is read of one incident, in bytes. What is written stays far below: at most maxRecent events with texts that
// are bounded each.
const maxSaved = 4 << 20

// savedRecord is what is kept of an incident. Names stand for constants, so that constants may be inserted.
type savedRecord struct {
	Version  int           `json:"version"`
	Incident savedIncident `json:"incident"`

	JoinedAt int64   `json:"joined_at,omitempty"`
	Weight   float64 `json:"weight,omitempty"`
	WeightAt int64   `json:"weight_at,omitempty"`
	Moved    string  `json:"moved,omitempty"`
	Marked   bool    `json:"marked,omitempty"`
	Ending   string  `json:"ending,omitempty"`

	Told     *savedTold    `json:"told,omitempty"`
	Policies []savedPolicy `json:"policies,omitempty"`
	// InForce are the escalations in force, by severity.
	InForce map[string]uint64 `json:"in_force,omitempty"`
	Gap     *savedPolicy      `json:"gap,omitempty"`
	Recent  []savedEvent      `json:"recent,omitempty"`
}

// savedTold is what the last event of an opening said.
type savedTold struct {
	At       int64  `json:"at"`
	Active   int64  `json:"active"`
	Severity string `json:"severity"`
	Priority int    `json:"priority"`
	Trait    *trait `json:"trait,omitempty"`
}

type trait struct {
	Attribute string `json:"attribute"`
	Value     string `json:"value"`
}

// savedPolicy is what of a policy matters to incidents.
type savedPolicy struct {
	Severity    string            `json:"severity"`
	Priority    int               `json:"priority"`
	Owner       string            `json:"owner,omitempty"`
	Runbook     string            `json:"runbook,omitempty"`
	Escalations []savedEscalation `json:"escalations,omitempty"`
}

type savedEscalation struct {
	Operations int64  `json:"operations,omitempty"`
	After      int64  `json:"after,omitempty"`
	Severity   string `json:"severity"`
	Priority   int    `json:"priority,omitempty"`
}

// savedEvent is an event of which it is not certain that everybody was told.
type savedEvent struct {
	Output int64  `json:"output"`
	Kind   string `json:"kind"`
	Cause  string `json:"cause"`
	At     int64  `json:"at"`
	// Incident is the incident as it then was, nil: as it is now.
	Incident *savedIncident `json:"incident,omitempty"`
}

type savedIncident struct {
	ID            string `json:"id"`
	Fingerprint   int    `json:"fingerprint"`
	Namespace     string `json:"namespace,omitempty"`
	Kind          string `json:"kind"`
	Reason        string `json:"reason,omitempty"`
	Storm         bool   `json:"storm,omitempty"`
	OperationName string `json:"operation,omitempty"`
	Destination   string `json:"destination,omitempty"`
	Group         string `json:"group,omitempty"`
	ErrorType     string `json:"error_type,omitempty"`
	Culprit       string `json:"culprit,omitempty"`
	Message       string `json:"message,omitempty"`
	Service       string `json:"service,omitempty"`

	State        string        `json:"state"`
	Revision     int64         `json:"revision"`
	ParentID     string        `json:"parent,omitempty"`
	Children     int64         `json:"children,omitempty"`
	Severity     string        `json:"severity"`
	Priority     int           `json:"priority"`
	Owner        string        `json:"owner,omitempty"`
	Runbook      string        `json:"runbook,omitempty"`
	Active       int64         `json:"active,omitempty"`
	Total        int64         `json:"total,omitempty"`
	Lost         int64         `json:"lost,omitempty"`
	Rate         float64       `json:"rate,omitempty"`
	Acknowledged *savedMark    `json:"acknowledged,omitempty"`
	Muted        *savedMark    `json:"muted,omitempty"`
	Hints        *savedHints   `json:"hints,omitempty"`
	Hop          savedHop      `json:"hop"`
	FirstSeen    int64         `json:"first_seen,omitempty"`
	LastSeen     int64         `json:"last_seen,omitempty"`
	OpenedAt     int64         `json:"opened_at,omitempty"`
	UpdatedAt    int64         `json:"updated_at,omitempty"`
	ResolvedAt   int64         `json:"resolved_at,omitempty"`
	Reopened     int64         `json:"reopened,omitempty"`
	Quiet        int64         `json:"quiet,omitempty"`
	Operations   []savedSample `json:"operations,omitempty"`
	Error        *savedError   `json:"error,omitempty"`
}

type savedMark struct {
	By    string `json:"by,omitempty"`
	At    int64  `json:"at,omitempty"`
	Until int64  `json:"until,omitempty"`
	Note  string `json:"note,omitempty"`
}

type savedHop struct {
	Index       int    `json:"index"`
	System      string `json:"system,omitempty"`
	Destination string `json:"destination,omitempty"`
	Group       string `json:"group,omitempty"`
	Service     string `json:"service,omitempty"`
	Producer    string `json:"producer,omitempty"`
	DeadLetter  string `json:"dead_letter,omitempty"`
}

type savedSample struct {
	ID    string `json:"id"`
	Trace string `json:"trace,omitempty"`
}

type savedError struct {
	Type    string `json:"type,omitempty"`
	Message string `json:"message,omitempty"`
	Stack   string `json:"stack,omitempty"`
	At      int64  `json:"at,omitempty"`
}

type savedHints struct {
	Traits       []savedTrait     `json:"traits,omitempty"`
	Deployment   *savedDeployment `json:"deployment,omitempty"`
	Silent       *savedSilence    `json:"silent,omitempty"`
	LastConsumer *savedSighting   `json:"last_consumer,omitempty"`
}

type savedDeployment struct {
	Service  string `json:"service"`
	Version  string `json:"version"`
	Previous string `json:"previous,omitempty"`
	At       int64  `json:"at"`
}

type savedSilence struct {
	Service string `json:"service"`
	Since   int64  `json:"since"`
}

type savedTrait struct {
	trait
	Side        string `json:"side"`
	Destination string `json:"destination,omitempty"`
	Group       string `json:"group,omitempty"`
	Failing     int64  `json:"failing"`
	FailingOf   int64  `json:"failing_of"`
	Healthy     int64  `json:"healthy"`
	HealthyOf   int64  `json:"healthy_of"`
}

type savedSighting struct {
	Group   string `json:"group,omitempty"`
	Service string `json:"service,omitempty"`
	At      int64  `json:"at"`
}
