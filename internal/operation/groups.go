package operation

import "sync"

// Await notes for each hop the groups that are awaited, for outputs; the judge finds them itself.
func (v *View) Await(p *Policy, c *Circumstances) {
	for i := range v.Hops {
		h := &v.Hops[i]
		if len(h.Consumers) > 0 {
			c.absent(p, h, func(group, _ string) { h.Awaited = append(h.Awaited, group) })
		} else if h.State == HopWaiting {
			c.usualGroups(p, h, func(group, _ string) { h.Usual = append(h.Usual, group) })
		}
	}
}

// absent calls see for each group that consumes every message of the hop's destination, and showed no sign of it.
func (c *Circumstances) absent(p *Policy, h *Hop, see func(group, service string)) {
	if h.SentAt() == 0 || h.State == HopDeadLettered {
		return
	}
	c.usualGroups(p, h, func(group, service string) {
		for k := range h.Consumers {
			if h.Consumers[k].MayBe(group, service) {
				return
			}
		}
		see(group, service)
	})
}

// MayBe reports whether this is the consumer group of that name, to which that service belongs. Where no record names the group (a
// lone log line, a consumption that is inferred), its service has to do.
func (c *Consumer) MayBe(group, service string) bool {
	return c.Group == group || c.Service == group || (c.Group == c.Service && c.Service == service)
}

// usualGroups calls see for each group that consumes every message of the hop's destination.
func (c *Circumstances) usualGroups(p *Policy, h *Hop, see func(group, service string)) {
	if declared, ok := p.groups(h); ok {
		for _, group := range declared {
			see(group, group)
		}
		return
	}
	if c.Experience == nil {
		return
	}
	room := rooms.Get().(*room)
	defer rooms.Put(room)
	room.groups = c.Experience.Groups(h.Destination, room.groups[:0])
	for _, g := range room.groups {
		if !c.renamed(h, &g) {
			see(g.Group, g.Service)
		}
	}
}

// renamed reports whether the group consumed the message under another name.
func (c *Circumstances) renamed(h *Hop, g *UsualGroup) bool {
	for k := range h.Consumers {
		by := &h.Consumers[k]
		if by.Service == g.Service && by.Group != g.Group && c.Experience.Renamed(h.Destination, g.Group, by.Group) {
			return true
		}
	}
	return false
}

// room is what experience fills in, lent to those who ask.
type room struct {
	successors []Successor
	groups     []UsualGroup
}

var rooms = sync.Pool{New: func() any { return new(room) }}
