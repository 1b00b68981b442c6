package stitch

import (
	"cmp"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/throughline/throughline/internal/deadletter"
	"github.com/throughline/throughline/internal/operation"
)

// putText adds a value from telemetry, bounded, unless it is empty.
func (b *builder) putText(m pcommon.Map, key, value string) {
	if value != "" {
		m.PutStr(key, clip(value, b.settings.MaxValue))
	}
}

// attributes is how many the span has, mostly.
func (d *draft) attributes() int {
	n := 1
	if d.hop != nil {
		n += 2
		if d.hop.MessageID != "" {
			n++
		}
		if d.group != nil && d.group.Group != d.group.Service {
			n++
		}
	}
	switch d.kind {
	case draftSend, draftAttempt:
		n += 3
		if d.attempt != nil {
			n++
		}
	case draftWork, draftAwait:
		n++
	}
	if d.outcome == operation.OutcomeError {
		n++
	}
	return n
}

func (b *builder) putDraft(m pcommon.Map, d *draft) {
	m.EnsureCapacity(d.attributes())
	b.putText(m, "async.operation.id", b.view.ID)
	if d.hop != nil {
		b.putMessage(m, d)
	}
	if d.attempt != nil {
		b.putAttempt(m, d)
	}
	switch d.kind {
	case draftSchedule:
		m.PutDouble("async.queue.delay", time.Duration(d.waited).Seconds())
		m.PutStr("async.queue.due_at", time.Unix(0, d.hop.DueAt).UTC().Format(time.RFC3339Nano))
	case draftWait:
		if d.waited >= 0 {
			m.PutDouble("async.queue.wait", time.Duration(d.waited).Seconds())
		} else {
			m.PutBool("async.queue.inferred", true)
		}
		if d.unfinished {
			m.PutBool("async.queue.waiting", true)
		}
	}
	b.putText(m, "async.operation.awaited", d.awaited)
	if d.skewed {
		m.PutBool("async.operation.skewed", true)
	}
	if d.outcome == operation.OutcomeError {
		b.putText(m, "error.type", errorType(d.err))
	}
	if d.origin != nil && d.origin.JoinedBy != operation.ReasonUnknown {
		m.PutStr("async.join.reason", d.origin.JoinedBy.String())
	}
}

// putMessage adds the messaging attributes (semantic conventions 1.44).
func (b *builder) putMessage(m pcommon.Map, d *draft) {
	h := d.hop
	destination := h.Destination
	if d.origin != nil {
		b.putText(m, "messaging.system", h.System)
		if d.attempt != nil {
			destination = cmp.Or(d.attempt.Destination, destination)
		}
	}
	b.putText(m, "messaging.destination.name", destination)
	if b.namesOf(destination).temporary {
		m.PutBool("messaging.destination.temporary", true)
	}
	if deadletter.Is(h) {
		m.PutBool("async.hop.dead_letter", true)
	}
	b.putText(m, "messaging.message.id", h.MessageID)
	b.putGroup(m, d.group)
	switch {
	case d.kind == draftSend:
		m.PutStr("messaging.operation.type", "send")
	case d.attempt != nil && received(d.attempt):
		m.PutStr("messaging.operation.type", "receive")
	case d.attempt != nil:
		m.PutStr("messaging.operation.type", "process")
	}
}

// putGroup adds the consumer group's name, unless the service's stands in for it.
func (b *builder) putGroup(m pcommon.Map, c *operation.Consumer) {
	if c != nil && c.Group != c.Service {
		b.putText(m, "messaging.consumer.group.name", c.Group)
	}
}

func (b *builder) putAttempt(m pcommon.Map, d *draft) {
	a := d.attempt
	m.PutInt("async.attempt.number", int64(d.number))
	if a.Disposition != operation.DispositionUnknown {
		m.PutStr("async.attempt.disposition", a.Disposition.String())
	}
	if a.ReceivedAt > 0 && a.StartedAt > a.ReceivedAt {
		m.PutDouble("async.attempt.buffered", time.Duration(a.StartedAt-a.ReceivedAt).Seconds())
	}
	if d.unfinished {
		m.PutBool("async.attempt.unfinished", true)
	}
	if a.Batch {
		m.PutBool("async.attempt.batch", true)
	}
	if a.Inferred {
		m.PutBool("async.attempt.inferred", true)
	}
}
