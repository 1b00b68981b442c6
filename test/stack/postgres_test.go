//go:build e2e

package stack

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// TestPostgresKeepsItsData starts a real server, which need not be there for other tests of this package.
func TestPostgresKeepsItsData(t *testing.T) {
	stack, err := New(Settings{WorkDir: t.TempDir()})
	require.NoError(t, err)
	server, err := stack.StartPostgres(t.Context(), PostgresSettings{})
	require.NoError(t, err)
	folder := server.Settings.Folder
	do := func(statement string) error {
		conn, err := pgx.Connect(t.Context(), server.DSN(server.Address))
		if err != nil {
			return err
		}
		defer conn.Close(t.Context())
		_, err = conn.Exec(t.Context(), statement)
		return err
	}
	require.NoError(t, do("CREATE TABLE kept (n int)"))

	require.NoError(t, server.Crash())
	require.Error(t, do("SELECT n FROM kept"))
	server, err = stack.StartPostgres(t.Context(), server.Settings)
	require.NoError(t, err)
	require.NoError(t, do("SELECT n FROM kept"))

	idle, err := pgx.Connect(t.Context(), server.DSN(server.Address))
	require.NoError(t, err)
	require.NoError(t, server.Stop(), "with a client that goes on")
	require.Error(t, idle.Ping(t.Context()))

	require.NoError(t, stack.Stop())
	require.NoDirExists(t, folder)
}
