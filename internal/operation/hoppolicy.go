package operation

import "time"

// HopPolicy declares what holds for the hops that match. Criteria are lists of names of which one must match, with `*` for
// any characters; an empty list matches. What is nil is not declared.
type HopPolicy struct {
	Destination, Type, Group []string
	// Source is SourceHop or SourceDestination.
	Source ThresholdSource
	// Waiting, Processing and Stalled are thresholds; 0 = for ever.
	Waiting, Processing, Stalled *time.Duration
	// Then are destinations (names, with `*`) of which one always follows when the hop is done; an empty list that is not nil
	// says that none does, whatever experience says.
	Then []string
	// Groups are the consumer groups that consume every message; an empty list that is not nil says that it is not known
	// which do, whatever experience says.
	Groups []string

	destination, messageType, group, then patterns
}

// Compiled returns the policy ready for use. One that is not compiled matches nothing.
func (p HopPolicy) Compiled() HopPolicy {
	p.destination, p.messageType, p.group = compile(p.Destination), compile(p.Type), compile(p.Group)
	p.then = compile(p.Then)
	return p
}

// matches reports whether the policy is for a hop, and for the group if that is not "".
func (p *HopPolicy) matches(h *Hop, group string) bool {
	return p.destination.exact != nil && p.destination.any(h.destinations) && p.messageType.match(h.Type) &&
		p.group.match(group)
}

// destinations calls see for the names that the destination goes by until it returns false.
func (h *Hop) destinations(see func(string) bool) {
	if !see(h.Destination) {
		return
	}
	for i := range h.Consumers {
		for k := range h.Consumers[i].Attempts {
			if a := &h.Consumers[i].Attempts[k]; a.Destination != h.Destination && a.Destination != "" && !see(a.Destination) {
				return
			}
		}
	}
}

// declared returns the threshold that is declared for a stage of a hop.
func (p *Policy) declared(kind StageKind, h *Hop, group string) Threshold {
	for i := range p.Hops {
		q := &p.Hops[i]
		limit := [...]*time.Duration{StageWaiting: q.Waiting, StageProcessing: q.Processing, StageFollowing: q.Stalled}[kind]
		if limit != nil && q.matches(h, group) {
			return Threshold{Limit: *limit, Source: q.Source}
		}
	}
	return [...]Threshold{StageWaiting: p.Waiting, StageProcessing: p.Processing, StageFollowing: p.Stalled}[kind]
}

// then returns the declaration of what follows a hop, nil if there is none.
func (p *Policy) then(h *Hop) *HopPolicy {
	for i := range p.Hops {
		if q := &p.Hops[i]; q.Then != nil && q.matches(h, "") {
			return q
		}
	}
	return nil
}

// groups returns the groups that are declared to consume every message of a hop; false if nothing is declared.
func (p *Policy) groups(h *Hop) ([]string, bool) {
	for i := range p.Hops {
		if q := &p.Hops[i]; q.Groups != nil && q.matches(h, "") {
			return q.Groups, true
		}
	}
	return nil, false
}

// Threshold returns the threshold for a stage of a hop: the declared one, else what is usual, else the default. group is
// that of the consumer, "" while nobody consumes; next is the destination that is to follow, for StageFollowing.
func (c *Circumstances) Threshold(p *Policy, v *View, kind StageKind, h *Hop, group, next string) Threshold {
	t := p.declared(kind, h, group)
	if t.Declared() || c.Experience == nil {
		return t
	}
	stage := Stage{Kind: kind, Operation: v.LearnedAs(), Destination: h.Destination, Type: h.Type, Group: group, Next: next}
	if usual, ok := c.Experience.Usual(stage); ok {
		return Threshold{Limit: time.Duration(usual.Threshold), Source: SourceLearned, Usual: usual}
	}
	return t
}
