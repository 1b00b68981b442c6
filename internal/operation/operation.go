package operation

import "slices"

// Operation is a set of facts. Adding and merging are commutative, associative and idempotent; the zero value is empty.
// It is not safe for concurrent use.
type Operation struct {
	// facts[:sorted] are in canonical order without duplicates; the rest was added since and awaits its turn, so that
	// adding costs an append and the order is restored once per reading.
	facts  []Fact
	sorted int
}

// Add puts a fact into the set.
func (o *Operation) Add(f Fact) {
	if len(o.facts)-o.sorted > o.sorted+16 {
		o.order()
	}
	o.facts = append(o.facts, f)
}

// Merge puts all facts of the other set into this one; the other is left as it is.
func (o *Operation) Merge(other *Operation) {
	o.facts = append(o.facts, other.facts...)
	o.order()
}

// Len returns the number of distinct facts.
func (o *Operation) Len() int {
	o.order()
	return len(o.facts)
}

// Pending returns the number of facts added, without telling equal ones apart: a bound of Len that costs nothing.
func (o *Operation) Pending() int { return len(o.facts) }

// Facts returns the facts in canonical order. The slice belongs to the operation.
func (o *Operation) Facts() []Fact {
	o.order()
	return o.facts
}

// Equal reports whether two operations hold the same facts, attached for the same reasons.
func (o *Operation) Equal(other *Operation) bool {
	return slices.Equal(o.Facts(), other.Facts())
}

// Take removes the facts that match and returns them.
func (o *Operation) Take(match func(*Fact) bool) []Fact {
	o.order()
	var taken []Fact
	kept := o.facts[:0]
	for i := range o.facts {
		if match(&o.facts[i]) {
			taken = append(taken, o.facts[i])
		} else {
			kept = append(kept, o.facts[i])
		}
	}
	clear(o.facts[len(kept):])
	o.facts, o.sorted = kept, len(kept)
	return taken
}

// order restores the canonical order and folds equal facts into one.
func (o *Operation) order() {
	if o.sorted == len(o.facts) {
		return
	}
	slices.SortFunc(o.facts, func(a, b Fact) int { return a.compare(&b) })
	kept := o.facts[:1]
	for i := 1; i < len(o.facts); i++ {
		last := &kept[len(kept)-1]
		if !last.same(o.facts[i]) {
			kept = append(kept, o.facts[i])
			continue
		}
		last.JoinedBy = stronger(last.JoinedBy, o.facts[i].JoinedBy)
	}
	clear(o.facts[len(kept):])
	o.facts, o.sorted = kept, len(kept)
}

// stronger returns the better of two reasons; an unknown one is the worst.
func stronger(a, b Reason) Reason {
	if a == ReasonUnknown || (b != ReasonUnknown && b < a) {
		return b
	}
	return a
}

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
	return identify(o.Facts())
}

func identify(facts []Fact) Identity {
	var best Identity
	var rank uint8
	found := false
	offer := func(id string, r uint8, namespace string) {
		if id == "" {
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
		return implicitIdentity(facts)
	}
	best.Aliases = slices.DeleteFunc(best.Aliases, func(id string) bool { return id == best.ID })
	slices.Sort(best.Aliases)
	return best
}

func implicitIdentity(facts []Fact) Identity {
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
		return Identity{}
	}
	return Identity{ID: ImplicitID(first.Trace, first.Span), Namespace: first.Namespace, Implicit: true}
}
