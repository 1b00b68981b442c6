package gap

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	second = int64(time.Second)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// epoch is when the simulations begin: a Monday, 0:00.
var epoch = time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC).UnixNano()

// world is a monitor in simulated time, which is asked once a second and by what sends.
type world struct {
	*Monitor
	now     int64
	senders map[string]*sender
	// order is that in which they send.
	order   []*sender
	told    []string
	changes []Gap
}

// sender sends a batch of ten events each so often.
type sender struct {
	service string
	signal  Signal
	every   int64
	// delay is how late an event arrives, and behind how far the clock is behind.
	delay, behind int64
	// dead sends nothing, and keeps nothing; blocked keeps what it has to send, and sends it when it is not any more.
	dead, blocked bool
	next          int64
	kept          []int64
}

func newWorld(t require.TestingT) *world { return newWorldWith(t, DefaultSettings()) }

func newWorldWith(t require.TestingT, s Settings) *world {
	m, err := New(s)
	require.NoError(t, err)
	return &world{Monitor: m, now: epoch, senders: map[string]*sender{}}
}

// add lets a service send its traces, or whatever signal is said.
func (w *world) add(service string, every int64, signals ...Signal) *sender {
	s := &sender{service: service, every: every, next: w.now}
	for _, signal := range signals {
		s.signal = signal
	}
	w.senders[service+"/"+s.signal.String()] = s
	w.order = append(w.order, s)
	return s
}

func (s *sender) step(m *Monitor, now int64) {
	if now < s.next {
		return
	}
	s.next += s.every
	if s.dead {
		return
	}
	for i := range int64(10) {
		s.kept = append(s.kept, now-s.every+(i+1)*s.every/10)
	}
	if s.blocked {
		return
	}
	for _, at := range s.kept {
		m.Seen(s.service, s.signal, at-s.behind, now+s.delay)
	}
	s.kept = s.kept[:0]
}

// run lets time go on.
func (w *world) run(nanos int64) {
	for end := w.now + nanos; w.now < end; w.now += second {
		for _, s := range w.order {
			s.step(w.Monitor, w.now)
		}
		for _, g := range w.Silent(w.now) {
			w.told = append(w.told, w.line(g))
			w.changes = append(w.changes, g)
		}
	}
}

// line is a change in words: who, what, and when by the second since the epoch.
func (w *world) line(g Gap) string {
	var signals []string
	for s := range SignalCount {
		if g.Signals[s] {
			signals = append(signals, s.String())
		}
	}
	until := "..."
	if g.Until != 0 {
		until = fmt.Sprintf("...%d", (g.Until-epoch)/second)
	}
	gone := ""
	if g.Gone {
		gone = " gone"
	}
	return fmt.Sprintf("%s %s %s %d%s %.1f%s", g.Service, strings.Join(signals, "+"), g.Kind, (g.From-epoch)/second, until, g.Filled, gone)
}

// requireTold requires what was told since it was asked last.
func (w *world) requireTold(t *testing.T, lines ...string) {
	t.Helper()
	require.Equal(t, lines, w.told)
	w.told = nil
}

func (w *world) covers(service string, from, until int64) bool {
	return w.Covers(service, epoch+from, epoch+until)
}

func TestSilence(t *testing.T) {
	w := newWorld(t)
	w.add("other", 5*second)
	s := w.add("worker", 5*second)
	w.run(600 * second)
	s.dead = true
	w.run(25 * second)
	require.False(t, w.covers("worker", 596*second, 620*second), "silent, but not for too long")
	w.run(8 * second)
	require.True(t, w.covers("worker", 596*second, 640*second), "counts before it is told")
	require.Empty(t, w.told)
	w.run(60 * second)
	w.requireTold(t, "worker traces silent 595... 0.0")
	s.dead = false
	w.run(60 * second)
	w.requireTold(t, "worker traces silent 595...690 0.0")
	require.Equal(t, w.changes[0].ID, w.changes[1].ID)
	require.True(t, w.covers("worker", 0*second, 640*second))
	require.True(t, w.covers("worker", 640*second, 640*second))
	require.True(t, w.covers("worker", 690*second, 760*second))
	require.False(t, w.covers("worker", 0*second, 594*second), "before")
	require.False(t, w.covers("worker", 696*second, 760*second), "after")
	require.False(t, w.covers("other", 0*second, 760*second))
	require.False(t, w.covers("unknown", 0*second, 760*second))
}

