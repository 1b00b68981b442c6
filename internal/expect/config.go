package expect

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// DefaultGrace is how late a start may be where the configuration does not say.
const DefaultGrace = 5 * time.Minute

const (
	minDuration = time.Second
	// maxDuration keeps sums of times and durations within 64 bits.
	maxDuration = 10 * 366 * 24 * time.Hour
	// maxCronLength is far beyond any expression that a person writes.
	maxCronLength = 1000
)

// Config is the YAML configuration of one expectation (`expect` of a rule): either an interval or a cron expression.
type Config struct {
	// Every is the longest time from one start to the next.
	Every time.Duration `mapstructure:"every"`
	// Cron is an expression of five fields (minute, hour, day of the month, month, day of the week), as crontab(5) describes
	// them, or @hourly, @daily, @weekly, @monthly, @yearly.
	Cron string `mapstructure:"cron"`
	// Timezone is the name of the time zone of Cron in the IANA database; empty: UTC.
	Timezone string `mapstructure:"timezone"`
	// Grace is how long after its due time a start still is in time; nil: DefaultGrace.
	Grace *time.Duration `mapstructure:"grace"`
}

// Validate reports what is wrong, each error with the key (below the given one) and the value.
func (c *Config) Validate(key string) error {
	_, err := c.Schedule(key)
	return err
}

// Schedule returns the schedule that is configured. Its errors are those of Validate.
func (c *Config) Schedule(key string) (*Schedule, error) {
	s := &Schedule{grace: DefaultGrace, location: time.UTC}
	var errs []error
	if c.Grace != nil {
		s.grace = *c.Grace
		errs = append(errs, checkDuration(key+"::grace", s.grace))
	}
	switch {
	case c.Every != 0 && c.Cron != "":
		errs = append(errs, fmt.Errorf("`%s::every` is %v and `%s::cron` is %q: give one of them", key, c.Every, key, c.Cron))
	case c.Cron != "":
		errs = append(errs, c.cron(s, key))
	case c.Every == 0:
		errs = append(errs, fmt.Errorf("`%s::every` is 0s and `%s::cron` is \"\": give one of them", key, key))
	default:
		s.every = c.Every
		errs = append(errs, checkDuration(key+"::every", c.Every))
		if c.Timezone != "" {
			errs = append(errs, fmt.Errorf("`%s::timezone` is %q: an interval has none, only `%s::cron` does", key, c.Timezone, key))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

func checkDuration(key string, d time.Duration) error {
	if d < minDuration || d > maxDuration {
		return fmt.Errorf("`%s` is %v: must be at least %v and at most %v", key, d, minDuration, maxDuration)
	}
	return nil
}

func (c *Config) cron(s *Schedule, key string) error {
	var errs []error
	location, err := time.LoadLocation(c.Timezone)
	if err != nil {
		errs = append(errs, fmt.Errorf("`%s::timezone` is %q: no time zone of the IANA database, such as Europe/Berlin", key, shown(c.Timezone)))
	} else {
		s.location = location
	}
	if err := s.parse(c.Cron); err != nil {
		errs = append(errs, fmt.Errorf("`%s::cron` is %q: %w", key, shown(c.Cron), err))
	}
	return errors.Join(errs...)
}

// shown keeps a value that slipped into the wrong key from filling the log.
func shown(value string) string {
	const most = 100
	if len(value) <= most {
		return value
	}
	return strings.ToValidUTF8(value[:most], "") + "…"
}
