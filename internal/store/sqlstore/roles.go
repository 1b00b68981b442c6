package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/throughline/throughline/internal/store"
)

// Claim implements [store.Roles]. A renewal touches what no writer of a batch waits for; whoever takes the role from somebody needs its row
// alone, and leaves it to others if a batch is just being written by it.
func (s *Store) Claim(ctx context.Context, role, collector string, lease time.Duration) (store.Tenure, bool, error) {
	if collector == "" || lease <= 0 {
		return store.Tenure{}, false, fmt.Errorf("%w: the collector %q claims a role for %s", store.ErrInvalid, collector, lease)
	}
	claimed := store.Tenure{Role: role, Collector: collector}
	err := s.in(ctx, "claiming the role "+role, func(t *tx) error {
		if _, err := t.exec(ctx, "INSERT INTO roles (role, collector, epoch, lease_until) VALUES (?, ?, 0, 0) ON CONFLICT (role) DO NOTHING",
			[]byte(role), []byte{}); err != nil {
			return err
		}
		until := " lease_until = " + t.dialect.Now + " + ? "
		const returning = " RETURNING epoch, lease_until"
		err := t.row(ctx, "UPDATE roles SET"+until+"WHERE role = ? AND collector = ?"+returning, int64(lease), []byte(role), []byte(collector)).
			Scan(&claimed.Epoch, &claimed.Until)
		if err == nil || !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		var free int64
		if err = t.row(ctx, "SELECT 1 FROM roles WHERE role = ? AND lease_until <= "+t.dialect.Now+t.dialect.SkipLocked, []byte(role)).Scan(&free); err != nil {
			return err
		}
		return t.row(ctx, "UPDATE roles SET collector = ?, epoch = epoch + 1,"+until+"WHERE role = ?"+returning, []byte(collector), int64(lease), []byte(role)).
			Scan(&claimed.Epoch, &claimed.Until)
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Tenure{}, false, nil
	case err != nil:
		return store.Tenure{}, false, err
	}
	return claimed, true, nil
}

// Holder implements [store.Roles].
func (s *Store) Holder(ctx context.Context, role string) (store.Tenure, error) {
	t := store.Tenure{Role: role}
	var collector []byte
	err := s.read.QueryRowContext(ctx, s.dialect.bind("SELECT collector, epoch, lease_until FROM roles WHERE role = ? AND epoch > 0"), []byte(role)).
		Scan(&collector, &t.Epoch, &t.Until)
	if err != nil {
		return store.Tenure{}, s.failed("reading who has the role "+role, err)
	}
	t.Collector = string(collector)
	return t, nil
}

// Resign implements [store.Roles].
func (s *Store) Resign(ctx context.Context, tenure store.Tenure) error {
	return s.in(ctx, "giving up the role "+tenure.Role, func(t *tx) error {
		n, err := t.exec(ctx, "UPDATE roles SET lease_until = 0 WHERE role = ? AND collector = ? AND epoch = ?",
			[]byte(tenure.Role), []byte(tenure.Collector), tenure.Epoch)
		if err == nil && n == 0 {
			return store.ErrLost
		}
		return err
	})
}

// fence fails unless the batch's role is still whose it was; until the batch is committed nobody else can take it.
func fence(ctx context.Context, t *tx, b *store.Batch) error {
	if b.Role == nil {
		return nil
	}
	var still int64
	err := t.row(ctx, "SELECT 1 FROM roles WHERE role = ? AND collector = ? AND epoch = ?"+t.dialect.Share,
		[]byte(b.Role.Role), []byte(b.Role.Collector), b.Role.Epoch).Scan(&still)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: %q had the role %q in epoch %d", store.ErrLost, b.Role.Collector, b.Role.Role, b.Role.Epoch)
	}
	return err
}
