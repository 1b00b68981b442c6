package store_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/throughline/throughline/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// trimmer answers with what it was given, one after another, and notes when it was asked and for what.
type trimmer struct {
	store.Writer
	answers []store.Trimmed
	errs    []error
	began   time.Time
	at      []time.Duration
	limits  []store.Limits
}

func (t *trimmer) Trim(_ context.Context, l store.Limits) (store.Trimmed, error) {
	n := len(t.at)
	t.at, t.limits = append(t.at, time.Since(t.began)), append(t.limits, l)
	if n < len(t.answers) {
		return t.answers[n], t.errs[n]
	}
	return store.Trimmed{}, nil
}

func TestTheKeeperGoesOnWhileThereIsMoreAndRestsOtherwise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("the disk is gone")
		s := &trimmer{
			began: time.Now(), answers: []store.Trimmed{{Records: 5, More: true}, {Records: 1}, {More: true}}, errs: []error{nil, nil, failure},
		}
		var reported []error
		k := store.Keeper{
			Store: s, Retention: time.Hour, MaxBytes: 7, Every: time.Minute, Pause: time.Second,
			Report: func(_ store.Trimmed, err error) { reported = append(reported, err) },
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			k.Run(ctx)
		}()
		time.Sleep(3*time.Minute + 30*time.Second) // synctest: fake time
		cancel()
		<-done
		require.Equal(t, []time.Duration{time.Minute, 61 * time.Second, 121 * time.Second, 181 * time.Second}, s.at)
		require.Equal(t, []error{nil, nil, failure, nil}, reported)
		require.Equal(t, store.Limits{Before: s.began.Add(time.Minute - time.Hour).UnixNano(), MaxBytes: 7}, s.limits[0])
	})
}

func TestAKeeperWithoutRetentionKeepsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &trimmer{began: time.Now()}
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		k := store.Keeper{Store: s, Every: time.Minute, Pause: time.Second}
		k.Run(ctx)
		require.Equal(t, []store.Limits{{}}, s.limits)
	})
}
