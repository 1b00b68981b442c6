package operationsextension

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/event"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

func output(n int) Output { return Output{Changes: make([]operation.Change, n)} }

func TestEverySubscriberGetsEveryOutputInOrder(t *testing.T) {
	f := newFeed(func(int) { t.Error("nothing may be dropped") })
	a, b := f.subscribe(), f.subscribe()
	f.publish(output(1))
	f.publish(Output{})
	f.publish(output(2))
	for _, s := range []*Subscription{a, b} {
		for _, want := range []int{1, 2} {
			got, err := s.Next(context.Background())
			require.NoError(t, err)
			require.Len(t, got.Changes, want)
		}
	}
	a.Close()
	b.Close()
}

func TestNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(func(int) {})
		s := f.subscribe()
		defer s.Close()
		go func() {
			time.Sleep(time.Hour) // synctest: fake time
			f.publish(output(3))
		}()
		got, err := s.Next(t.Context())
		require.NoError(t, err)
		require.Len(t, got.Changes, 3)

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = s.Next(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestFlushWaitsUntilAllIsDealtWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(func(int) {})
		s := f.subscribe()
		f.publish(output(1))
		f.publish(output(1))
		began := time.Now()
		go func() {
			defer s.Close()
			for range 2 {
				if _, err := s.Next(t.Context()); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Minute) // synctest: fake time
			}
			_, _ = s.Next(canceled())
		}()
		require.NoError(t, f.flush(t.Context()))
		require.Equal(t, 2*time.Minute, time.Since(began))
		synctest.Wait()

		late := f.subscribe()
		defer late.Close()
		f.publish(output(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, f.flush(ctx), context.DeadlineExceeded)
	})
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestWhoDoesNotKeepUpLosesTheOldest(t *testing.T) {
	dropped := 0
	f := newFeed(func(n int) { dropped += n })
	s := f.subscribe()
	f.publish(output(maxQueued))
	f.publish(output(7))
	require.Equal(t, maxQueued, dropped)
	got, err := s.Next(context.Background())
	require.NoError(t, err)
	require.Len(t, got.Changes, 7)
	f.publish(output(5))
	s.Close()
	require.Equal(t, maxQueued+5, dropped)
}

func TestPiecesHaveAllOfAnOutputInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, most := rapid.IntRange(0, 40).Draw(t, "changes"), rapid.IntRange(1, 20).Draw(t, "most")
		out := Output{Gaps: make([]event.Gap, 1), Incidents: make([]incident.Event, 1)}
		for i := range n {
			out.Changes = append(out.Changes, operation.Change{Revision: uint32(i)})
			out.InIncident = append(out.InIncident, strconv.Itoa(i))
		}
		pieces := out.pieces(most, 7)
		var all Output
		for i, p := range pieces {
			require.LessOrEqual(t, len(p.Changes), most)
			require.NotZero(t, p.size())
			require.Equal(t, int64(7+i), p.number)
			require.Equal(t, i == 0, len(p.Gaps) > 0)
			require.Equal(t, i == len(pieces)-1, len(p.Incidents) > 0)
			all.Changes, all.InIncident = append(all.Changes, p.Changes...), append(all.InIncident, p.InIncident...)
			all.Gaps, all.Incidents = append(all.Gaps, p.Gaps...), append(all.Incidents, p.Incidents...)
		}
		require.Equal(t, out, all)
	})
}

func TestWhatIsPublishedTogetherStays(t *testing.T) {
	dropped := 0
	f := newFeed(func(n int) { dropped += n })
	s := f.subscribe()
	defer s.Close()
	f.publish(output(3))
	f.publish(output(maxQueued), Output{}, output(1))
	require.Equal(t, 3, dropped)
	for _, want := range []int{maxQueued, 1} {
		got, err := s.Next(t.Context())
		require.NoError(t, err)
		require.Len(t, got.Changes, want)
	}
}

func TestWhatComesAfterTheEndIsCountedAndWaitsForNobody(t *testing.T) {
	dropped := 0
	f := newFeed(func(n int) { dropped += n })
	s := f.subscribe()
	s.Close()
	require.Equal(t, 3, s.put(output(3)), "listed before it was closed, reached after")
	require.NoError(t, s.idle(t.Context()))
	f.publish(output(1))
	require.Zero(t, dropped, "nobody is subscribed")

	s = f.subscribe()
	defer s.Close()
	f.publish(output(1))
	_, err := s.Next(canceled())
	require.ErrorIs(t, err, context.Canceled, "who is told to stop gets nothing more to do")
}

// Who sweeps in parts waits for subscribers to keep up, and not for one that never will.
func TestRoomIsWaitedForButNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(func(int) { t.Error("nothing may be dropped") })
		s := f.subscribe()
		require.True(t, f.room(t.Context()))
		f.publish(output(maxQueued / 2))
		require.True(t, f.room(t.Context()))
		f.publish(output(10))
		began := time.Now()
		go func() {
			time.Sleep(time.Second) // synctest: fake time
			_, _ = s.Next(t.Context())
		}()
		require.True(t, f.room(t.Context()))
		require.Equal(t, time.Second, time.Since(began))

		f.publish(output(maxQueued/2 + 1))
		began = time.Now()
		require.True(t, f.room(t.Context()), "the sweep goes on")
		require.Equal(t, patience, time.Since(began))
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.False(t, f.room(ended))
		f.drop = func(int) {}
		s.Close()
	})
}