func TestHabitsAreTheirOwn(t *testing.T) {
	for name, c := range map[string]struct{ every, silentAfter int64 }{
		"each second":  {second, 30 * second},
		"each 5 s":     {5 * second, 30 * second},
		"each 20 s":    {20 * second, 68 * second},
		"each minute":  {minute, 4 * minute},
		"each 10 min":  {10 * minute, 40 * minute},
		"once an hour": {hour, 4 * hour},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.add("worker", c.every)
			w.run(30 * max(c.every, 5*second))
			require.Empty(t, w.told)
			s.dead = true
			last := w.senders["worker/traces"].next - s.every - epoch
			for !w.covers("worker", last, last+1) {
				w.run(second)
				require.LessOrEqual(t, w.now-epoch-last, c.silentAfter+10*second)
			}
			require.GreaterOrEqual(t, w.now-epoch-last, 2*c.every)
			require.GreaterOrEqual(t, w.now-epoch-last, 30*second)
		})
	}
}

func TestWithoutAHabitNobodyIsSilent(t *testing.T) {
	w := newWorld(t)
	w.add("new", 5*second)
	w.run(90 * second)
	w.senders["new/traces"].dead = true
	w.run(day)
	require.Empty(t, w.told)
	require.False(t, w.covers("new", 0, day))
}

func TestBurstsAreJudgedByThePausesBetween(t *testing.T) {
	w := newWorld(t)
	s := w.add("worker", 5*second)
	for i := range 40 {
		// 10 minutes of work, 12 of nothing.
		w.run(600 * second)
		s.dead = true
		w.run(720 * second)
		s.dead = false
		if i == 5 {
			w.told = nil
		}
	}
	require.Empty(t, w.told, "what is usual is known after the first few times")
	s.dead = true
	w.run(2 * hour)
	require.Len(t, w.told, 1)
}

func TestAnOutageTeachesNothing(t *testing.T) {
	w := newWorld(t)
	s := w.add("worker", 5*second)
	w.run(4 * hour)
	for range 10 {
		s.dead = true
		w.run(10 * minute)
		require.Len(t, w.told, 1)
		s.dead = false
		w.run(2 * hour)
		require.Len(t, w.told, 2)
		w.told = nil
	}
}

func TestWhatIsKeptAndSentLateFillsTheGap(t *testing.T) {
	w := newWorld(t)
	s := w.add("worker", 5*second)
	w.run(600 * second)
	s.blocked = true
	w.run(600 * second)
	w.requireTold(t, "worker traces silent 595... 0.0")
	require.True(t, w.covers("worker", 600*second, 1200*second))
	s.blocked = false
	w.run(20 * second)
	w.requireTold(t, "worker traces late 595...1170 1.0")
	require.False(t, w.covers("worker", 600*second, 1200*second), "nothing was missed")
}

func TestAShareIsFilled(t *testing.T) {
	w := newWorld(t)
	s := w.add("worker", 5*second)
	w.run(600 * second)
	s.dead = true
	w.run(300 * second)
	s.dead = false
	s.blocked = true
	w.run(300 * second)
	s.blocked = false
	w.run(20 * second)
	require.Equal(t, "worker traces late 595...1170 0.5", w.told[1])
	require.True(t, w.covers("worker", 700*second, 710*second))
	require.False(t, w.covers("worker", 1000*second, 1200*second))
	g, ok := w.Find("worker", epoch, w.now)
	require.True(t, ok)
	require.InDelta(t, 0.5, g.Filled, 0.05)
}

func TestAGapIsFilledAfterItIsOver(t *testing.T) {
	w := newWorld(t)
	s := w.add("worker", 5*second)
	w.run(600 * second)
	s.dead = true
	w.run(600 * second)
	s.dead = false
	w.run(60 * second)
	require.True(t, w.covers("worker", 600*second, 1200*second))
	// The retry queue of an exporter empties from its end.
	for at := 1200 * second; at >= 595*second; at -= 5 * second {
		w.Seen("worker", SignalTraces, epoch+at, w.now)
	}
	require.False(t, w.covers("worker", 600*second, 1200*second))
	gaps := w.Gaps(0, 10)
	require.Len(t, gaps, 1)
	require.InDelta(t, 1, gaps[0].Filled, 1e-9)
}

