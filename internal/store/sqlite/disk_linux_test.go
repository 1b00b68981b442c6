//go:build e2e

package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/sqlite"
	"github.com/throughline/throughline/internal/store/storetest"
)

// fill writes until an error, and returns how many writes succeeded.
func fill(tb testing.TB, s store.Store) (written int, err error) {
	tb.Helper()
	for ; err == nil && written < 1000; written++ {
		err = s.Write(tb.Context(), bulky(fmt.Sprintf("filled-%d", written), 100_000))
	}
	return written - 1, err
}

func TestADiskThatIsFullAndHasRoomAgain(t *testing.T) {
	if !storetest.InOwnMounts(t) {
		return
	}
	disk := storetest.NewDisk(t, "8m")
	s := open(t, sqlite.Settings{Path: filepath.Join(disk.Folder, "store.db")})
	storetest.RequireWrite(t, s, storetest.Small("order-1"))
	written, err := fill(t, s)
	require.ErrorIs(t, err, store.ErrFull)
	require.Positive(t, written)
	for range 3 {
		require.ErrorIs(t, s.Write(t.Context(), bulky("order-2", 1<<20)), store.ErrFull, "and again")
	}
	storetest.RequireSmall(t, s, "order-1")
	n := 0
	for _, err := range s.Rows(t.Context(), nil) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, written+1, n, "what was committed is there, and nothing of what failed")
	disk.Resize(t, "64m")
	storetest.RequireWrite(t, s, bulky("order-2", 1<<20))
	storetest.RequireSmall(t, s, "order-2")
}

func TestADiskThatIsFullWhenTheStoreIsOpened(t *testing.T) {
	if !storetest.InOwnMounts(t) {
		return
	}
	disk := storetest.NewDisk(t, "1m")
	filler := filepath.Join(disk.Folder, "filler")
	require.Error(t, os.WriteFile(filler, make([]byte, 2<<20), 0o600))
	_, err := sqlite.Open(t.Context(), sqlite.Settings{Path: filepath.Join(disk.Folder, "store.db")})
	require.ErrorIs(t, err, store.ErrFull)
	require.NoError(t, os.Remove(filler))
	storetest.RequireWrite(t, open(t, sqlite.Settings{Path: filepath.Join(disk.Folder, "store.db")}), storetest.Small("order-1"))
}

func TestADiskThatIsReadOnly(t *testing.T) {
	if !storetest.InOwnMounts(t) {
		return
	}
	disk := storetest.NewDisk(t, "8m")
	path := filepath.Join(disk.Folder, "store.db")
	disk.ReadOnly(t, true)
	_, err := sqlite.Open(t.Context(), sqlite.Settings{Path: path})
	require.ErrorIs(t, err, store.ErrReadOnly, "there is no file yet")
	disk.ReadOnly(t, false)
	s, err := sqlite.Open(t.Context(), sqlite.Settings{Path: path})
	require.NoError(t, err)
	storetest.RequireWrite(t, s, storetest.Small("order-1"))
	require.NoError(t, s.Close())
	disk.ReadOnly(t, true)
	_, err = sqlite.Open(t.Context(), sqlite.Settings{Path: path})
	require.ErrorIs(t, err, store.ErrReadOnly)
	disk.ReadOnly(t, false)
	storetest.RequireSmall(t, open(t, sqlite.Settings{Path: path}), "order-1")
}

// A collector that starts while its disk is read-only must know what it knew: of a file that was closed, and of one whose process was killed.
func TestAFileOnAReadOnlyDiskCanBeRead(t *testing.T) {
	if !storetest.InOwnMounts(t) {
		return
	}
	disk := storetest.NewDisk(t, "16m")
	closed, killed, path := filepath.Join(disk.Folder, "closed.db"), filepath.Join(disk.Folder, "killed.db"), filepath.Join(t.TempDir(), "store.db")
	s, err := sqlite.Open(t.Context(), sqlite.Settings{Path: path})
	require.NoError(t, err)
	storetest.RequireWrite(t, s, storetest.Small("order-1"))
	copyFiles(t, path, killed, "", "-wal", "-shm")
	require.NoError(t, s.Close())
	copyFiles(t, path, closed, "")
	disk.ReadOnly(t, true)
	for _, path := range []string{closed, killed} {
		read, err := sqlite.OpenReadOnly(t.Context(), sqlite.Settings{Path: path})
		require.NoError(t, err, path)
		storetest.RequireSmall(t, read, "order-1")
		for row, err := range read.Rows(t.Context(), nil) {
			require.NoError(t, err)
			require.Equal(t, storetest.Small("order-1").Rows[0], row)
		}
		require.ErrorIs(t, read.Write(t.Context(), storetest.Small("order-2")), store.ErrReadOnly)
		_, err = read.Trim(t.Context(), store.Limits{Before: 1})
		require.ErrorIs(t, err, store.ErrReadOnly)
		require.NoError(t, read.Close())
	}
	disk.ReadOnly(t, false)
	storetest.RequireWrite(t, open(t, sqlite.Settings{Path: killed}), storetest.Small("order-2"))
}

func copyFiles(tb testing.TB, from, to string, suffixes ...string) {
	tb.Helper()
	for _, suffix := range suffixes {
		data, err := os.ReadFile(from + suffix)
		require.NoError(tb, err)
		require.NoError(tb, os.WriteFile(to+suffix, data, 0o600))
	}
}
