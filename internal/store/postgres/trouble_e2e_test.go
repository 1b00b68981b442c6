//go:build e2e

package postgres_test

import (
	"context"
	"database/sql"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/postgres"
	"github.com/throughline/throughline/internal/store/storetest"
)

func TestADatabaseThatWentAwayIsUnavailableUntilItIsBack(t *testing.T) {
	server := newServer(t)
	s := open(t, server.database(t, "shared"))
	err := s.Write(t.Context(), storetest.Small("order-1"))
	require.NoError(t, err)
	server.stop(t, syscall.SIGQUIT)
	err = s.Write(t.Context(), storetest.Small("order-2"))
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = s.Record(t.Context(), "", "order-1")
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = postgres.Open(t.Context(), postgres.Settings{DSN: server.dsn("shared"), MaxConnections: 2})
	require.ErrorIs(t, err, store.ErrUnavailable)
	server.start(t)
	err = s.Write(t.Context(), storetest.Small("order-2"))
	require.NoError(t, err, "nobody needs to open it again")
	storetest.RequireSmall(t, s, "order-1")
	storetest.RequireSmall(t, s, "order-2")
}

// A database that is slow holds nobody up for longer than they are willing to wait.
func TestAWriteThatHasToWaitEndsWithItsContext(t *testing.T) {
	dsn := newServer(t).database(t, "shared")
	s := open(t, dsn)
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "LOCK TABLE log")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = s.Write(ctx, storetest.Small("order-1"))
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.NoError(t, tx.Rollback())
	err = s.Write(t.Context(), storetest.Small("order-1"))
	require.NoError(t, err)
}

func TestAReadOnlyDatabase(t *testing.T) {
	server := newServer(t)
	dsn := server.database(t, "shared")
	open(t, dsn)
	s := open(t, dsn+" default_transaction_read_only=on")
	err := s.Write(t.Context(), storetest.Small("order-1"))
	require.ErrorIs(t, err, store.ErrReadOnly)
}

func TestAStatementThatTakesTooLongIsEndedByTheDatabase(t *testing.T) {
	dsn := newServer(t).database(t, "shared")
	s := open(t, dsn+" statement_timeout=2s")
	storetest.RequireWrite(t, s, storetest.Small("order-1"))
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "LOCK TABLE log")
	require.NoError(t, err)
	require.ErrorIs(t, s.Write(t.Context(), storetest.Small("order-2")), store.ErrUnavailable)
	require.NoError(t, tx.Rollback())
	storetest.RequireWrite(t, s, storetest.Small("order-2"))
}

func TestConnectionsThatAreCutAreMadeAgain(t *testing.T) {
	dsn := newServer(t).database(t, "shared")
	s := open(t, dsn)
	storetest.RequireWrite(t, s, storetest.Small("order-1"))
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer db.Close()
	cut := func() {
		_, err := db.ExecContext(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()")
		require.NoError(t, err)
	}
	cut()
	// The first call may find out about it; those after it do not.
	if err := s.Write(t.Context(), storetest.Small("order-2")); err != nil {
		require.ErrorIs(t, err, store.ErrUnavailable)
		storetest.RequireWrite(t, s, storetest.Small("order-2"))
	}
	n := 0
	for row, err := range s.Rows(t.Context(), nil) {
		require.NoError(t, err)
		require.NotEmpty(t, row.Data)
		n++
	}
	require.Equal(t, 2, n)
}

// A server that hangs, or a network that swallows everything, answers nothing at all.
func TestAServerThatHangsHoldsNobodyUp(t *testing.T) {
	server := newServer(t)
	s := open(t, server.database(t, "shared"))
	storetest.RequireWrite(t, s, storetest.Small("order-1"))
	server.signal(t, syscall.SIGSTOP)
	for _, call := range []func(context.Context) error{
		func(ctx context.Context) error { return s.Write(ctx, storetest.Small("order-2")) },
		func(ctx context.Context) error {
			_, _, err := s.Claim(ctx, "judge", "one", time.Hour)
			return err
		},
		func(ctx context.Context) error {
			_, err := s.List(ctx, store.Query{Limit: 1})
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		require.ErrorIs(t, call(ctx), store.ErrUnavailable)
		cancel()
	}
	server.signal(t, syscall.SIGCONT)
	storetest.RequireWrite(t, s, storetest.Small("order-2"))
	storetest.RequireSmall(t, s, "order-2")
}

// A judge that dies in the middle of a batch, without its connection being closed, keeps its role for as long as the database waits for it.
func TestATransactionThatIsAbandonedEnds(t *testing.T) {
	dsn := newServer(t).database(t, "shared")
	s := open(t, dsn)
	one, ok, err := s.Claim(t.Context(), "judge", "one", time.Millisecond)
	require.NoError(t, err)
	require.True(t, ok)
	db, err := sql.Open("pgx", dsn+" idle_in_transaction_session_timeout=3s")
	require.NoError(t, err)
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "SELECT 1 FROM roles FOR KEY SHARE")
	require.NoError(t, err)
	renewed, ok, err := s.Claim(t.Context(), "judge", "one", time.Millisecond)
	require.NoError(t, err)
	require.True(t, ok, "renewing does not wait for a batch")
	require.Equal(t, one.Epoch, renewed.Epoch)
	_, ok, err = s.Claim(t.Context(), "judge", "two", time.Hour)
	require.NoError(t, err)
	require.False(t, ok, "a batch is being written")
	require.Eventually(t, func() bool {
		_, ok, err := s.Claim(t.Context(), "judge", "two", time.Hour)
		return err == nil && ok
	}, time.Minute, 10*time.Millisecond)
	require.ErrorIs(t, s.Write(t.Context(), &store.Batch{Role: &one}), store.ErrLost)
	require.Error(t, tx.Rollback())
}
