package expect

import "time"

// wallClock returns what clocks in the location show at t, written as if in UTC.
func wallClock(t time.Time, location *time.Location) time.Time {
	_, offset := t.In(location).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// nextRecurring returns the first moment after t at which clocks show a time that the expression matches. It looks at one
// stretch between two changes of the clocks after another.
func (s *Schedule) nextRecurring(t time.Time) time.Time {
	from := wallClock(t, s.location)
	for range maxChanges {
		next := s.after(from)
		if next.IsZero() {
			return time.Time{}
		}
		local := t.In(s.location)
		_, offset := local.Zone()
		_, change := local.ZoneBounds()
		due := next.Add(-time.Duration(offset) * time.Second)
		if change.IsZero() || due.Before(change) {
			return due
		}
		t = change
		// The moment of the change itself may match.
		from = wallClock(change, s.location).Add(-time.Second)
	}
	return time.Time{}
}

// maxChanges is more than the changes of clocks within the years in which a day is looked for.
const maxChanges = 1000

// nextFixed returns the moment after t at which the next matching time of day comes for the first time, or at which clocks
// skip it.
func (s *Schedule) nextFixed(t time.Time) time.Time {
	wall := wallClock(t, s.location)
	for {
		if wall = s.after(wall); wall.IsZero() {
			return time.Time{}
		}
		// Where an hour is repeated, the first time may lie before t.
		if due := firstMoment(wall, s.location); due.After(t) {
			return due
		}
	}
}

// firstMoment returns the first moment at which clocks in the location show the given time, written as if in UTC; where
// they skip it, the moment when they do.
func firstMoment(wall time.Time, location *time.Location) time.Time {
	y, m, d := wall.Date()
	start, end := time.Date(y, m, d, wall.Hour(), wall.Minute(), wall.Second(), 0, location).ZoneBounds()
	// What time.Date returns lies in one of the stretches around the time, so that the other begins or ends with it.
	if before, ok := around(wall, start, location); ok {
		return before
	}
	if after, ok := around(wall, end, location); ok {
		return after
	}
	return time.Date(y, m, d, wall.Hour(), wall.Minute(), wall.Second(), 0, location)
}

// around returns the first moment of the wall-clock time if the change of clocks at the given moment repeats or skips it.
func around(wall, change time.Time, location *time.Location) (time.Time, bool) {
	if change.IsZero() {
		return time.Time{}, false
	}
	last := change.Add(-time.Nanosecond)
	before, after := wallClock(last, location).Add(time.Nanosecond), wallClock(change, location)
	switch {
	case !wall.Before(before) && wall.Before(after):
		return change, true
	case !wall.Before(after) && wall.Before(before):
		return change.Add(wall.Sub(before)), true
	}
	return time.Time{}, false
}
