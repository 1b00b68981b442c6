package sim

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
	"github.com/throughline/throughline/cmd/asyncgen/internal/truth"
)

// entries returns when the operations began, in order, relative to a time.
func (r *recorder) entries(since time.Time) []time.Duration {
	var at []time.Duration
	for _, s := range r.spans {
		if s.SpanKind() == trace.SpanKindServer {
			at = append(at, s.StartTime().Sub(since))
		}
	}
	slices.Sort(at)
	return at
}

func TestRateIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		r := perform(t, plan.Settings{Seed: 1, Operations: 2000, Hops: 1, Mix: mixOf(plan.ScenarioCompleted), TimeScale: 1},
			Settings{Rate: 2000, Propagation: PropagationTrace})
		entries := r.entries(begin)
		require.Len(t, entries, 2000)
		for i, at := range entries {
			require.InDelta(t, i*500_000, at.Nanoseconds(), 1)
		}
	})
}

func TestRunForATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		r := perform(t, plan.Settings{Seed: 1, Hops: 2, Mix: mixOf(plan.ScenarioCompleted), TimeScale: 1},
			Settings{Rate: 7, For: 10 * time.Minute, Propagation: PropagationNone})
		entries := r.entries(begin)
		require.Len(t, entries, 7*600)
		require.Less(t, entries[len(entries)-1], 10*time.Minute)
		require.Len(t, r.truth, 7*600)
	})
}

// A full queue in the SDK blocks whoever fills it; the schedule has to be caught up with afterwards.
func TestRateIsCaughtUpWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plan.New(plan.Settings{Seed: 1, Operations: 300, Hops: 1, Mix: mixOf(plan.ScenarioCompleted), TimeScale: 1})
		r := newRecorder(p)
		s := New(p, Settings{Rate: 100, Propagation: PropagationTrace}, r, r.write)
		for range maxInFlight - 1 {
			s.slots <- struct{}{}
		}
		go func() {
			<-time.After(time.Second)
			for range maxInFlight - 1 {
				<-s.slots
			}
		}()
		begin := time.Now()
		require.NoError(t, s.Run(context.Background(), context.Background()))
		entries := r.entries(begin)
		require.Less(t, len(entries[:slices.IndexFunc(entries, func(at time.Duration) bool { return at >= time.Second })]), 50)
		require.Equal(t, 2990*time.Millisecond, entries[299])
		require.Equal(t, time.Duration(0), s.Stats().Behind)
	})
}

func TestStopLetsOperationsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mix := plan.Mix{plan.ScenarioCompleted: 1, plan.ScenarioNeverConsumed: 1}
		p := plan.New(plan.Settings{Seed: 1, Hops: 3, Mix: mix, TimeScale: 1, RecoverAfter: time.Hour})
		r := newRecorder(p)
		s := New(p, Settings{Rate: 100, Propagation: PropagationTrace}, r, r.write)
		stop, cancel := context.WithTimeout(context.Background(), 5*time.Second-time.Millisecond)
		defer cancel()
		begin := time.Now()
		require.NoError(t, s.Run(context.Background(), stop))
		require.Less(t, time.Since(begin), 10*time.Second, "nobody waits an hour for a consumer")
		require.Len(t, r.truth, 500)
		states := map[string]int{}
		for _, done := range r.truth {
			states[done.State+done.Reason]++
		}
		require.Equal(t, 500, states["completed"]+states["stuckwaiting"])
		require.InDelta(t, 250, states["stuckwaiting"], 50)
		require.Equal(t, 0, s.Stats().InFlight())
		require.Equal(t, states["stuckwaiting"], s.Stats().Verdicts["stuck/waiting"])
	})
}

func TestAbortLeavesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plan.New(plan.Settings{Seed: 1, Hops: 3, Mix: mixOf(plan.ScenarioCompleted), TimeScale: 100})
		r := newRecorder(p)
		s := New(p, Settings{Rate: 10, Propagation: PropagationTrace}, r, r.write)
		abort, cancel := context.WithTimeout(context.Background(), 20*time.Second-time.Millisecond)
		defer cancel()
		begin := time.Now()
		require.NoError(t, s.Run(abort, context.Background()))
		require.Equal(t, 20*time.Second-time.Millisecond, time.Since(begin))
		stats := s.Stats()
		require.Equal(t, 200, stats.Started)
		require.Equal(t, 200, stats.Finished+stats.Aborted)
		require.Greater(t, stats.Aborted, 100)
		require.Len(t, r.truth, stats.Finished, "what did not end has no truth")
	})
}

func TestWriteErrorStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plan.New(plan.Settings{Seed: 1, Hops: 1, Mix: mixOf(plan.ScenarioCompleted), TimeScale: 1})
		full := errors.New("no space left")
		s := New(p, Settings{Rate: 100, Propagation: PropagationTrace}, newRecorder(p), func(*truth.Operation) error { return full })
		require.ErrorIs(t, s.Run(context.Background(), context.Background()), full)
		require.Equal(t, s.Stats().Started, s.Stats().Finished)
	})
}

func TestOffsetsAreUnique(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := perform(t, plan.Settings{Seed: 1, Operations: 300, Hops: 3, Mix: mixOf(plan.ScenarioRetried), TimeScale: 1},
			Settings{Rate: 1000, Propagation: PropagationTrace})
		message, tags := map[string]string{}, map[string]bool{}
		for _, s := range r.spans {
			switch {
			case s.has(keyKafkaOffset):
				at := s.attr(keyDestination) + "/" + s.attr(keyPartition) + "/" + s.attr(keyKafkaOffset)
				require.Contains(t, []string{"", s.attr(keyMessageID)}, message[at], "an offset belongs to one message")
				message[at] = s.attr(keyMessageID)
				require.False(t, s.has(keyRoutingKey))
			case s.attr(keyMessagingOpType) == opProcess:
				require.Equal(t, s.attr(keyDestination), s.attr(keyRoutingKey))
				tag := s.attr(keyDestination) + "/" + s.attr(keyDeliveryTag)
				require.False(t, tags[tag], "every delivery has a tag of its own")
				tags[tag] = true
			}
		}
		require.NotEmpty(t, message)
		require.NotEmpty(t, tags)
	})
}
