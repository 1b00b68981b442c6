package evidence

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/throughline/throughline/internal/stack"
)

// field is what an attribute means to us, whatever its name.
type field uint8

const (
	fieldNone field = iota
	fieldCorrelation
	fieldNamespace
	fieldService
	fieldInstance
	fieldHost
	fieldPID
	fieldOperationName
	fieldSystem
	fieldOperation
	fieldDestination
	fieldGroup
	fieldMessageID
	fieldPartition
	fieldOffset
	fieldBatchCount
	fieldErrorType
	fieldExceptionType
	fieldExceptionMessage
	fieldExceptionStack
	fieldEventName
	fieldRoutingKey
	fieldType
	fieldDue
	fieldState
	fieldRetries
	fieldMaxRetries
	fieldDisposition
	fieldPartialEvent
	fieldSpanType
	fieldDelivery
	fieldQuery
	fieldDatabase
	fieldTask
	fieldProgress
	fieldCount
)

// names lists for each field the attributes that carry it, the current name first: of several on one record the first
// counts. Sources: semantic conventions 1.44 and the renames in their schema files back to 1.12, and the attributes that
// job queues record under a prefix of their own (what they record without one is in [DefaultLibraries]).
var names = [fieldCount][]string{
	fieldService:       {"service.name"},
	fieldInstance:      {"service.instance.id"},
	fieldHost:          {"host.name"},
	fieldPID:           {"process.pid"},
	fieldOperationName: {"async.operation.name"},
	fieldSystem:        {"messaging.system"},
	fieldOperation: {
		"messaging.operation.type", "messaging.operation", "messaging.operation.name", "bullmq.queue.operation", "celery.action",
	},
	fieldDestination: {
		"messaging.destination.name", "messaging.destination", "messaging.source.name", "messaging.source", "bullmq.queue.name",
		"asynq.queue",
	},
	fieldGroup: {
		"messaging.consumer.group.name", "messaging.destination.subscription.name", "messaging.kafka.consumer.group",
		"messaging.kafka.consumer_group", "messaging.rocketmq.client_group", "messaging.eventhubs.consumer.group",
		"messaging.servicebus.destination.subscription_name",
	},
	fieldMessageID: {
		"messaging.message.id", "messaging.message_id", "asynq.task.id", "bullmq.job.id",
		"nservicebus.message_id", "messaging.masstransit.message_id",
	},
	fieldPartition: {
		"messaging.destination.partition.id", "messaging.kafka.destination.partition", "messaging.kafka.source.partition",
		"messaging.kafka.partition",
	},
	fieldOffset:           {"messaging.kafka.offset", "messaging.kafka.message.offset"},
	fieldBatchCount:       {"messaging.batch.message_count", "messaging.kafka.message_count"},
	fieldErrorType:        {"error.type"},
	fieldExceptionType:    {"exception.type"},
	fieldExceptionMessage: {"exception.message", "bullmq.job.failed.reason"},
	fieldExceptionStack:   {"exception.stacktrace"},
	fieldEventName:        {"event.name"},
	fieldRoutingKey:       {"messaging.rabbitmq.destination.routing_key", "messaging.rabbitmq.routing_key"},
	fieldType: {
		"asynq.task.type", "bullmq.job.name", "celery.task_name", "messaging.sidekiq.job_class", "messaging.message.type",
		"messaging.servicebus.message.type", "messaging.que.job_class", "messaging.resque.job_class", "messaging.delayed_job.name",
		"messaging.message.job_name", "oban.job.worker", "nservicebus.enclosed_message_types", "symfony.messenger.message",
	},
	fieldDue:         {"celery.eta", "messaging.rocketmq.message.delivery_timestamp"},
	fieldState:       {"celery.state"},
	fieldRetries:     {"asynq.retry_count", "celery.retries", "messaging.message.retry.count"},
	fieldMaxRetries:  {"asynq.max_retry", "oban.job.max_attempts"},
	fieldDisposition: {"messaging.servicebus.disposition_status", "messaging.settlement", "messaging.gcp_pubsub.result", "messaging.message.released"},
	// Counted from 1; what is counted from 0 is under fieldRetries.
	fieldDelivery: {
		"messaging.servicebus.message.delivery_count", "messaging.gcp_pubsub.message.delivery_attempt", "messaging.message.delivery_attempt",
		"bullmq.job.attempts.made", "oban.job.attempt",
	},
	fieldQuery:    {"db.query.text", "db.statement"},
	fieldDatabase: {"db.system.name", "db.system"},
	fieldProgress: {"async.operation.progress", "bullmq.job.progress"},
	// Unfinished spans: G-Research's partial-span records, Logfire's pending spans.
	fieldPartialEvent: {"partial.event"},
	fieldSpanType:     {keySpanType},
}

