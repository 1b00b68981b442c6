package stitch

import (
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

// putIdentity adds what every derived span is found by.
func (b *builder) putIdentity(m pcommon.Map) {
	b.putText(m, "async.operation.id", b.view.ID)
	m.PutStr("async.operation.name", line(b.name))
}

func (b *builder) putDraft(m pcommon.Map, d *draft) {
	m.EnsureCapacity(16)
	b.putIdentity(m)
	if d.hop != nil {
		b.putMessage(m, d)
	}
	if d.attempt != nil {
		b.putAttempt(m, d)
	}
	if d.waited >= 0 {
		m.PutDouble("async.queue.wait", time.Duration(d.waited).Seconds())
	}
	if d.kind == draftWait {
		if d.unfinished {
			m.PutBool("async.queue.waiting", true)
		}
		if d.waited < 0 {
			m.PutBool("async.queue.inferred", true)
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
	b.putText(m, "messaging.system", h.System)
	destination := h.Destination
	if d.attempt != nil && d.attempt.Destination != "" {
		destination = d.attempt.Destination
	}
	b.putText(m, "messaging.destination.name", destination)
	if operation.TemporaryName(destination) {
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
	if a.Inferred {
		m.PutBool("async.attempt.inferred", true)
	}
}
