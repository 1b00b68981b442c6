//go:build e2e

package chaos

import (
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	kills    = flag.Int("kills", 4, "how often a collector is killed")
	restarts = flag.Int("restarts", 4, "how often it is restarted")
	slack    = flag.Duration("slack", 2*time.Second, "what a commit may take beyond the interval: more on a machine that is slow or busy")
)

// TestKillsBatch kills the collector while it acknowledges only what is committed: nothing is forgotten.
func TestKillsBatch(t *testing.T) {
	t.Parallel()
	s := start(t, setup{store: sqliteStore(t, "batch")})
	truths := s.traffic(t)
	s.disturb(t, 0)
	s.check(t, truths(), Excuses{})
}

// TestKillsInterval kills the collector while it commits once a second: what is lost was acknowledged in the second before a kill, or while
// that was committed.
func TestKillsInterval(t *testing.T) {
	t.Parallel()
	window := commitInterval + *slack
	// Kills are so far apart that most operations have nothing to do with any of them.
	s := start(t, setup{store: sqliteStore(t, "interval"), length: max(usualLength(), apart*window*time.Duration(*kills))})
	truths := s.traffic(t)
	acknowledged := s.disturb(t, window)
	all := truths()
	excused := Excuse(all, acknowledged)
	judged := s.check(t, all, excused)
	damaged := Compare(all, judged, excused).Differences
	t.Logf("%d operations had something acknowledged within %s before a kill; %d of them are not as they were:\n%s",
		excused.Len(), window, len(damaged), first(damaged))
}

const (
	// longestDown is how long a collector stays away at most.
	longestDown = 2 * time.Second
	// commitInterval is the default of store::interval, apart how many times what a kill may cost passes between two of them.
	commitInterval = time.Second
	apart          = 4
)

// sqliteStore is the configuration of a store in a file.
func sqliteStore(t *testing.T, durability string) string {
	t.Helper()
	return "driver: sqlite, path: " + t.TempDir() + "/operations.db, durability: " + durability
}

// disturb kills collectors in turn, as often as was asked for, over the time in which operations begin. It returns the traces of which
// something was acknowledged within the window before a kill.
func (s *stand) disturb(t *testing.T, window time.Duration) map[string]bool {
	t.Helper()
	acknowledged := map[string]bool{}
	for i := range *kills {
		pause(t, s.chance.Pause(s.length/time.Duration(*kills+1)))
		victim := i % len(s.collectors)
		before := time.Now().Add(-window)
		require.NoError(t, s.collectors[victim].Kill())
		s.relay.AcknowledgedSince(before, acknowledged)
		pause(t, s.chance.Pause(longestDown/2))
		s.restart(t, victim)
	}
	return acknowledged
}

// TestRestarts stops the collector gracefully, again and again: nothing is forgotten, whatever the durability.
func TestRestarts(t *testing.T) {
	t.Parallel()
	s := start(t, setup{store: sqliteStore(t, "interval")})
	truths := s.traffic(t)
	for range *restarts {
		pause(t, s.chance.Pause(s.length/time.Duration(*restarts+1)))
		require.NoError(t, s.collectors[0].Stop())
		s.restart(t, 0)
	}
	s.check(t, truths(), Excuses{})
}

// restart starts a collector that has ended.
func (s *stand) restart(t *testing.T, i int) {
	t.Helper()
	begin := time.Now()
	c, err := s.servers.StartCollector(t.Context(), s.collectors[i].Settings)
	require.NoError(t, err)
	s.collectors[i] = c
	s.slowestStart = max(s.slowestStart, time.Since(begin))
}
