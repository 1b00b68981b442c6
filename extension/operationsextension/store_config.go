package operationsextension

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
)

// StoreConfig says where operations, incidents and history are kept. Without a path and a DSN there is no store: a restart forgets them.
type StoreConfig struct {
	// Driver is `sqlite` (one file, one collector) or `postgres` (several collectors share one database).
	Driver string `mapstructure:"driver"`
	// Path is the file of SQLite. Its folder is made if it is not there.
	Path string `mapstructure:"path"`
	// DSN is the connection string or URL of PostgreSQL.
	DSN configopaque.String `mapstructure:"dsn"`
	// Durability is `interval` (telemetry is acknowledged at once and committed every Interval) or `batch` (telemetry is acknowledged when it is
	// committed).
	Durability string        `mapstructure:"durability"`
	Interval   time.Duration `mapstructure:"interval"`
	// CommitTimeout is how long telemetry and outputs wait for a commit at most.
	CommitTimeout time.Duration `mapstructure:"commit_timeout"`
	// WhenUnavailable says what becomes of a batch that cannot be committed in time, with the durability `batch`: `acknowledge` or `refuse`.
	WhenUnavailable string `mapstructure:"when_unavailable"`
	// BufferMiB bounds what waits for its commit.
	BufferMiB int `mapstructure:"buffer_mib"`
	// Lease is how long the others wait for the collector that judges before one of them takes over.
	Lease time.Duration `mapstructure:"lease"`
	// Retention bounds the history.
	Retention RetentionConfig `mapstructure:"retention"`
	// CompletedPercentage is how many of a hundred operations that completed are kept in the history. All others are.
	CompletedPercentage float64 `mapstructure:"completed_percentage"`
}

// RetentionConfig bounds the history; 0 is no bound.
type RetentionConfig struct {
	// Age is how long an operation is kept after its verdict changed last.
	Age time.Duration `mapstructure:"age"`
	// MaxMiB bounds the bytes of all of them together.
	MaxMiB int `mapstructure:"max_mib"`
}

const (
	driverSQLite       = "sqlite"
	driverPostgres     = "postgres"
	durabilityInterval = "interval"
	durabilityBatch    = "batch"
	acknowledge        = "acknowledge"
	refuse             = "refuse"
)

func defaultStore() StoreConfig {
	return StoreConfig{
		Driver: driverSQLite, Durability: durabilityInterval, Interval: time.Second, CommitTimeout: 5 * time.Second, WhenUnavailable: acknowledge,
		BufferMiB: 64, Lease: 10 * time.Second, Retention: RetentionConfig{Age: 30 * 24 * time.Hour, MaxMiB: 1024}, CompletedPercentage: 1,
	}
}

// enabled reports whether there is a store.
func (c *StoreConfig) enabled() bool { return c.Path != "" || c.DSN != "" }

func (c *StoreConfig) batch() bool { return c.Durability == durabilityBatch }

// The bounds of the configuration of the store.
const (
	minInterval, maxInterval           = 10 * time.Millisecond, time.Minute
	minCommitTimeout, maxCommitTimeout = 100 * time.Millisecond, time.Minute
	minLease, maxLease                 = time.Second, 10 * time.Minute
	maxBufferMiB                       = 16 << 10
	maxHistoryMiB                      = 64 << 20
	maxPercentage                      = 100
)

func (c *StoreConfig) validate() error {
	errs := []error{
		c.validatePlace(),
		oneOf("store::durability", c.Durability, durabilityInterval, durabilityBatch),
		oneOf("store::when_unavailable", c.WhenUnavailable, acknowledge, refuse),
	}
	for _, v := range []struct {
		key                    string
		value, least, greatest time.Duration
	}{
		{"interval", c.Interval, minInterval, maxInterval}, {"commit_timeout", c.CommitTimeout, minCommitTimeout, maxCommitTimeout},
		{"lease", c.Lease, minLease, maxLease},
	} {
		if v.value < v.least || v.value > v.greatest {
			errs = append(errs, fmt.Errorf("`store::%s` is %v: must be between %v and %v", v.key, v.value, v.least, v.greatest))
		}
	}
	if c.BufferMiB < 1 || c.BufferMiB > maxBufferMiB {
		errs = append(errs, fmt.Errorf("`store::buffer_mib` is %d: must be at least 1 and at most %d", c.BufferMiB, maxBufferMiB))
	}
	errs = append(errs, checkDuration("store::retention::age", &c.Retention.Age))
	if c.Retention.MaxMiB < 0 || c.Retention.MaxMiB > maxHistoryMiB {
		errs = append(errs, fmt.Errorf("`store::retention::max_mib` is %d: must be 0 (no bound), or at most %d", c.Retention.MaxMiB, maxHistoryMiB))
	}
	if !(c.CompletedPercentage >= 0 && c.CompletedPercentage <= maxPercentage) {
		errs = append(errs, fmt.Errorf("`store::completed_percentage` is %g: must be between 0 and %d", c.CompletedPercentage, maxPercentage))
	}
	return errors.Join(errs...)
}

// validatePlace checks where the store is. The DSN may contain a password: no error repeats it.
func (c *StoreConfig) validatePlace() error {
	if err := oneOf("store::driver", c.Driver, driverSQLite, driverPostgres); err != nil {
		return err
	}
	switch {
	case c.Driver == driverSQLite && c.DSN != "":
		return errors.New("`store::dsn` is given, and `store::driver` is \"sqlite\": give `store::path`, or the driver \"postgres\"")
	case c.Driver == driverPostgres && c.Path != "":
		return fmt.Errorf("`store::path` is %q, and `store::driver` is \"postgres\": give `store::dsn`, or the driver \"sqlite\"", c.Path)
	case c.Driver == driverPostgres && c.DSN == "":
		return errors.New("`store::dsn` is empty: `store::driver` \"postgres\" needs the URL of a database")
	case c.batch() && !c.enabled():
		return errors.New("`store::durability` is \"batch\" and there is no store: give `store::path`, or the driver \"postgres\" and `store::dsn`")
	case c.Path != "" && strings.HasSuffix(c.Path, string(filepath.Separator)):
		return fmt.Errorf("`store::path` is %q: must be a file, not a folder", c.Path)
	}
	return nil
}

func oneOf(key, value string, allowed ...string) error {
	if !slices.Contains(allowed, value) {
		return fmt.Errorf("`%s` is %q: must be one of %s", key, value, strings.Join(allowed, ", "))
	}
	return nil
}
