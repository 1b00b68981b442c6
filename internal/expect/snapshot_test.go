package expect

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// restarted returns a tracker that continues at the given time from a snapshot of the other.
func restarted(tb testing.TB, x *Tracker, c Config, stopped, since time.Time) *Tracker {
	tb.Helper()
	data, err := x.Snapshot(stopped)
	require.NoError(tb, err)
	y, err := New(Settings{Since: since, ArrivalGrace: 10 * time.Second}, []Expectation{{"job", schedule(tb, c)}})
	require.NoError(tb, err)
	require.NoError(tb, y.Restore(data))
	return y
}

var daily = Config{Cron: "0 9 * * *", Grace: new(30 * minute)}

func TestADueTimeDuringDowntimeIsBlind(t *testing.T) {
	for name, c := range map[string]struct {
		stopped, since int
		blind          bool
	}{
		"down before":             {10, 50, false},
		"down during":             {55, 120, true},
		"down within the grace":   {70, 71, true},
		"down at the end of it":   {90, 95, true},
		"down between and beyond": {91, 95, false},
	} {
		t.Run(name, func(t *testing.T) {
			x := tracker(t, daily)
			stopped, since := morning.Add(time.Duration(c.stopped)*minute), morning.Add(time.Duration(c.since)*minute)
			told := restarted(t, x, daily, stopped, since).Due(morning.Add(2*time.Hour + minute))
			require.Len(t, told, 1)
			require.Equal(t, c.blind, told[0].Blind)
		})
	}
}

func TestARestartTellsNothingTwice(t *testing.T) {
	x := tracker(t, daily)
	now := morning.Add(2 * time.Hour)
	require.Len(t, x.Due(now), 1)
	y := restarted(t, x, daily, now, now.Add(minute))
	require.Empty(t, y.Due(now.Add(minute)))
	require.Equal(t, 1, y.Status()[0].Missed.Count)
	y.Started("job", now.Add(2*minute), now.Add(2*minute))
	require.Equal(t, morning.Add(time.Hour), y.Due(now.Add(2 * minute))[0].FirstDueAt)
}

func TestALastStartIsRestored(t *testing.T) {
	c := Config{Every: time.Hour, Grace: new(minute)}
	x := tracker(t, c)
	x.Started("job", morning.Add(30*minute), morning.Add(30*minute))
	y := restarted(t, x, c, morning.Add(40*minute), morning.Add(80*minute))
	require.Equal(t, morning.Add(90*minute), y.Status()[0].DueAt)
	told := y.Due(morning.Add(92 * minute))
	require.Equal(t, morning.Add(30*minute), told[0].LastStartedAt)
}

func TestAChangedScheduleBeginsAnew(t *testing.T) {
	x := tracker(t, daily)
	x.Started("job", morning.Add(minute), morning.Add(minute))
	x.Due(morning.Add(2 * time.Hour))
	since := morning.Add(3 * time.Hour)
	y := restarted(t, x, Config{Every: minute, Grace: new(minute)}, since, since)
	require.Equal(t, since.Add(minute), y.Status()[0].DueAt)
	require.Nil(t, y.Status()[0].Missed)
	require.Equal(t, morning.Add(minute), y.Status()[0].LastStartedAt)
}

func TestADamagedSnapshotIsRefused(t *testing.T) {
	const fine = `"rule":"job","schedule":"every 1h0m0s","grace":60000000000`
	for want, data := range map[string]string{
		"unexpected end":                    `{"version":1`,
		"version is 7: must be 1":           `{"version":7}`,
		"`at` is 0: no time":                `{"version":1}`,
		"`last_started` is -1":              `{"version":1,"at":1,"rules":[{"rule":"job","last_started":-1}]}`,
		"`due` is 0":                        `{"version":1,"at":1,"rules":[{` + fine + `}]}`,
		"`due` is 9223372036854775807":      `{"version":1,"at":1,"rules":[{` + fine + `,"due":9223372036854775807}]}`,
		"`early` is -1":                     `{"version":1,"at":1,"rules":[{` + fine + `,"due":1,"early":-1}]}`,
		"`starts` is empty":                 `{"version":1,"at":1,"rules":[{` + fine + `,"due":1}]}`,
		"`starts` has [2 1]":                `{"version":1,"at":1,"rules":[{` + fine + `,"due":1,"starts":[[2,1]]}]}`,
		"`starts` has [3 3]":                `{"version":1,"at":1,"rules":[{` + fine + `,"due":1,"starts":[[1,2],[3,3]]}]}`,
		"`missed` is {First:0":              `{"version":1,"at":1,"rules":[{` + fine + `,"due":1,"starts":[[1,2]],"missed":{}}]}`,
		"16777217 bytes: must be at most 1": string(make([]byte, maxSnapshot+1)),
	} {
		x := tracker(t, Config{Every: time.Hour, Grace: new(minute)})
		before := x.Status()
		require.ErrorContains(t, x.Restore([]byte(data)), want)
		require.Equal(t, before, x.Status())
	}
}

func FuzzRestore(f *testing.F) {
	both := []Expectation{{"cron", schedule(f, daily)}, {"interval", schedule(f, Config{Every: time.Minute})}}
	x, err := New(Settings{Since: morning}, both)
	require.NoError(f, err)
	for i := range 3 {
		data, err := x.Snapshot(morning)
		require.NoError(f, err)
		f.Add(data)
		now := morning.Add(time.Duration(i) * time.Hour)
		x.Started("interval", now, now)
		x.Due(now.Add(30 * minute))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		y, err := New(Settings{Since: morning}, both)
		require.NoError(t, err)
		if y.Restore(data) != nil {
			return
		}
		for i := range 5 {
			now := morning.Add(time.Duration(i) * 10 * time.Hour)
			y.Started("cron", now, now)
			y.Started("interval", now, now)
			for _, m := range y.Due(now) {
				require.Positive(t, m.Count)
			}
		}
		again, err := y.Snapshot(morning)
		require.NoError(t, err)
		z, err := New(Settings{Since: morning}, both)
		require.NoError(t, err)
		require.NoError(t, z.Restore(again))
		require.Equal(t, y.Status(), z.Status())
	})
}

func TestManyAtOnce(t *testing.T) {
	x := tracker(t, Config{Every: time.Minute, Grace: new(time.Second)})
	var all sync.WaitGroup
	missed := make(chan int, 4000)
	for g := range 4 {
		all.Go(func() {
			for i := range 1000 {
				now := morning.Add(time.Duration(i) * minute)
				if g == 0 {
					x.Started("job", now, now)
				}
				for range x.Due(now) {
					missed <- 1
				}
				x.Status()
				if _, err := x.Snapshot(now); err != nil {
					missed <- 0
				}
			}
		})
	}
	all.Wait()
	close(missed)
	for ok := range missed {
		require.Equal(t, 1, ok, "a snapshot failed")
	}
	require.Equal(t, morning.Add(1000*minute), x.Status()[0].DueAt)
}
