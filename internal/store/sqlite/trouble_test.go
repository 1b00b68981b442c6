package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/sqlite"
	"github.com/throughline/throughline/internal/store/storetest"
)

// bulky is a batch of so many bytes.
func bulky(id string, size int) *store.Batch {
	b := storetest.Small(id)
	b.Rows[0].Data = make([]byte, size)
	return b
}

// Somebody who writes to the file with a program of their own holds nobody up for long.
func TestAFileThatSomebodyElseWritesToIsUnavailable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, sqlite.Settings{Path: path})
	storetest.RequireWrite(t, s, storetest.Small("order-1"))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	other, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer other.Close()
	_, err = other.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.ErrorIs(t, s.Write(ctx, storetest.Small("order-2")), store.ErrUnavailable)
	require.NoError(t, ctx.Err(), "it gave up by itself")
	storetest.RequireSmall(t, s, "order-1")
	_, err = other.ExecContext(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	storetest.RequireWrite(t, s, storetest.Small("order-2"))
	storetest.RequireSmall(t, s, "order-2")
}

// A disk that goes bad while the store is open: what cannot be read says so, and the rest can still be used.
func TestAFileThatIsDamagedWhileItIsOpenSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := sqlite.Open(t.Context(), sqlite.Settings{Path: path})
	require.NoError(t, err)
	for i := range 200 {
		b := bulky(fmt.Sprintf("order-%d", i), 10_000)
		b.Rows[0].Collector, b.Rows[0].Seq = "one", int64(i+1)
		storetest.RequireWrite(t, s, b)
	}
	require.NoError(t, s.Close())
	s = open(t, sqlite.Settings{Path: path})
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	info, err := file.Stat()
	require.NoError(t, err)
	garbage := make([]byte, 4096)
	for i := range garbage {
		garbage[i] = 0xa5
	}
	for at := info.Size() / 2; at < info.Size(); at += 4096 {
		_, err = file.WriteAt(garbage, at&^4095)
		require.NoError(t, err)
	}
	require.NoError(t, file.Close())
	n := 0
	for _, err = range s.Rows(t.Context(), nil) {
		n++
	}
	_, listErr := s.List(t.Context(), store.Query{Limit: 1000})
	if err == nil {
		err = listErr
	}
	require.ErrorIs(t, err, store.ErrCorrupt)
	require.Positive(t, n)
}

func TestWhatCannotBeReadEither(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	_, err := sqlite.OpenReadOnly(t.Context(), sqlite.Settings{Path: path})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoFileExists(t, path)
	require.NoError(t, os.WriteFile(path, []byte("This is a letter to my grandmother, and no database whatsoever."), 0o600))
	_, err = sqlite.OpenReadOnly(t.Context(), sqlite.Settings{Path: path})
	require.ErrorIs(t, err, store.ErrCorrupt)
	later, db := older(t)
	_, err = db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	_, err = sqlite.OpenReadOnly(t.Context(), sqlite.Settings{Path: later})
	require.ErrorIs(t, err, store.ErrNewer)
}
