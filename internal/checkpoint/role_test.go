package checkpoint

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/store"
)

// throne is a store of one role, with a clock of its own.
type throne struct {
	now    time.Time
	holder store.Tenure
	away   bool
}

func (s *throne) Claim(_ context.Context, role, collector string, lease time.Duration) (store.Tenure, bool, error) {
	switch {
	case s.away:
		return store.Tenure{}, false, store.ErrUnavailable
	case s.holder.Collector != collector && s.holder.Epoch > 0 && s.now.UnixNano() < s.holder.Until:
		return store.Tenure{}, false, nil
	case s.holder.Collector != collector:
		s.holder.Epoch++
	}
	s.holder.Role, s.holder.Collector, s.holder.Until = role, collector, s.now.Add(lease).UnixNano()
	return s.holder, true, nil
}

func (s *throne) Holder(context.Context, string) (store.Tenure, error) {
	switch {
	case s.away:
		return store.Tenure{}, store.ErrUnavailable
	case s.holder.Epoch == 0:
		return store.Tenure{}, store.ErrNotFound
	}
	return s.holder, nil
}

func (s *throne) Resign(_ context.Context, t store.Tenure) error {
	if s.away {
		return store.ErrUnavailable
	}
	if t.Epoch != s.holder.Epoch {
		return store.ErrLost
	}
	s.holder.Until = 0
	return nil
}

const lease = 10 * time.Second

func seats(s *throne, n int) []*Role {
	roles := make([]*Role, n)
	for i := range roles {
		roles[i] = &Role{Roles: s, Name: "judge", Collector: fmt.Sprint("c-", i), Lease: lease}
	}
	return roles
}

// after lets time pass, with a step of everybody each second, and returns who has the role.
func after(t *testing.T, s *throne, d time.Duration, roles ...*Role) (holders []string) {
	t.Helper()
	for range d / time.Second {
		s.now = s.now.Add(time.Second)
		holders = nil
		for _, r := range roles {
			if tenure, _ := r.Step(t.Context(), s.now); tenure != nil {
				holders = append(holders, r.Collector)
			}
		}
	}
	return holders
}

func TestARoleGoesOverWithinALease(t *testing.T) {
	s := &throne{now: time.Unix(1000, 0)}
	roles := seats(s, 3)
	require.Equal(t, []string{"c-0"}, after(t, s, time.Second, roles...), "nobody ever had it: there is nobody to wait for")
	require.Equal(t, []string{"c-0"}, after(t, s, time.Minute, roles...), "it is renewed")
	// The first one is killed.
	require.Empty(t, after(t, s, lease-3*time.Second, roles[1:]...))
	require.Equal(t, []string{"c-1"}, after(t, s, 3*time.Second, roles[1:]...))
	require.Equal(t, []string{"c-1"}, after(t, s, time.Minute, roles...), "who comes back finds it taken")
	require.NoError(t, roles[1].Resign(t.Context()))
	require.Equal(t, []string{"c-2"}, after(t, s, time.Second, roles[2], roles[1]), "it was given up: nobody waits")
	require.NoError(t, roles[0].Resign(t.Context()), "it has nothing to give up")
}

func TestWhoHadTheRoleComesFirstWhenTheStoreIsBack(t *testing.T) {
	s := &throne{now: time.Unix(1000, 0)}
	roles := seats(s, 2)
	after(t, s, time.Second, roles...)
	s.away = true
	require.Equal(t, []string{"c-0"}, after(t, s, 10*time.Minute, roles...), "nobody can take it")
	s.away = false
	require.Equal(t, []string{"c-0"}, after(t, s, time.Minute, roles[1], roles[0]))
	s.away = true
	after(t, s, 10*time.Minute, roles...)
	s.away = false
	require.Empty(t, after(t, s, lease-time.Second, roles[1]), "the other one may still come")
	require.Equal(t, []string{"c-1"}, after(t, s, 2*time.Second, roles[1]))
	roles[0].Lost()
	require.Equal(t, []string{"c-1"}, after(t, s, time.Minute, roles...))
}

// Whatever happens, epochs of different collectors differ, and who was told that it has the role is the one that the store knows, while the store answers.
func TestOneCollectorHasTheRole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &throne{now: time.Unix(1000, 0)}
		roles := seats(s, 3)
		owners := map[int64]string{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			s.now = s.now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "seconds")) * time.Second)
			s.away = rapid.IntRange(0, 5).Draw(t, "away") == 0
			r := roles[rapid.IntRange(0, 2).Draw(t, "who")]
			tenure, err := r.Step(t.Context(), s.now)
			if tenure == nil {
				continue
			}
			require.Equal(t, r.Collector, tenure.Collector)
			if owner, known := owners[tenure.Epoch]; known {
				require.Equal(t, owner, tenure.Collector)
			}
			owners[tenure.Epoch] = tenure.Collector
			if err == nil && r.renewed.Equal(s.now) {
				require.Equal(t, s.holder, *tenure)
			}
		}
	})
}
