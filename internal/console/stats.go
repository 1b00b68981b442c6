package console

import (
	"cmp"
	"iter"
	"slices"

	"github.com/throughline/throughline/internal/operation"
)

// Stats are the counts of a source.
type Stats struct {
	// StartedAt is when counting began, in nanoseconds since 1970.
	StartedAt  int64
	Operations Counts
	// Facts counts what was drawn from telemetry by what it states (operation.Kind), Reasons by why it belongs to its
	// operation (operation.Reason).
	Facts, Reasons map[string]uint64
	// WaitingForIdentity is the number of facts that no operation is known for as yet.
	WaitingForIdentity uint64
	// Dropped counts what was refused, evicted or given up, by reason.
	Dropped map[string]uint64
	// Evicted counts what gave way to newer ones to keep within the limits, by what it was.
	Evicted map[string]uint64
	// Runaways is the number of operations that reached the bound of facts, among those held.
	Runaways uint64
	// Limits are the bounds in force, by the name of their configuration key.
	Limits map[string]int64
}

// StateCounts counts operations by state.
type StateCounts map[operation.State]uint64

// NameCounts counts the operations with a name by state.
type NameCounts struct {
	Name   string
	States StateCounts
}

func (n *NameCounts) total() uint64 {
	var total uint64
	for _, count := range n.States {
		total += count
	}
	return total
}

// Counts counts the operations that a source holds.
type Counts struct {
	States StateCounts
	// Names are the names with the most operations, in that order, at most MaxNames; Others are all further ones together.
	Names  []NameCounts
	Others StateCounts
	// Sources counts those whose verdict rests on a threshold, by where that comes from.
	Sources map[operation.ThresholdSource]uint64
}

// The bounds of Counts.Names, and of the names that are told apart while counting: whoever sends telemetry chooses names.
const (
	MaxNames     = 100
	talliedNames = 10 * MaxNames
)

// Tally counts in one pass. It never calls Summary.View.
func Tally(summaries iter.Seq[Summary]) Counts {
	c := Counts{States: StateCounts{}, Others: StateCounts{}, Sources: map[operation.ThresholdSource]uint64{}}
	names := map[string]StateCounts{}
	for s := range summaries {
		c.States[s.State]++
		if s.Threshold > 0 {
			c.Sources[s.Source]++
		}
		states, ok := names[s.Name]
		if !ok && len(names) == talliedNames {
			c.Others[s.State]++
			continue
		}
		if !ok {
			states = StateCounts{}
			names[s.Name] = states
		}
		states[s.State]++
	}
	for name, states := range names {
		c.Names = append(c.Names, NameCounts{name, states})
	}
	c.cut()
	return c
}

// cut leaves the greatest names and adds up the rest.
func (c *Counts) cut() {
	slices.SortFunc(c.Names, func(a, b NameCounts) int {
		return cmp.Or(cmp.Compare(b.total(), a.total()), cmp.Compare(a.Name, b.Name))
	})
	if len(c.Names) <= MaxNames {
		return
	}
	for _, n := range c.Names[MaxNames:] {
		for state, count := range n.States {
			c.Others[state] += count
		}
	}
	c.Names = slices.Clip(c.Names[:MaxNames])
}
