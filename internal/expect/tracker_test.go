package expect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var morning = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

const minute = time.Minute

func tracker(tb testing.TB, c Config) *Tracker {
	tb.Helper()
	t, err := New(Settings{Since: morning, ArrivalGrace: 10 * time.Second}, []Expectation{{"job", schedule(tb, c)}})
	require.NoError(tb, err)
	return t
}

// day passes the minutes from morning on, with starts at the given ones, and returns what was told at which minute.
func day(t *Tracker, minutes int, starts ...int) map[int][]Missed {
	told := map[int][]Missed{}
	for m := range minutes + 1 {
		now := morning.Add(time.Duration(m) * minute)
		for _, s := range starts {
			if s == m {
				t.Started("job", now, now)
			}
		}
		if changes := t.Due(now); changes != nil {
			told[m] = changes
		}
	}
	return told
}

func TestNothingIsDueBeforeItIsWatched(t *testing.T) {
	// Daily at 8, and it is 8 already: the first is due tomorrow.
	told := day(tracker(t, Config{Cron: "0 8 * * *", Grace: new(30 * minute)}), 48*60)
	require.Len(t, told, 1)
	require.Equal(t, 1, told[24*60+31][0].Count)
	require.Equal(t, morning.Add(24*time.Hour), told[24*60+31][0].DueAt)
	// Every hour, and there has been none yet.
	told = day(tracker(t, Config{Every: time.Hour, Grace: new(10 * minute)}), 80)
	require.Len(t, told, 1)
	require.Equal(t, morning.Add(time.Hour), told[71][0].DueAt)
	require.Zero(t, told[71][0].LastStartedAt)
}

func TestMissedByCron(t *testing.T) {
	hourly := Config{Cron: "0 9-20 * * *", Grace: new(10 * minute)}
	due := func(hours int) time.Time { return morning.Add(time.Duration(hours) * time.Hour) }
	for name, c := range map[string]struct {
		starts []int
		want   map[int][]Missed
	}{
		"in time":              {[]int{60, 125, 190, 240}, map[int][]Missed{}},
		"early":                {[]int{50, 110, 170, 230}, map[int][]Missed{}},
		"often":                {[]int{60, 61, 62, 120, 121, 130, 180, 240}, map[int][]Missed{}},
		"too early":            {[]int{49, 120, 180, 240}, map[int][]Missed{71: {{FirstDueAt: due(1), DueAt: due(1), Count: 1, LastStartedAt: morning.Add(49 * minute)}}, 120: {{FirstDueAt: due(1), DueAt: due(1), Count: 1, LastStartedAt: due(2), RecoveredAt: due(2)}}}},
		"late":                 {[]int{60, 140, 180, 240}, map[int][]Missed{131: {{FirstDueAt: due(2), DueAt: due(2), Count: 1, LastStartedAt: due(1)}}, 140: {{FirstDueAt: due(2), DueAt: due(2), Count: 1, LastStartedAt: morning.Add(140 * minute), RecoveredAt: morning.Add(140 * minute)}}}},
		"several in a row":     {[]int{60, 240}, map[int][]Missed{131: {{FirstDueAt: due(2), DueAt: due(2), Count: 1, LastStartedAt: due(1)}}, 191: {{FirstDueAt: due(2), DueAt: due(3), Count: 2, LastStartedAt: due(1)}}, 240: {{FirstDueAt: due(2), DueAt: due(3), Count: 2, LastStartedAt: due(4), RecoveredAt: due(4)}}}},
		"recovered and missed": {[]int{60, 180}, map[int][]Missed{131: {{FirstDueAt: due(2), DueAt: due(2), Count: 1, LastStartedAt: due(1)}}, 180: {{FirstDueAt: due(2), DueAt: due(2), Count: 1, LastStartedAt: due(3), RecoveredAt: due(3)}}, 251: {{FirstDueAt: due(4), DueAt: due(4), Count: 1, LastStartedAt: due(3)}}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, told := range c.want {
				told[0].Rule, told[0].Grace = "job", 10*minute
			}
			require.Equal(t, c.want, day(tracker(t, hourly), 255, c.starts...))
		})
	}
}

