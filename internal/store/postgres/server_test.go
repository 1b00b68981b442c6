//go:build e2e

package postgres_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
)

// server is a PostgreSQL server of this test's own, reached through a socket in its folder.
type server struct {
	folder  string
	process *exec.Cmd
}

// as makes a command that runs as somebody PostgreSQL accepts: it refuses root.
func as(tb testing.TB, name string, args ...string) *exec.Cmd {
	tb.Helper()
	cmd := exec.Command(name, args...)
	if os.Geteuid() != 0 {
		return cmd
	}
	account, err := user.Lookup("postgres")
	require.NoError(tb, err, "PostgreSQL does not run as root, and there is no user postgres: install the package postgresql")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: number(tb, account.Uid), Gid: number(tb, account.Gid)}}
	return cmd
}

func number(tb testing.TB, text string) uint32 {
	tb.Helper()
	n, err := strconv.ParseUint(text, 10, 32)
	require.NoError(tb, err)
	return uint32(n)
}

// program finds a program of the server, which distributions keep out of the path.
func program(tb testing.TB, name string) string {
	tb.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	require.NoError(tb, err)
	require.NotEmpty(tb, found, "%s is not there: these tests need a PostgreSQL server (apt-get install postgresql)", name)
	return found[len(found)-1]
}

func newServer(tb testing.TB) *server {
	tb.Helper()
	folder, err := os.MkdirTemp("", "postgres") //nolint:usetesting // That one is for root alone, which PostgreSQL refuses to be.
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, os.RemoveAll(folder)) })
	s := &server{folder: folder}
	initdb := as(tb, program(tb, "initdb"), "-D", filepath.Join(folder, "data"), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
	if c := initdb.SysProcAttr; c != nil {
		require.NoError(tb, os.Chown(folder, int(c.Credential.Uid), int(c.Credential.Gid)))
	}
	out, err := initdb.CombinedOutput()
	require.NoError(tb, err, string(out))
	s.start(tb)
	tb.Cleanup(func() { s.stop(tb, syscall.SIGQUIT) })
	return s
}

func (s *server) start(tb testing.TB) {
	tb.Helper()
	var log bytes.Buffer
	s.process = as(tb, program(tb, "postgres"), "-D", filepath.Join(s.folder, "data"), "-k", s.folder, "-c", "listen_addresses=", "-c", "fsync=off")
	s.process.Stdout, s.process.Stderr = &log, &log
	require.NoError(tb, s.process.Start())
	db, err := sql.Open("pgx", s.dsn("postgres"))
	require.NoError(tb, err)
	defer db.Close()
	require.Eventually(tb, func() bool { return db.PingContext(context.Background()) == nil }, time.Minute, 20*time.Millisecond)
}

// stop ends the server, which may be stopped already.
func (s *server) stop(tb testing.TB, how syscall.Signal) {
	tb.Helper()
	if s.process == nil {
		return
	}
	require.NoError(tb, s.process.Process.Signal(how))
	_ = s.process.Wait() // What it says to being ended does not matter.
	s.process = nil
}

func (s *server) dsn(database string) string {
	return fmt.Sprintf("host=%s user=postgres dbname=%s", s.folder, database)
}

// signal sends a signal to all processes of the server.
func (s *server) signal(tb testing.TB, how syscall.Signal) {
	tb.Helper()
	children, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(s.process.Process.Pid)).Output()
	require.NoError(tb, err)
	require.NoError(tb, s.process.Process.Signal(how))
	for pid := range strings.FieldsSeq(string(children)) {
		require.NoError(tb, syscall.Kill(int(number(tb, pid)), how))
	}
}

// own gives a folder to whoever the server runs as.
func (s *server) own(tb testing.TB, folder string) {
	tb.Helper()
	info, err := os.Stat(s.folder)
	require.NoError(tb, err)
	stat, ok := info.Sys().(*syscall.Stat_t)
	require.True(tb, ok)
	require.NoError(tb, os.Chown(folder, int(stat.Uid), int(stat.Gid)))
	for ; folder != "/"; folder = filepath.Dir(folder) {
		info, err := os.Stat(folder)
		require.NoError(tb, err)
		require.NoError(tb, os.Chmod(folder, info.Mode().Perm()|0o111))
		if filepath.Dir(folder) == os.TempDir() {
			break
		}
	}
}

func (s *server) do(tb testing.TB, statement string) {
	tb.Helper()
	db, err := sql.Open("pgx", s.dsn("postgres"))
	require.NoError(tb, err)
	defer db.Close()
	_, err = db.ExecContext(tb.Context(), statement)
	require.NoError(tb, err)
}

// database makes an empty one.
func (s *server) database(tb testing.TB, name string) string {
	tb.Helper()
	s.do(tb, "CREATE DATABASE "+name)
	return s.dsn(name)
}
