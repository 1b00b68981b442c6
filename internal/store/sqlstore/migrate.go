package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/throughline/throughline/internal/store"
)

// Migrate brings the schema up to date with the migrations in a folder. What is stored stays. A schema of a later version is left as it
// is, and the error wraps [store.ErrNewer].
func Migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, migrations fs.FS, options ...goose.ProviderOption) error {
	provider, err := goose.NewProvider(dialect, db, migrations, append(options, goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	there, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("reading the version of the schema: %w", err)
	}
	sources := provider.ListSources()
	if known := sources[len(sources)-1].Version; there > known {
		return newer(there, known)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bringing the schema up to date: %w", err)
	}
	return nil
}

// Current fails unless the schema is that of the latest of the migrations in a folder; it writes nothing.
func Current(ctx context.Context, db *sql.DB, migrations fs.FS) error {
	sources, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		return err
	}
	known, err := goose.NumericComponent(sources[len(sources)-1])
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
