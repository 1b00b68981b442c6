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
	// junk replaces all of it by one span in which every name is one that never occurred before.
	junk bool
}

var (
	shapeWhole = shape{first: 1, last: spansPerOperation}
	// shapeHead ends with the first send, which carries the operation's ID; shapeTail is the rest.
	shapeHead = shape{first: 1, last: 4}
	shapeTail = shape{first: 5, last: spansPerOperation}
	// shapeOpen is an operation of three hops, the last of which nobody consumed yet.
	shapeOpen  = shape{first: 1, last: spansPerOperation - 3}
	shapeProbe = shape{probe: true}
	shapeJunk  = shape{junk: true}
)

// builder writes the spans of operations.
type builder struct {
	shape     shape
	resources ptrace.ResourceSpansSlice
	services  [4]ptrace.SpanSlice

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
	if b.shape.junk {
		b.junk(text)
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

// junk is one span of a service of its own. By turns it sends a message, waits for one, and fails.
func (b *builder) junk(text string) {
	kinds := []struct {
		kind ptrace.SpanKind
		word string
	}{{ptrace.SpanKindProducer, "send"}, {ptrace.SpanKindConsumer, "process"}, {ptrace.SpanKindConsumer, "process"}}
	which := b.resources.Len() % len(kinds)
	b.services[0] = b.service("service-"+text, "instance-"+text)
	b.shape.first, b.shape.last = 1, 1
	b.at -= spanStep
	b.span(0, kinds[which].kind, kinds[which].word+" queue-"+text, 0, "messaging.operation.type", kinds[which].word, "messaging.system", "kafka",
		"messaging.destination.name", "queue-"+text, "messaging.message.conversation_id", "order-"+text, "messaging.message.id", "message-"+text,
		"messaging.consumer.group.name", "group-"+text)
	if which == len(kinds)-1 {
		span := b.services[0].At(0)
		span.Status().SetCode(ptrace.StatusCodeError)
		failure := span.Events().AppendEmpty()
		failure.SetName("exception")
		failure.SetTimestamp(b.at)
		putAll(failure.Attributes(), "exception.type", "Error"+text, "exception.message", "no order "+text)
	}
}

// service adds a resource and returns the place of its spans.
func (b *builder) service(name, instance string) ptrace.SpanSlice {
	rs := b.resources.AppendEmpty()
	putAll(rs.Resource().Attributes(), "service.name", name, "service.instance.id", instance, "service.version", "1.2.3",
		"host.name", "node-7", "telemetry.sdk.language", "go")
	return rs.ScopeSpans().AppendEmpty().Spans()
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
	if b.shape.probe || b.shape.junk {
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
