package cause

import (
	"slices"
	"strings"
)

// maxValues is how many values of one attribute are told apart at one place; see tally.
const maxValues = 32

// tally counts the operations that have each value of one attribute. When there are more values than are told apart, the rarest
// gives way, and what it had bounds what a value may have that came later: each count is at least weight and at most weight+slack
// (Metwally's space-saving sketch).
type tally struct {
	// known is the number of operations of which the attribute is known.
	known  float64
	counts []count
	// floor is the most that a value may have that is not among counts.
	floor float64
}

type count struct {
	value         string
	weight, slack float64
}

func (t *tally) add(value string, weight float64) {
	value = clip(value)
	t.known += weight
	for i := range t.counts {
		if t.counts[i].value == value {
			t.counts[i].weight += weight
			return
		}
	}
	if len(t.counts) < maxValues {
		t.counts = append(t.counts, count{value: strings.Clone(value), weight: weight, slack: t.floor})
		return
	}
	rarest := 0
	for i := range t.counts {
		if t.counts[i].most() < t.counts[rarest].most() {
			rarest = i
		}
	}
	t.floor = max(t.floor, t.counts[rarest].most())
	t.counts[rarest] = count{value: strings.Clone(value), weight: weight, slack: t.floor}
}

// most is the most operations that may have the value.
func (c *count) most() float64 { return c.weight + c.slack }

// mostOf is the most operations that may have a value.
func (t *tally) mostOf(value string) float64 {
	for i := range t.counts {
		if t.counts[i].value == value {
			return min(t.known, t.counts[i].most())
		}
	}
	return min(t.known, t.floor)
}

// worthless is the weight of what is forgotten for good.
const worthless = 0.25

// forget lets the counts fade.
func (t *tally) forget(factor float64) {
	t.known *= factor
	t.floor *= factor
	kept := t.counts[:0]
	for _, c := range t.counts {
		c.weight, c.slack = c.weight*factor, c.slack*factor
		if c.most() >= worthless {
			kept = append(kept, c)
		}
	}
	clear(t.counts[len(kept):])
	t.counts = kept
}

// tallies are those of all attributes at one place.
type tallies struct {
	// operations came by the place.
	operations float64
	of         [attributeCount]tally
}

// add counts an operation, or a part of one, with its traits. One that has several values of an attribute counts for each of them.
func (t *tallies) add(traits []Trait, weight float64) {
	t.operations += weight
	for i, trait := range traits {
		if trait.Value == "" || slices.Contains(traits[:i], trait) {
			continue
		}
		t.of[trait.Attribute].add(trait.Value, weight)
		if slices.ContainsFunc(traits[:i], func(o Trait) bool { return o.Attribute == trait.Attribute && o.Value != "" }) {
			// It is one operation all the same.
			t.of[trait.Attribute].known -= weight
		}
	}
}

func (t *tallies) forget(factor float64) {
	t.operations *= factor
	for i := range t.of {
		t.of[i].forget(factor)
	}
}
