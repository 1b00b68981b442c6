package gap

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCollectorDown(t *testing.T) {
	w := newWorld(t)
	w.Down(epoch-10*minute, epoch)
	w.run(second)
	w.requireTold(t, "  collector_down -600...0 0.0")
	require.True(t, w.covers("worker", -5*minute, 0))
	require.True(t, w.covers("worker", -60*minute, hour))
	require.False(t, w.covers("worker", -60*minute, -11*minute))
	require.False(t, w.covers("worker", 0, hour))
	// One service had kept what it had to send.
	for at := -10 * minute; at <= 0; at += 5 * second {
		w.Seen("worker", SignalTraces, epoch+at, w.now)
	}
	require.False(t, w.covers("worker", -5*minute, 0))
	require.True(t, w.covers("mailer", -5*minute, 0))
	w.Seen("mailer", SignalTraces, epoch-minute, w.now)
	require.True(t, w.covers("mailer", -5*minute, 0))
	g, ok := w.Find("mailer", epoch-5*minute, epoch)
	require.True(t, ok)
	require.InDelta(t, 0, g.Filled, 0.03)
	require.Equal(t, KindCollectorDown, g.Kind)
	w.Down(epoch, epoch)
	w.run(9 * day)
	require.Empty(t, w.told)
	require.False(t, w.covers("mailer", -5*minute, 0), "too old")
}

func TestNobodyIsSilentWhileTheCollectorStoodStill(t *testing.T) {
	w := newWorld(t)
	w.add("worker", 5*second)
	mailer := w.add("mailer", 5*second)
	w.run(10 * minute)
	mailer.dead = true
	w.now += hour
	w.senders["worker/traces"].next = w.now
	w.run(2 * minute)
	w.requireTold(t, "  collector_down 599...4200 0.0", "mailer traces silent 595... 0.0")
	require.True(t, w.covers("worker", 20*minute, 30*minute))
}

func TestTheClockOfTheCollectorIsSetBack(t *testing.T) {
	w := newWorld(t)
	s := w.add("worker", 5*second)
	w.run(2 * hour)
	w.now -= hour
	s.next = w.now
	w.run(2 * hour)
	require.Empty(t, w.told)
	s.dead = true
	w.run(2 * minute)
	require.Len(t, w.told, 1)
}

func TestBounds(t *testing.T) {
	s := DefaultSettings()
	s.MaxServices, s.MaxGaps = 3, 2
	w := newWorldWith(t, s)
	worker := w.add("worker", 5*second)
	w.run(5 * minute)
	for i := range 100 {
		w.Seen(fmt.Sprint("flood", i), SignalLogs, w.now, w.now)
	}
	w.Seen(strings.Repeat("x", maxName+1), SignalLogs, w.now, w.now)
	w.Seen("", SignalLogs, w.now, w.now)
	require.Equal(t, Stats{Services: 3, Refused: 99}, w.Stats())
	w.run(12 * minute)
	require.Equal(t, Stats{Services: 1, Refused: 99, Forgotten: 2}, w.Stats(), "who came once gives way")
	for i := range 4 {
		worker.dead = true
		w.run(int64(1+i%2)*5*minute + 2*minute)
		worker.dead = false
		w.run(hour)
	}
	require.Len(t, w.told, 8)
	gaps := w.Gaps(0, 10)
	require.Len(t, gaps, 2)
	for _, g := range gaps {
		require.Greater(t, g.Until-g.From, 10*minute, "the longest stay")
	}
	require.Empty(t, w.Gaps(0, -1))
	require.Empty(t, w.Report(0))
	for i := range int64(3 * maxDowns) {
		w.Down(w.now+i*second, w.now+(i+1)*second)
	}
	require.Len(t, w.Silent(w.now), maxDowns)
	require.Empty(t, w.Silent(w.now), "once each")
}

func TestConcurrentUse(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for k := range int64(2000) {
				now := epoch + k*second
				w.Seen(fmt.Sprint("worker", i), SignalTraces, now, now)
				w.Seen("shared", SignalLogs, now-second, now)
				w.Covers("shared", now-minute, now)
				if k%100 == 0 {
					w.Down(now-second, now)
					w.Report(3)
					w.Gaps(now, 3)
				}
			}
		})
	}
	wg.Go(func() {
		for k := range int64(2000) {
			w.Silent(epoch + k*second)
		}
	})
	wg.Wait()
	require.Equal(t, 5, w.Stats().Services)
}

