package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/store"
)

func TestErrorsOfTheFileSystemHaveAKind(t *testing.T) {
	for err, want := range map[error]error{
		syscall.ENOSPC: store.ErrFull, syscall.EDQUOT: store.ErrFull, syscall.EROFS: store.ErrReadOnly, syscall.EACCES: store.ErrReadOnly,
		fs.ErrNotExist: nil, errors.New("something else"): nil,
	} {
		require.Equal(t, want, kindOf(&os.PathError{Op: "open", Path: "x", Err: err}), "%v", err)
	}
}

// A file that was removed, or a file system that became read-only, is told by SQLite itself.
func TestAStoreThatCannotBeWrittenAnyMoreSaysSo(t *testing.T) {
	s, err := Open(t.Context(), Settings{Path: t.TempDir() + "/store.db"})
	require.NoError(t, err)
	read, err := connect(s.path, map[string][]string{"mode": {"ro"}})
	require.NoError(t, err)
	_, err = read.ExecContext(t.Context(), "DELETE FROM blobs")
	require.ErrorIs(t, kindOf(err), store.ErrReadOnly)
	require.NoError(t, read.Close())
	require.NoError(t, s.Close())
}
