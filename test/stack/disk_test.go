//go:build e2e && linux

package stack

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDiskInTrouble takes root, as mounting does.
func TestDiskInTrouble(t *testing.T) {
	stack, err := New(Settings{WorkDir: t.TempDir()})
	require.NoError(t, err)
	disk, err := stack.MountDisk("disk", 2)
	require.NoError(t, err)
	defer func() { require.NoError(t, stack.Stop()) }()
	write := func(name string) error {
		return os.WriteFile(filepath.Join(disk.Path, name), make([]byte, 8192), 0o600)
	}
	require.NoError(t, write("before"))

	require.NoError(t, disk.Fill())
	require.ErrorIs(t, write("full"), syscall.ENOSPC)
	require.NoError(t, disk.Free())
	require.NoError(t, write("freed"))

	require.NoError(t, disk.ReadOnly(true))
	require.ErrorIs(t, write("read-only"), syscall.EROFS)
	require.NoError(t, disk.ReadOnly(false))
	require.NoError(t, write("writable"))

	require.NoError(t, stack.Stop())
	require.NoFileExists(t, filepath.Join(disk.Path, "before"))
}
