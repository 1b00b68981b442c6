package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/store"
)

const (
	// longLease does not end within a test, shortLease does.
	longLease  = time.Hour
	shortLease = 10 * time.Millisecond
)

func claim(tb testing.TB, s store.Store, collector string, lease time.Duration) (store.Tenure, bool) {
	tb.Helper()
	t, ok, err := s.Claim(tb.Context(), "judge", collector, lease)
	require.NoError(tb, err)
	return t, ok
}

// take claims the role until it is given.
func take(tb testing.TB, s store.Store, collector string, lease time.Duration) (t store.Tenure) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		got, ok, err := s.Claim(tb.Context(), "judge", collector, lease)
		t = got
		return err == nil && ok
	}, time.Minute, time.Millisecond)
	return t
}

func oneHasARole(t *testing.T, s store.Store) {
	_, err := s.Holder(t.Context(), "judge")
	require.ErrorIs(t, err, store.ErrNotFound)
	one, ok := claim(t, s, "one", longLease)
	require.True(t, ok)
	require.Positive(t, one.Epoch)
	require.WithinDuration(t, time.Now().Add(longLease), time.Unix(0, one.Until), 10*time.Minute)
	require.Equal(t, store.Tenure{Role: "judge", Collector: "one", Epoch: one.Epoch, Until: one.Until}, one)
	_, ok = claim(t, s, "two", longLease)
	require.False(t, ok)
	holder, err := s.Holder(t.Context(), "judge")
	require.NoError(t, err)
	require.Equal(t, one, holder)
	other, ok, err := s.Claim(t.Context(), "another role", "two", longLease)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "two", other.Collector)
	for _, wrong := range []time.Duration{0, -1} {
		_, _, err = s.Claim(t.Context(), "judge", "one", wrong)
		require.ErrorIs(t, err, store.ErrInvalid)
	}
	_, _, err = s.Claim(t.Context(), "judge", "", longLease)
	require.ErrorIs(t, err, store.ErrInvalid)
}

func leasesEnd(t *testing.T, s store.Store) {
	one, ok := claim(t, s, "one", shortLease)
	require.True(t, ok)
	two := take(t, s, "two", longLease)
	require.Greater(t, two.Epoch, one.Epoch)
	require.GreaterOrEqual(t, two.Until, one.Until+int64(longLease))
	_, ok = claim(t, s, "one", longLease)
	require.False(t, ok)
}

func leasesAreRenewed(t *testing.T, s store.Store) {
	first, ok := claim(t, s, "one", shortLease)
	require.True(t, ok)
	require.Eventually(t, func() bool { return time.Now().UnixNano() > first.Until+int64(shortLease) }, time.Minute, time.Millisecond)
	second, ok := claim(t, s, "one", longLease)
	require.True(t, ok, "nobody took it meanwhile")
	require.Equal(t, first.Epoch, second.Epoch)
	require.Greater(t, second.Until, first.Until)
	_, ok = claim(t, s, "two", longLease)
	require.False(t, ok)
}

func resigned(t *testing.T, s store.Store) {
	one, ok := claim(t, s, "one", longLease)
	require.True(t, ok)
	require.NoError(t, s.Resign(t.Context(), one))
	two, ok := claim(t, s, "two", longLease)
	require.True(t, ok, "at once")
	require.ErrorIs(t, s.Resign(t.Context(), one), store.ErrLost)
	holder, err := s.Holder(t.Context(), "judge")
	require.NoError(t, err)
	require.Equal(t, two, holder)
}

func manyClaim(t *testing.T, s store.Store) {
	const candidates, rounds = 6, 10
	for round := range rounds {
		var winners atomic.Int64
		var winner atomic.Pointer[store.Tenure]
		var wait sync.WaitGroup
		errs := make(chan error, candidates)
		for c := range candidates {
			wait.Go(func() {
				tenure, ok, err := s.Claim(t.Context(), "judge", fmt.Sprintf("%d-%d", round, c), longLease)
				errs <- err
				if ok {
					winners.Add(1)
					winner.Store(&tenure)
				}
			})
		}
		wait.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		require.Equal(t, int64(1), winners.Load())
		require.Equal(t, int64(round+1), winner.Load().Epoch)
		require.NoError(t, s.Resign(t.Context(), *winner.Load()))
	}
}

func formerHolder(t *testing.T, s store.Store) {
	one, ok := claim(t, s, "one", shortLease)
	require.True(t, ok)
	write(t, s, store.Batch{Role: &one, Rows: rowsOf("one", 1, 1)})
	require.Eventually(t, func() bool { return time.Now().UnixNano() > one.Until+int64(shortLease) }, time.Minute, time.Millisecond)
	write(t, s, store.Batch{Role: &one, Rows: rowsOf("one", 2, 2)})
	two := take(t, s, "two", longLease)
	late := store.Batch{
		Role: &one, Rows: rowsOf("one", 3, 3), Cut: []store.Position{{Collector: "one", Seq: 2}}, Records: records(2), Blobs: []store.Blob{{Key: "a"}},
		Incidents: []store.Incident{{ID: "i"}}, Entries: []store.Entry{{ID: "e"}},
	}
	require.ErrorIs(t, s.Write(t.Context(), &late), store.ErrLost)
	require.Equal(t, rowsOf("one", 1, 2), logOf(t, s))
	require.Empty(t, list(t, s, store.Query{}))
	_, err := s.Blob(t.Context(), "a")
	require.ErrorIs(t, err, store.ErrNotFound)
	write(t, s, store.Batch{Rows: rowsOf("one", 3, 3)})
	forged := two
	forged.Collector = "one"
	require.ErrorIs(t, s.Write(t.Context(), &store.Batch{Role: &forged}), store.ErrLost)
	require.ErrorIs(t, s.Write(t.Context(), &store.Batch{Role: &store.Tenure{Role: "never", Collector: "one", Epoch: 1}}), store.ErrLost)
	late.Role = &two
	write(t, s, late)
	require.Equal(t, rowsOf("one", 3, 3), logOf(t, s))
}

// Candidates take the role from each other while they write by it: whoever claims sees all that was written before, and nobody writes after.
func fencedAtOnce(t *testing.T, s store.Store) {
	const candidates, writes = 3, 8
	var wait sync.WaitGroup
	errs := make(chan error, candidates)
	for c := range candidates {
		wait.Go(func() { errs <- ruleUntil(t, s, strconv.Itoa(c), writes) })
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	blob, err := s.Blob(t.Context(), "count")
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(candidates*writes), string(blob), "no write was lost")
}

// ruleUntil counts a number that all share up so many times: by reading it when the role was claimed, and by writing it as long as the role is held.
func ruleUntil(t *testing.T, s store.Store, collector string, writes int) error {
	// Where a write takes longer than a lease, nobody would ever get to write: leases grow.
	lease := shortLease
	for done := 0; done < writes; {
		tenure, ok, err := s.Claim(t.Context(), "judge", collector, lease)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		lease += shortLease
		blob, err := s.Blob(t.Context(), "count")
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		n := 0
		_, _ = fmt.Sscan(string(blob), &n)
		for done < writes {
			err := s.Write(t.Context(), &store.Batch{Role: &tenure, Blobs: []store.Blob{{Key: "count", Data: fmt.Append(nil, n+1)}}})
			if errors.Is(err, store.ErrLost) {
				break
			}
			if err != nil {
				return err
			}
			n, done = n+1, done+1
		}
	}
	return nil
}
