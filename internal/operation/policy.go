package operation

import "time"

// Policy holds the thresholds by which an operation is judged. All are event time.
type Policy struct {
	// Rule is the name of the declared rule that matched, "" for the defaults.
	Rule string
	// Waiting is how long a message may wait for the first sign of consumption; 0 = for ever.
	Waiting Threshold
	// Processing is how long one attempt may take; 0 = for ever.
	Processing Threshold
	// Stalled is how long after a hop the one that always follows may take to start; 0 = for ever.
	Stalled Threshold
	// Deadline is how long the whole operation may take; 0 = for ever.
	Deadline Threshold
	// RetryWithin is how long after a failed attempt a further attempt is still expected; then the operation has failed.
	RetryWithin time.Duration
	// RetrySource tells where RetryWithin comes from.
	RetrySource ThresholdSource
	// Settle is how long after the last activity of an operation whose hops are all done nothing new may come, before it
	// counts as completed.
	Settle time.Duration
	// CompletesOn names the destination whose successful consumption declares the operation completed; "" = none. An
	// operation all of whose hops are done without having come there is stalled.
	CompletesOn string
	// Hops are declared for single hops: for each threshold and expectation, the first one that matches and has it applies.
	Hops []HopPolicy
	// Labels of the operation for outputs.
	OperationName string
	Severity      Severity
	Priority      int
	Owner         string
	Runbook       string
	// Escalations raise severity and priority of incidents of such operations.
	Escalations []Escalation
}

// MaxEscalations is how many escalations one policy may have.
const MaxEscalations = 64

// Escalation raises severity and priority of an incident while it is large or old enough.
type Escalation struct {
	// Operations is how many operations must be affected at a time, After how long the incident must have been open; 0 = any.
	Operations int64
	After      time.Duration
	// Severity is the least it then has. Priority is the lowest it then has, 0 = as it was; 1 is the highest.
	Severity Severity
	Priority int
}

// retry is RetryWithin as a threshold.
func (p *Policy) retry() Threshold { return Threshold{Limit: p.RetryWithin, Source: p.RetrySource} }

// Threshold is a bound for a time, and where it comes from.
type Threshold struct {
	Limit  time.Duration
	Source ThresholdSource
	// Usual is what a learned one rests on.
	Usual Usual
}

// Declared reports whether somebody chose it.
func (t Threshold) Declared() bool { return t.Source != SourceDefault && t.Source != SourceLearned }

// ThresholdSource tells where a threshold comes from.
type ThresholdSource uint8

// The sources, the least specific first.
const (
	// SourceDefault: nobody said anything, and nothing is known from experience.
	SourceDefault ThresholdSource = iota
	// SourceLearned: what was usual for earlier operations.
	SourceLearned
	// SourceDefaults: the configuration, for all operations.
	SourceDefaults
	// SourceRule: the rule that matched the operation.
	SourceRule
	// SourceDestination: the configuration, for all messages of the destination.
	SourceDestination
	// SourceHop: the rule that matched the operation, for this hop.
	SourceHop
	// SourceHeartbeat: the worker itself said when its next sign of life is due.
	SourceHeartbeat
	// SourceSchedule: the schedule by which the operation is expected.
	SourceSchedule
)

var thresholdSourceNames = [...]string{"default", "learned", "defaults", "rule", "destination", "hop", "heartbeat", "schedule"}

// String returns the name used in the API and in events.
func (s ThresholdSource) String() string { return thresholdSourceNames[s] }

// ThresholdSourceNames returns the names of all sources.
func ThresholdSourceNames() []string { return append([]string(nil), thresholdSourceNames[:]...) }

// Severity is how bad it is when an operation that a rule matches gets stuck or fails.
type Severity uint8

// The severities.
const (
	SeverityInfo Severity = iota
	SeverityWarning
	SeverityError
	SeverityCritical
)

var severityNames = [...]string{"info", "warning", "error", "critical"}

// String returns the name used in configuration, in the API and in alerts.
func (s Severity) String() string { return severityNames[s] }

// ParseSeverity returns the severity with the given name.
func ParseSeverity(name string) (Severity, bool) {
	for i, n := range severityNames {
		if n == name {
			return Severity(i), true
		}
	}
	return 0, false
}

// SeverityNames returns the names of all severities, the mildest first.
func SeverityNames() []string { return append([]string(nil), severityNames[:]...) }

// DefaultPolicy is what applies when no rule matches, so that an empty configuration works.
func DefaultPolicy() Policy {
	return Policy{
		Waiting:     Threshold{Limit: 60 * time.Second},
		Processing:  Threshold{Limit: 5 * time.Minute},
		Stalled:     Threshold{Limit: 60 * time.Second},
		RetryWithin: 30 * time.Second,
		Settle:      10 * time.Second,
		Severity:    SeverityError,
		Priority:    3,
	}
}
