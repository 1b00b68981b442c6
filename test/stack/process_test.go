package stack

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startShell runs a shell script whose file descriptor 3 is a pipe, and returns the reading end: it reports end of file
// only when the whole process group is gone.
func startShell(t *testing.T, script string) (*Process, *bufio.Reader) {
	t.Helper()
	reading, writing, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { reading.Close() })

	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.ExtraFiles = []*os.File{writing}
	process, err := startProcess("shell", cmd, filepath.Join(t.TempDir(), "shell.log"))
	require.NoError(t, err)
	require.NoError(t, writing.Close())
	t.Cleanup(func() { require.NoError(t, process.Kill()) })
	return process, bufio.NewReader(reading)
}

func TestStopReachesTheWholeGroup(t *testing.T) {
	process, pipe := startShell(t, `sleep 1000 & echo started >&3; wait`)
	line, err := pipe.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "started\n", line)

	require.NoError(t, process.Stop())
	_, err = pipe.ReadByte()
	require.Error(t, err, "a child of the child still runs")
}

func TestStopKillsWhatIgnoresIt(t *testing.T) {
	process, pipe := startShell(t, `trap '' TERM; echo deaf >&3; sleep 1000`)
	_, err := pipe.ReadString('\n')
	require.NoError(t, err)

	require.ErrorContains(t, process.stopWithin(10*time.Millisecond), "shell did not end within 10ms")
	<-process.Exited()
}

func TestWaitQuotesTheOutputOfAFailure(t *testing.T) {
	process, _ := startShell(t, `head -c 10000 /dev/zero | tr '\0' x; echo; echo the last words; exit 3`)

	err := process.Wait(t.Context())
	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "the last words")
	require.Less(t, len(err.Error()), 2*logTailBytes)
}

func TestWaitLeavesTheProcessRunning(t *testing.T) {
	process, _ := startShell(t, `sleep 1000`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	require.ErrorIs(t, process.Wait(ctx), context.Canceled)
	select {
	case <-process.Exited():
		require.Fail(t, "Wait ended the process")
	default:
	}
}

func TestEndAtStartIsReportedAtOnce(t *testing.T) {
	process, _ := startShell(t, `exit 7`)
	notReady := func(context.Context) error { return os.ErrNotExist }

	err := awaitReady(t.Context(), process, notReady)
	require.ErrorContains(t, err, "ended at start\nexit status 7")
}

func TestStartReportsAMissingBinary(t *testing.T) {
	_, err := startProcess("nothing", exec.Command(filepath.Join(t.TempDir(), "nothing")), filepath.Join(t.TempDir(), "log"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestFreePortNeverRepeats(t *testing.T) {
	seen := map[int]bool{}
	for range 200 {
		port, err := FreePort()
		require.NoError(t, err)
		require.False(t, seen[port])
		seen[port] = true
	}
}