func TestMissedByInterval(t *testing.T) {
	hourly := Config{Every: time.Hour, Grace: new(10 * minute)}
	m := func(minutes int) time.Time { return morning.Add(time.Duration(minutes) * minute) }
	for name, c := range map[string]struct {
		starts []int
		want   map[int][]Missed
	}{
		"each a little later":    {[]int{5, 75, 145, 215}, map[int][]Missed{}},
		"as early as one likes":  {[]int{1, 2, 3, 73, 100, 170, 239}, map[int][]Missed{}},
		"late":                   {[]int{5, 80, 150, 220}, map[int][]Missed{76: {{FirstDueAt: m(65), DueAt: m(65), Count: 1, LastStartedAt: m(5)}}, 80: {{FirstDueAt: m(65), DueAt: m(65), Count: 1, LastStartedAt: m(80), RecoveredAt: m(80)}}}},
		"never, then one":        {[]int{200}, map[int][]Missed{71: {{FirstDueAt: m(60), DueAt: m(60), Count: 1}}, 131: {{FirstDueAt: m(60), DueAt: m(120), Count: 2}}, 191: {{FirstDueAt: m(60), DueAt: m(180), Count: 3}}, 200: {{FirstDueAt: m(60), DueAt: m(180), Count: 3, LastStartedAt: m(200), RecoveredAt: m(200)}}}},
		"recovers and is missed": {[]int{5, 80}, map[int][]Missed{76: {{FirstDueAt: m(65), DueAt: m(65), Count: 1, LastStartedAt: m(5)}}, 80: {{FirstDueAt: m(65), DueAt: m(65), Count: 1, LastStartedAt: m(80), RecoveredAt: m(80)}}, 151: {{FirstDueAt: m(140), DueAt: m(140), Count: 1, LastStartedAt: m(80)}}, 211: {{FirstDueAt: m(140), DueAt: m(200), Count: 2, LastStartedAt: m(80)}}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, told := range c.want {
				told[0].Rule, told[0].Grace = "job", 10*minute
			}
			require.Equal(t, c.want, day(tracker(t, hourly), 240, c.starts...))
		})
	}
}

func TestTheArrivalGracePutsOffTheDecisionOnly(t *testing.T) {
	x := tracker(t, Config{Cron: "0 9 * * *", Grace: new(minute)})
	end := morning.Add(61 * minute)
	require.Empty(t, x.Due(end.Add(10*time.Second)))
	x.Started("job", end, end.Add(10*time.Second))
	require.Empty(t, x.Due(end.Add(time.Hour)), "started in the last moment, and told in the last moment")

	x = tracker(t, Config{Cron: "0 9 * * *", Grace: new(minute)})
	x.Started("job", end.Add(1), end.Add(5*time.Second))
	told := x.Due(end.Add(10*time.Second + 1))
	require.Len(t, told, 1, "started too late, and known of before the decision: one story, told once")
	require.Equal(t, end.Add(1), told[0].RecoveredAt)
	require.False(t, told[0].InTime)
}

func TestLateTelemetryTakesAMissBack(t *testing.T) {
	for name, c := range map[string]Config{"cron": {Cron: "0 9 * * *"}, "interval": {Every: time.Hour}} {
		t.Run(name, func(t *testing.T) {
			x := tracker(t, c)
			now := morning.Add(2 * time.Hour)
			require.Equal(t, 1, x.Due(now.Add(-50 * minute))[0].Count)
			require.True(t, x.Started("job", morning.Add(62*minute), now))
			told := x.Due(now)
			require.Len(t, told, 1)
			require.True(t, told[0].InTime)
			require.Equal(t, morning.Add(62*minute), told[0].RecoveredAt)
			require.Nil(t, x.Status()[0].Missed)
		})
	}
}

func TestAStartBeforeTheMissDoesNotEndIt(t *testing.T) {
	x := tracker(t, Config{Cron: "0 9 * * *", Grace: new(10 * minute)})
	now := morning.Add(75 * minute)
	require.Len(t, x.Due(now), 1)
	x.Started("job", morning.Add(30*minute), now)
	require.Empty(t, x.Due(now))
	require.NotNil(t, x.Status()[0].Missed)
	require.Equal(t, morning.Add(30*minute), x.Status()[0].LastStartedAt)
}

func TestAFastClockDoesNotPutOffDueTimes(t *testing.T) {
	x := tracker(t, Config{Every: time.Hour, Grace: new(minute)})
	x.Started("job", morning.AddDate(100, 0, 0), morning.Add(minute))
	require.Equal(t, morning.Add(61*minute), x.Status()[0].DueAt)
	x.Started("job", time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC), morning)
	x.Started("job", time.Date(60000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(60000, 1, 1, 0, 0, 0, 0, time.UTC))
	require.Equal(t, morning.Add(61*minute), x.Status()[0].DueAt)
}

