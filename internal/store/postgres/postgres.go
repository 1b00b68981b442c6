// Package postgres keeps the store in a PostgreSQL database, which several collectors may share.
//
// Statements, contract and schema are those of the store in a file; locks are on rows, and who claims a role never waits for whoever is about
// to take it. Backups are made by PostgreSQL's own means (pg_dump).
package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/sqlstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Settings say where the database is.
type Settings struct {
	// DSN is a connection string or URL, as libpq has them. It may contain a password and is never part of an error.
	DSN string
	// MaxConnections bounds the connections of this collector, at least 2.
	MaxConnections int
}

const (
	// statementTimeout ends statements that a database that hangs would never end, idleTimeout connections that are not needed.
	statementTimeout = 30 * time.Second
	// abandonedTimeout is how long the database waits for the next statement of a transaction: whoever began it may be dead, and holds its role.
	abandonedTimeout = 5 * time.Second
	connectTimeout   = 5 * time.Second
	idleTimeout      = 5 * time.Minute
	minConnections   = 2
)

// Open connects and brings the schema up to date; of several collectors that do so at once, one does it. The error wraps
// [store.ErrNewer] if a later version of this program made the schema, and [store.ErrUnavailable] if the database does not answer.
func Open(ctx context.Context, s Settings) (*sqlstore.Store, error) {
	if s.MaxConnections < minConnections {
		return nil, fmt.Errorf("the greatest number of connections is %d: must be at least %d", s.MaxConnections, minConnections)
	}
	config, err := pgx.ParseConfig(s.DSN)
	if err != nil {
		// The text of the error may repeat the string, and with it a password.
		return nil, fmt.Errorf("%w: the connection string cannot be read: it is no PostgreSQL URL and no list of keywords and values", store.ErrInvalid)
	}
	what := fmt.Sprintf("opening the database %q at %s", config.Database, net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))))
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	// A change of a large table may take long, and is waited for.
	migrating := config.Copy()
	for parameter, value := range map[string]time.Duration{
		"statement_timeout": statementTimeout, "idle_in_transaction_session_timeout": abandonedTimeout,
	} {
		if _, set := config.RuntimeParams[parameter]; !set {
			config.RuntimeParams[parameter] = strconv.FormatInt(value.Milliseconds(), 10)
		}
	}
	if err := migrate(ctx, migrating); err != nil {
		return nil, sqlstore.Failed(kindOf, what, err)
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(s.MaxConnections)
	db.SetConnMaxIdleTime(idleTimeout)
	dialect := sqlstore.Dialect{
		Numbered: true, Lock: " FOR UPDATE", SkipLocked: " FOR UPDATE SKIP LOCKED", Share: " FOR KEY SHARE", Kind: kindOf,
		Size: "pg_database_size(current_database())",
		Now:  "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) * 1000",
	}
	return sqlstore.New(dialect, db, db), nil
}

// migrate brings the schema up to date over connections of its own.
func migrate(ctx context.Context, config *pgx.ConnConfig) error {
	db := stdlib.OpenDB(*config)
	locker, err := lock.NewPostgresSessionLocker()
	if err == nil {
		err = sqlstore.Migrate(ctx, goose.DialectPostgres, db, migrations, goose.WithSessionLocker(locker))
	}
	return errors.Join(err, db.Close())
}

// kindOf returns which of the errors of package store it is. Classes are those of PostgreSQL's appendix on error codes.
func kindOf(err error) error {
	var e *pgconn.PgError
	if errors.As(err, &e) && len(e.Code) == codeLength {
		switch e.Code {
		case "53100": // disk_full
			return store.ErrFull
		case "25006": // read_only_sql_transaction, as of a replica
			return store.ErrReadOnly
		case "XX001", "XX002": // data_corrupted, index_corrupted
			return store.ErrCorrupt
		}
		switch e.Code[:2] {
		case "08", "40", "53", "55", "57", "58": // connection, rollback, resources, locks, operator, system
			return store.ErrUnavailable
		}
		return nil
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, sql.ErrConnDone) || errors.Is(err, net.ErrClosed) {
		return store.ErrUnavailable
	}
	return nil
}

// codeLength is the number of characters of an error code.
const codeLength = 5
