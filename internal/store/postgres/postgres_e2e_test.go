//go:build e2e

package postgres_test

import (
	"bytes"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

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

// update writes the fixture of the present version anew. Those of versions that were released never change.
var update = flag.Bool("update", false, "write the fixture of the present version of the schema")

const fixture = "testdata/schema-1.sql"

// dump does what an operator does to make a backup, restore what brings it back.
func dump(tb testing.TB, dsn string) []byte {
	tb.Helper()
	out, err := exec.Command(program(tb, "pg_dump"), "--dbname", dsn).Output()
	require.NoError(tb, err)
	return out
}

func restore(tb testing.TB, dsn string, dump []byte) {
	tb.Helper()
	psql := exec.Command(program(tb, "psql"), "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", dsn)
	psql.Stdin = bytes.NewReader(dump)
	out, err := psql.CombinedOutput()
	require.NoError(tb, err, string(out))
}

// A database that the first version made is read by all later ones.
func TestADatabaseOfEachVersionIsOpenedAndKeepsWhatIsStored(t *testing.T) {
	server := newServer(t)
	if *update {
		dsn := server.database(t, "written")
		storetest.WriteSample(t, open(t, dsn))
		require.NoError(t, os.WriteFile(fixture, dump(t, dsn), 0o600))
	}
	data, err := os.ReadFile(fixture)
	require.NoError(t, err)
	dsn := server.database(t, "shared")
	restore(t, dsn, data)
	storetest.RequireSample(t, open(t, dsn))
}

func TestASchemaOfALaterVersionIsRefused(t *testing.T) {
	dsn := newServer(t).database(t, "shared")
	open(t, dsn)
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)")
	require.NoError(t, err)
	_, err = postgres.Open(t.Context(), postgres.Settings{DSN: dsn, MaxConnections: 2})
	require.ErrorIs(t, err, store.ErrNewer)
	require.ErrorContains(t, err, "version 99")
}

// A backup is taken while collectors write.
func TestABackupByPgDumpCanBeRestored(t *testing.T) {
	server := newServer(t)
	dsn := server.database(t, "shared")
	s := open(t, dsn)
	storetest.WriteSample(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		for seq := int64(1); ctx.Err() == nil; seq++ {
			_ = s.Write(ctx, &store.Batch{Blobs: []store.Blob{{Key: "busy", Data: []byte{byte(seq)}}}}) // It ends with its context.
		}
	})
	copied := server.database(t, "copied")
	restore(t, copied, dump(t, dsn))
	cancel()
	wait.Wait()
	storetest.RequireSample(t, open(t, copied))
}
