package chaos

import (
	"slices"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/event"
)

// Thresholds are those of the suite's configuration that decide what is told.
type Thresholds struct {
	// Waiting is how long a message may wait.
	Waiting time.Duration
	// Late is how much later than it happened something may come and still count.
	Late time.Duration
}

// events lists the events that must have been told of an operation, in the order in which it came to them.
func (o *Truth) events(t Thresholds) []string {
	var names []string
	if o.waited(t.Waiting) {
		names = append(names, event.NameStuck, event.NameRecovered)
	}
	if slices.Contains(o.Flags, "duplicated") {
		names = append(names, event.NameDuplicated)
	}
	switch o.State {
	case stateStuck:
		names = append(names, event.NameStuck)
	case stateFailed:
		names = append(names, event.NameFailed)
	case stateDeadLettered:
		names = append(names, event.NameDeadLettered)
	}
	return names
}

// Group is what operations in the same trouble have in common, and so one incident and one page.
type Group struct {
	Kind, Reason, Operation, Destination, ConsumerGroup string
}

// String is one line.
func (g Group) String() string {
	return strings.Join([]string{g.Kind, g.Reason, g.Operation, g.Destination, g.ConsumerGroup}, " | ")
}

// Pages are the operations that one page stands for.
type Pages struct {
	Operations []string
	// Resolved says that none of them is in trouble any more.
	Resolved bool
}

// Groups tells from the truth who must have been paged for what.
func Groups(truths []Truth, t Thresholds) map[Group]*Pages {
	groups := map[Group]*Pages{}
	for i := range truths {
		o := &truths[i]
		g, ok := o.group(t)
		if !ok {
			continue
		}
		pages := groups[g]
		if pages == nil {
			pages = &Pages{Resolved: g.Kind == stateStuck}
			groups[g] = pages
		}
		pages.Operations = append(pages.Operations, o.ID)
		pages.Resolved = pages.Resolved && o.Final()
	}
	return groups
}

// group returns the trouble an operation is or was in, false if it was in none.
func (o *Truth) group(t Thresholds) (Group, bool) {
	for i := range o.Hops {
		h := &o.Hops[i]
		g := Group{Operation: o.Name, Destination: h.Destination}
		switch {
		case h.State == stateWaiting || (h.WaitSeconds != nil && *h.WaitSeconds > t.Waiting.Seconds()):
			g.Kind, g.Reason = stateStuck, stateWaiting
			return g, true
		case h.State == stateProcessing:
			g.Kind, g.Reason, g.ConsumerGroup = stateStuck, stateProcessing, h.Consumers[0].Group
			return g, true
		case !h.deadLetter() && (h.State == stateFailed || h.State == stateDeadLettered):
			g.Kind, g.ConsumerGroup = h.State, h.Consumers[0].Group
			return g, true
		}
	}
	return Group{}, false
}
