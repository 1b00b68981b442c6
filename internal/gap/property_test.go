package gap

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPropertyHealthyServicesHaveNoGap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		period := rapid.Int64Range(1, 600).Draw(t, "period") * second
		behind := rapid.Int64Range(-hour, hour).Draw(t, "behind")
		next := w.now
		for range rapid.IntRange(20, 200).Draw(t, "batches") {
			// With what they took, pauses stay below three times the shortest of them, or below the floor.
			next += rapid.Int64Range(period*2/3, period*4/3).Draw(t, "pause")
			for ; w.now < next; w.now += second {
				require.Empty(t, w.Silent(w.now))
			}
			// A batch has events of its whole period, in any order, and took up to 10 s to arrive.
			took := rapid.Int64Range(0, 10*second).Draw(t, "took")
			for range rapid.IntRange(1, 4).Draw(t, "events") {
				event := next - took - rapid.Int64Range(0, period).Draw(t, "age")
				w.Seen("worker", SignalTraces, event-behind, next)
			}
			w.Seen("worker", SignalTraces, next-took-behind, next)
			require.False(t, w.Covers("worker", epoch-hour, w.now))
		}
	})
}

func TestPropertyAnOutageIsCovered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		s := w.add("worker", rapid.Int64Range(1, 15).Draw(t, "every")*second)
		w.run(600 * second)
		before := w.now
		s.dead = true
		last := s.next - s.every
		w.run(rapid.Int64Range(120, 3600).Draw(t, "outage") * second)
		check := func() {
			at := rapid.Int64Range(last, w.now).Draw(t, "at")
			require.True(t, w.Covers("worker", at, w.now))
			require.True(t, w.Covers("worker", before-minute, at))
			require.False(t, w.Covers("worker", epoch, last-1))
		}
		check()
		s.dead = false
		back := s.next - s.every
		w.run(minute)
		require.True(t, w.Covers("worker", last, back))
		require.True(t, w.Covers("worker", (last+back)/2, (last+back)/2))
		require.False(t, w.Covers("worker", back+s.every, w.now))
		require.Len(t, w.told, 2)
	})
}

func TestPropertyWhatIsKeptIsNotMissed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		s := w.add("worker", rapid.Int64Range(1, 15).Draw(t, "every")*second)
		w.run(rapid.Int64Range(600, 3600).Draw(t, "before") * second)
		s.blocked = true
		w.run(rapid.Int64Range(120, 3600).Draw(t, "blocked") * second)
		require.Len(t, w.told, 1)
		require.True(t, w.Covers("worker", w.now-minute, w.now))
		// Some exporters send what is new first, and what they had to keep in any order.
		if rapid.Bool().Draw(t, "shuffled") {
			kept := s.kept
			s.kept, s.blocked = nil, false
			w.run(20 * second)
			for _, at := range rapid.Permutation(kept).Draw(t, "kept") {
				w.Seen("worker", SignalTraces, at, w.now)
			}
		}
		s.blocked = false
		w.run(minute)
		require.False(t, w.Covers("worker", epoch, w.now))
		require.Len(t, w.told, 2)
	})
}

func TestPropertyEachGapIsToldOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		var senders []*sender
		for _, name := range []string{"a", "b", "c"} {
			senders = append(senders, w.add(name, rapid.Int64Range(1, 30).Draw(t, "every")*second))
		}
		senders = append(senders, w.add("a", rapid.Int64Range(1, 30).Draw(t, "every")*second, SignalLogs))
		w.run(20 * minute)
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			s := rapid.SampledFrom(senders).Draw(t, "sender")
			s.dead, s.blocked = rapid.Bool().Draw(t, "dead"), rapid.Bool().Draw(t, "blocked")
			w.run(rapid.Int64Range(1, 600).Draw(t, "seconds") * second)
		}
		for _, s := range senders {
			s.dead, s.blocked = false, false
		}
		w.run(10 * minute)
		open, over := map[string]Gap{}, map[uint64]bool{}
		for _, g := range w.changes {
			require.False(t, over[g.ID], "nothing follows the end")
			before, known := open[g.Service]
			if g.Until == 0 {
				require.False(t, known, "one at a time")
				open[g.Service] = g
				continue
			}
			require.Equal(t, before.ID, g.ID)
			require.LessOrEqual(t, g.From, before.From)
			require.LessOrEqual(t, g.From, g.Until)
			over[g.ID] = true
			delete(open, g.Service)
		}
		require.Empty(t, open)
		require.Zero(t, w.Stats().Silent)
	})
}

func TestPropertyFill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		usual := rapid.Int64Range(1, 60).Draw(t, "usual") * second
		var events []int64
		last := epoch
		for range rapid.IntRange(1, 300).Draw(t, "events") {
			last += rapid.Int64Range(1, usual).Draw(t, "pause")
			events = append(events, last)
		}
		until := last + rapid.Int64Range(1, usual).Draw(t, "pause")
		inOrder := newFill(epoch)
		for _, at := range events {
			inOrder.mark(at, usual)
		}
		inOrder.markIn(until, usual, until)
		require.InDelta(t, 1, inOrder.share(until), 0)
		require.False(t, inOrder.lacks(0, until+hour, until))

		shuffled := newFill(epoch)
		shuffled.end(until)
		for _, at := range rapid.Permutation(events).Draw(t, "order") {
			shuffled.markIn(at, usual, until)
		}
		require.InDelta(t, 1, shuffled.share(until), 0)
	})
}

func TestPropertyWhatIsLackingIsNotFilled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		usual := rapid.Int64Range(1, 60).Draw(t, "usual") * second
		before, after := rapid.Int64Range(0, 2*hour).Draw(t, "before"), rapid.Int64Range(0, 2*hour).Draw(t, "after")
		size := rapid.Int64Range(10*minute, 2*hour).Draw(t, "lacking")
		until := epoch + before + size + after
		f := newFill(epoch)
		for at := epoch; at < epoch+before; at += usual {
			f.mark(at, usual)
		}
		for at := epoch + before + size; at < until; at += usual {
			f.mark(at, usual)
		}
		f.end(until)
		require.True(t, f.lacks(epoch+before, epoch+before+size, until))
		middle := epoch + before + size/2
		require.True(t, f.lacks(middle, middle, until))
		require.InDelta(t, float64(before+after)/float64(before+size+after), f.share(until), float64(3*f.unit)/float64(until-epoch)+1e-9)
	})
}

func TestPropertyHabitIsThatOfMostOfTheTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := DefaultSettings()
		s.MinSamples, s.MinWatched = 1, 1
		var h habit
		waits := rapid.SliceOfN(rapid.Int64Range(second, hour), 1, 100).Draw(t, "waits")
		var sum int64
		for _, wait := range waits {
			// By hand, for none is an outage here.
			h.now[bucketOf(wait)] += float32(wait) / float32(second)
			sum += wait
		}
		slices.Sort(waits)
		var below, exact int64
		for _, wait := range waits {
			exact = wait
			if below += wait; float64(below) >= s.Quantile*float64(sum) {
				break
			}
		}
		got := h.quantile(s.Quantile)
		require.GreaterOrEqual(t, float64(got), float64(exact)*0.7)
		require.LessOrEqual(t, float64(got), float64(exact)*1.4143)
	})
}
