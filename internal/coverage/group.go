package coverage

import "github.com/throughline/throughline/internal/operation"

// Group is a coarse kind of record.
type Group uint8

// The groups. The first four are messaging records, whose share that found its operation is the coverage of a service.
const (
	// GroupSend: spans that send messages, one record for each message they name.
	GroupSend Group = iota
	// GroupReceive: spans that fetch messages.
	GroupReceive
	// GroupProcess: spans that process messages.
	GroupProcess
	// GroupSettle: spans that settle messages.
	GroupSettle
	// GroupPoll: spans that fetch and name no message: most of them found none, and belong to no operation.
	GroupPoll
	// GroupWork: other spans, such as requests, and units of work on rows of a table.
	GroupWork
	// GroupLog: log records. An exception recorded on a span is a part of that span.
	GroupLog
	// GroupCount is the number of groups.
	GroupCount
)

var groupNames = [GroupCount]string{"send", "receive", "process", "settle", "poll", "work", "log"}

// String returns the name used in metrics and in the API.
func (g Group) String() string { return groupNames[g] }

// Messaging reports whether the records of the group concern messages.
func (g Group) Messaging() bool { return g <= GroupSettle }

// groupOf returns the group of a fact; false if it is no record of its own.
func groupOf(f *operation.Fact) (Group, bool) {
	switch f.Kind {
	case operation.KindSend:
		return GroupSend, true
	case operation.KindReceive:
		if f.Batch || f.IsStrong() {
			return GroupReceive, true
		}
		return GroupPoll, true
	case operation.KindProcess:
		return GroupProcess, true
	case operation.KindSettle:
		return GroupSettle, true
	case operation.KindWork, operation.KindTask, operation.KindInsert:
		return GroupWork, true
	case operation.KindLog, operation.KindStarted, operation.KindSucceeded, operation.KindFailed,
		operation.KindOperationCompleted, operation.KindOperationFailed, operation.KindOperationCancelled, operation.KindProgress:
		return GroupLog, true
	case operation.KindException:
		// Log records have a severity, exceptions of spans have none.
		return GroupLog, f.Severity > 0
	}
	return 0, false
}

// Loss says why a record was given up.
type Loss uint8

// The losses.
const (
	// LossNoOperation: nothing that arrived in time connects the record with an operation.
	LossNoOperation Loss = iota
	// LossWaitingFull: the record gave way to newer ones while it waited.
	LossWaitingFull
	// LossRunaway: its operation had reached the bound of facts.
	LossRunaway
	// LossCount is the number of losses.
	LossCount
)

var lossNames = [LossCount]string{"no_operation", "waiting_full", "runaway"}

// String returns the name used in metrics and in the API.
func (l Loss) String() string { return lossNames[l] }

// reasonCount is the number of reasons of attachment, the unknown one included.
const reasonCount = operation.ReasonParent + 1

// Tally counts records: Records is the sum of Attached, Waiting and Lost.
type Tally struct {
	Records uint64
	// Attached is indexed by operation.Reason.
	Attached [reasonCount]uint64
	// Late are those of the attached that waited first.
	Late uint64
	// Waiting are those whose operation may still become known.
	Waiting uint64
	// Lost is indexed by Loss.
	Lost [LossCount]uint64
}

func (t *Tally) add(u *Tally) {
	t.Records += u.Records
	t.Late += u.Late
	t.Waiting += u.Waiting
	for i := range t.Attached {
		t.Attached[i] += u.Attached[i]
	}
	for i := range t.Lost {
		t.Lost[i] += u.Lost[i]
	}
}

// AllAttached is the number of attached records.
func (t *Tally) AllAttached() uint64 {
	var sum uint64
	for _, n := range t.Attached {
		sum += n
	}
	return sum
}

// AllLost is the number of lost records.
func (t *Tally) AllLost() uint64 {
	var sum uint64
	for _, n := range t.Lost {
		sum += n
	}
	return sum
}

// Share is the part of the records that is attached, from 0 to 1; -1 without records.
func (t *Tally) Share() float64 { return share(t.AllAttached(), t.Records) }

func share(n, of uint64) float64 {
	if of == 0 {
		return -1
	}
	return float64(n) / float64(of)
}
