package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/sqlite"
	"github.com/throughline/throughline/internal/store/sqlstore"
	"github.com/throughline/throughline/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(tb testing.TB, s sqlite.Settings) *sqlite.Store {
	tb.Helper()
	if s.Path == "" {
		s.Path = filepath.Join(tb.TempDir(), "a store?#%20.db")
	}
	opened, err := sqlite.Open(tb.Context(), s)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, opened.Close()) })
	return opened
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(tb testing.TB) store.Store { return open(tb, sqlite.Settings{}) })
}

func TestWhatWasWrittenOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := sqlite.Open(t.Context(), sqlite.Settings{Path: path})
	require.NoError(t, err)
	err = s.Write(t.Context(), storetest.Small("order-1"))
	require.NoError(t, err)
	// A process that is killed closes nothing: what is in the files now is all that is left.
	killed := filepath.Join(t.TempDir(), "store.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(killed+suffix, data, 0o600))
	}
	require.NoError(t, s.Close())
	storetest.RequireSmall(t, open(t, sqlite.Settings{Path: killed}), "order-1")
	storetest.RequireSmall(t, open(t, sqlite.Settings{Path: path}), "order-1")
}

func TestOnlyItsOwnerReadsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, sqlite.Settings{Path: path})
	storetest.RequireWrite(t, s, storetest.Small("order-1"))
	for _, p := range []string{path, path + "-wal", path + ".lock"} {
		info, err := os.Stat(p)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), p)
	}
}

// backup copies a file as docs/operations.md says: by a program of its own, which knows nothing of the collector.
func backup(tb testing.TB, path, to string) {
	tb.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String())
	require.NoError(tb, err)
	_, err = db.ExecContext(tb.Context(), "VACUUM INTO ?", to)
	require.NoError(tb, err)
	require.NoError(tb, db.Close())
}

func TestABackupIsTakenWhileTheStoreIsInUseAndCanBeRestored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a store?#%20.db")
	s, err := sqlite.Open(t.Context(), sqlite.Settings{Path: path})
	require.NoError(t, err)
	storetest.WriteSample(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		for seq := int64(1); ctx.Err() == nil; seq++ {
			_ = s.Write(ctx, &store.Batch{Blobs: []store.Blob{{Key: "busy", Data: []byte{byte(seq)}}}}) // It ends with its context.
		}
	})
	copied := filepath.Join(t.TempDir(), "it's a copy.db")
	backup(t, path, copied)
	cancel()
	wait.Wait()
	storetest.RequireWrite(t, s, storetest.Small("order-2"))
	require.NoError(t, s.Close())
	for _, suffix := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.RemoveAll(path+suffix))
	}
	require.NoError(t, os.Rename(copied, path))
	restored := open(t, sqlite.Settings{Path: path})
	_, err = restored.Record(t.Context(), "", "order-2")
	require.ErrorIs(t, err, store.ErrNotFound)
	storetest.RequireSample(t, restored)
}

// The process that has the file may be killed at any time, and nothing may be left of its lock.
func TestOnlyOneProcessHasAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if owned := os.Getenv("THROUGHLINE_TEST_OWN"); owned != "" {
		own(t, owned)
		return
	}
	other := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	other.Env = append(os.Environ(), "THROUGHLINE_TEST_OWN="+path)
	out, err := other.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "open\n", line)
	_, err = sqlite.Open(t.Context(), sqlite.Settings{Path: path})
	require.ErrorIs(t, err, store.ErrInUse)
	require.ErrorContains(t, err, path)
	// Who only reads or copies the file is not kept away.
	backup(t, path, filepath.Join(t.TempDir(), "copy.db"))
	require.NoError(t, other.Process.Kill())
	require.Error(t, other.Wait(), "it was killed")
	storetest.RequireSmall(t, open(t, sqlite.Settings{Path: path}), "order-1")
}

// own is the other process: it has the file until it is killed.
func own(t *testing.T, path string) {
	storetest.RequireWrite(t, open(t, sqlite.Settings{Path: path}), storetest.Small("order-1"))
	_, _ = os.Stdout.WriteString("open\n")
	<-t.Context().Done()
}

func TestAFileIsFreeAgainWhenItIsClosedOrCouldNotBeOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	for range 2 {
		s, err := sqlite.Open(t.Context(), sqlite.Settings{Path: path})
		require.NoError(t, err)
		_, err = sqlite.Open(t.Context(), sqlite.Settings{Path: path})
		require.ErrorIs(t, err, store.ErrInUse, "within a process too")
		require.NoError(t, s.Close())
	}
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("no database ", 100)), 0o600))
	for range 2 {
		_, err := sqlite.Open(t.Context(), sqlite.Settings{Path: path})
		require.ErrorIs(t, err, store.ErrCorrupt)
	}
}

// older makes a file of the first version of the schema.
func older(tb testing.TB) (string, *sql.DB) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "store.db")
	db, err := sql.Open("sqlite", path)
	require.NoError(tb, err)
	const name = "migrations/00001_operations.sql"
	first, err := os.ReadFile(name)
	require.NoError(tb, err)
	require.NoError(tb, sqlstore.Migrate(tb.Context(), goose.DialectSQLite3, db, fstest.MapFS{name: {Data: first}}))
	return path, db
}

