package gap

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// set lets the clock of the collector show another time, while the services go on in theirs.
func (w *world) set(by int64) {
	w.now += by
	w.SetForward(by, w.now)
	for _, s := range w.order {
		s.next += by
		s.behind += by
	}
}

func TestAClockThatIsSetForwardIsAGapOfTheCollector(t *testing.T) {
	w := newWorld(t)
	w.add("other", 5*second)
	w.add("worker", 5*second)
	w.run(20 * minute)
	w.set(hour)
	w.run(second)
	w.requireTold(t, "  collector_down 1200...4800 0.0")
	require.True(t, w.covers("worker", 1300*second, 4700*second))
}

func TestAClockThatIsSetForwardAndBackLeavesNoGap(t *testing.T) {
	w := newWorld(t)
	w.add("other", 5*second)
	s := w.add("worker", 5*second)
	w.run(20 * minute)
	w.set(hour)
	w.run(10 * minute)
	w.requireTold(t, "  collector_down 1200...4800 0.0")
	w.set(-hour)
	w.run(10 * minute)
	require.Empty(t, w.told, "they were never silent")
	require.False(t, w.covers("worker", 2300*second, 2390*second), "nothing is lacking by now")
	s.dead = true
	w.run(2 * minute)
	require.Len(t, w.told, 1, "who is silent by now is noticed by now")
	s.dead = false
	w.run(2 * minute)
	require.Len(t, w.told, 2)
}

func TestAClockThatIsSetBackMakesNobodySilent(t *testing.T) {
	w := newWorld(t)
	w.add("other", 5*second)
	s := w.add("worker", minute)
	w.run(2 * hour)
	habits := w.Report(10)
	w.set(-hour)
	w.run(30 * minute)
	require.Empty(t, w.told)
	for i, v := range w.Report(10) {
		require.Equal(t, habits[i].Signals[SignalTraces].Usual, v.Signals[SignalTraces].Usual)
	}
	s.dead = true
	w.run(6 * minute)
	require.Len(t, w.told, 1)
}

func TestAGapThatLastsOutlivesAClockThatIsSetBack(t *testing.T) {
	w := newWorld(t)
	w.add("other", 5*second)
	s := w.add("worker", 5*second)
	w.run(20 * minute)
	s.dead = true
	w.run(2 * minute)
	require.Len(t, w.told, 1)
	w.set(-hour)
	w.run(5 * minute)
	require.Len(t, w.told, 1)
	s.dead = false
	w.run(2 * minute)
	require.Len(t, w.told, 2)
	require.Equal(t, w.changes[0].ID, w.changes[1].ID)
}

func TestAVirtualMachineThatWasResumed(t *testing.T) {
	w := newWorld(t)
	w.add("other", 5*second)
	s := w.add("worker", 5*second)
	w.run(20 * minute)
	// Everybody was away, and no clock goes wrong afterwards.
	w.now += hour
	w.SetForward(hour, w.now)
	for _, one := range w.order {
		one.next += hour
	}
	w.run(10 * minute)
	w.requireTold(t, "  collector_down 1200...4800 0.0")
	s.dead = true
	w.run(2 * minute)
	w.requireTold(t, "worker traces silent 5395... 0.0")
}

// TestPropertyAnyClockGoesOn: whatever is done to the clock, gaps are told in pairs, and who is silent afterwards is noticed.
func TestPropertyAnyClockGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.now += 10 * day
		w.add("other", 5*second)
		s := w.add("worker", 5*second)
		w.run(10 * minute)
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			s.dead = rapid.Bool().Draw(t, "dead")
			w.set(rapid.SampledFrom([]int64{-hour, -minute, -second, 0, second, minute, hour}).Draw(t, "by"))
			w.run(rapid.Int64Range(1, 400).Draw(t, "seconds") * second)
			require.NoError(t, w.again(t).Restore(w.Snapshot(), w.now))
			w.Report(10)
			w.Gaps(0, 100)
			w.Covers("worker", w.now-hour, w.now)
		}
		s.dead = false
		// A service that seems to send what is old is believed after an hour.
		w.run(2 * hour)
		require.Zero(t, w.Stats().Silent)
		w.changes = nil
		s.dead = true
		w.run(5 * minute)
		require.Len(t, w.changes, 1)
		require.True(t, w.Covers("worker", w.now-minute, w.now))
	})
}
