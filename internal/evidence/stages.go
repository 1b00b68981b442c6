package evidence

import "github.com/throughline/throughline/internal/operation"

// stage is what an event states about the life of a message or an operation.
type stage struct {
	// event is the event name that states it.
	event       string
	kind        operation.Kind
	outcome     operation.Outcome
	disposition operation.Disposition
}

// stages are by the names used in configuration.
var stages = map[string]stage{
	"started":   {event: "async.process.started", kind: operation.KindStarted},
	"progress":  {event: "async.operation.progress", kind: operation.KindProgress},
	"succeeded": {event: "async.process.completed", kind: operation.KindSucceeded},
	"failed":    {event: "async.process.failed", kind: operation.KindFailed},
	"retrying": {
		event: "async.process.retrying", kind: operation.KindFailed, outcome: operation.OutcomeError, disposition: operation.DispositionRetry,
	},
	"dead_lettered": {
		event: "async.process.dead_lettered", kind: operation.KindFailed, outcome: operation.OutcomeError,
		disposition: operation.DispositionDeadLetter,
	},
	"operation_completed": {event: "async.operation.completed", kind: operation.KindOperationCompleted},
	"operation_failed":    {event: "async.operation.failed", kind: operation.KindOperationFailed},
	"operation_cancelled": {event: "async.operation.cancelled", kind: operation.KindOperationCancelled},
	"scheduled":           {kind: operation.KindLog},
	"note":                {kind: operation.KindLog},
}

// lifecycle has the stages by the event names that state them.
var lifecycle = func() *lookup[stage] {
	byEvent := map[string]stage{}
	for _, s := range stages {
		if s.event != "" {
			byEvent[s.event] = s
		}
	}
	return newLookup(byEvent)
}()
