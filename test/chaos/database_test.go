//go:build e2e && linux

package chaos

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDatabaseAway takes the database away from two collectors, and slows the way to it.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	servers, server := startPostgres(t)
	network := proxy(t, server.Address)
	store := postgresStore(server, network.Address, "batch") + ", commit_timeout: 1s, buffer_mib: 8"
	s := start(t, setup{collectors: 2, store: store, length: 6 * *trouble})
	truths := s.traffic(t)
	pause(t, *trouble/2)

	s.during(t, "no PostgreSQL", true, func() { require.NoError(t, server.Crash()) }, func() {
		var err error
		server, err = servers.StartPostgres(t.Context(), server.Settings)
		require.NoError(t, err)
	})
	s.kill(t, "after the database was away")
	s.during(t, "slow way to PostgreSQL", false,
		func() { require.NoError(t, network.Delay(t.Context(), latency, jitter)) },
		func() { require.NoError(t, network.Delay(t.Context(), 0, 0)) })
	s.during(t, "no way to PostgreSQL", true, network.Cut, func() { require.NoError(t, network.Mend()) })
	s.check(t, truths(), Excuses{})
}