func TestLateTelemetryIsAGapOfItsOwnKind(t *testing.T) {
	w := newWorld(t)
	s := w.add("worker", 5*second)
	w.run(600 * second)
	s.dead = true
	for ; w.now < epoch+900*second; w.now += second {
		// Events of a minute in ten.
		at := 600*second + (w.now-epoch-600*second)/10
		w.Seen("worker", SignalTraces, epoch+at, w.now)
		for _, g := range w.Silent(w.now) {
			w.told = append(w.told, w.line(g))
		}
	}
	w.requireTold(t, "worker traces late 603... 0.0")
	require.True(t, w.covers("worker", 700*second, 900*second))
	require.False(t, w.covers("worker", 604*second, 625*second), "that much came")
	s.dead = false
	s.next = w.now
	w.run(60 * second)
	w.requireTold(t, "worker traces late 603...895 0.1")
}

func TestWhatComesLastIsNeverQuiteNew(t *testing.T) {
	w := newWorld(t)
	w.add("worker", 5*second).dead = true
	for i := range int64(120) {
		w.run(5 * second)
		// Some batches are sent as soon as there is something, some after a few seconds.
		w.Seen("worker", SignalTraces, w.now-i%4*second, w.now)
	}
	w.run(2 * minute)
	w.requireTold(t, "worker traces silent 597... 0.0")
}

func TestClocksThatAreBehindMakeNobodyLate(t *testing.T) {
	w := newWorld(t)
	s := w.add("worker", 5*second)
	s.behind = hour
	ahead := w.add("mailer", 5*second)
	ahead.behind = -hour
	w.run(2 * hour)
	require.Empty(t, w.told)
	s.dead, ahead.dead = true, true
	w.run(2 * minute)
	require.Len(t, w.told, 1)
	report := w.Report(10)
	require.Equal(t, hour/second, report[1].Signals[SignalTraces].Lag/second)
}

func TestAClockSetBackIsLearned(t *testing.T) {
	w := newWorld(t)
	s := w.add("worker", 5*second)
	w.run(600 * second)
	s.behind = 30 * day
	w.run(58 * minute)
	w.requireTold(t, "worker traces late 595... 0.0")
	w.run(10 * minute)
	require.Len(t, w.told, 1)
	require.False(t, w.covers("worker", w.now-epoch-minute, w.now-epoch))
	s.dead = true
	w.run(2 * minute)
	require.Len(t, w.told, 2, "silence is noticed as before")
}

func TestNightsAndSundaysAreIdle(t *testing.T) {
	s := DefaultSettings()
	w := newWorldWith(t, s)
	worker := w.add("worker", 20*second)
	w.add("always", 20*second)
	works := func(at int64) bool {
		h, d := (at-epoch)%day/hour, (at-epoch)/day%7
		return h >= 6 && h < 22 && d < 5
	}
	var perDay []int
	for d := range 16 {
		for range 24 * 6 {
			worker.dead = !works(w.now)
			w.run(10 * minute)
		}
		perDay = append(perDay, len(w.told))
		w.told = nil
		if d == 2 {
			require.False(t, w.covers("worker", 2*day+23*hour, 3*day), "idle")
			require.Equal(t, 1, w.Stats().Idle)
		}
	}
	require.Equal(t, []int{
		1, 1, 0, 0, 0, // The first night begins, and ends.
		1, 0, // Nobody comes on the first Saturday
		1, 0, 0, 0, 0, 0, 0, // until Monday; the second one is known.
		0, 0,
	}, perDay)
	// By day it is as silent as ever, at once.
	worker.dead = false
	w.run(10 * hour)
	worker.dead = true
	w.run(10 * minute)
	require.Len(t, w.told, 1)
}

func TestADailyJobThatDoesNotComeIsAGap(t *testing.T) {
	w := newWorld(t)
	s := w.add("job", 5*second)
	w.add("other", 5*second)
	for d := range 3 {
		s.dead = true
		w.run(2 * hour)
		s.dead = d == 2
		w.run(20 * minute)
		s.dead = true
		w.run(day - 2*hour - 20*minute)
	}
	w.requireTold(t,
		"job traces silent 8395... 0.0", // After its first run it is not known to run once a day.
		"job traces silent 8395...93595 0.0",
		"job traces silent 94795... 0.0", // It did not come, half an hour ago.
	)
	require.True(t, w.covers("job", 2*day+3*hour, 3*day))
}

