package storetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	ownMounts = "THROUGHLINE_TEST_OWN_MOUNTS"
	// sysAdmin is the capability to mount.
	sysAdmin = 21
)

// InOwnMounts reports whether the test is in a process that may mount what it likes, of which nothing is left afterwards. If not, it runs the same
// test again in such a process, which fails the test if that does, and whoever asked has nothing left to do.
func InOwnMounts(t *testing.T) bool {
	t.Helper()
	if os.Getenv(ownMounts) != "" {
		return true
	}
	again := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v") //nolint:gosec // It is this program.
	again.Env = append(os.Environ(), ownMounts+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		again.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		again.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		again.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		again.SysProcAttr.AmbientCaps = []uintptr{sysAdmin}
	}
	out, err := again.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	return false
}

// Disk is a small file system of a test's own.
type Disk struct{ Folder string }

// NewDisk mounts one of so many bytes; see [InOwnMounts].
func NewDisk(tb testing.TB, size string) *Disk {
	tb.Helper()
	d := &Disk{Folder: filepath.Join(tb.TempDir(), "disk")}
	require.NoError(tb, os.Mkdir(d.Folder, 0o750))
	require.NoError(tb, syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""))
	require.NoError(tb, syscall.Mount("tmpfs", d.Folder, "tmpfs", 0, "size="+size))
	tb.Cleanup(func() { require.NoError(tb, syscall.Unmount(d.Folder, syscall.MNT_DETACH)) })
	return d
}

// Resize makes it larger, or smaller as far as it is not used.
func (d *Disk) Resize(tb testing.TB, size string) {
	tb.Helper()
	require.NoError(tb, syscall.Mount("tmpfs", d.Folder, "tmpfs", syscall.MS_REMOUNT, "size="+size))
}

// ReadOnly makes it read-only, or writable again. No file on it may be open for writing.
func (d *Disk) ReadOnly(tb testing.TB, is bool) {
	tb.Helper()
	flags := uintptr(syscall.MS_REMOUNT)
	if is {
		flags |= syscall.MS_RDONLY
	}
	require.NoError(tb, syscall.Mount("tmpfs", d.Folder, "tmpfs", flags, ""))
}
