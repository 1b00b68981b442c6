package operation

import "slices"

// Identity is what an operation is called.
type Identity struct {
	ID        string
	Aliases   []string
	Namespace string
	// Implicit says that nobody set a correlation ID and the ID is derived from the first record.
	Implicit bool
}

// Identity returns the operation's name: the correlation ID under the key listed first, the smallest of several; without
// one, an ID derived from the first send, or else from the first record.
func (o *Operation) Identity() Identity {
	return identify(o.Facts(), []string{})
}

// identify appends the aliases to the given ones.
func identify(facts []Fact, aliases []string) Identity {
	best := Identity{Aliases: aliases}
	var rank uint8
	found := false
	offer := func(id string, r uint8, namespace string) {
		if id == "" || (found && id == best.ID && r == rank) {
			return
		}
		if !slices.Contains(best.Aliases, id) {
			best.Aliases = append(best.Aliases, id)
		}
		if !found || r < rank || (r == rank && id < best.ID) {
			best.ID, best.Namespace, rank, found = id, namespace, r, true
		}
	}
	for i := range facts {
		offer(facts[i].ID, facts[i].IDRank, facts[i].Namespace)
		offer(facts[i].Alias, facts[i].AliasRank, facts[i].Namespace)
	}
	if !found {
		return implicitIdentity(facts, aliases)
	}
	best.Aliases = slices.DeleteFunc(best.Aliases, func(id string) bool { return id == best.ID })
	slices.Sort(best.Aliases)
	return best
}

func implicitIdentity(facts []Fact, aliases []string) Identity {
	var first *Fact
	for i := range facts {
		f := &facts[i]
		if f.Kind == KindSend {
			first = f
			break
		}
		if first == nil {
			first = f
		}
	}
	if first == nil {
		return Identity{Aliases: aliases}
	}
	trace, span := first.Trace, first.Span
	if first.IsAlone() && !first.LinkTrace.IsZero() {
		// The record is about the messages of several operations, the span it is linked with about this one.
		trace, span = first.LinkTrace, first.LinkSpan
	}
	return Identity{ID: ImplicitID(trace, span), Aliases: aliases, Namespace: first.Namespace, Implicit: true}
}