func TestSettings(t *testing.T) {
	require.NoError(t, DefaultSettings().Validate())
	_, err := New(Settings{Factor: math.NaN(), Hold: -1})
	require.EqualError(t, err, strings.Join([]string{
		"quantile is 0: must be above 0 and below 1", "factor is NaN: must be between 1 and 1000", "floor is 0s: must be at least 1s",
		"hold is -1ns: must not be negative", "MinWatched is 0s: must be above 0", "memory is 0s: must be above 0",
		"absence is 0s: must be above 0", "relearn is 0s: must be above 0", "retention is 0s: must be above 0", "MinSamples is 0: must be at least 1",
		"MaxServices is 0: must be at least 1", "MaxGaps is 0: must be at least 1",
	}, "\n"))
}

func TestNames(t *testing.T) {
	require.Equal(t, "traces logs", SignalTraces.String()+" "+SignalLogs.String())
	require.Equal(t, "silent late collector_down", KindSilent.String()+" "+KindLate.String()+" "+KindCollectorDown.String())
}

func FuzzExtremeTimes(f *testing.F) {
	f.Add([]byte{1, 2, 3}, int64(math.MinInt64), int64(math.MaxInt64), int64(0))
	f.Add([]byte{0, 200, 7, 7, 7}, int64(maxTime), int64(1), int64(-1))
	f.Fuzz(func(t *testing.T, steps []byte, a, b, c int64) {
		s := DefaultSettings()
		s.MinSamples, s.MinWatched = 1, time.Second
		w := newWorldWith(t, s)
		times := []int64{a, b, c, epoch, math.MinInt64, math.MaxInt64, 0, epoch + hour}
		for i, step := range steps[:min(len(steps), 200)] {
			x, y := times[step&7], times[step>>3&7]+int64(i)*minute
			service := []string{"a", "b"}[step>>6&1]
			switch step >> 7 {
			case 0:
				w.Seen(service, Signal(i%2), x, y)
			default:
				w.Down(x, y)
			}
			for _, g := range w.Silent(y) {
				require.True(t, g.Filled >= 0 && g.Filled <= 1, g)
				require.True(t, g.Until == 0 || g.Until >= g.From, g)
			}
			w.Covers(service, x, y)
			w.Find(service, y, x)
		}
		require.LessOrEqual(t, len(w.Report(10)), 2)
		for _, g := range w.Gaps(c, 10) {
			require.True(t, g.Filled >= 0 && g.Filled <= 1, g)
		}
	})
}

func BenchmarkSeen(b *testing.B) {
	b.Run("batches", func(b *testing.B) {
		w := newWorld(b)
		b.ReportAllocs()
		names := []string{"checkout", "payments", "shipping"}
		now := epoch
		for i := 0; b.Loop(); i++ {
			now += 100_000
			w.Seen(names[i/50%3], SignalTraces, now-second, now)
		}
	})
	b.Run("one by one of 10,000 services", func(b *testing.B) {
		w := newWorld(b)
		names := make([]string, 10_000)
		for i := range names {
			names[i] = fmt.Sprint("service-", i)
			w.Seen(names[i], SignalTraces, epoch, epoch)
		}
		b.ReportAllocs()
		now := epoch
		for i := 0; b.Loop(); i++ {
			now += 100_000
			w.Seen(names[i%len(names)], SignalTraces, now-second, now)
		}
	})
}

// BenchmarkSilent asks once a second, while each service sends every 5 s.
func BenchmarkSilent(b *testing.B) {
	for _, services := range []int{100, 10_000} {
		b.Run(fmt.Sprint(services, " services"), func(b *testing.B) {
			w := newWorld(b)
			names := make([]string, services)
			for i := range names {
				names[i] = fmt.Sprint("service-", i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%5 == 0 {
					b.StopTimer()
					for _, n := range names {
						w.Seen(n, SignalTraces, w.now, w.now)
					}
					b.StartTimer()
				}
				w.now += second
				w.Silent(w.now)
			}
		})
	}
}

func BenchmarkCovers(b *testing.B) {
	w := newWorld(b)
	w.add("worker", 5*second)
	w.run(5 * minute)
	b.ReportAllocs()
	for b.Loop() {
		w.Covers("worker", epoch, w.now)
	}
}
