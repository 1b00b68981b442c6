package checkpoint

import (
	"context"
	"errors"
	"time"

	"github.com/throughline/throughline/internal/store"
)

// Role seeks a role that only one collector may have at a time, and keeps it. It is for one goroutine.
type Role struct {
	Roles           store.Roles
	Name, Collector string
	// Lease is how long the role is kept without being renewed.
	Lease time.Duration

	// tenure is what the collector has, nil without the role; renewed is when it asked for it.
	tenure  *store.Tenure
	renewed time.Time
	// answering is since when the store answers without a break, zero if it does not.
	answering time.Time
}

// renewals is how often a role is renewed within a lease.
const renewals = 3

// Step claims the role if nobody has it, or renews it if that is due, and returns it, nil without it. It is to be called several times within a lease.
//
// While the store does not answer, who has the role keeps it: nobody else can claim it. When it answers again, the others let that one be first: they claim
// only after a whole lease in which it answered, unless the role was given up.
func (r *Role) Step(ctx context.Context, now time.Time) (*store.Tenure, error) {
	if r.tenure != nil && now.Sub(r.renewed) < r.Lease/renewals {
		return r.tenure, nil
	}
	if r.tenure == nil {
		free, err := r.free(ctx, now)
		if err != nil || !free {
			return nil, err
		}
	}
	tenure, ok, err := r.Roles.Claim(ctx, r.Name, r.Collector, r.Lease)
	switch {
	case err != nil:
		r.answering = time.Time{}
	case ok:
		r.tenure, r.renewed = &tenure, now
	default:
		r.tenure = nil
	}
	return r.tenure, err
}

// free reports whether the role may be claimed.
func (r *Role) free(ctx context.Context, now time.Time) (bool, error) {
	holder, err := r.Roles.Holder(ctx, r.Name)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		r.answering = time.Time{}
		return false, err
	}
	if r.answering.IsZero() {
		r.answering = now
	}
	return holder.Until == 0 || holder.Collector == r.Collector || now.Sub(r.answering) >= r.Lease, nil
}

// Lost says that another collector has the role.
func (r *Role) Lost() { r.tenure = nil }

// Resign gives the role up, so that nobody need wait for the end of the lease.
func (r *Role) Resign(ctx context.Context) error {
	if r.tenure == nil {
		return nil
	}
	err := r.Roles.Resign(ctx, *r.tenure)
	r.tenure = nil
	if errors.Is(err, store.ErrLost) {
		return nil
	}
	return err
}
