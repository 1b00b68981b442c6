//go:build e2e

package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// modelKeys are the attributes that the model knows of every span; a span must have them exactly where the model has them.
var modelKeys = map[string]bool{
	"async.operation.id": true, "async.operation.name": true, "async.operation.state": true, "async.operation.reason": true,
	"async.operation.flags": true, "async.operation.snapshot": true, "async.operation.owner": true, "async.operation.cut": true,
	"async.operation.awaited": true, "async.hop.dead_letter": true, "async.hop.dead_letter_destination": true,
	"async.queue.wait": true, "async.queue.waiting": true, "async.queue.due_at": true,
	"async.attempt.number": true, "async.attempt.unfinished": true, "error.type": true,
	"messaging.system": true, "messaging.destination.name": true, keyMessageID: true, keyGroup: true, "messaging.operation.type": true,
	"exception.type": true, "exception.message": true, "exception.stacktrace": true, "service.instance.id": true,
}

// followedBy is what asyncgen sends after a message; "" ends an operation.
var followedBy = map[string]string{
	"orders": "payments", "payments": "shipments", "refunds": "ledger-entries", "ledger-entries": "receipts",
	"signups": "welcome-mails", "welcome-mails": "crm-updates",
}

// owners are those that testdata/scenarios.yaml declares.
var owners = map[string]string{"order-fulfilment": "team-orders", "refund": "team-refunds", "signup": "team-signup"}

// model draws the derived trace that an operation of asyncgen deserves, from the truth and from the original spans alone.
type model struct {
	op   *truth
	sent *sentTelemetry
	// propagation is asyncgen's.
	propagation string
	// shown is the root that Jaeger has: the model takes from it when a stuck operation was judged, which nobody wrote down,
	// and how it says what it is stuck with.
	shown *shownSpan
	spans []shownSpan
	// last is the latest time that telemetry tells of.
	last  int64
	found []string
}

func (m *model) wrong(format string, args ...any) {
	m.found = append(m.found, fmt.Sprintf(format, args...))
}

// expectedTree is the derived trace, and what is wrong with the root that is shown.
func expectedTree(op *truth, sent *sentTelemetry, propagation string, shown *shownSpan) ([]shownSpan, []string) {
	m := &model{op: op, sent: sent, propagation: propagation, shown: shown}
	m.root()
	m.request()
	for i := range op.Hops {
		m.hop(&op.Hops[i])
	}
	m.cancelled()
	m.close()
	return m.spans, m.found
}

const rootID = "root"

func (m *model) root() {
	op := m.op
	root := shownSpan{
		id: rootID, name: "async " + op.Name, service: op.Hops[0].Producer.Service, kind: "internal", start: op.Hops[0].SentAt.UnixNano(),
		attributes: map[string]string{
			"async.operation.id": op.ID, "async.operation.name": op.Name, "async.operation.state": op.State,
		},
	}
	set(root.attributes, "async.operation.reason", op.Reason)
	set(root.attributes, "async.operation.owner", owners[op.Name])
	if len(op.Flags) > 0 {
		root.attributes["async.operation.flags"] = `["` + strings.Join(op.Flags, `","`) + `"]`
	}
	if !op.final() {
		root.attributes["async.operation.snapshot"] = "true"
	}
	m.spans = append(m.spans, root)
	m.explain()
}

// explain fills in the status of the root, and the hop on which the verdict rests.
func (m *model) explain() {
	root := &m.spans[0]
	switch m.op.State {
	case "completed":
		root.status = statusOK
		return
	case "cancelled":
		root.status = statusUnset
		return
	}
	h := m.deciding()
	root.status = statusError
	set(root.attributes, "messaging.system", h.System)
	set(root.attributes, "messaging.destination.name", h.Destination)
	group := ""
	for _, c := range h.Consumers {
		// Nobody in particular is to blame for what did not follow, and of several groups the one that is missing is.
		if m.op.Reason != "stalled" && (m.op.Reason != stateWaiting || c.State == stateWaiting) {
			group = c.Group
		}
	}
	set(root.attributes, keyGroup, group)
	if m.op.State == stateStuck {
		m.obstacle(h)
		return
	}
	last := m.attempts(h, group)
	kind, text := m.failure(last[len(last)-1])
	root.attributes["error.type"] = kind
	root.message = strings.ReplaceAll(m.op.State, "_", "-") + ": " + kind + ": " + text + " in " + h.Destination + " after " +
		strconv.Itoa(len(last)) + " attempt" + map[bool]string{true: "s"}[len(last) > 1]
	if parked := m.op.deadLetter(); parked != nil {
		root.message += ", sent to " + parked.Destination
		root.attributes["async.hop.dead_letter_destination"] = parked.Destination
	}
}

