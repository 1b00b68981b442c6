package evidence

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/operation"
)

// Library says in what one instrumentation departs from the conventions. Rules that follow conventions come first: a
// library that is not listed is read by them alone.
type Library struct {
	// Scope is the name of its instrumentation scope; `*` stands for any characters.
	Scope string
	// System is the messaging system, where the library does not record one.
	System string
	// Attributes are the names under which it records what a field means, the best first; see [AttributeFields].
	Attributes map[string][]string
	// IgnoreKeys are correlation keys that carry something else here (the ID of a task, say).
	IgnoreKeys []string
	// Operations say what a span states (send, receive, process, settle, work, progress, or ignore), by the value of its operation
	// attribute or by its name.
	Operations map[string]string
	// Outcomes say how a span ended (see [OutcomeNames]), by the value of its state or disposition attribute (for one that
	// is true or false, "name=true") or by the operation of a settle span; Events do so by the name of a span event, and
	// Statuses by the description of the status.
	Outcomes, Events, Statuses map[string]string
}

// maxNamesOfField bounds the names that a library has for one field.
const maxNamesOfField = 100

// attributeFields are the fields that a library can have its own names for.
var attributeFields = map[string]field{
	"system": fieldSystem, "operation": fieldOperation, "destination": fieldDestination, "consumer_group": fieldGroup,
	"message_id": fieldMessageID, "partition": fieldPartition, "offset": fieldOffset, "batch_count": fieldBatchCount,
	"routing_key": fieldRoutingKey, "type": fieldType, "due": fieldDue, "state": fieldState, "retries": fieldRetries,
	"max_retries": fieldMaxRetries, "delivery": fieldDelivery, "disposition": fieldDisposition, "error_type": fieldErrorType,
	"exception_type": fieldExceptionType, "exception_message": fieldExceptionMessage, "exception_stacktrace": fieldExceptionStack,
	"operation_name": fieldOperationName, "progress": fieldProgress,
}

// fieldNames is attributeFields the other way round.
var fieldNames = func() (n [fieldCount]string) {
	for name, f := range attributeFields {
		n[f] = name
	}
	return n
}()

// AttributeFields returns the fields that a library can have its own attribute names for, sorted.
func AttributeFields() []string { return slices.Sorted(maps.Keys(attributeFields)) }

// effect is what a word that a library uses says of how a span ended.
type effect struct {
	outcome     operation.Outcome
	disposition operation.Disposition
	// unfinished: the span's end is not the end of what it stands for.
	unfinished bool
}

// effects are the ways in which a span can end.
var effects = map[string]effect{
	"ok":          {operation.OutcomeOK, operation.DispositionComplete, false},
	"failed":      {operation.OutcomeError, operation.DispositionUnknown, false},
	"retry":       {operation.OutcomeError, operation.DispositionRetry, false},
	"final":       {operation.OutcomeError, operation.DispositionFinal, false},
	"rejected":    {operation.OutcomeError, operation.DispositionRejected, false},
	"dead_letter": {operation.OutcomeError, operation.DispositionDeadLetter, false},
	// Put off without having failed.
	"deferred":   {operation.OutcomeUnset, operation.DispositionRetry, false},
	"unfinished": {operation.OutcomeUnset, operation.DispositionUnknown, true},
}

// OutcomeNames returns the ways in which a span can end, sorted: ok, failed (nothing is said about a further attempt),
// retry (failed, and will be tried again), final (failed, and will not), rejected (not put back; its queue may dead-letter
// it), dead_letter (given up by its queue), deferred (put off without having failed), unfinished (the span's end says
// nothing).
func OutcomeNames() []string { return slices.Sorted(maps.Keys(effects)) }

// spanKinds are the values of [Library.Operations].
var spanKinds = map[string]operation.Kind{
	"send": operation.KindSend, "receive": operation.KindReceive, "process": operation.KindProcess,
	"settle": operation.KindSettle, "work": operation.KindWork, "progress": operation.KindProgress, "ignore": kindIgnored,
}

// kindIgnored marks spans that are no evidence, whatever else they look like. It is no kind of fact.
const kindIgnored operation.Kind = 255

// OperationNames returns what a span can be said to state, sorted.
func OperationNames() []string { return slices.Sorted(maps.Keys(spanKinds)) }

