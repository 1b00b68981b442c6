package operationsextension

import (
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// see takes note of who consumed, and tells what waits who did so last.
func (o *operations) see(now time.Time, changes []operation.Change) {
	for i := range changes {
		o.seen.Observe(changes[i].View, now.UnixNano())
	}
	for i := range changes {
		c := &changes[i]
		// What is told again is told as it was: backends would show the derived trace twice otherwise.
		if c.Verdict.Reason == operation.StuckWaiting && c.Verdict.Hop >= 0 && !c.Again {
			c.Seen = o.seen.Last(c.View.Hops[c.Verdict.Hop].Destination, c.Verdict.Group)
		}
	}
}
