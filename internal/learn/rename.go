package learn

import (
	"slices"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// overlap is how long both names of a group may be seen while it is renamed, as instances are replaced one by one. A group must
// have been known for longer before the other one appeared: those of a service that begin together are two groups.
const overlap = int64(time.Hour)

// Renamed implements [operation.Experience]: the other group was never seen before, or appeared when this one was seen last, an
// overlap before at most.
func (b *Book) Renamed(destination, group, now string) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	p := b.destinations[destination]
	if p == nil {
		return false
	}
	i := p.indexOf(group)
	return i >= 0 && p.renamed(&p.groups[i], now)
}

// renamed reports whether the group goes by that name now, as far as it can be told without knowing the service. What is the new
// name of one group is not that of another.
func (p *place) renamed(g *groupHabit, now string) bool {
	if i := p.indexOf(now); i >= 0 {
		n := &p.groups[i]
		return n.since > g.since+overlap && n.since+overlap >= g.seen && (n.was == "" || n.was == g.group)
	}
	// Of a group that there was no room for it is not known since when it consumes.
	return len(p.groups) < maxGroups && !changing(now)
}

func (p *place) indexOf(group string) int {
	return slices.IndexFunc(p.groups, func(g groupHabit) bool { return g.group == group })
}

// rename lets a group that always consumes, and was absent from this message, go by the name under which its service consumed the
// message. What was learned of it holds on.
func (p *place) rename(i int, h *operation.Hop, b *Book) {
	g := &p.groups[i]
	if !g.always(b.now, &b.settings) {
		return
	}
	name := ""
	for k := range h.Consumers {
		c := &h.Consumers[k]
		if c.Service == g.service && p.renamed(g, c.Group) && (name == "" || alike(g.group, c.Group) > alike(g.group, name)) {
			name = c.Group
		}
	}
	if name == "" {
		return
	}
	heir := groupHabit{group: strings.Clone(name), service: g.service, was: g.group, since: b.now, habit: g.habit}
	n := p.indexOf(name)
	if n < 0 {
		p.groups[i] = heir
		return
	}
	heir.since = p.groups[n].since
	p.groups[n] = heir
	p.groups = slices.Delete(p.groups, i, i+1)
}

// alike is how long a beginning two names have in common.
func alike(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// was returns the former name of a group, "" without one.
func (p *place) was(group string) string {
	if i := p.indexOf(group); i >= 0 {
		return p.groups[i].was
	}
	return ""
}