func set(m map[string]string, key, value string) {
	if value != "" {
		m[key] = value
	}
}

// deciding is the hop on which the verdict rests: the last one that was not merely parked.
func (m *model) deciding() *truthHop {
	h := &m.op.Hops[len(m.op.Hops)-1]
	if h.isDeadLetter() {
		h = &m.op.Hops[len(m.op.Hops)-2]
	}
	return h
}

var lastsText = regexp.MustCompile(` for (\d+(?:\.\d+)?)s`)

// obstacle takes the text of a stuck operation from what is shown, if it says what it has to.
func (m *model) obstacle(h *truthHop) {
	begins := map[string]string{
		stateWaiting: "stuck: waiting in ", stateProcessing: "stuck: processing ", "stalled": "stuck: stalled after ",
	}[m.op.Reason] + h.Destination
	text := m.shown.message
	if !strings.HasPrefix(text, begins) {
		m.wrong("the root says %q, not %q", text, begins)
	}
	if m.op.Reason == "stalled" && !strings.Contains(text, followedBy[h.Destination]) {
		m.wrong("the root says %q, not what is awaited", text)
	}
	lasts := lastsText.FindStringSubmatch(text)
	if lasts == nil {
		m.wrong("the root does not say for how long: %q", text)
	} else if s, err := strconv.ParseFloat(lasts[1], 64); err != nil || s < 6 || s > time.Minute.Seconds() {
		m.wrong("the root says %q", text)
	}
	m.spans[0].message = text
}

// request is the span of the entry service that sent the first message.
func (m *model) request() {
	producer := m.sent.spans[m.op.Hops[0].Producer.SpanID]
	entry := m.sent.spans[producer.ParentSpanID().String()]
	m.add(shownSpan{name: entry.Name(), kind: "internal", status: statusUnset}, entry, rootID)
}

// add completes the span that stands for an original one, and adds it.
func (m *model) add(s shownSpan, from *sentSpan, parent string) {
	s.id, s.parent = from.SpanID().String(), parent
	s.start, s.end = int64(from.StartTimestamp()), int64(from.EndTimestamp())
	s.service = text(from.resource, "service.name")
	s.resource = map[string]string{"service.instance.id": text(from.resource, "service.instance.id")}
	s.links = []shownLink{{trace: from.TraceID().String(), span: s.id, reason: m.reason(from)}}
	s.events = append(s.events, exceptions(from)...)
	m.put(s)
}

// put adds a span with what is the same for all.
func (m *model) put(s shownSpan) {
	if s.attributes == nil {
		s.attributes = map[string]string{}
	}
	s.attributes["async.operation.id"] = m.op.ID
	s.events = append(s.events, m.logged(s.id)...)
	m.last = max(m.last, s.end)
	for _, e := range s.events {
		m.last = max(m.last, e.at)
	}
	m.spans = append(m.spans, s)
}

// reason is how the original span came to the operation.
func (m *model) reason(s *sentSpan) string {
	switch {
	case s.text(keyConversation) != "":
		return "correlation_id"
	case m.propagation == "link" && s.Links().Len() > 0:
		return "link"
	}
	return "trace"
}

func exceptions(s *sentSpan) []shownEvent {
	var all []shownEvent
	for _, e := range s.Events().All() {
		all = append(all, shownEvent{int64(e.Timestamp()), e.Name(), attributeValues(e.Attributes())})
	}
	return all
}

// logged are the log records of a span, as events. Of those that tell of progress the last one alone is shown.
func (m *model) logged(span string) []shownEvent {
	var all []shownEvent
	var progress *shownEvent
	for _, l := range m.sent.logs[span] {
		e := logEvent(l)
		if l.EventName() == "async.operation.progress" {
			e.name = "progress"
			progress = &e
			continue
		}
		all = append(all, e)
	}
	if progress != nil {
		all = append(all, *progress)
	}
	return all
}