func TestAllTogetherIsOneGap(t *testing.T) {
	w := newWorld(t)
	for i := range 50 {
		w.add(fmt.Sprint("service", i), int64(1+i%7)*second)
	}
	w.add("hourly", hour)
	w.run(10 * minute)
	for _, s := range w.senders {
		s.dead = true
	}
	w.run(10 * minute)
	w.requireTold(t, "  silent 594... 0.0")
	require.True(t, w.covers("service7", 10*minute, 20*minute))
	require.True(t, w.covers("", 10*minute, 20*minute), "whoever it is")
	require.True(t, w.covers("never heard of", 10*minute, 20*minute))
	require.False(t, w.covers("", 0, 9*minute), "before the gap")
	for _, s := range w.senders {
		s.dead = s.service == "service13" || s.service == "service14"
	}
	w.run(10 * second)
	w.requireTold(t, "  silent 594...1199 0.0")
	require.False(t, w.covers("", 10*minute, 20*minute), "what anybody else does is heard of again")
	w.run(2 * minute)
	w.requireTold(t, "service13 traces silent 595... 0.0", "service14 traces silent 599... 0.0")
	gaps := w.Gaps(w.now, 100)
	require.Len(t, gaps, 2)
	require.Len(t, w.Gaps(0, 100), 51)
}

func TestTwoOfManyAreTwoGaps(t *testing.T) {
	w := newWorld(t)
	for i := range 10 {
		w.add(fmt.Sprint("service", i), 5*second)
	}
	w.run(10 * minute)
	w.senders["service1/traces"].dead, w.senders["service2/traces"].dead = true, true
	w.run(10 * minute)
	w.requireTold(t, "service1 traces silent 595... 0.0", "service2 traces silent 595... 0.0")
	require.Equal(t, Stats{Services: 10, Silent: 2, Gaps: 2}, w.Stats())
}

// TestTheBusiestAreNotEverybody: those who may be silent for longer are heard of, so not all telemetry is lacking.
func TestTheBusiestAreNotEverybody(t *testing.T) {
	w := newWorld(t)
	busy := []*sender{w.add("batch", 2*second), w.add("batch worker", 2*second)}
	for i := range 8 {
		w.add(fmt.Sprint("service", i), 30*second)
	}
	w.run(20 * minute)
	for _, s := range busy {
		s.dead = true
	}
	w.run(10 * minute)
	w.requireTold(t, "batch traces silent 1198... 0.0", "batch worker traces silent 1198... 0.0")
	require.False(t, w.covers("never heard of", 20*minute, 30*minute))
}

func TestSignalsHaveHabitsOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.add("other", 5*second)
	traces, logs := w.add("worker", 5*second), w.add("worker", 60*second, SignalLogs)
	w.run(hour)
	traces.dead, logs.dead = true, true
	w.run(10 * minute)
	w.requireTold(t, "worker traces silent 3595... 0.0")
	require.Equal(t, [SignalCount]bool{true, true}, w.Report(1)[0].Gap.Signals)
	traces.dead = false
	w.run(30 * second)
	require.Empty(t, w.told, "the logs are lacking still")
	logs.dead = false
	w.run(2 * minute)
	w.requireTold(t, "worker traces+logs silent 3540...4206 0.0")
}

func TestASignalThatIsNotSentAnyMoreIsForgotten(t *testing.T) {
	w := newWorld(t)
	w.add("worker", 5*second)
	logs := w.add("worker", 5*second, SignalLogs)
	w.run(hour)
	logs.dead = true
	w.run(hour)
	w.requireTold(t, "worker logs silent 3595... 0.0")
	w.run(10 * minute)
	w.requireTold(t, "worker logs silent 3595...7226 0.0 gone")
	w.run(2 * hour)
	require.Empty(t, w.told)
	require.False(t, w.covers("worker", w.now-epoch-hour, w.now-epoch))
}

