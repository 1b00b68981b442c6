package main

import (
	"encoding/hex"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// spansPerOperation are the spans of a whole operation: an entry request, three hops of a send and a process span in three
// services, and eight inner spans that are no evidence.
const spansPerOperation = 15

// destinations are those of the three hops of a whole operation.
var destinations = []string{"orders", "payments", "shipments"}

// shape says which spans of an operation a template holds, by their positions from 1.
type shape struct {
	first, last int
	// probe replaces all of it by one message that nobody consumes.
	probe bool
}

var (
	shapeWhole = shape{first: 1, last: spansPerOperation}
	// shapeHead ends with the first send, which carries the operation's ID; shapeTail is the rest.
	shapeHead = shape{first: 1, last: 4}
	shapeTail = shape{first: 5, last: spansPerOperation}
	// shapeOpen is an operation of three hops, the last of which nobody consumed yet.
	shapeOpen  = shape{first: 1, last: spansPerOperation - 3}
	shapeProbe = shape{probe: true}
)

// builder writes the spans of operations.
type builder struct {
	shape    shape
	services [4]ptrace.SpanSlice

	id       token
	position int
	at       pcommon.Timestamp
}

func (b *builder) operation(id token) {
	b.id, b.position, b.at = id, 0, pcommon.Timestamp(baseTime)
	text := hex.EncodeToString(id[:])
	if b.shape.probe {
		b.probe(text)
		return
	}
	parent := b.span(0, ptrace.SpanKindServer, "POST /orders", 0, "http.request.method", "POST", "url.path", "/orders", "http.route", "/orders")
	b.inner(0, parent)
	b.inner(0, parent)
	for h, destination := range destinations {
		messaging := []string{
			"messaging.system", "kafka", "messaging.destination.name", destination,
			"messaging.message.id", fmt.Sprintf("%s-4b0e-9d3c-%04d", text, h), "messaging.client.id", "client-1", "server.address", "broker-1",
		}
		send := append([]string{"messaging.operation.type", "send", "messaging.operation.name", "send"}, messaging...)
		if h == 0 {
			send = append(send, "messaging.message.conversation_id", "order-"+text)
		}
		sent := b.span(h, ptrace.SpanKindProducer, "send "+destination, parent, send...)
		parent = b.span(h+1, ptrace.SpanKindConsumer, "process "+destination, sent,
			append([]string{"messaging.operation.type", "process", "messaging.operation.name", "process", "messaging.consumer.group.name", "group-" + destination}, messaging...)...)
		b.inner(h+1, parent)
		b.inner(h+1, parent)
	}
}

// probeDestination is where messages go that nobody consumes.
const probeDestination = "probes"

// probe sends one message, at the very time of the operation.
func (b *builder) probe(text string) {
	b.shape.first, b.shape.last = 1, 1
	b.at -= spanStep
	b.span(0, ptrace.SpanKindProducer, "send "+probeDestination, 0, "messaging.operation.type", "send", "messaging.system", "kafka",
		"messaging.destination.name", probeDestination, "messaging.message.conversation_id", "order-"+text)
}

func (b *builder) inner(service, parent int) {
	b.span(service, ptrace.SpanKindClient, "SELECT orders", parent, "db.system.name", "postgresql", "db.namespace", "shop", "server.address", "db-1",
		"db.query.text", "SELECT * FROM orders WHERE id = $1")
}

const (
	// spanStep is how long after another spans begin, spanTakes how long they take.
	spanStep  = pcommon.Timestamp(time.Millisecond)
	spanTakes = 5 * spanStep
)

// span writes a span if the shape has one at that position, and returns the position.
func (b *builder) span(service int, kind ptrace.SpanKind, name string, parent int, attributes ...string) int {
	b.position++
	b.at += spanStep
	if b.position < b.shape.first || b.position > b.shape.last {
		return b.position
	}
	s := b.services[service].AppendEmpty()
	s.SetTraceID(pcommon.TraceID(append(append([]byte{0x4b, 0xf9}, b.id[:]...), 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce)))
	s.SetSpanID(b.spanID(b.position))
	if parent != 0 {
		s.SetParentSpanID(b.spanID(parent))
	}
	s.SetFlags(0x101)
	if kind == ptrace.SpanKindConsumer {
		s.SetFlags(0x301)
	}
	s.SetKind(kind)
	s.SetName(name)
	s.SetStartTimestamp(b.at)
	s.SetEndTimestamp(b.at + spanTakes)
	if b.shape.probe {
		s.SetEndTimestamp(b.at)
	}
	putAll(s.Attributes(), attributes...)
	return b.position
}

// putAll puts keys and values by turns.
func putAll(m pcommon.Map, attributes ...string) {
	for k := 0; k+1 < len(attributes); k += 2 {
		m.PutStr(attributes[k], attributes[k+1])
	}
}

func (b *builder) spanID(position int) pcommon.SpanID {
	return pcommon.SpanID(append(b.id[:len(b.id):len(b.id)], 0xa7, byte(position)))
}
