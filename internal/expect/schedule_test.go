package expect

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func at(tb testing.TB, text string) time.Time {
	tb.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	require.NoError(tb, err)
	return parsed
}

func TestDueTimes(t *testing.T) {
	for name, c := range map[string]struct {
		cron, zone, after string
		want              []string
	}{
		"fixed time that is skipped comes with the change": {"30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00+01:00",
			[]string{"2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}},
		"fixed times that are skipped come once": {"0,30 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00+01:00",
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:00:00+02:00"}},
		"fixed time that is repeated comes once": {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00+02:00",
			[]string{"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
		"asked between the first and the second time": {"30 2 * * *", "Europe/Berlin", "2026-10-25T02:10:00+01:00",
			[]string{"2026-10-26T02:30:00+01:00"}},
		"hourly goes on through the skipped hour": {"0 * * * *", "Europe/Berlin", "2026-03-29T00:30:00+01:00",
			[]string{"2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"}},
		"hourly comes twice in the repeated hour": {"0 * * * *", "Europe/Berlin", "2026-10-25T01:30:00+02:00",
			[]string{"2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"}},
		"every 20 minutes of the repeated hour": {"*/20 2 * * *", "Europe/Berlin", "2026-10-25T01:30:00+02:00",
			[]string{"2026-10-25T02:00:00+02:00", "2026-10-25T02:20:00+02:00", "2026-10-25T02:40:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:20:00+01:00", "2026-10-25T02:40:00+01:00", "2026-10-26T02:00:00+01:00"}},
		"every 20 minutes of the skipped hour": {"*/20 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00+01:00",
			[]string{"2026-03-30T02:00:00+02:00"}},
		"New York, spring": {"30 2 * * *", "America/New_York", "2026-03-07T12:00:00-05:00",
			[]string{"2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"}},
		"New York, autumn": {"30 1 * * *", "America/New_York", "2026-10-31T12:00:00-04:00",
			[]string{"2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"}},
		"half an hour is skipped": {"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00+10:30",
			[]string{"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"}},
		"half an hour is repeated": {"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00+11:00",
			[]string{"2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"}},
		"midnight is skipped": {"0 0 * * *", "America/Havana", "2026-03-07T12:00:00-05:00",
			[]string{"2026-03-08T01:00:00-04:00", "2026-03-09T00:00:00-04:00"}},
		"a whole day is skipped": {"30 2 * * *", "Pacific/Apia", "2011-12-29T12:00:00-10:00",
			[]string{"2011-12-31T00:00:00+14:00", "2011-12-31T02:30:00+14:00"}},
		"leap day": {"0 2 29 2 *", "UTC", "2024-03-01T00:00:00Z",
			[]string{"2028-02-29T02:00:00Z", "2032-02-29T02:00:00Z"}},
		"leap day when there is none for eight years": {"0 2 29 2 *", "UTC", "2096-03-01T00:00:00Z",
			[]string{"2104-02-29T02:00:00Z"}},
		"last of February": {"0 2 28 2 *", "UTC", "2024-02-27T00:00:00Z",
			[]string{"2024-02-28T02:00:00Z", "2025-02-28T02:00:00Z"}},
		"the 31st": {"0 2 31 * *", "Europe/Berlin", "2026-01-31T02:00:00+01:00",
			[]string{"2026-03-31T02:00:00+02:00", "2026-05-31T02:00:00+02:00", "2026-07-31T02:00:00+02:00"}},
		"working days": {"0 9 * * mon-fri", "UTC", "2026-11-19T10:00:00Z",
			[]string{"2026-11-20T09:00:00Z", "2026-11-23T09:00:00Z"}},
		"Sunday is also 7": {"0 9 * * 6-7", "UTC", "2026-11-20T10:00:00Z",
			[]string{"2026-11-21T09:00:00Z", "2026-11-22T09:00:00Z", "2026-11-28T09:00:00Z"}},
		"Sunday as 7 in a list": {"0 9 * * 3,7", "UTC", "2026-11-20T10:00:00Z",
			[]string{"2026-11-22T09:00:00Z", "2026-11-25T09:00:00Z"}},
		"day of the month or of the week": {"0 0 13 * 5", "UTC", "2026-11-06T00:00:00Z",
			[]string{"2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z", "2026-11-27T00:00:00Z", "2026-12-04T00:00:00Z", "2026-12-11T00:00:00Z", "2026-12-13T00:00:00Z"}},
		"a due time itself is not after it": {"@daily", "", "2026-12-31T00:00:00Z",
			[]string{"2027-01-01T00:00:00Z"}},
		"fractions of seconds": {"@hourly", "", "2026-12-31T00:59:59.999999999Z",
			[]string{"2026-12-31T01:00:00Z"}},
		"a zone of quarter hours": {"@monthly", "Asia/Kathmandu", "2026-12-31T00:00:00Z",
			[]string{"2027-01-01T00:00:00+05:45"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := schedule(t, Config{Cron: c.cron, Timezone: c.zone})
			from := at(t, c.after)
			for _, want := range c.want {
				next := s.Next(from)
				require.Equal(t, at(t, want).UTC().String(), next.UTC().String())
				from = next
			}
		})
	}
}

var zones = []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Africa/Casablanca", "Pacific/Chatham", "Asia/Kathmandu", "America/St_Johns"}

// TestRecurringDueTimesAreThoseThatClocksShow compares with a clock that is looked at every minute.
func TestRecurringDueTimesAreThoseThatClocksShow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.SampledFrom([]int{7, 10, 15, 20, 30}).Draw(t, "step")
		hours := rapid.SampledFrom([]string{"*", "0-3", "1,2,3"}).Draw(t, "hours")
		c := Config{Cron: fmt.Sprintf("*/%d %s * * *", step, hours), Timezone: rapid.SampledFrom(zones).Draw(t, "zone")}
		s, err := c.Schedule("expect")
		require.NoError(t, err)
		from := time.Unix(rapid.Int64Range(1_700_000_000/60, 1_900_000_000/60).Draw(t, "minute")*60, 0)
		next := s.Next(from)
		for m := from.Add(time.Minute); ; m = m.Add(time.Minute) {
			local := m.In(s.location)
			if local.Minute()%step != 0 || hours != "*" && local.Hour() > 3 || hours == "1,2,3" && local.Hour() == 0 {
				require.False(t, next.Equal(m), "%v is no due time", local)
				continue
			}
			require.Equal(t, local.String(), next.In(s.location).String())
			return
		}
	})
}

// TestFixedDueTimesComeOnceADay holds in every zone and year, whatever clocks do.
func TestFixedDueTimesComeOnceADay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hour, minute := rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute")
		c := Config{Cron: fmt.Sprintf("%d %d * * *", minute, hour), Timezone: rapid.SampledFrom(zones).Draw(t, "zone")}
		s, err := c.Schedule("expect")
		require.NoError(t, err)
		day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		due := s.Next(day.Add(-36 * time.Hour))
		for wallClock(due, s.location).Before(day) {
			due = s.Next(due)
		}
		for range 365 {
			wall := wallClock(due, s.location)
			require.Equal(t, day.Format(time.DateOnly), wall.Format(time.DateOnly))
			late := wall.Sub(day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute))
			require.GreaterOrEqual(t, late, time.Duration(0))
			if late > 0 {
				_, before := due.Add(-time.Second).In(s.location).Zone()
				_, after := due.In(s.location).Zone()
				require.Greater(t, after, before, "late without clocks being put forward")
			}
			due, day = s.Next(due), day.AddDate(0, 0, 1)
		}
	})
}