func TestAServiceThatNeverComesBackIsForgotten(t *testing.T) {
	s := DefaultSettings()
	s.Retention = 2 * time.Hour
	w := newWorldWith(t, s)
	w.add("other", 20*second)
	w.add("worker", 20*second)
	w.run(30 * minute)
	w.senders["worker/traces"].dead = true
	w.run(3 * hour)
	w.requireTold(t, "worker traces silent 1780... 0.0", "worker traces silent 1780...9000 0.0 gone")
	require.Equal(t, Stats{Services: 1, Gaps: 1, Forgotten: 1}, w.Stats())
	require.Empty(t, w.Gaps(0, 10))
}

func TestBatchesAreTakenApartWhereTheyMayFillAGap(t *testing.T) {
	w := newWorld(t)
	worker := w.add("worker", 5*second)
	w.run(10 * minute)
	at := func(s int64) int64 { return epoch + s*second }
	require.False(t, w.SeenBatch("worker", SignalTraces, at(595), at(600), w.now), "there is no gap")
	require.False(t, w.SeenBatch("new", SignalTraces, at(1), at(600), w.now))
	worker.dead = true
	w.run(5 * minute)
	w.requireTold(t, "worker traces silent 600... 0.0")
	require.True(t, w.SeenBatch("worker", SignalTraces, at(605), at(900), w.now))
	require.False(t, w.SeenBatch("worker", SignalLogs, at(605), at(900), w.now), "these never came before")
	for s := int64(605); s <= 900; s += 5 {
		w.Seen("worker", SignalTraces, at(s), w.now)
	}
	require.False(t, w.covers("worker", 600*second, 900*second))
	worker.dead = false
	worker.next = w.now
	w.run(minute)
	w.requireTold(t, "worker traces late 600...870 1.0")
	require.True(t, w.SeenBatch("worker", SignalTraces, at(700), at(960), w.now), "more may come late")
	require.False(t, w.SeenBatch("worker", SignalTraces, at(955), at(960), w.now))
	require.False(t, w.SeenBatch("worker", SignalTraces, at(960), at(960), w.now))
	w.Down(at(940), at(950))
	require.True(t, w.SeenBatch("other", SignalLogs, at(945), at(960), w.now))
}

func TestOneSignalIsFilledWhileTheOtherIsLacking(t *testing.T) {
	w := newWorld(t)
	traces, logs := w.add("worker", 5*second), w.add("worker", 5*second, SignalLogs)
	w.run(10 * minute)
	traces.dead, logs.dead = true, true
	w.run(5 * minute)
	w.requireTold(t, "worker traces+logs silent 595... 0.0")
	// What is new comes first, what was kept after it, and the logs after all that.
	for _, signal := range []Signal{SignalTraces, SignalLogs} {
		w.Seen("worker", signal, w.now, w.now)
		for at := w.now - 5*minute; at < w.now; at += 5 * second {
			w.Seen("worker", signal, at, w.now)
		}
	}
	traces.dead, logs.dead, traces.next, logs.next = false, false, w.now, w.now
	w.run(minute)
	require.False(t, w.covers("worker", 10*minute, 15*minute))
	gaps := w.Gaps(0, 10)
	require.Len(t, gaps, 1)
	require.InDelta(t, 1, gaps[0].Filled, 0)
}

func TestThatAGapIsOverIsToldWithWhatCameLate(t *testing.T) {
	w := newWorld(t)
	s := w.add("worker", 5*second)
	w.run(10 * minute)
	s.dead = true
	w.run(5 * minute)
	w.requireTold(t, "worker traces silent 595... 0.0")
	s.dead, s.next = false, w.now
	w.run(5 * second)
	for at := w.now - 6*minute; at < w.now; at += 5 * second {
		w.Seen("worker", SignalTraces, at, w.now)
	}
	require.Empty(t, w.told, "more may come")
	w.run(20 * second)
	w.requireTold(t, "worker traces silent 595...895 1.0")
	w.run(minute)
	require.Empty(t, w.told, "once")
}

func TestAGapLastsUntilEachSignalIsBack(t *testing.T) {
	w := newWorld(t)
	traces, logs := w.add("worker", second), w.add("worker", second, SignalLogs)
	w.run(600 * second)
	traces.dead, logs.dead = true, true
	w.run(35 * second)
	traces.dead = false
	w.run(30 * second)
	require.Len(t, w.changes, 1)
	require.Zero(t, w.changes[0].Until, "no logs yet")
	logs.dead = false
	w.run(30 * second)
	w.requireTold(t, "worker traces+logs silent 599... 0.0", "worker traces+logs silent 599...664 0.0")
}
