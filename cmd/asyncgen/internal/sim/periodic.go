package sim

import (
	"context"
	"time"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
	"github.com/throughline/throughline/cmd/asyncgen/internal/truth"
)

// Periodic is an operation that runs by the clock.
type Periodic struct {
	// Every is the time from one run to the next, 0 for none at all.
	Every time.Duration
	// Missed says that of so many runs the last one does not start; 0 means that all do.
	Missed int
}

// periodically begins the runs until the end of ctx.
func (s *Simulator) periodically(ctx, abort context.Context) {
	ticker := time.NewTicker(s.settings.Periodic.Every)
	defer ticker.Stop()
	for number := 0; ; number++ {
		op := s.plan.Periodic(number)
		s.tally.begin()
		if every := s.settings.Periodic.Missed; every > 0 && number%every == every-1 {
			s.finish(abort, missed(op))
		} else {
			s.wg.Go(func() { s.finish(abort, newRun(s, op).perform(abort)) })
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// missed is the truth about a run that should have started now.
func missed(op *plan.Operation) *truth.Operation {
	return &truth.Operation{Name: op.Workflow.Name, Scenario: truth.ReasonMissed, Reason: truth.ReasonMissed, DueAt: time.Now().UTC()}
}