// conventions is what holds for every library: the values of messaging.operation.type and its predecessors, the values of
// messaging.operation.name that leave no doubt, and the words of job queues that record them under a prefix of their own.
var conventions = Library{
	Operations: map[string]string{
		"send": "send", "create": "send", "publish": "send", "enqueue": "send",
		"receive": "receive", "poll": "receive", "SendMessage": "send", "SendMessageBatch": "send", "ReceiveMessage": "receive",
		"process": "process", "deliver": "process", "consume": "process",
		"settle": "settle", "ack": "settle", "nack": "settle", "reject": "settle", "complete": "settle", "abandon": "settle",
		"dead_letter": "settle", "defer": "settle",
		// BullMQ (bullmq.queue.operation).
		"add": "send", "addBulk": "send", "addFlow": "send", "addNode": "send", "addJob": "send", "addBulkJobs": "send",
		"fail": "settle", "delay": "settle", "retry": "settle", "updateJobProgress": "progress",
		"extendLocks": "ignore", "moveStalledJobsToWait": "ignore", "startStalledCheckTimer": "ignore",
		// Celery (celery.action).
		"apply_async": "send", "run": "process",
	},
	Outcomes: map[string]string{
		// Azure Service Bus (messaging.servicebus.disposition_status).
		"complete": "ok", "abandon": "retry", "dead_letter": "dead_letter", "defer": "deferred",
		// Its clients for .NET and Java tell in the span's name alone (ServiceBusReceiver.DeadLetter, ServiceBus.deadLetter).
		"Complete": "ok", "Abandon": "retry", "DeadLetter": "dead_letter", "deadLetter": "dead_letter", "Defer": "deferred",
		// Google Pub/Sub (messaging.gcp_pubsub.result), Laravel (messaging.message.released).
		"acked": "ok", "nacked": "retry", "expired": "retry", "messaging.message.released=true": "deferred",
		// BullMQ: a failed job stays in the queue's failed set, from where people retry it.
		"fail": "dead_letter", "delay": "retry", "retry": "retry",
	},
	// BullMQ leaves the status unset. Wolverine tells what it decided after a failure.
	Events: map[string]string{
		"job failed":             "failed",
		"wolverine.error.queued": "dead_letter", "wolverine.envelope.discarded": "final", "wolverine.envelope.requeued": "retry",
		"wolverine.envelope.retried": "retry", "wolverine.envelope.rescheduled": "retry",
	},
}

// DefaultLibraries are the departures of instrumentations that are known to depart. Sources: their code, at the versions
// given.
func DefaultLibraries() []Library {
	return []Library{
		{
			// otelriver 0.51: attributes without any prefix. A snoozed job runs again without having failed.
			Scope: "github.com/riverqueue/rivercontrib/otelriver", System: "river",
			Attributes: map[string][]string{
				"destination": {"queue"}, "message_id": {"id"}, "type": {"kind", "kinds"}, "due": {"scheduled_at"}, "state": {"cancel"},
				"disposition": {"snooze"}, "delivery": {"attempt"},
			},
			Outcomes: map[string]string{"cancel=true": "final", "snooze=true": "deferred"},
		},
		{
			// opentelemetry-instrumentation-celery 0.66b0: the conversation ID is the task's, and a retry or a rejection leaves
			// the status unset.
			Scope: "opentelemetry.instrumentation.celery", System: "celery",
			IgnoreKeys: []string{"messaging.message.conversation_id", "messaging.conversation_id"},
			Outcomes: map[string]string{
				"SUCCESS": "ok", "FAILURE": "failed", "RETRY": "retry", "REJECTED": "rejected", "REVOKED": "final", "IGNORED": "ok",
			},
		},
		{
			// @opentelemetry/instrumentation-amqplib 0.70: how the message was settled is the description of the status, for a
			// message that is put back as well.
			Scope: "@opentelemetry/instrumentation-amqplib",
			Statuses: map[string]string{
				"nack called on message without requeue": "rejected", "nackAll called on message without requeue": "rejected",
				"reject called on message without requeue": "rejected",
				"nack called on message with requeue":      "retry", "nackAll called on message with requeue": "retry",
				"reject called on message with requeue": "retry",
				"channel closed":                        "retry", "channel error": "retry",
				"instrumentation timeout": "unfinished",
			},
		},
		{
			// voi-oss/watermill-opentelemetry 0.1: what says receive is the handler, as long as it works.
			Scope: "watermill/subscriber", System: "watermill", Operations: map[string]string{"receive": "process"},
		},
		{Scope: "watermill/publisher", System: "watermill"},
		{
			// opentelemetry-instrumentation-boto3sqs 0.66b0: the conversation ID is the number of an entry in its request.
			Scope:      "opentelemetry.instrumentation.boto3sqs",
			IgnoreKeys: []string{"messaging.message.conversation_id", "messaging.conversation_id"},
		},
		{
			// opentelemetry-instrumentation-confluent-kafka 0.66b0: a span without any attribute around the making of another one.
			Scope: "opentelemetry.instrumentation.confluent_kafka", Operations: map[string]string{"recv": "ignore"},
		},
		{
			// opentelemetry-instrumentation-active_job 0.8: what becomes of a failed job is a span within its own.
			Scope:      "OpenTelemetry::Instrumentation::ActiveJob",
			Operations: map[string]string{"enqueue_retry": "settle", "retry_stopped": "settle", "discard": "settle"},
			Outcomes:   map[string]string{"enqueue_retry": "retry", "retry_stopped": "dead_letter", "discard": "final"},
		},
	}
}

