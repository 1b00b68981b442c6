package expect

import (
	"errors"
	"strings"
	"time"

	// Time zones must work on machines and in containers that have no database of them.
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

// Schedule says when starts are due. It is immutable.
//
// Cron expressions are read as cron(8) of Debian does, also where clocks change. A job that runs at fixed times of day runs
// once a day: a time that the spring change skips is due at the moment of the change, and one that the autumn change repeats
// is due the first time. A job whose minute or hour begins with * runs by the clock on the wall: never in the hour that is
// skipped, and twice in the one that is repeated.
type Schedule struct {
	every, grace time.Duration
	expression   string
	spec         *cron.SpecSchedule
	// recurring says that the minute or the hour begins with *.
	recurring bool
	location  *time.Location
}

// Grace is how long after its due time a start still is in time.
func (s *Schedule) Grace() time.Duration { return s.grace }

// String describes the schedule as it was configured, without the grace.
func (s *Schedule) String() string {
	if s.spec == nil {
		return "every " + s.every.String()
	}
	return s.expression + " " + s.location.String()
}

// parser reads what crontab(5) describes, without seconds. The library is the one of Kubernetes' CronJobs, so that what an
// operator copies from there is understood alike; only its expressions are used, for what it does where clocks change differs
// from cron(8).
var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

var descriptors = map[string]string{
	"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
	"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}

func (s *Schedule) parse(expression string) error {
	if len(expression) > maxCronLength {
		return errors.New("too long")
	}
	fields := strings.Fields(strings.ToLower(expression))
	if strings.HasPrefix(expression, "@every") {
		return errors.New("an interval is given by the key `every`")
	}
	if len(fields) == 1 {
		full, ok := descriptors[fields[0]]
		if !ok {
			return errors.New("must have five fields, or be one of @hourly, @daily, @weekly, @monthly, @yearly")
		}
		fields = strings.Fields(full)
	}
	// Also because the library would read a time zone from a first field like TZ=UTC.
	if len(fields) != 5 {
		return errors.New("must have five fields (minute, hour, day of the month, month, day of the week); for the time zone there is a key of its own")
	}
	if strings.Contains(fields[0], "=") {
		return errors.New("the time zone has a key of its own")
	}
	fields[4] = sundays(fields[4])
	parsed, err := parser.Parse(strings.Join(fields, " "))
	if err != nil {
		return err
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return errors.New("is no cron expression")
	}
	// All reckoning is done in UTC, with wall-clock times: what happens when clocks change is decided in wall.go.
	spec.Location = time.UTC
	s.spec, s.expression = spec, strings.Join(strings.Fields(expression), " ")
	s.recurring = strings.HasPrefix(fields[0], "*") || strings.HasPrefix(fields[1], "*")
	if s.after(time.Unix(0, 0).UTC()).IsZero() {
		return errors.New("such a day never comes")
	}
	return nil
}

// sundays turns the second number of Sunday, 7, into the only one that the library knows, in lists and as the end of ranges.
func sundays(field string) string {
	parts := strings.Split(field, ",")
	for i, part := range parts {
		days, step, stepped := strings.Cut(part, "/")
		if days == "7" {
			days = "0"
		} else if from, ok := strings.CutSuffix(days, "-7"); ok && !stepped && from != "" {
			days = from + "-6,0"
			if from == "7" {
				days = "0"
			}
		}
		parts[i] = days
		if stepped {
			parts[i] += "/" + step
		}
	}
	return strings.Join(parts, ",")
}

// Next returns the first due time after t by the cron expression, the zero time if none comes. It must not be called on an
// interval, whose due times follow from the starts.
func (s *Schedule) Next(t time.Time) time.Time {
	if s.recurring {
		return s.nextRecurring(t)
	}
	return s.nextFixed(t)
}

// searchYears is how many years without a match the library looks ahead; from one 29 February to the next it can be 8, and
// 40 for one on a given day of the week.
const searchYears, searches = 5, 10

// after returns the first wall-clock time after the given one, both written as if in UTC.
func (s *Schedule) after(wall time.Time) time.Time {
	for range searches {
		if next := s.spec.Next(wall); !next.IsZero() {
			return next
		}
		wall = wall.AddDate(searchYears, 0, 0)
	}
	return time.Time{}
}
