package evidence

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
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
	fieldCount
)

// names lists for each field the attributes that carry it, the current name first: of several on one record the first
// counts. Sources: semantic conventions 1.44 and the renames in their schema files back to 1.12.
var names = [fieldCount][]string{
	fieldService:       {"service.name"},
	fieldInstance:      {"service.instance.id"},
	fieldHost:          {"host.name"},
	fieldPID:           {"process.pid"},
	fieldOperationName: {"async.operation.name"},
	fieldSystem:        {"messaging.system"},
	fieldOperation:     {"messaging.operation.type", "messaging.operation", "messaging.operation.name"},
	fieldDestination:   {"messaging.destination.name", "messaging.destination", "messaging.source.name", "messaging.source"},
	fieldGroup: {
		"messaging.consumer.group.name", "messaging.destination.subscription.name", "messaging.kafka.consumer.group",
		"messaging.kafka.consumer_group", "messaging.rocketmq.client_group", "messaging.eventhubs.consumer.group",
		"messaging.servicebus.destination.subscription_name",
	},
	fieldMessageID: {"messaging.message.id", "messaging.message_id"},
	fieldPartition: {
		"messaging.destination.partition.id", "messaging.kafka.destination.partition", "messaging.kafka.source.partition",
		"messaging.kafka.partition",
	},
	fieldOffset:           {"messaging.kafka.offset", "messaging.kafka.message.offset"},
	fieldBatchCount:       {"messaging.batch.message_count"},
	fieldErrorType:        {"error.type"},
	fieldExceptionType:    {"exception.type"},
	fieldExceptionMessage: {"exception.message"},
	fieldExceptionStack:   {"exception.stacktrace"},
	fieldEventName:        {"event.name"},
}

// table finds the meaning of an attribute by its name: a hash over length, first and last byte leads to the few names that
// share it, so that most attributes are turned away by one look and the rest cost a comparison.
type table struct {
	slots [tableSlots][]namedMeaning
}

// tableSlots is a power of two.
const tableSlots = 1024

type namedMeaning struct {
	key string
	meaning
}

type meaning struct {
	field field
	// rank tells names of one field apart, the best is 0.
	rank uint8
	// correlation is the rank among the correlation keys plus 1, 0 for none; a key may be both.
	correlation uint16
	namespace   bool
}

func newTable(cfg Config) table {
	entries := make(map[string]meaning)
	for f, keys := range names {
		for rank, key := range keys {
			entries[key] = meaning{field: field(f), rank: uint8(rank)}
		}
	}
	for rank, key := range cfg.CorrelationKeys {
		m := entries[key]
		if m.correlation == 0 {
			m.correlation = uint16(rank) + 1
		}
		entries[key] = m
	}
	if cfg.NamespaceKey != "" {
		m := entries[cfg.NamespaceKey]
		m.namespace = true
		entries[cfg.NamespaceKey] = m
	}
	var t table
	for key, m := range entries {
		t.slots[slot(key)] = append(t.slots[slot(key)], namedMeaning{key, m})
	}
	return t
}

func slot(key string) int {
	return (len(key)*37 + int(key[0])*5 + int(key[len(key)-1])) & (tableSlots - 1)
}

func (t *table) find(key string) (*meaning, bool) {
	if key == "" {
		return nil, false
	}
	candidates := t.slots[slot(key)]
	for i := range candidates {
		if candidates[i].key == key {
			return &candidates[i].meaning, true
		}
	}
	return nil, false
}

// attributeValues are the meaningful values of one record.
type attributeValues struct {
	text [fieldCount]string
	// ranks are those of the names the texts came under, plus 1; 0 = no text.
	ranks [fieldCount]uint8
	ids   identified
	// used says that there is anything to clear.
	used bool
}

// values returns the space for the values of one record, empty.
func (b *Batch) values() *attributeValues {
	if b.scratch.used {
		b.scratch = attributeValues{}
	}
	return &b.scratch
}

// read goes through the attributes once.
func (x *Extractor) read(b *Batch, attributes pcommon.Map, a *attributeValues) {
	for key, value := range attributes.All() {
		if m, ok := x.keys.find(key); ok {
			x.take(b, m, value, a)
		}
	}
}

func (x *Extractor) take(b *Batch, m *meaning, value pcommon.Value, a *attributeValues) {
	a.used = true
	text, ok := textOf(value)
	if !ok {
		b.drop(DropWrongType)
		return
	}
	if m.correlation > 0 {
		if id, ok := x.id(text); ok {
			a.ids.offer(uint8(m.correlation-1), id)
		} else {
			b.drop(DropJunkID)
		}
	}
	if m.namespace {
		a.ids.namespace = b.cut(text, maxName)
	}
	if m.field == fieldNone || (a.ranks[m.field] != 0 && a.ranks[m.field] <= m.rank) {
		return
	}
	a.text[m.field], a.ranks[m.field] = b.cut(text, limits[m.field]), m.rank+1
}

// limits are the greatest lengths of texts in bytes.
var limits = func() (l [fieldCount]int) {
	for i := range l {
		l[i] = maxName
	}
	l[fieldExceptionMessage], l[fieldExceptionStack] = maxMessage, maxDetail
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
