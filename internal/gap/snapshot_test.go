package gap

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// again returns what a new run has after the time.
func (w *world) again(t require.TestingT) *Monitor {
	m, err := New(w.settings)
	require.NoError(t, err)
	require.NoError(t, m.Restore(w.Snapshot(), w.now))
	return m
}

// TestPropertyRestoreContinues: what was restored knows the same, and goes on to tell the same.
func TestPropertyRestoreContinues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		names := []string{"a", "b", "c"}
		var senders []*sender
		for _, name := range names {
			senders = append(senders, w.add(name, rapid.Int64Range(1, 30).Draw(t, "every")*second))
		}
		senders = append(senders, w.add("a", rapid.Int64Range(1, 30).Draw(t, "every")*second, SignalLogs))
		w.run(rapid.Int64Range(1, 20).Draw(t, "minutes") * minute)
		step := func() {
			s := rapid.SampledFrom(senders).Draw(t, "sender")
			s.dead, s.blocked = rapid.Bool().Draw(t, "dead"), rapid.Bool().Draw(t, "blocked")
			w.run(rapid.Int64Range(1, 600).Draw(t, "seconds") * second)
		}
		for range rapid.IntRange(0, 6).Draw(t, "steps") {
			if rapid.IntRange(0, 5).Draw(t, "away") == 0 {
				w.now += rapid.Int64Range(31, 600).Draw(t, "seconds away") * second
			}
			step()
		}
		other := &world{Monitor: w.again(t), now: w.now, senders: map[string]*sender{}}
		for _, s := range w.order {
			*other.add(s.service, s.every, s.signal) = sender{
				service: s.service, signal: s.signal, every: s.every, dead: s.dead, blocked: s.blocked, next: s.next, kept: slices.Clone(s.kept),
			}
		}
		// What a restart is meant to change.
		require.Equal(t, w.ids+idsApart, other.ids)
		other.ids = w.ids
		next := other.schedule.prune
		other.schedule = w.schedule
		other.schedule.prune = next
		other.told, other.changes, other.stats = w.told, w.changes, w.stats

		same := func() {
			require.Equal(t, nameless(w.Report(10)), nameless(other.Report(10)))
			require.ElementsMatch(t, anyID(w.Gaps(0, 100)), anyID(other.Gaps(0, 100)))
			require.Equal(t, w.Stats(), other.Stats())
			require.Equal(t, w.told, other.told)
			at := rapid.Int64Range(epoch, w.now).Draw(t, "at")
			for _, name := range append(names, "unknown") {
				require.Equal(t, w.Covers(name, at, w.now), other.Covers(name, at, w.now))
				require.Equal(t, w.Covers(name, at, at), other.Covers(name, at, at))
			}
		}
		same()
		for range rapid.IntRange(0, 6).Draw(t, "steps") {
			i := rapid.SampledFrom(senders).Draw(t, "sender")
			dead, blocked := rapid.Bool().Draw(t, "dead"), rapid.Bool().Draw(t, "blocked")
			seconds := rapid.Int64Range(1, 600).Draw(t, "seconds") * second
			for _, one := range []*world{w, other} {
				s := one.senders[i.service+"/"+i.signal.String()]
				s.dead, s.blocked = dead, blocked
				one.run(seconds)
			}
			same()
		}
	})
}

// anyID are the gaps without their IDs, which those have in any order that are noticed at once.
func anyID(gaps []Gap) []Gap {
	for i := range gaps {
		gaps[i].ID = 0
	}
	return gaps
}

func nameless(services []Service) []Service {
	for i := range services {
		services[i].Gap.ID = 0
	}
	return services
}

// restart lets the collector be away for a time, in which what is sent is lost.
func (w *world) restart(t *testing.T, away int64) {
	t.Helper()
	last, data := w.schedule.asked, w.Snapshot()
	w.now += away
	m, err := New(w.settings)
	require.NoError(t, err)
	require.NoError(t, m.Restore(data, w.now))
	if away >= int64(w.settings.Absence) {
		m.Down(last, w.now)
	}
	w.Monitor = m
	for _, s := range w.senders {
		for s.next < w.now {
			s.next += s.every
		}
	}
}

// silent is a world in which a worker was heard of for ten minutes and has been silent since, for a time.
func silent(t *testing.T, since int64) (*world, *sender) {
	t.Helper()
	w := newWorld(t)
	w.add("other", 5*second)
	s := w.add("worker", 5*second)
	w.run(600 * second)
	s.dead = true
	w.run(since)
	return w, s
}

func TestAGapOutlivesARestartAndIsToldOnce(t *testing.T) {
	w, s := silent(t, 100*second)
	w.requireTold(t, "worker traces silent 595... 0.0")
	w.restart(t, 20*second)
	require.True(t, w.covers("worker", 596*second, 640*second))
	w.run(200 * second)
	require.Empty(t, w.told, "it was told before")
	w.restart(t, 100*second)
	w.run(100 * second)
	w.requireTold(t, "  collector_down 919...1020 0.0")
	s.dead = false
	w.run(minute)
	w.requireTold(t, "worker traces silent 595...1115 0.0")
	require.Equal(t, w.changes[0].ID, w.changes[2].ID)
}