// profile is a library made ready.
type profile struct {
	// keys are the attributes of spans, fields those of log records and the fields of their bodies.
	keys, fields *lookup[meaning]
	system       string
	operations   *lookup[operation.Kind]
	// outcomes are by state and settlement, events by span event, statuses by status description.
	outcomes, events, statuses *lookup[effect]
	// named says that spans are told by their names.
	named bool
}

func newProfile(cfg Config, lib *Library) *profile {
	p := &profile{
		keys: newMeanings(cfg, lib, false), fields: newMeanings(cfg, lib, true), named: lib != nil && len(lib.Operations) > 0,
	}
	operations := map[string]operation.Kind{}
	var effectsOf [3]map[string]effect
	for i := range effectsOf {
		effectsOf[i] = map[string]effect{}
	}
	for _, l := range [...]*Library{&conventions, lib} {
		if l == nil {
			continue
		}
		maps.Copy(operations, kindsOf(l.Operations))
		for i, words := range [...]map[string]string{l.Outcomes, l.Events, l.Statuses} {
			for word, name := range words {
				effectsOf[i][word] = effects[name]
			}
		}
		p.system = l.System
	}
	p.operations = newLookup(operations)
	p.outcomes, p.events, p.statuses = newLookup(effectsOf[0]), newLookup(effectsOf[1]), newLookup(effectsOf[2])
	return p
}

// kindsOf returns what the words state that are given by name.
func kindsOf(words map[string]string) map[string]operation.Kind {
	kinds := make(map[string]operation.Kind, len(words))
	for word, name := range words {
		kinds[word] = spanKinds[name]
	}
	return kinds
}

// profiles finds the profile of an instrumentation scope.
type profiles struct {
	base  *profile
	exact map[string]*profile
	globs []globProfile
}

type globProfile struct {
	scope *regexp.Regexp
	*profile
}

// newProfiles prepares all libraries; of two for the same scope the one listed first counts.
func newProfiles(cfg Config) (profiles, error) {
	ps := profiles{base: newProfile(cfg, nil), exact: map[string]*profile{}}
	for i := range cfg.Libraries {
		lib := &cfg.Libraries[i]
		if err := lib.Validate(); err != nil {
			return profiles{}, fmt.Errorf("libraries[%d]: %w", i, err)
		}
		if strings.Contains(lib.Scope, "*") {
			quoted := strings.ReplaceAll(regexp.QuoteMeta(lib.Scope), `\*`, `.*`)
			ps.globs = append(ps.globs, globProfile{regexp.MustCompile(`(?s)^` + quoted + `$`), newProfile(cfg, lib)})
			continue
		}
		if _, listed := ps.exact[lib.Scope]; !listed {
			ps.exact[lib.Scope] = newProfile(cfg, lib)
		}
	}
	return ps, nil
}

// of returns the profile of a scope.
func (ps *profiles) of(scope string) *profile {
	if p, ok := ps.exact[scope]; ok {
		return p
	}
	for i := range ps.globs {
		if ps.globs[i].scope.MatchString(scope) {
			return ps.globs[i].profile
		}
	}
	return ps.base
}

// Validate reports what is wrong with the description of a library, by the names its YAML keys have.
func (l *Library) Validate() error {
	var errs []error
	if l.Scope == "" {
		errs = append(errs, errors.New("`scope` is empty: name the instrumentation scope that this is about"))
	}
	for _, name := range slices.Sorted(maps.Keys(l.Attributes)) {
		if _, ok := attributeFields[name]; !ok {
			errs = append(errs, fmt.Errorf("`attributes::%s`: no such field; there are %s", name, strings.Join(AttributeFields(), ", ")))
		}
		if n := len(l.Attributes[name]); n > maxNamesOfField {
			errs = append(errs, fmt.Errorf("`attributes::%s` has %d names: at most %d are allowed", name, n, maxNamesOfField))
		}
		if slices.Contains(l.Attributes[name], "") {
			errs = append(errs, fmt.Errorf("`attributes::%s` has an empty name: name an attribute", name))
		}
	}
	errs = append(errs, unknownWords("operations", l.Operations, OperationNames())...)
	errs = append(errs, unknownWords("outcomes", l.Outcomes, OutcomeNames())...)
	errs = append(errs, unknownWords("events", l.Events, OutcomeNames())...)
	errs = append(errs, unknownWords("statuses", l.Statuses, OutcomeNames())...)
	return errors.Join(errs...)
}

func unknownWords(key string, words map[string]string, known []string) []error {
	var errs []error
	for _, word := range slices.Sorted(maps.Keys(words)) {
		if word == "" {
			errs = append(errs, fmt.Errorf("`%s` has an empty name: name a word", key))
		}
		if !slices.Contains(known, words[word]) {
			errs = append(errs, fmt.Errorf("`%s::%s` is %q: must be one of %s", key, word, words[word], strings.Join(known, ", ")))
		}
	}
	return errs
}
