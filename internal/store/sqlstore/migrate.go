package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"path"

	"github.com/pressly/goose/v3"

	"github.com/throughline/throughline/internal/store"
)

// sources are the migrations among the files of a database, the first one first.
const sources = "migrations/*.sql"

// Migrate brings the schema up to date with the folder migrations of a file system. What is stored stays. A schema of a later version is left as it
// is, and the error wraps [store.ErrNewer].
func Migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, files fs.FS, options ...goose.ProviderOption) error {
	folder, err := fs.Sub(files, path.Dir(sources))
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	provider, err := goose.NewProvider(dialect, db, folder, append(options, goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	there, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("reading the version of the schema: %w", err)
	}
	all := provider.ListSources()
	if known := all[len(all)-1].Version; there > known {
		return newer(there, known)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bringing the schema up to date: %w", err)
	}
	return nil
}

// Current fails unless the schema is that of the latest of the migrations; it writes nothing.
func Current(ctx context.Context, db *sql.DB, files fs.FS) error {
	all, err := fs.Glob(files, sources)
	if err != nil {
		return err
	}
	known, err := goose.NumericComponent(all[len(all)-1])
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	var there int64
	if err := db.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&there); err != nil {
		return fmt.Errorf("reading the version of the schema: %w", err)
	}
	switch {
	case there > known:
		return newer(there, known)
	case there < known:
		return fmt.Errorf("%w: the schema has version %d and cannot be brought up to date to %d", store.ErrReadOnly, there, known)
	}
	return nil
}

func newer(there, known int64) error {
	return fmt.Errorf("%w: the schema has version %d, this program knows %d: start the newer program, or restore a backup of before the upgrade",
		store.ErrNewer, there, known)
}