func TestTheEndOfAGapIsToldAfterARestart(t *testing.T) {
	w, s := silent(t, 100*second)
	w.told, s.dead = nil, false
	w.run(2 * second)
	require.Empty(t, w.told, "what comes late is waited for")
	w.restart(t, 10*second)
	w.Seen("worker", SignalTraces, epoch+650*second, w.now)
	w.run(20 * second)
	require.Len(t, w.told, 1)
	require.Equal(t, w.changes[0].ID, w.changes[1].ID)
	require.Positive(t, w.changes[1].Filled, "what came late after the restart counts")
}

func TestAGapThatWasNotNoticedBeforeARestartIsToldAfterwards(t *testing.T) {
	w, _ := silent(t, 20*second)
	w.restart(t, 10*second)
	w.run(2 * minute)
	w.requireTold(t, "worker traces silent 595... 0.0")
}

func TestNightsAreKnownAfterARestart(t *testing.T) {
	w := newWorld(t)
	w.add("other", minute)
	s := w.add("worker", minute)
	for night := range 3 {
		w.run(16 * hour)
		s.dead = true
		w.run(4 * hour)
		if night == 2 {
			require.Empty(t, w.told)
			w.restart(t, 5*minute)
			w.run(4*hour - 5*minute)
			w.requireTold(t, "  collector_down 245999...246300 0.0")
		} else {
			w.run(4 * hour)
		}
		s.dead = false
		w.run(10 * minute)
		if night == 2 {
			require.Empty(t, w.told, "idle, as the night before")
		}
		w.told = nil
	}
	require.Empty(t, w.told)
}

func TestWhileTheCollectorIsAwayNobodyIsSilent(t *testing.T) {
	w := newWorld(t)
	often, seldom := w.add("often", 5*second), w.add("seldom", 10*minute)
	w.run(20 * hour)
	habits := w.Report(10)
	often.next += 6 * hour
	w.restart(t, 6*hour)
	often.next = w.now + 20*second
	seldom.next = w.now + 9*minute
	w.run(hour)
	w.requireTold(t, "  collector_down 71999...93600 0.0")
	for i, s := range w.Report(10) {
		require.Equal(t, habits[i].Signals[SignalTraces].Usual, s.Signals[SignalTraces].Usual, s.Service)
	}
	seldom.dead = true
	w.run(3 * hour)
	require.Len(t, w.told, 1, "who is silent afterwards is")
}

func TestHabitsOutliveOtherSettings(t *testing.T) {
	w, s := silent(t, 100*second)
	w.told = nil
	w.settings.MinSamples, w.settings.Floor, w.settings.MaxServices = 1000, 2*w.settings.Floor, 2
	w.restart(t, 20*second)
	s.dead = false
	w.run(minute)
	require.Len(t, w.told, 1)
	require.Equal(t, minute, w.Report(1)[0].Signals[SignalTraces].Threshold)
	w.settings.MaxServices = 1
	w.restart(t, 20*second)
	require.Equal(t, 1, w.Stats().Services)
}

func TestSnapshotsThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	w.add("worker", 5*second)
	w.run(10 * minute)
	before := w.Report(10)
	data := w.Snapshot()
	data[len(data)/2]++
	require.EqualError(t, w.Restore(data, w.now), "snapshot of the habits of services: the checksum does not match")
	require.Equal(t, before, w.Report(10))
}

func TestAClockThatWasSetBackOverARestart(t *testing.T) {
	w, s := silent(t, 100*second)
	w.restart(t, 40*second)
	w.run(second)
	w.now -= hour
	w.Monitor = w.again(t)
	for _, one := range w.senders {
		one.next = w.now
	}
	w.told = nil
	w.run(10 * minute)
	require.Empty(t, w.told)
	s.dead = false
	w.run(2 * minute)
	require.Len(t, w.told, 1)
	s.dead = true
	w.run(5 * minute)
	require.Len(t, w.told, 2)
}

// FuzzRestore: whatever is read, the monitor goes on.
func FuzzRestore(f *testing.F) {
	w := newWorld(f)
	s := w.add("worker", 5*second)
	w.add("other", 5*second)
	w.run(10 * minute)
	s.dead = true
	w.run(2 * minute)
	w.now += 5 * minute
	w.run(second)
	f.Add(body(w.Snapshot()))
	s.dead = false
	w.run(10 * second)
	f.Add(body(w.Snapshot()))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := New(DefaultSettings())
		require.NoError(t, err)
		if m.Restore(enclose(data), epoch+hour) != nil {
			require.Zero(t, m.Stats().Services)
			return
		}
		for at := epoch + hour; at < epoch+2*hour; at += minute {
			m.Seen("worker", SignalTraces, at-10*minute, at)
			m.Seen("other", SignalLogs, at, at)
			m.Silent(at)
			m.Covers("worker", at-hour, at)
		}
		m.Report(10)
		m.Gaps(0, 10)
		require.NoError(t, m.Restore(m.Snapshot(), epoch+2*hour), "what was taken can be written and read")
	})
}