func TestOneStartIsEnoughWhereTheGraceIsLong(t *testing.T) {
	told := day(tracker(t, Config{Cron: "*/5 * * * *", Grace: new(15 * minute)}), 100, 10, 25, 40, 55, 70, 85, 100)
	require.Empty(t, told)
}

func TestALongAbsenceIsDecidedInPartsAndToldAsOneRow(t *testing.T) {
	x := tracker(t, Config{Cron: "* * * * *", Grace: new(time.Second)})
	now := morning.Add(2500*minute + 30*time.Second)
	var counts []int
	for told := x.Due(now); told != nil; told = x.Due(now) {
		require.Len(t, told, 1)
		require.Equal(t, morning.Add(minute), told[0].FirstDueAt)
		counts = append(counts, told[0].Count)
	}
	require.Equal(t, []int{1000, 2000, 2500}, counts)
}

func TestAFloodOfStartsNeedsNoRoom(t *testing.T) {
	for name, c := range map[string]Config{"cron": {Cron: "* * * * *", Grace: new(time.Second)}, "interval": {Every: time.Second, Grace: new(time.Second)}} {
		t.Run(name, func(t *testing.T) {
			x := tracker(t, c)
			for i := range 100_000 {
				now := morning.Add(time.Duration(i) * 1700 * time.Millisecond)
				x.Started("job", now.Add(-time.Duration(i%10)*time.Second), now)
				x.Due(now)
				require.Less(t, len(x.byRule["job"].starts), 50)
			}
		})
	}
}

func TestARuleThatIsNotExpectedIsNone(t *testing.T) {
	require.False(t, tracker(t, Config{Every: time.Hour}).Started("other", morning, morning))
}

func TestBadSettings(t *testing.T) {
	s := schedule(t, Config{Every: time.Hour})
	for want, try := range map[string]func() (*Tracker, error){
		"the setting Since is":             func() (*Tracker, error) { return New(Settings{}, nil) },
		"the setting ArrivalGrace is -1ns": func() (*Tracker, error) { return New(Settings{Since: morning, ArrivalGrace: -1}, nil) },
		`rule "a" is expected twice`:       func() (*Tracker, error) { return New(Settings{Since: morning}, []Expectation{{"a", s}, {"a", s}}) },
		"the schedule is missing":          func() (*Tracker, error) { return New(Settings{Since: morning}, []Expectation{{"a", nil}}) },
	} {
		_, err := try()
		require.ErrorContains(t, err, want)
	}
}

func TestTenYearsPassInMilliseconds(t *testing.T) {
	x := tracker(t, Config{Cron: "30 2 * * *", Timezone: "Europe/Berlin", Grace: new(30 * minute)})
	berlin := x.expectations[0].schedule.location
	missed, recovered := 0, 0
	for d := range 3653 {
		// cron runs what the spring change skips at the moment of the change, and what the autumn change repeats the first time.
		start := firstMoment(time.Date(2026, 11, 22+d, 2, 30, 0, 0, time.UTC), berlin).Add(minute)
		if d%100 != 99 {
			x.Started("job", start, start.Add(time.Second))
		}
		for now := start; now.Before(start.Add(20 * time.Hour)); now = now.Add(10 * minute) {
			for _, told := range x.Due(now) {
				if told.RecoveredAt.IsZero() {
					missed++
				} else {
					recovered++
				}
			}
		}
	}
	require.Equal(t, 36, missed)
	require.Equal(t, 36, recovered)
}

func BenchmarkDueNothing(b *testing.B) {
	x := tracker(b, Config{Cron: "30 2 * * *", Timezone: "Europe/Berlin"})
	b.ReportAllocs()
	for b.Loop() {
		x.Due(morning)
	}
}

func BenchmarkStarted(b *testing.B) {
	x := tracker(b, Config{Every: time.Hour})
	b.ReportAllocs()
	for b.Loop() {
		x.Started("job", morning, morning)
	}
}

func BenchmarkNext(b *testing.B) {
	s := schedule(b, Config{Cron: "30 2 * * *", Timezone: "Europe/Berlin"})
	b.ReportAllocs()
	for b.Loop() {
		s.Next(morning)
	}
}
