// Package sqlite keeps the store in one file, with SQLite.
//
// The file has a write-ahead log beside it, one connection that writes and some that read, so that readers and the writer never wait for each
// other. One process owns it, which a lock beside it sees to; several collectors share a PostgreSQL instead. SQLite's own
// means copy it while it is in use (VACUUM INTO); a copy is restored by putting it in the file's place while no collector runs.
package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/sqlstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Settings say where the file is and how large it may become.
type Settings struct {
	// Path is that of the file. Its folder must be there, the file is made if it is not.
	Path string
	// MaxBytes is the greatest size of the file, at least 1 MiB; 0 is none. A write beyond it fails with [store.ErrFull].
	MaxBytes int64
}

const (
	// pageBytes is the size of a page of the file, readers the number of connections that read, busy how many milliseconds to wait for
	// another process that reads the file, as to copy it.
	pageBytes = 4096
	readers   = 4
	busy      = 1000
	// reclaimPages is how many pages are given back to the file system at a time; keptPages (64 MiB) or one in keptShare are kept free.
	reclaimPages = 512
	keptPages    = 16 << 10
	keptShare    = 4
	minBytes     = 1 << 20
	// checkpointPages is after how many pages of the write-ahead log they are put into the file, journalBytes the size to which that log is
	// cut back then. Both make up for rows of up to 1 MiB.
	checkpointPages = 4096
	journalBytes    = 64 << 20
	// writerCache and readerCache are the KiB of the file that a connection keeps in memory.
	writerCache = 32 << 10
	readerCache = 8 << 10
	// lockSuffix is that of the file beside it which tells that a process has it, lockWait how many milliseconds to wait for one that is just ending.
	lockSuffix = ".lock"
	lockWait   = 2000
)

// now is the time in nanoseconds; SQLite knows the milliseconds.
const now = "CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000000"

// size is the size of the file in bytes, as an expression.
const size = "(SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)"

// Store is a [store.Store] in a file.
type Store struct {
	*sqlstore.Store
	path string
	// held has the lock that keeps other processes away.
	lock *sql.DB
	held *sql.Conn
}

// Open opens the file, or makes it, and brings its schema up to date. The error wraps [store.ErrNewer] if a later version of this program wrote
// it, [store.ErrCorrupt] if it is no such file, [store.ErrReadOnly] if it cannot be written, and [store.ErrInUse] if another process has it; the file is
// then as it was.
func Open(ctx context.Context, s Settings) (*Store, error) {
	if s.MaxBytes != 0 && s.MaxBytes < minBytes {
		return nil, fmt.Errorf("the greatest size of %q is %d bytes: must be at least %d, or 0", s.Path, s.MaxBytes, minBytes)
	}
	opened := &Store{path: s.Path}
	if err := opened.open(ctx, &s); err != nil {
		return nil, sqlstore.Failed(opened.kindOf, fmt.Sprintf("opening the store %q", s.Path), errors.Join(err, opened.unlock()))
	}
	return opened, nil
}