func logEvent(l *sentLog) shownEvent {
	e := shownEvent{at: int64(l.Timestamp()), name: l.EventName(), attributes: map[string]string{}}
	if e.name == "" {
		e.name = l.Body().AsString()
	}
	for _, key := range []string{"exception.type", "exception.message", "exception.stacktrace"} {
		set(e.attributes, key, text(l.Attributes(), key))
	}
	if len(e.attributes) > 0 {
		e.name = "exception"
	}
	return e
}

func (m *model) hop(h *truthHop) {
	producer := m.sent.spans[h.Producer.SpanID]
	parent := rootID
	if id := producer.ParentSpanID().String(); slices.ContainsFunc(m.spans, func(s shownSpan) bool { return s.id == id }) {
		parent = id
	}
	attributes := m.message(h, "")
	attributes["messaging.operation.type"] = "send"
	m.add(shownSpan{name: "send " + h.Destination, kind: "producer", status: statusUnset, attributes: attributes}, producer, parent)
	if !h.DueAt.IsZero() {
		attributes := m.message(h, "")
		attributes["async.queue.due_at"] = h.DueAt.Format(time.RFC3339Nano)
		m.put(m.queued(h, "scheduled", h.SentAt.UnixNano(), h.DueAt.UnixNano(), attributes))
	}
	if len(h.Consumers) == 0 {
		m.waits(h, "")
	}
	for i := range h.Consumers {
		c := &h.Consumers[i]
		if c.State == stateWaiting {
			m.waits(h, c.Group)
			continue
		}
		m.waited(h, c)
		m.consumer(h, c)
	}
}

// message are the attributes of all spans about a message.
func (m *model) message(h *truthHop, group string) map[string]string {
	attributes := map[string]string{
		"messaging.system": h.System, "messaging.destination.name": h.Destination, keyMessageID: h.MessageID,
	}
	set(attributes, keyGroup, group)
	if h.isDeadLetter() {
		attributes["async.hop.dead_letter"] = "true"
	}
	return attributes
}

// queued is a span of time in a queue. Which system that is stands beside it, at the sending.
func (m *model) queued(h *truthHop, what string, from, to int64, attributes map[string]string) shownSpan {
	delete(attributes, "messaging.system")
	return shownSpan{
		id: fmt.Sprintf("%s %s %s", what, h.MessageID, attributes[keyGroup]), parent: rootID, name: what + " " + h.Destination,
		service: "queue:" + h.Destination, kind: "internal", start: from, end: to, status: statusUnset, attributes: attributes,
	}
}

// ready is when a message can be consumed.
func (h *truthHop) ready() int64 {
	if h.DueAt.After(h.SentAt) {
		return h.DueAt.UnixNano()
	}
	return h.SentAt.UnixNano()
}

func (m *model) waited(h *truthHop, c *truthConsumer) {
	received := c.ReceivedAt.UnixNano()
	attributes := m.message(h, c.Group)
	attributes["async.queue.wait"] = seconds(time.Duration(max(0, received-h.ready())).Seconds())
	m.put(m.queued(h, "queue wait", h.ready(), max(received, h.ready()+1), attributes))
}

// untilJudged marks an end that is not known: close replaces it.
const untilJudged = -1

// waits is the time in a queue of a message that nobody, or one group, does not consume.
func (m *model) waits(h *truthHop, group string) {
	attributes := m.message(h, group)
	attributes["async.queue.waiting"] = "true"
	s := m.queued(h, "queue wait", h.ready(), untilJudged, attributes)
	m.stuckWith(&s)
	m.put(s)
}

// stuckWith gives the span on which the verdict rests the status that says so.
func (m *model) stuckWith(s *shownSpan) {
	if m.op.State == stateStuck {
		s.status, s.message = statusError, m.shown.message
	}
}

// attempts are the spans that processed the message for a group.
func (m *model) attempts(h *truthHop, group string) []*sentSpan {
	var all []*sentSpan
	for _, s := range m.sent.byMessage[h.MessageID] {
		if s.Kind() == ptrace.SpanKindConsumer && s.text(keyGroup) == group {
			all = append(all, s)
		}
	}
	return all
}

func (m *model) consumer(h *truthHop, c *truthConsumer) {
	number := 0
	for _, s := range m.attempts(h, c.Group) {
		number++
		attributes := m.message(h, c.Group)
		attributes["messaging.operation.type"], attributes["async.attempt.number"] = "process", strconv.Itoa(number)
		span := shownSpan{name: "process " + h.Destination, kind: "consumer", status: statusOK, attributes: attributes}
		if s.Status().Code() == ptrace.StatusCodeError {
			kind, text := m.failure(s)
			span.status, span.message = statusError, kind+": "+text
			attributes["error.type"] = kind
		}
		m.add(span, s, rootID)
		m.awaits(h, s)
	}
	if c.State == stateProcessing {
		number++
		m.unfinished(h, c, number)
	}
	if number != c.Attempts {
		m.wrong("%s: %d attempts left telemetry, truth %d", h.Destination, number, c.Attempts)
	}
}

