package operation

import "time"

// Policy holds the thresholds by which an operation is judged. All are event time.
type Policy struct {
	// Rule is the name of the declared rule that matched, "" for the defaults.
	Rule string
	// Waiting is how long a message may wait for the first sign of consumption; 0 = for ever.
	Waiting time.Duration
	// Processing is how long one attempt may take; 0 = for ever.
	Processing time.Duration
	// Deadline is how long the whole operation may take; 0 = for ever.
	Deadline time.Duration
	// RetryWithin is how long after a failed attempt a further attempt is still expected; then the operation has failed.
	RetryWithin time.Duration
	// Settle is how long after the last activity of an operation whose hops are all done nothing new may come, before it
	// counts as completed.
	Settle time.Duration
	// CompletesOn names the destination whose successful consumption declares the operation completed; "" = none.
	CompletesOn string
	// Labels of the operation for outputs.
	OperationName string
	Severity      Severity
	Priority      int
	Owner         string
	Runbook       string
}

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
		Waiting:     60 * time.Second,
		Processing:  5 * time.Minute,
		RetryWithin: 30 * time.Second,
		Settle:      10 * time.Second,
		Severity:    SeverityError,
		Priority:    3,
	}
}
