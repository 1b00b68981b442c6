package plan

import "time"

// Outcome is how one attempt at processing a message is planned to end.
type Outcome uint8

// The outcomes of an attempt.
const (
	// OutcomeSucceeds: the handler returns without an error.
	OutcomeSucceeds Outcome = iota
	// OutcomeFails: the handler returns the stage's failure.
	OutcomeFails
	// OutcomeKilled: the process dies within the handler.
	OutcomeKilled
)

// Operation is everything one operation is going to do.
type Operation struct {
	Index int
	// ID is the correlation ID that the application sets.
	ID       string
	Scenario Scenario
	Workflow *Workflow
	// Entry is the process that accepts the request.
	Entry Process
	// Bad is what it fails by, BadNone unless it came by something bad.
	Bad BadAttribute
	// Customer keys the Kafka messages: shared by many operations, so that nobody can take it for a correlation ID.
	Customer string
	// EntrySteps are the durations of the entry service's steps; EntryRest is the time it takes after it has sent.
	EntrySteps [2]time.Duration
	EntryRest  time.Duration
	// Hops are the messages that are sent, in order. The last one need not be the workflow's last stage.
	Hops []Hop
}

// Branch is what a further consumer group does with a message. Only the service, the group and the steps of the stage count.
type Branch struct {
	Stage    *Stage
	Attempts []Attempt
}

// Hop is one message.
type Hop struct {
	Stage     *Stage
	MessageID string
	BodyBytes int
	Partition int
	// Attempts are the deliveries of the message, one after the other; none if nobody ever consumes it. The first that
	// succeeds sends the next message; if that is a dead letter, the last one does, which fails.
	Attempts []Attempt
	// Further are the other groups that consume the message.
	Further []Branch
	// Delay is how long after it was sent the message is due, 0 if it is due at once; Declared says that its telemetry tells.
	Delay    time.Duration
	Declared bool
	// CancelAfter is how long after it was sent the operation is declared cancelled, 0 if it is not.
	CancelAfter time.Duration
}

// Attempt is one delivery of a message to the stage's service.
type Attempt struct {
	// Process is the one that makes it.
	Process Process
	// Wait is the time before it: in the queue for the first, backoff or redelivery for the others.
	Wait time.Duration
	// Comeback says that the wait is for a dead consumer to return, which does not happen any more once the run is stopping.
	Comeback bool
	Outcome  Outcome
	// Steps are the durations of the handler's steps; Rest is the time it takes after it has sent the next message.
	Steps [2]time.Duration
	Rest  time.Duration
	// StepsDone is how many of the steps end before the process dies, if OutcomeKilled.
	StepsDone int
	// Beats is how often the attempt tells of its progress before its steps, Beat the time before each of them, and BeatsPlanned
	// how often it would if its process did not die.
	Beats, BeatsPlanned int
	Beat                time.Duration
	// FailureNumber is the part of the failure's message that varies.
	FailureNumber int
}

// Duration is how long the attempt takes if its process does not die.
func (a *Attempt) Duration() time.Duration {
	return time.Duration(a.Beats)*a.Beat + a.Steps[0] + a.Steps[1] + a.Rest
}
