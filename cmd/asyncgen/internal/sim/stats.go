package sim

import (
	"maps"
	"sync"
	"time"

	"github.com/throughline/throughline/cmd/asyncgen/internal/truth"
)

// Stats is how far a run has come.
type Stats struct {
	// Started, Finished and Aborted count operations; what is in none of the latter two is under way.
	Started, Finished, Aborted int
	// Verdicts counts the finished ones by state, or state/reason, and Flags by flag.
	Verdicts, Flags map[string]int
	// Behind is by how much the latest operation began later than scheduled.
	Behind time.Duration
}

// InFlight is the number of operations under way.
func (s Stats) InFlight() int { return s.Started - s.Finished - s.Aborted }

// tally collects Stats.
type tally struct {
	mu    sync.Mutex
	stats Stats
}

func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Started++
}

func (t *tally) abort() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Aborted++
}

func (t *tally) end(op *truth.Operation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stats.Verdicts == nil {
		t.stats.Verdicts, t.stats.Flags = map[string]int{}, map[string]int{}
	}
	t.stats.Finished++
	verdict := op.State
	if op.Reason != "" {
		verdict += "/" + op.Reason
	}
	t.stats.Verdicts[verdict]++
	for _, flag := range op.Flags {
		t.stats.Flags[flag]++
	}
}

// Stats returns how far the run has come. It may be called at any time.
func (s *Simulator) Stats() Stats {
	s.tally.mu.Lock()
	defer s.tally.mu.Unlock()
	stats := s.tally.stats
	stats.Verdicts, stats.Flags = maps.Clone(stats.Verdicts), maps.Clone(stats.Flags)
	stats.Behind = time.Duration(s.behind.Load())
	return stats
}
