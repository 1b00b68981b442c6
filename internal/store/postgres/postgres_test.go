package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/postgres"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatCannotBeOpenedTellsNoPassword(t *testing.T) {
	for dsn, want := range map[string]error{
		"postgres://user:secret@%zz/db":                                  store.ErrInvalid,
		"host=localhost port=secret":                                     store.ErrInvalid,
		"postgres://user:secret@/db?host=/nonexistent&connect_timeout=2": store.ErrUnavailable,
	} {
		_, err := postgres.Open(t.Context(), postgres.Settings{DSN: dsn, MaxConnections: 2})
		require.ErrorIs(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := postgres.Open(t.Context(), postgres.Settings{DSN: "", MaxConnections: 1})
	require.ErrorContains(t, err, "connections is 1")
}