func (s *Store) open(ctx context.Context, settings *Settings) error {
	for _, path := range []string{s.path, s.path + lockSuffix} {
		if err := create(path); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := s.acquire(ctx); err != nil {
		return err
	}
	options := url.Values{"_txlock": {"immediate"}, "_pragma": pragmas("auto_vacuum(incremental)", "journal_mode(wal)", "synchronous(full)",
		"wal_autocheckpoint("+strconv.Itoa(checkpointPages)+")", "journal_size_limit("+strconv.Itoa(journalBytes)+")", cacheOf(writerCache))}
	if settings.MaxBytes > 0 {
		options.Add("_pragma", "max_page_count("+strconv.FormatInt(settings.MaxBytes/pageBytes, 10)+")")
	}
	write, err := connect(s.path, options)
	if err != nil {
		return err
	}
	write.SetMaxOpenConns(1)
	if err := sqlstore.Migrate(ctx, goose.DialectSQLite3, write, migrations); err != nil {
		if kindOf(err) == nil && damaged(ctx, write) {
			err = errors.Join(err, store.ErrCorrupt)
		}
		return errors.Join(err, write.Close())
	}
	read, err := connect(s.path, url.Values{"_pragma": pragmas("query_only(1)", cacheOf(readerCache))})
	if err != nil {
		return errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(readers)
	s.Store = sqlstore.New(sqlstore.Dialect{
		Prepare: true, Kind: s.kindOf, Reclaim: reclaim, Now: now, Size: size,
	}, write, read)
	return nil
}

// OpenReadOnly opens a file that cannot be written, as on a file system that is read-only, so that what it holds can be read: whatever is written fails with
// [store.ErrReadOnly]. It keeps no other process away, and neither makes nor changes a file. Errors are those of [Open]; a file that is not there is
// [fs.ErrNotExist].
func OpenReadOnly(ctx context.Context, s Settings) (*Store, error) {
	opened := &Store{path: s.Path}
	if err := opened.openReadOnly(ctx); err != nil {
		return nil, sqlstore.Failed(opened.kindOf, fmt.Sprintf("opening the store %q for reading", s.Path), err)
	}
	return opened, nil
}

func (s *Store) openReadOnly(ctx context.Context) error {
	if _, err := os.Stat(s.path); err != nil {
		return err
	}
	options := url.Values{"_txlock": {"immediate"}, "mode": {"ro"}, "_pragma": pragmas("query_only(1)", cacheOf(readerCache))}
	// Without a write-ahead log all is in the file, and SQLite would miss what it may not make; with one, what was committed last is there.
	if log, err := os.Stat(s.path + "-wal"); errors.Is(err, fs.ErrNotExist) || (err == nil && log.Size() == 0) {
		options.Set("immutable", "1")
	}
	db, err := connect(s.path, options)
	if err != nil {
		return err
	}
	if err := sqlstore.Current(ctx, db, migrations); err != nil {
		return errors.Join(err, db.Close())
	}
	db.SetMaxOpenConns(readers)
	s.Store = sqlstore.New(sqlstore.Dialect{Prepare: true, Kind: s.kindOf, Now: now, Size: size}, db, db)
	return nil
}

// create makes an empty file that only its owner can read, for that is whom telemetry concerns. A file that is there is not opened: closing it would
// end all locks that this process may have on it.
func create(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// acquire makes this process the only one that has the file, until it ends in whatever way: what is locked is a database of its own, which is
// empty, because the file itself must be open to those who copy it. A process that is just ending is waited for.
func (s *Store) acquire(ctx context.Context) error {
	lock, err := connect(s.path+lockSuffix, url.Values{"_pragma": {"busy_timeout(" + strconv.Itoa(lockWait) + ")"}})
	if err != nil {
		return err
	}
	s.lock = lock
	if s.held, err = lock.Conn(ctx); err != nil {
		return err
	}
	if _, err = s.held.ExecContext(ctx, "BEGIN EXCLUSIVE"); errors.Is(kindOf(err), store.ErrUnavailable) && ctx.Err() == nil {
		return fmt.Errorf("%w: another process has it open: stop that one, or give this one a file of its own (several collectors share a PostgreSQL, not a file): %w",
			store.ErrInUse, err)
	}
	return err
}

// unlock lets other processes have the file.
func (s *Store) unlock() error {
	var err error
	if s.held != nil {
		if err = s.held.Close(); errors.Is(err, sql.ErrConnDone) {
			err = nil // It was closed before.
		}
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// Close implements [store.Store].
func (s *Store) Close() error { return errors.Join(s.Store.Close(), s.unlock()) }

func cacheOf(kib int) string { return "cache_size(-" + strconv.Itoa(kib) + ")" }

// damaged reports whether the file is known not to be whole: to who reads it, that may look like anything.
func damaged(ctx context.Context, db *sql.DB) bool {
	var first string
	err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&first)
	return (err == nil && first != "ok") || errors.Is(kindOf(err), store.ErrCorrupt)
}

func pragmas(more ...string) []string {
	return append([]string{"busy_timeout(" + strconv.Itoa(busy) + ")"}, more...)
}

func connect(path string, options url.Values) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: options.Encode()}
	return sql.Open("sqlite", dsn.String())
}

// reclaim makes the file shorter by some of what is free, if that is much: a little is soon used again, and moving pages keeps writers waiting. It
// reports whether there is more to do.
func reclaim(ctx context.Context, db *sql.DB) (more bool, err error) {
	var free, pages int64
	if err := db.QueryRowContext(ctx, "SELECT f.freelist_count, p.page_count FROM pragma_freelist_count f, pragma_page_count p").Scan(&free, &pages); err != nil {
		return false, err
	}
	over := free - max(keptPages, pages/keptShare)
	if over <= 0 {
		return false, nil
	}
	rows, err := db.QueryContext(ctx, "PRAGMA incremental_vacuum("+strconv.FormatInt(min(over, reclaimPages), 10)+")")
	if err != nil {
		return false, err
	}
	defer rows.Close()
	// Each row is a page that was given back.
	for rows.Next() {
		continue
	}
	return over > reclaimPages, rows.Err()
}

// kindOf returns which of the errors of package store it is. SQLite often says no more than that the file could not be written, or some other file not be
// made: then it is tried what the folder of the file says to that.
func (s *Store) kindOf(err error) error {
	kind := kindOf(err)
	if e, ok := errors.AsType[*sqlite.Error](err); ok && kind == store.ErrUnavailable { //nolint:errorlint // It is one of package store itself.
		switch e.Code() & primaryCode {
		case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
			return cmp.Or(probe(filepath.Dir(s.path)), kind)
		}
	}
	return kind
}

// probe writes a file to a folder and removes it; it returns what is wrong with the folder, if that has a kind.
func probe(folder string) error {
	file, err := os.CreateTemp(folder, ".throughline-probe-*")
	if err != nil {
		return kindOf(err)
	}
	_, err = file.Write(make([]byte, pageBytes))
	return kindOf(errors.Join(err, file.Close(), os.Remove(file.Name())))
}

// kindOf returns which of the errors of package store it is.
func kindOf(err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & primaryCode {
		case sqlite3.SQLITE_FULL:
			return store.ErrFull
		case sqlite3.SQLITE_READONLY:
			return store.ErrReadOnly
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return store.ErrCorrupt
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_INTERRUPT:
			return store.ErrUnavailable
		}
	}
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return store.ErrFull
	case errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission):
		return store.ErrReadOnly
	}
	return nil
}

// primaryCode is the part of a result code that names the kind of error; the rest says more.
const primaryCode = 0xff
