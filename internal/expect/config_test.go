package expect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatIsWrongIsNamedByKeyAndValue(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"nothing":            {Config{}, "`rules[2]::expect::every` is 0s and `rules[2]::expect::cron` is \"\": give one of them"},
		"both":               {Config{Every: time.Hour, Cron: "@daily"}, "`rules[2]::expect::every` is 1h0m0s and `rules[2]::expect::cron` is \"@daily\": give one of them"},
		"a negative every":   {Config{Every: -time.Hour}, "`rules[2]::expect::every` is -1h0m0s: must be at least 1s"},
		"an endless every":   {Config{Every: 200_000 * time.Hour}, "`rules[2]::expect::every` is 200000h0m0s"},
		"no grace":           {Config{Every: time.Hour, Grace: new(time.Duration(0))}, "`rules[2]::expect::grace` is 0s: must be at least 1s"},
		"an endless grace":   {Config{Cron: "@daily", Grace: new(maxDuration + 1)}, "`rules[2]::expect::grace` is"},
		"an interval's zone": {Config{Every: time.Hour, Timezone: "UTC"}, "`rules[2]::expect::timezone` is \"UTC\": an interval has none"},
		"an unknown zone":    {Config{Cron: "@daily", Timezone: "Mars/Phobos"}, "`rules[2]::expect::timezone` is \"Mars/Phobos\": no time zone"},
		"six fields":         {Config{Cron: "0 0 2 * * *"}, "`rules[2]::expect::cron` is \"0 0 2 * * *\": must have five fields"},
		"four fields":        {Config{Cron: "0 2 * *"}, "`rules[2]::expect::cron` is \"0 2 * *\": must have five fields"},
		"minute 60":          {Config{Cron: "60 2 * * *"}, "`rules[2]::expect::cron` is \"60 2 * * *\": end of range (60) above maximum (59): 60"},
		"weekday 8":          {Config{Cron: "0 2 * * 8"}, "above maximum"},
		"words":              {Config{Cron: "every day at two sharp"}, "`rules[2]::expect::cron` is \"every day at two sharp\""},
		"30 February":        {Config{Cron: "0 2 30 2 *"}, "`rules[2]::expect::cron` is \"0 2 30 2 *\": such a day never comes"},
		"an own zone":        {Config{Cron: "CRON_TZ=UTC 0 2 * *"}, "the time zone has a key of its own"},
		"a zone alone":       {Config{Cron: "TZ=0"}, "must have five fields"},
		"@every":             {Config{Cron: "@every 5m"}, "an interval is given by the key `every`"},
		"@fortnightly":       {Config{Cron: "@fortnightly"}, "one of @hourly"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, c.config.Validate("rules[2]::expect"), c.want)
		})
	}
}

func TestAllThatIsWrongIsNamedAtOnce(t *testing.T) {
	c := Config{Cron: "x", Timezone: "y", Grace: new(time.Duration(-1))}
	err := c.Validate("expect")
	for _, key := range []string{"`expect::cron` is \"x\"", "`expect::timezone` is \"y\"", "`expect::grace` is -1ns"} {
		require.ErrorContains(t, err, key)
	}
}

func TestAnOverlongValueIsCut(t *testing.T) {
	c := Config{Cron: string(make([]byte, 100_000))}
	require.Less(t, len(c.Validate("expect").Error()), 1000)
}

func TestDefaults(t *testing.T) {
	s := schedule(t, Config{Cron: " 0  2 * * * "})
	require.Equal(t, DefaultGrace, s.Grace())
	require.Equal(t, "0 2 * * * UTC", s.String())
	require.Equal(t, "every 24h0m0s", schedule(t, Config{Every: 24 * time.Hour}).String())
}

func schedule(tb testing.TB, c Config) *Schedule {
	tb.Helper()
	s, err := c.Schedule("expect")
	require.NoError(tb, err)
	return s
}

func FuzzConfig(f *testing.F) {
	for _, seed := range []string{"0 2 * * *", "*/5 * * * 1-7", "@daily", "TZ=0", "CRON_TZ=UTC 0 2 * * *", "0 2 29 2 1", "? ? ? ? ?", "0 0 31 4,6 *", "@every 1s", "1-7/2 * * * 5-7/2"} {
		f.Add(seed, "Europe/Berlin")
	}
	f.Add("30 2 * * *", "Local")
	f.Add("30 2 * * *", "../../etc/passwd")
	f.Fuzz(func(t *testing.T, expression, zone string) {
		c := Config{Cron: expression, Timezone: zone}
		s, err := c.Schedule("expect")
		if err != nil || s.spec == nil {
			return
		}
		at := time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC)
		for range 10 {
			next := s.Next(at)
			if next.IsZero() {
				return
			}
			require.True(t, next.After(at))
			at = next
		}
	})
}
