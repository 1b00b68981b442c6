//go:build e2e

package chaos

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/stack"
)

// TestCollectors kills one of three collectors on one PostgreSQL again and again, while each gets every third request: whoever judges,
// every transition is told once, and every collector shows the same.
func TestCollectors(t *testing.T) {
	t.Parallel()
	_, server := startPostgres(t)
	s := start(t, setup{collectors: 3, store: postgresStore(server, server.Address, "batch")})
	truths := s.traffic(t)
	s.disturb(t, 0)
	s.check(t, truths(), Excuses{})
}

// startPostgres starts a database in a stack of its own, so that it ends after the collectors.
func startPostgres(t *testing.T) (*stack.Stack, *stack.Postgres) {
	t.Helper()
	servers, err := stack.New(stack.Settings{WorkDir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Stop()) })
	server, err := servers.StartPostgres(t.Context(), stack.PostgresSettings{})
	require.NoError(t, err)
	return servers, server
}

// postgresStore is the configuration of a store in a database that is reached by the address.
func postgresStore(server *stack.Postgres, address, durability string) string {
	return fmt.Sprintf("driver: postgres, path: '', dsn: '%s', lease: 5s, durability: %s", server.DSN(address), durability)
}