// impliedSystems are the messaging systems that an attribute of their own gives away.
var impliedSystems = map[string]string{"bullmq.queue.name": "bullmq", "asynq.queue": "asynq", "celery.task_name": "celery", "nservicebus.message_id": "nservicebus"}

// attributeValues are the meaningful values of one record.
type attributeValues struct {
	text [fieldCount]string
	// ranks are those of the names the texts came under, plus 1; 0 = no text.
	ranks [fieldCount]uint8
	ids   identified
	// types are the values of an attribute that lists the types of several messages, after the first.
	types []string
	// set has a bit for each field that has a text; used says that there is anything else to clear.
	set  uint64
	used bool
}

// A bit for each field must fit into attributeValues.set.
var _ [64 - fieldCount]struct{}

// clear forgets the values of the record before. Most records set few of the fields, so that it is worth while to go by the bits.
func (a *attributeValues) clear() {
	for set := a.set; set != 0; set &= set - 1 {
		f := bits.TrailingZeros64(set)
		a.text[f], a.ranks[f] = "", 0
	}
	if a.used {
		a.ids, a.types, a.used = identified{}, nil, false
	}
	a.set = 0
}

// values returns the space for the values of one record, empty.
func (b *Batch) values() *attributeValues {
	b.scratch.clear()
	return &b.scratch
}

// read goes through the attributes once. Most of them say nothing, and of those that do most are plain text: these two cases
// are dealt with here, without a call.
func (x *Extractor) read(b *Batch, attributes pcommon.Map, a *attributeValues) {
	if b.profile == nil {
		b.profile = x.profiles.base
	}
	keys := b.profile.keys
	for key, value := range attributes.All() {
		if key == "" {
			continue
		}
		first := keys.first[slot(key)]
		if first == 0 {
			if key[len(key)-1] == 'd' && namesTask(key) {
				x.take(b, &taskID, value, a)
			}
			continue
		}
		m := keys.among(key, first)
		if m == nil {
			if namesTask(key) {
				x.take(b, &taskID, value, a)
			}
			continue
		}
		if text := value.Str(); m.plain && text != "" && len(text) <= maxName {
			if a.wanting(m) {
				a.put(m, text)
			}
			continue
		}
		x.take(b, m, value, a)
	}
}

// taskID is the meaning of attributes that name a task or job in a way that no convention lists.
var taskID = meaning{field: fieldTask, meant: true, plain: true}

// namesTask reports whether an attribute carries the ID of a task or job by its name: task_id, app.task.id, jobId.
func namesTask(key string) bool {
	n := len(key)
	if n < len("job_id") || key[n-1] != 'd' || (key[n-2] != 'i' && key[n-2] != 'I') {
		return false
	}
	for n -= len("id"); n > 0 && (key[n-1] == '.' || key[n-1] == '_' || key[n-1] == '-'); {
		n--
	}
	word := key[:n]
	return strings.HasSuffix(word, "task") || strings.HasSuffix(word, "job") || strings.HasSuffix(word, "Task") || strings.HasSuffix(word, "Job")
}