func (m *model) failure(s *sentSpan) (kind, text string) {
	return s.text("error.type"), s.Status().Message()
}

// unfinished is the attempt of which nothing but log records is known.
func (m *model) unfinished(h *truthHop, c *truthConsumer, number int) {
	attributes := m.message(h, c.Group)
	attributes["messaging.operation.type"], attributes["async.attempt.number"] = "process", strconv.Itoa(number)
	attributes["async.attempt.unfinished"] = "true"
	first := m.sent.logs[c.SpanID][0]
	reason := "trace"
	switch {
	case text(first.Attributes(), keyConversation) != "":
		reason = "correlation_id"
	case m.propagation == "link":
		// The span that has the link never came.
		reason = "message_id"
	}
	s := shownSpan{
		id: c.SpanID, parent: rootID, name: "process " + h.Destination, service: c.Service, kind: "consumer",
		start: int64(first.Timestamp()), end: untilJudged, attributes: attributes,
		resource: map[string]string{"service.instance.id": text(first.resource, "service.instance.id")},
		links:    []shownLink{{trace: c.TraceID, span: c.SpanID, reason: reason}},
	}
	m.stuckWith(&s)
	m.put(s)
}

// awaits is what should have followed a hop of a stalled operation.
func (m *model) awaits(h *truthHop, after *sentSpan) {
	if m.op.Reason != "stalled" || h != m.deciding() {
		return
	}
	s := shownSpan{
		id: "await", parent: rootID, name: "await " + followedBy[h.Destination], service: text(after.resource, "service.name"), kind: "internal",
		start: int64(after.EndTimestamp()), end: untilJudged, attributes: map[string]string{"async.operation.awaited": followedBy[h.Destination]},
	}
	m.spans[0].attributes["async.operation.awaited"] = followedBy[h.Destination]
	m.stuckWith(&s)
	m.put(s)
}

// cancelled are the records that belong to no span.
func (m *model) cancelled() {
	for _, l := range m.sent.loose[m.op.ID] {
		e := logEvent(l)
		m.spans[0].events = append(m.spans[0].events, e)
		m.last = max(m.last, e.at)
	}
}

// close fills in what depends on all spans: the end of what did not end, and the root's extent and links.
func (m *model) close() {
	until := m.last
	if m.op.State == stateStuck {
		until = m.shown.end
		if until < m.last || until > time.Now().UnixNano() {
			m.wrong("the operation was judged at %d, after %d", until, m.last)
		}
	}
	root := &m.spans[0]
	first := map[string]*shownSpan{}
	for i := range m.spans[1:] {
		s := &m.spans[1+i]
		if s.end == untilJudged {
			s.end = until
			if s.attributes["async.queue.waiting"] != "" {
				s.attributes["async.queue.wait"] = seconds(time.Duration(until - s.start).Seconds())
			}
		}
		root.start, root.end = min(root.start, s.start), max(root.end, s.end)
		for _, l := range s.links {
			if known := first[l.trace]; known == nil || s.start < known.start {
				first[l.trace] = s
			}
		}
	}
	root.end = max(root.end, until)
	for trace, s := range first {
		root.links = append(root.links, shownLink{trace, s.links[0].span, "source", s.links[0].reason})
	}
	root.resource = first[m.op.Hops[0].Producer.TraceID].resource
	switch {
	case m.op.State == stateStuck:
		root.links = append(root.links, m.shown.link("final"))
	case m.op.recovered():
		root.links = append(root.links, m.shown.link("snapshot"))
	}
}

// recovered reports whether the operation had been stuck: its message was consumed after all.
func (o *truth) recovered() bool { return o.Scenario == "never_consumed" && o.State != stateStuck }

// link is the first link of the kind: where it leads is checked by following it.
func (s *shownSpan) link(kind string) shownLink {
	i := slices.IndexFunc(s.links, func(l shownLink) bool { return l.kind == kind })
	if i < 0 {
		return shownLink{kind: kind}
	}
	return s.links[i]
}
