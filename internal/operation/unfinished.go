package operation

// supersede removes, in place, what spans said while they were open and have said again at their end. An open span may lack
// what its instrumentation sets later: the message's ID, its destination, the links; its end knows better.
func supersede(facts []Fact) []Fact {
	open := false
	for i := range facts {
		if open = facts[i].open(); open {
			break
		}
	}
	if !open {
		return facts
	}
	ended := make(map[Record]struct{}, len(facts))
	for i := range facts {
		if f := &facts[i]; f.IsSpan() && f.End != 0 {
			ended[f.Record()] = struct{}{}
		}
	}
	kept := facts[:0]
	for i := range facts {
		if _, over := ended[facts[i].Record()]; !over || !facts[i].open() {
			kept = append(kept, facts[i])
		}
	}
	return kept
}

// open reports whether the fact was drawn from a span that had not ended.
func (f *Fact) open() bool { return f.IsSpan() && f.End == 0 }