// update writes the fixture of the present version anew. Those of versions that were released never change.
var update = flag.Bool("update", false, "write the fixture of the present version of the schema")

const fixture = "testdata/schema-1.db"

// A file that the first version wrote is read by all later ones.
func TestAFileOfEachVersionIsOpenedAndKeepsWhatIsStored(t *testing.T) {
	if *update {
		require.NoError(t, os.RemoveAll(fixture))
		path := filepath.Join(t.TempDir(), "store.db")
		storetest.WriteSample(t, open(t, sqlite.Settings{Path: path}))
		backup(t, path, fixture)
	}
	data, err := os.ReadFile(fixture)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "store.db")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	storetest.RequireSample(t, open(t, sqlite.Settings{Path: path}))
}

func TestASchemaOfALaterVersionIsRefusedAndLeftAsItIs(t *testing.T) {
	path, db := older(t)
	_, err := db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = sqlite.Open(t.Context(), sqlite.Settings{Path: path})
	require.ErrorIs(t, err, store.ErrNewer)
	require.ErrorContains(t, err, "version 99")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, after, len(before))
}

func TestAFullStoreSaysSoAndGoesOn(t *testing.T) {
	s := open(t, sqlite.Settings{MaxBytes: 1 << 20})
	large := storetest.Small("order-2")
	large.Records[0].Facts = make([]byte, 2<<20)
	err := s.Write(t.Context(), storetest.Small("order-1"))
	require.NoError(t, err)
	err = s.Write(t.Context(), large)
	require.ErrorIs(t, err, store.ErrFull)
	storetest.RequireSmall(t, s, "order-1")
	err = s.Write(t.Context(), storetest.Small("order-3"))
	require.NoError(t, err)
	_, err = s.Record(t.Context(), "", "order-2")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestRoomIsGivenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := sqlite.Open(t.Context(), sqlite.Settings{Path: path})
	require.NoError(t, err)
	const megabytes = 96
	for seq := range int64(megabytes) {
		storetest.RequireWrite(t, s, &store.Batch{Rows: []store.Row{{Collector: "one", Seq: seq + 1, Data: make([]byte, 1<<20)}}})
	}
	storetest.RequireWrite(t, s, &store.Batch{Cut: []store.Position{{Collector: "one", Seq: megabytes}}})
	for more := true; more; {
		trimmed, err := s.Trim(t.Context(), store.Limits{Before: 8})
		require.NoError(t, err)
		more = trimmed.More
	}
	require.NoError(t, s.Close())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(65<<20), "but for what is soon used again")
}

func TestWhatIsNoStoreIsRefusedAndLeftAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	require.NoError(t, os.WriteFile(path, []byte("This is a letter to my grandmother, and no database whatsoever."), 0o600))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = sqlite.Open(t.Context(), sqlite.Settings{Path: path})
	require.ErrorIs(t, err, store.ErrCorrupt)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestWhereNothingCanBeMade(t *testing.T) {
	_, err := sqlite.Open(t.Context(), sqlite.Settings{Path: filepath.Join(t.TempDir(), "no", "such", "folder.db")})
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = sqlite.Open(t.Context(), sqlite.Settings{Path: filepath.Join(t.TempDir(), "s.db"), MaxBytes: 5})
	require.ErrorContains(t, err, "5 bytes")
}

// Whatever is damaged, the error says so, nothing panics, and nothing is made up.
func TestADamagedFileSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := sqlite.Open(t.Context(), sqlite.Settings{Path: path})
	require.NoError(t, err)
	for i := range 60 {
		err = s.Write(t.Context(), storetest.Small(fmt.Sprintf("order-%d", i)))
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	damaged := 0
	for from := 4096; from < len(whole); from += 4096 {
		data := bytes.Clone(whole)
		for i := range data[from : from+4096] {
			data[from+i] = 0xa5
		}
		if damage(t, data) {
			damaged++
		}
	}
	require.Positive(t, damaged)
}

// damage opens a store of such bytes and uses it; it reports whether that met an error.
func damage(t *testing.T, data []byte) bool {
	path := filepath.Join(t.TempDir(), "store.db")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	s, err := sqlite.Open(t.Context(), sqlite.Settings{Path: path})
	if err != nil {
		require.ErrorIs(t, err, store.ErrCorrupt)
		return true
	}
	_, err = s.List(t.Context(), store.Query{Limit: 1000})
	for _, rowErr := range s.Rows(t.Context(), nil) {
		err = errors.Join(err, rowErr)
	}
	writeErr := s.Write(t.Context(), storetest.Small("order-7000"))
	_, trimErr := s.Trim(t.Context(), store.Limits{Before: 100})
	err = errors.Join(err, writeErr, trimErr)
	require.NoError(t, s.Close())
	if err != nil {
		require.ErrorIs(t, err, store.ErrCorrupt)
	}
	return err != nil
}
