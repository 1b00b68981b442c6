package stitch

import "github.com/throughline/throughline/internal/operation"

// queue drafts the time that a message spent in its destination: first that for which it was scheduled, then the wait for each
// consumer group.
func (b *builder) queue(all []draft, hop int, h *operation.Hop) []draft {
	sent := h.SentAt()
	if sent <= 0 || (len(h.Consumers) == 0 && h.State == operation.HopFailed) {
		return all
	}
	due := max(sent, h.DueAt)
	if due > sent {
		all = append(all, b.scheduled(hop, h, sent, due))
	}
	return b.absent(b.waits(all, hop, h, due), hop, h, due)
}

// scheduled drafts the time before which a message is not to be consumed. Who consumed it earlier ended it.
func (b *builder) scheduled(hop int, h *operation.Hop, sent, due int64) draft {
	d := draft{kind: draftSchedule, hop: h, waited: due - sent}
	end := due
	if due > b.until {
		end, d.unfinished = b.until, true
	}
	for k := range h.Consumers {
		if c := &h.Consumers[k]; len(c.Attempts) > 0 {
			end, d.unfinished = min(end, b.known(begin(&c.Attempts[0]))), false
		}
	}
	d.deciding = d.unfinished && b.decides(hop, -1)
	d.lasts(min(sent, end), end)
	return d
}

// waits drafts the time in the queue from when the message was due to the first sign of each group, or until now while there
// is none.
func (b *builder) waits(all []draft, hop int, h *operation.Hop, due int64) []draft {
	if len(h.Consumers) == 0 {
		return b.wait(all, draft{hop: h, deciding: b.decides(hop, -1)}, due)
	}
	for k := range h.Consumers {
		c := &h.Consumers[k]
		if len(c.Attempts) == 0 {
			continue
		}
		first := b.known(begin(&c.Attempts[0]))
		d := draft{kind: draftWait, hop: h, group: c, waited: c.WaitedNanos, skewed: c.Skewed}
		// Where the consumer's clock is behind, the message left the queue when the consumer says so, after no time.
		d.lasts(min(due, first), first)
		all = append(all, d)
	}
	return all
}

// absent drafts the time in the queue for the groups that are awaited, though others consumed.
func (b *builder) absent(all []draft, hop int, h *operation.Hop, due int64) []draft {
	for _, group := range h.Awaited {
		all = b.wait(all, draft{
			hop: h, group: &operation.Consumer{Group: group}, deciding: b.decides(hop, -1) && b.verdict.Group == group,
		}, due)
	}
	return all
}

// wait drafts a wait that goes on, unless the message is not due yet.
func (b *builder) wait(all []draft, d draft, due int64) []draft {
	if due > b.until {
		return all
	}
	d.kind, d.unfinished, d.waited = draftWait, true, b.until-due
	d.lasts(due, b.until)
	return append(all, d)
}
