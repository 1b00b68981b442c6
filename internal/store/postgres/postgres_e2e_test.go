//go:build e2e

package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/postgres"
	"github.com/throughline/throughline/internal/store/sqlstore"
	"github.com/throughline/throughline/internal/store/storetest"
)

func open(tb testing.TB, dsn string) *sqlstore.Store {
	tb.Helper()
	opened, err := postgres.Open(tb.Context(), postgres.Settings{DSN: dsn, MaxConnections: 8})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, opened.Close()) })
	return opened
}

func TestContract(t *testing.T) {
	s, n := newServer(t), 0
	storetest.Run(t, func(tb testing.TB) store.Store {
		n++
		return open(tb, s.database(tb, fmt.Sprintf("contract%d", n)))
	})
}

func batch(id string) *store.Batch {
	r := store.Record{ID: id, Revision: 1, UpdatedAt: 7, State: operation.StateFailed, Facts: []byte{1}}
	return &store.Batch{Records: []store.Record{r}, Rows: []store.Row{{Collector: id, Seq: 1, Data: []byte{2}}}}
}

func requireRecord(tb testing.TB, s store.Store, id string) {
	tb.Helper()
	r, err := s.Record(tb.Context(), "", id)
	require.NoError(tb, err)
	require.Equal(tb, batch(id).Records[0], r)
}

func TestSeveralCollectorsStartAtOnce(t *testing.T) {
	dsn := newServer(t).database(t, "shared")
	var wait sync.WaitGroup
	errs := make(chan error, 4)
	for range cap(errs) {
		wait.Go(func() {
			s, err := postgres.Open(t.Context(), postgres.Settings{DSN: dsn, MaxConnections: 2})
			if err == nil {
				err = s.Close()
			}
			errs <- err
		})
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}

func TestADatabaseThatWentAwayIsUnavailableUntilItIsBack(t *testing.T) {
	server := newServer(t)
	s := open(t, server.database(t, "shared"))
	err := s.Write(t.Context(), batch("order-1"))
	require.NoError(t, err)
	server.stop(t, syscall.SIGQUIT)
	err = s.Write(t.Context(), batch("order-2"))
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = s.Record(t.Context(), "", "order-1")
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = postgres.Open(t.Context(), postgres.Settings{DSN: server.dsn("shared"), MaxConnections: 2})
	require.ErrorIs(t, err, store.ErrUnavailable)
	server.start(t)
	err = s.Write(t.Context(), batch("order-2"))
	require.NoError(t, err, "nobody needs to open it again")
	requireRecord(t, s, "order-1")
	requireRecord(t, s, "order-2")
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
	err = s.Write(ctx, batch("order-1"))
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.NoError(t, tx.Rollback())
	err = s.Write(t.Context(), batch("order-1"))
	require.NoError(t, err)
}

func TestAReadOnlyDatabase(t *testing.T) {
	server := newServer(t)
	dsn := server.database(t, "shared")
	open(t, dsn)
	s := open(t, dsn+" default_transaction_read_only=on")
	err := s.Write(t.Context(), batch("order-1"))
	require.ErrorIs(t, err, store.ErrReadOnly)
}

func TestAnUpgradeKeepsWhatIsStoredAndALaterSchemaIsRefused(t *testing.T) {
	dsn := newServer(t).database(t, "shared")
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer db.Close()
	first, err := fs.ReadFile(postgres.Migrations(), "00001_operations.sql")
	require.NoError(t, err)
	require.NoError(t, sqlstore.Migrate(t.Context(), goose.DialectPostgres, db, fstest.MapFS{"00001_operations.sql": {Data: first}}))
	_, err = db.ExecContext(t.Context(), "INSERT INTO blobs (name, data) VALUES ($1, $2)", []byte("learned"), []byte("much"))
	require.NoError(t, err)
	s := open(t, dsn)
	data, err := s.Blob(t.Context(), "learned")
	require.NoError(t, err)
	require.Equal(t, "much", string(data))
	_, err = db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)")
	require.NoError(t, err)
	_, err = postgres.Open(t.Context(), postgres.Settings{DSN: dsn, MaxConnections: 2})
	require.ErrorIs(t, err, store.ErrNewer)
}

func TestABackupByPgDumpCanBeRestored(t *testing.T) {
	server := newServer(t)
	dsn := server.database(t, "shared")
	s := open(t, dsn)
	err := s.Write(t.Context(), batch("order-1"))
	require.NoError(t, err)
	dump, err := exec.Command(program(t, "pg_dump"), "--dbname", dsn).Output()
	require.NoError(t, err)
	path := t.TempDir() + "/dump.sql"
	require.NoError(t, os.WriteFile(path, dump, 0o600))
	copied := server.database(t, "copied")
	out, err := exec.Command(program(t, "psql"), "--quiet", "--set", "ON_ERROR_STOP=1", "--file", path, "--dbname", copied).CombinedOutput()
	require.NoError(t, err, string(out))
	restored := open(t, copied)
	requireRecord(t, restored, "order-1")
	require.NoError(t, restored.Write(t.Context(), batch("order-2")))
	requireRecord(t, restored, "order-2")
}