// take reads the value of an attribute.
func (x *Extractor) take(b *Batch, m *meaning, value pcommon.Value, a *attributeValues) {
	text, ok := "", true
	switch value.Type() {
	case pcommon.ValueTypeStr, pcommon.ValueTypeInt:
		text, _ = textOf(value)
	case pcommon.ValueTypeBool:
		text, ok = m.truth(value.Bool())
	case pcommon.ValueTypeDouble:
		text, ok = fraction(value.Double()), m.field == fieldProgress
	case pcommon.ValueTypeSlice:
		text, ok = b.list(m, value.Slice(), a)
	default:
		ok = false
	}
	if !ok {
		b.drop(DropWrongType)
		return
	}
	x.takeText(b, m, text, a)
}

// truth returns what a value that is true or false says of how a span ended; false for an attribute that says something else.
func (m *meaning) truth(value bool) (string, bool) {
	if m.flag == "" {
		return "", false
	}
	return m.flag + "=" + strconv.FormatBool(value), true
}

// takeText takes the value of an attribute that is text.
func (x *Extractor) takeText(b *Batch, m *meaning, text string, a *attributeValues) {
	if m.correlation > 0 {
		a.used = true
		if id, ok := x.id(text); ok {
			a.ids.offer(uint8(m.correlation-1), id)
		} else {
			b.drop(DropJunkID)
		}
	}
	if m.system != "" && a.ranks[fieldSystem] == 0 {
		a.set |= 1 << fieldSystem
		a.text[fieldSystem] = m.system
	}
	if m.namespace {
		a.used = true
		a.ids.namespace = b.cut(text, maxName)
	}
	if m.field != fieldNone {
		a.offer(b, m, text)
	}
}

// wanting reports whether no better name has given a text of the field.
func (a *attributeValues) wanting(m *meaning) bool {
	known := a.ranks[m.field]
	return known == 0 || known > m.rank
}

// offer takes the text of a field unless a better name gave one.
func (a *attributeValues) offer(b *Batch, m *meaning, text string) {
	if !a.wanting(m) {
		return
	}
	if m.field == fieldExceptionStack {
		text = b.condense(text)
	} else if len(text) > maxName {
		text = b.cut(text, limits[m.field])
	}
	a.put(m, text)
}

func (a *attributeValues) put(m *meaning, text string) {
	a.set |= 1 << m.field
	a.text[m.field], a.ranks[m.field] = text, m.rank+1
}

// maxTypes bounds the messages that one span can list by their types.
const maxTypes = 1000

// list reads an attribute that lists several values: the types of messages that were sent at once. It returns the first.
func (b *Batch) list(m *meaning, values pcommon.Slice, a *attributeValues) (string, bool) {
	if m.field != fieldType || values.Len() == 0 {
		return "", m.field == fieldType
	}
	if values.Len() > maxTypes {
		b.Dropped[DropTooMany] += values.Len() - maxTypes
	}
	a.used = true
	for i := 1; i < min(values.Len(), maxTypes); i++ {
		text, _ := textOf(values.At(i))
		a.types = append(a.types, b.cut(text, maxName))
	}
	return textOf(values.At(0))
}

// limits are the greatest lengths of texts in bytes, all of them at least maxName.
var limits = func() (l [fieldCount]int) {
	for i := range l {
		l[i] = maxName
	}
	l[fieldExceptionMessage] = maxMessage
	// It is only looked at, never kept.
	l[fieldQuery] = math.MaxInt
	return l
}()

// textOf returns a string as it is and a number in decimal. Other types name nothing.
func textOf(v pcommon.Value) (string, bool) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str(), true
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10), true
	}
	return "", false
}

// cut shortens a text to at most limit bytes, at the border of a character.
func (b *Batch) cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	b.drop(DropTruncated)
	return shorten(s, limit)
}

// condense shortens a stack trace to at most maxDetail bytes so that the cause and the application's calls stay.
func (b *Batch) condense(s string) string {
	if len(s) <= maxDetail {
		return s
	}
	b.drop(DropTruncated)
	return stack.Condense(s, maxDetail)
}
