package gap

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/snapshot"
)

// body is what a snapshot has between its name and its checksum.
func body(data []byte) []byte {
	return data[len(snapshot.NewWriter(snapshotName, snapshotVersion).Bytes()) : len(data)-4]
}

func enclose(body []byte) []byte {
	return snapshot.Append(append(snapshot.NewWriter(snapshotName, snapshotVersion).Bytes(), body...)).Close()
}

// pass carries what was heard from one monitor to the others, as the log does.
func pass(t require.TestingT, now int64, from *Monitor, to ...*Monitor) {
	heard, err := DecodeHeard(AppendHeard(nil, from.Heard()))
	require.NoError(t, err)
	for _, m := range to {
		m.Hear(heard, now)
	}
}

// fleetOf are collectors behind one load balancer; the first tells of gaps.
type fleetOf struct {
	*world
	all []*Monitor
	// turn is who gets the next batch.
	turn int
}

func newFleet(t require.TestingT, size int) *fleetOf {
	f := &fleetOf{world: newWorld(t)}
	for range size {
		m, err := New(DefaultSettings())
		require.NoError(t, err)
		m.Heard()
		f.all = append(f.all, m)
	}
	f.Monitor = f.all[0]
	return f
}

// run lets time go on. Each batch goes to another collector.
func (f *fleetOf) run(t require.TestingT, nanos int64) {
	for end := f.now + nanos; f.now < end; f.now += second {
		for _, name := range []string{"other/traces", "worker/traces"} {
			if s := f.senders[name]; s != nil {
				s.step(f.all[f.turn%len(f.all)], f.now)
				f.turn++
			}
		}
		for i, m := range f.all {
			pass(t, f.now, m, slices.Concat(f.all[:i], f.all[i+1:])...)
		}
		for _, m := range f.all {
			if m != f.Monitor {
				m.Follow(f.now)
				continue
			}
			for _, g := range m.Silent(f.now) {
				f.told, f.changes = append(f.told, f.line(g)), append(f.changes, g)
			}
		}
	}
}

func TestWhatOneCollectorHearsNoneTakesForSilence(t *testing.T) {
	f := newFleet(t, 3)
	f.add("other", 5*second)
	s := f.add("worker", 5*second)
	f.run(t, 20*minute)
	require.Empty(t, f.told)
	for _, m := range f.all[1:] {
		for i, one := range m.Report(10) {
			require.Equal(t, f.Report(10)[i].Signals[SignalTraces].Usual, one.Signals[SignalTraces].Usual)
		}
	}
	s.dead = true
	f.run(t, 2*minute)
	f.requireTold(t, "worker traces silent 1195... 0.0")
	for _, m := range f.all[1:] {
		require.True(t, m.Covers("worker", f.now-minute, f.now), "all of them know")
		require.Zero(t, m.Stats().Gaps, "one of them tells")
	}
	s.dead = false
	f.run(t, minute)
	f.requireTold(t, "worker traces silent 1195...1320 0.0")
}

func TestWhatComesLateAtAnotherCollectorFillsTheGap(t *testing.T) {
	f := newFleet(t, 2)
	f.add("other", 5*second)
	s := f.add("worker", 5*second)
	f.run(t, 20*minute)
	s.blocked = true
	f.run(t, 10*minute)
	require.Len(t, f.told, 1)
	// All that was kept goes to the one that does not tell.
	at := f.now
	for _, kept := range s.kept {
		f.all[1].Seen("worker", SignalTraces, kept, at)
	}
	s.kept, s.blocked, s.next = nil, false, at
	f.run(t, minute)
	require.Len(t, f.told, 2)
	require.InDelta(t, 1, f.changes[1].Filled, 0)
	require.False(t, f.Covers("worker", epoch, f.now))
}

func TestAnotherCollectorTellsOfGapsFromNowOn(t *testing.T) {
	f := newFleet(t, 2)
	f.add("other", 5*second)
	s := f.add("worker", 5*second)
	f.run(t, 20*minute)
	s.dead = true
	f.run(t, 2*minute)
	require.Len(t, f.told, 1)
	data := f.Snapshot()
	f.run(t, 20*second)
	// The first one dies.
	f.all, f.Monitor = f.all[1:], f.all[1]
	require.NoError(t, f.Restore(data, f.now))
	f.run(t, 5*minute)
	require.Len(t, f.told, 1, "it was told before")
	s.dead = false
	f.run(t, minute)
	require.Len(t, f.told, 2)
	require.Equal(t, f.changes[0].ID, f.changes[1].ID)
}

func TestWhatHappenedSinceTheSnapshotIsToldByTheNext(t *testing.T) {
	for name, dead := range map[string]bool{"a beginning": false, "an end": true} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, 2)
			f.add("other", 5*second)
			s := f.add("worker", 5*second)
			f.run(t, 20*minute)
			s.dead = dead
			f.run(t, 2*minute)
			data, told := f.Snapshot(), len(f.told)
			// The first one dies at once, the other one only follows for a while.
			follower := f.all[1]
			f.all, f.Monitor = f.all[1:], nil
			s.dead = !dead
			f.run(t, 2*minute)
			f.Monitor = follower
			require.NoError(t, follower.Restore(data, f.now))
			f.run(t, 2*minute)
			require.Len(t, f.told, told+1)
			require.Equal(t, dead, f.changes[told].Until != 0)
		})
	}
}

func TestPropertyWhatIsHeardAgainChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.add("other", 5*second)
		s := w.add("worker", rapid.Int64Range(1, 20).Draw(t, "every")*second)
		w.Heard()
		var rows [][]Heard
		for range rapid.IntRange(1, 10).Draw(t, "steps") {
			s.dead, s.blocked = rapid.Bool().Draw(t, "dead"), rapid.Bool().Draw(t, "blocked")
			w.run(rapid.Int64Range(1, 120).Draw(t, "seconds") * second)
			rows = append(rows, w.Heard())
		}
		require.Empty(t, w.Heard())
		report, gaps := habits(w), ends(w.Gaps(0, 100))
		for _, row := range rows[rapid.IntRange(0, len(rows)-1).Draw(t, "from"):] {
			w.Hear(row, w.now)
		}
		require.Equal(t, report, habits(w))
		require.Equal(t, gaps, ends(w.Gaps(0, 100)))
		require.Empty(t, w.Heard(), "what others heard is not passed on")
	})
}

func habits(w *world) map[string][SignalCount]Habit {
	out := map[string][SignalCount]Habit{}
	for _, s := range w.Report(10) {
		out[s.Service] = s.Signals
	}
	return out
}

// ends are the gaps, whatever came late.
func ends(gaps []Gap) []Gap {
	for i := range gaps {
		gaps[i].Filled = 0
	}
	return gaps
}

func TestNothingIsKeptForOthersUntilSomebodyAsks(t *testing.T) {
	m := newMonitor(t)
	m.Seen("worker", SignalTraces, epoch, epoch)
	require.Empty(t, m.Heard())
	m.SeenBatch("worker", SignalTraces, epoch, epoch+second, epoch+2*second)
	m.SeenBatch("worker", SignalTraces, epoch+2*second, epoch+3*second, epoch+4*second)
	m.Seen("worker", SignalLogs, 0, epoch+4*second)
	require.Equal(t, []Heard{
		{Service: "worker", Signal: SignalTraces, Oldest: epoch, Newest: epoch + 3*second, Arrival: epoch + 4*second},
		{Service: "worker", Signal: SignalLogs, Oldest: epoch + 4*second, Newest: epoch + 4*second, Arrival: epoch + 4*second},
	}, m.Heard())
	require.Empty(t, m.Heard())
}

func TestWhatIsPassedOnIsBounded(t *testing.T) {
	var h heard
	for i := range int64(1000) {
		// Some rows of events, and many events that stand alone.
		h.add(epoch+i*hour, minute)
		if i%100 == 0 {
			for k := range int64(20) {
				h.add(epoch+i*hour+k*minute, minute)
			}
		}
	}
	require.Len(t, h.late, MaxLate)
	for i := range int64(10) {
		require.Contains(t, h.late, Run{epoch + 100*i*hour, epoch + 100*i*hour + 19*minute})
	}
}

func TestServicesThatAreHeardOfAreBounded(t *testing.T) {
	s := DefaultSettings()
	s.MaxServices = 2
	m, err := New(s)
	require.NoError(t, err)
	m.Hear([]Heard{{Service: "a", Arrival: epoch}, {Service: "b", Arrival: epoch}, {Service: "c", Arrival: epoch}, {Arrival: epoch}}, epoch)
	require.Equal(t, 2, m.Stats().Services)
	require.Equal(t, uint64(1), m.Stats().Refused)
}

func TestSeeingForOthersAllocatesNothing(t *testing.T) {
	m := newMonitor(t)
	m.Heard()
	m.Seen("worker", SignalTraces, epoch, epoch)
	at := epoch
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		at += second
		m.SeenBatch("worker", SignalTraces, at-second, at, at)
	}))
}

func newMonitor(t *testing.T) *Monitor {
	m, err := New(DefaultSettings())
	require.NoError(t, err)
	return m
}

func TestPropertyHeardIsReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.Int64Range(0, maxTime)
		all := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Heard {
			late := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Run {
				first := at.Draw(t, "first")
				return Run{first, rapid.Int64Range(first, maxTime).Draw(t, "last")}
			}), 0, MaxLate).Draw(t, "late")
			return Heard{
				Service: rapid.StringN(1, 20, 40).Draw(t, "service"), Signal: rapid.SampledFrom([]Signal{SignalTraces, SignalLogs}).Draw(t, "signal"),
				Oldest: at.Draw(t, "oldest"), Newest: at.Draw(t, "newest"), Arrival: at.Draw(t, "arrival"),
				Late: late,
			}
		})).Draw(t, "all")
		read, err := DecodeHeard(AppendHeard(nil, all))
		require.NoError(t, err)
		require.Len(t, read, len(all))
		for i := range all {
			require.Equal(t, all[i].Late, append(make([]Run, 0), read[i].Late...))
			read[i].Late = all[i].Late
		}
		if len(all) > 0 {
			require.Equal(t, all, read)
		}
	})
}

func FuzzDecodeHeard(f *testing.F) {
	f.Add(AppendHeard(nil, []Heard{{Service: "worker", Oldest: epoch, Newest: epoch + second, Arrival: epoch + 2*second, Late: []Run{{epoch, epoch + second}}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := DecodeHeard(data)
		if err != nil {
			return
		}
		m, err := New(DefaultSettings())
		require.NoError(t, err)
		for at := epoch; at < epoch+10*minute; at += second {
			m.Seen("worker", SignalTraces, at, at)
		}
		m.Silent(epoch + hour)
		m.Silent(epoch + hour + minute)
		m.Hear(all, epoch+2*hour)
		m.Silent(epoch + 2*hour)
		require.LessOrEqual(t, m.Stats().Services, len(all)+1)
	})
}
