package learn

import (
	"cmp"
	"slices"

	"github.com/throughline/throughline/internal/operation"
)

// Usual implements [operation.Experience].
func (b *Book) Usual(stage operation.Stage) (operation.Usual, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	named := b.flows[flowKey{stage.Operation, stage.Destination, stage.Type}]
	var all *flow
	if stage.Operation != "" && stage.Kind != operation.StageFollowing {
		all = b.flows[flowKey{"", stage.Destination, stage.Type}]
	}
	for _, group := range b.groupsFor(&stage) {
		if stage.Group = group; group == none {
			break
		}
		if usual, ok := named.usual(&stage); ok {
			return usual, true
		}
		if usual, ok := all.usual(&stage); ok {
			return usual, true
		}
	}
	return operation.Usual{}, false
}

// none stands for no group, and "" for any.
const none = "\x00"

// groupsFor returns the groups whose times serve for a stage, the closest first: its own, by its former name too, and the one to which the
// service belongs of that name. Where there is but one group, its wait is that of the message.
func (b *Book) groupsFor(stage *operation.Stage) [4]string {
	groups := [...]string{stage.Group, none, none, none}
	if stage.Group == "" {
		return groups
	}
	next := 1
	if p := b.destinations[stage.Destination]; p != nil {
		for _, group := range [...]string{p.was(stage.Group), p.groupOf(stage.Group)} {
			if group != "" {
				groups[next] = group
				next++
			}
		}
	}
	if stage.Kind == operation.StageWaiting {
		groups[next] = ""
	}
	return groups
}

// Successors implements [operation.Experience].
func (b *Book) Successors(name, destination, messageType string, dst []operation.Successor) []operation.Successor {
	b.mu.RLock()
	defer b.mu.RUnlock()
	f := b.flows[flowKey{name, destination, messageType}]
	if f == nil {
		return dst
	}
	for i := range f.followers {
		w := &f.followers[i]
		if usual, ok := w.after.told(); ok && w.always(b.now, &b.settings) {
			dst = append(dst, operation.Successor{Destination: w.destination, Usual: usual})
		}
	}
	return dst
}

// Groups implements [operation.Experience].
func (b *Book) Groups(destination string, dst []operation.UsualGroup) []operation.UsualGroup {
	b.mu.RLock()
	defer b.mu.RUnlock()
	p := b.destinations[destination]
	if p == nil {
		return dst
	}
	for i := range p.groups {
		if g := &p.groups[i]; g.always(b.now, &b.settings) {
			dst = append(dst, operation.UsualGroup{Group: g.group, Service: g.service})
		}
	}
	return dst
}

// Consumers implements [operation.Experience]. Lately is within two half-lives.
func (b *Book) Consumers(destination string, dst []string) []string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	p := b.destinations[destination]
	if p == nil {
		return dst
	}
	for i := range p.consumers {
		if b.now-p.consumers[i].seen <= 2*int64(b.settings.HalfLife) {
			dst = append(dst, p.consumers[i].service)
		}
	}
	return dst
}

// Learned is one thing that was learned, or is being learned.
type Learned struct {
	// Stage is what it is about. Operation is "" for what was learned from operations of all names.
	operation.Stage
	// Usual has a threshold of 0 while too little is known; Samples is then how much is.
	operation.Usual
	// Always says, of what follows, that it always does, and of the processing by a group, that it consumes every message.
	Always bool
	// SeenAt is when something was last observed.
	SeenAt int64
}

// Report returns what was learned, of as many stages as the limit allows, those of the most recently seen flows first. It is in order of names.
func (b *Book) Report(limit int) []Learned {
	report := b.latest(max(0, limit))
	slices.SortFunc(report, func(x, y Learned) int {
		return cmp.Or(
			cmp.Compare(x.Operation, y.Operation), cmp.Compare(x.Destination, y.Destination), cmp.Compare(x.Type, y.Type),
			cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Group, y.Group), cmp.Compare(x.Next, y.Next),
		)
	})
	return report
}

func (b *Book) latest(limit int) []Learned {
	b.mu.RLock()
	defer b.mu.RUnlock()
	report := []Learned{}
	for _, list := range [...]*recent[flow]{&b.trusted, &b.young} {
		for f := list.newest; f != nil && len(report) < limit; f = f.older {
			report = b.report(f, report)
		}
	}
	return report[:min(limit, len(report))]
}

func (b *Book) report(f *flow, report []Learned) []Learned {
	add := func(g *stage, s operation.Stage, always bool) {
		if g == nil {
			return
		}
		s.Operation, s.Destination, s.Type = f.key.operation, f.key.destination, f.key.messageType
		usual := g.usual
		usual.Samples, usual.Quantile = g.samples(), b.settings.Quantile
		report = append(report, Learned{Stage: s, Usual: usual, Always: always, SeenAt: g.seen})
	}
	add(f.waiting, operation.Stage{Kind: operation.StageWaiting}, false)
	for i := range f.groups {
		g := &f.groups[i]
		add(g.waiting, operation.Stage{Kind: operation.StageWaiting, Group: g.group}, false)
		add(g.processing, operation.Stage{Kind: operation.StageProcessing, Group: g.group}, b.alwaysConsumes(f.key.destination, g.group))
	}
	for i := range f.followers {
		w := &f.followers[i]
		add(w.after, operation.Stage{Kind: operation.StageFollowing, Next: w.destination}, w.always(b.now, &b.settings))
	}
	return report
}

func (b *Book) alwaysConsumes(destination, group string) bool {
	p := b.destinations[destination]
	return p != nil && slices.ContainsFunc(p.groups, func(g groupHabit) bool { return g.group == group && g.always(b.now, &b.settings) })
}
