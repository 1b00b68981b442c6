package learn

import (
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/operation"
)

// place is what is known of a destination, whatever operations its messages belong to.
type place struct {
	link[place]
	destination string
	// aside says that its messages teach nothing: they were given up or are tried again.
	aside     bool
	groups    []groupHabit
	consumers []consumer
}

// groupHabit tells whether a group consumes every message.
type groupHabit struct {
	group, service string
	// was is the name it had before, "" without one; since is when it was first seen, 0 if that is not known.
	was   string
	since int64
	habit
}

// consumer is a service that was seen to consume.
type consumer struct {
	service string
	seen    int64
}

// place returns what is known of a destination, nil if its name says that it is another one each time.
func (b *Book) place(destination string) *place {
	p := b.destinations[destination]
	if p == nil {
		if destination == "" {
			return nil
		}
		if changing(destination) {
			b.stats.Refused++
			return nil
		}
		p = b.addPlace(strings.Clone(destination))
	}
	b.places.touch(p)
	return p
}

func (b *Book) addPlace(destination string) *place {
	p := &place{destination: destination, aside: b.settings.DeadLetter(destination) || b.settings.Retry(destination)}
	b.destinations[destination] = p
	return p
}

// consumed takes note of who consumed a message.
func (b *Book) consumed(p *place, h *operation.Hop) {
	for i := range h.Consumers {
		c := &h.Consumers[i]
		if c.Group == "" {
			// Somebody consumed it unseen.
			return
		}
		p.service(c.Service, b.now)
	}
	for i := len(p.groups) - 1; i >= 0; i-- {
		if !p.groups[i].consumes(h) {
			p.rename(i, h, b)
		}
	}
	for i := range p.groups {
		p.groups[i].holds(p.groups[i].consumes(h), b.now, &b.settings)
	}
	for i := range h.Consumers {
		p.group(&h.Consumers[i], b)
	}
}

// consumes reports whether the group consumed the message.
func (g *groupHabit) consumes(h *operation.Hop) bool {
	return slices.ContainsFunc(h.Consumers, func(c operation.Consumer) bool { return c.MayBe(g.group, g.service) })
}

// group takes note of a group that was not known yet.
func (p *place) group(c *operation.Consumer, b *Book) {
	for i := range p.groups {
		g := &p.groups[i]
		if g.group == c.Group && g.service != c.Service && len(c.Service) <= maxName {
			g.service = strings.Clone(c.Service)
		}
		if c.MayBe(g.group, g.service) {
			return
		}
	}
	if changing(c.Group) || len(c.Service) > maxName {
		return
	}
	if len(p.groups) >= maxGroups {
		p.groups = slices.Delete(p.groups, weakest(p.groups), weakest(p.groups)+1)
	}
	g := groupHabit{group: strings.Clone(c.Group), service: strings.Clone(c.Service), since: b.now}
	g.holds(true, b.now, &b.settings)
	p.groups = append(p.groups, g)
}

// weakest returns the index of the group that is the least of a habit.
func weakest(groups []groupHabit) int {
	w := 0
	for i := range groups {
		if g := &groups[i]; g.row < groups[w].row || (g.row == groups[w].row && g.seen < groups[w].seen) {
			w = i
		}
	}
	return w
}

// service takes note of a service that consumes.
func (p *place) service(name string, now int64) {
	if name == "" {
		return
	}
	oldest := 0
	for i := range p.consumers {
		if p.consumers[i].service == name {
			p.consumers[i].seen = now
			return
		}
		if p.consumers[i].seen < p.consumers[oldest].seen {
			oldest = i
		}
	}
	if len(name) > maxName {
		return
	}
	if len(p.consumers) >= maxConsumers {
		p.consumers = slices.Delete(p.consumers, oldest, oldest+1)
	}
	p.consumers = append(p.consumers, consumer{strings.Clone(name), now})
}

// groupOf returns the group to which a service belongs, which goes by its own name where no record names the group; "" if there is none.
func (p *place) groupOf(service string) string {
	for i := range p.groups {
		if p.groups[i].service == service {
			return p.groups[i].group
		}
	}
	return ""
}
