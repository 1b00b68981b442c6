package expect

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawn is an expectation with starts and the moments at which each is told of, and the tracker is asked.
type drawn struct {
	config Config
	starts []arrival
	end    time.Time
}

type arrival struct{ at, told time.Time }

const arrivalGrace = 10 * time.Second

func draw(t *rapid.T) drawn {
	d := drawn{end: morning.Add(6 * time.Hour)}
	grace := time.Duration(rapid.IntRange(1, 1800).Draw(t, "grace")) * time.Second
	d.config.Grace = &grace
	if rapid.Bool().Draw(t, "interval") {
		d.config.Every = time.Duration(rapid.IntRange(1, 3600).Draw(t, "every")) * time.Second
	} else {
		d.config.Cron = rapid.SampledFrom([]string{"*/10 * * * *", "0 * * * *", "0,5,30 8-12 * * *", "30 11 * * *"}).Draw(t, "cron")
	}
	for range rapid.IntRange(0, 20).Draw(t, "starts") {
		at := morning.Add(time.Duration(rapid.IntRange(-600, 6*3600).Draw(t, "at")) * time.Second)
		late := time.Duration(rapid.IntRange(0, int(arrivalGrace/time.Second)).Draw(t, "late")) * time.Second
		d.starts = append(d.starts, arrival{at, at.Add(late)})
	}
	slices.SortFunc(d.starts, func(a, b arrival) int { return a.told.Compare(b.told) })
	return d
}

func (d *drawn) tracker(t *rapid.T) *Tracker {
	s, err := d.config.Schedule("expect")
	require.NoError(t, err)
	x, err := New(Settings{Since: morning, ArrivalGrace: arrivalGrace}, []Expectation{{"job", s}})
	require.NoError(t, err)
	return x
}

// run tells of the starts as time goes on and asks in steps; meanwhile is called after each step and may replace the tracker.
func (d *drawn) run(x *Tracker, step time.Duration, meanwhile func(*Tracker, time.Time) *Tracker) []Missed {
	var told []Missed
	starts := d.starts
	for now := morning; now.Before(d.end.Add(step)); now = now.Add(step) {
		now = earlier(now, d.end)
		for len(starts) > 0 && !starts[0].told.After(now) {
			x.Started("job", starts[0].at, starts[0].told)
			starts = starts[1:]
		}
		told = append(told, x.Due(now)...)
		x = meanwhile(x, now)
	}
	for more := x.Due(d.end); more != nil; more = x.Due(d.end) {
		told = append(told, more...)
	}
	return told
}

func earlier(a, b time.Time) time.Time {
	if a.After(b) {
		return b
	}
	return a
}

// step is how long to wait between two questions.
func step(t *rapid.T) time.Duration {
	return time.Duration(rapid.IntRange(20, 900).Draw(t, "step")) * time.Second
}

func same(x *Tracker, _ time.Time) *Tracker { return x }

// rows returns the last word on each row of missed due times.
func rows(t *rapid.T, told []Missed) []Missed {
	var all []Missed
	for _, m := range told {
		if last := len(all) - 1; last >= 0 && all[last].FirstDueAt.Equal(m.FirstDueAt) {
			require.Zero(t, all[last].RecoveredAt, "told of a row that had ended")
			require.True(t, m.Count > all[last].Count || !m.RecoveredAt.IsZero(), "told twice of the same")
			all[last] = m
			continue
		}
		if len(all) > 0 {
			require.NotZero(t, all[len(all)-1].RecoveredAt, "a row began before the other ended")
			require.True(t, m.FirstDueAt.After(all[len(all)-1].DueAt), "a due time was told twice")
		}
		all = append(all, m)
	}
	return all
}

// TestMissedAreExactlyTheDueTimesWithoutAStart compares with the definition, for cron expressions.
func TestMissedAreExactlyTheDueTimesWithoutAStart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		if d.config.Every != 0 {
			d.config.Every, d.config.Cron = 0, "*/15 * * * *"
		}
		x := d.tracker(t)
		s := x.expectations[0].schedule
		want, before := 0, time.Time{}
		for due := s.Next(morning); d.end.After(due.Add(s.grace + arrivalGrace)); due = s.Next(due) {
			early := s.grace
			if before.IsZero() {
				early = min(early, s.Next(due).Sub(due)/2)
			} else {
				early = min(early, due.Sub(before)/2)
			}
			if !slices.ContainsFunc(d.starts, func(a arrival) bool {
				return !a.at.Before(due.Add(-early)) && !a.at.After(due.Add(s.grace))
			}) {
				want++
			}
			before = due
		}
		got := 0
		for _, m := range rows(t, d.run(x, step(t), same)) {
			require.False(t, m.InTime)
			got += m.Count
		}
		require.Equal(t, want, got)
	})
}

// TestIntervalsAreMissedExactlyInLongGaps compares with the definition, for intervals.
func TestIntervalsAreMissedExactlyInLongGaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		d.config.Cron = ""
		d.config.Every = max(d.config.Every, time.Minute)
		x := d.tracker(t)
		s := x.expectations[0].schedule
		ats := []time.Time{morning, d.end.Add(-arrivalGrace)}
		for _, a := range d.starts {
			if a.at.After(morning) && a.at.Before(ats[1]) {
				ats = append(ats, a.at)
			}
		}
		slices.SortFunc(ats, time.Time.Compare)
		want := 0
		for i, from := range ats[:len(ats)-1] {
			for due := from.Add(s.every); due.Add(s.grace).Before(ats[i+1]); due = due.Add(s.every) {
				want++
			}
		}
		got := 0
		for _, m := range rows(t, d.run(x, step(t), same)) {
			got += m.Count
		}
		require.Equal(t, want, got)
	})
}

// TestNoMissIfAStartLiesInEveryWindow is the promise that keeps operators asleep.
func TestNoMissIfAStartLiesInEveryWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		x := d.tracker(t)
		s := x.expectations[0].schedule
		due := morning.Add(s.every)
		if s.spec != nil {
			due = s.Next(morning)
		}
		for due.Before(d.end) {
			at := due.Add(time.Duration(rapid.Int64Range(0, int64(s.grace)).Draw(t, "after")))
			d.starts = append(d.starts, arrival{at, at.Add(time.Duration(rapid.Int64Range(0, int64(arrivalGrace)).Draw(t, "late")))})
			if s.spec != nil {
				due = s.Next(due)
			} else {
				due = at.Add(s.every)
			}
		}
		slices.SortFunc(d.starts, func(a, b arrival) int { return a.told.Compare(b.told) })
		require.Empty(t, d.run(x, step(t), same))
	})
}

// TestHowOftenOneAsksChangesNothing: what was missed does not depend on the moments of asking, nor on restarts.
func TestHowOftenOneAsksChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		once := rows(t, d.run(d.tracker(t), step(t), same))
		restarts := rows(t, d.run(d.tracker(t), step(t), func(x *Tracker, now time.Time) *Tracker {
			data, err := x.Snapshot(now)
			require.NoError(t, err)
			y := d.tracker(t)
			y.since = now.UnixNano()
			require.NoError(t, y.Restore(data))
			return y
		}))
		require.Len(t, restarts, len(once))
		for i := range once {
			a, b := once[i], restarts[i]
			require.Equal(t, []any{a.FirstDueAt, a.DueAt, a.Count, a.RecoveredAt.IsZero()}, []any{b.FirstDueAt, b.DueAt, b.Count, b.RecoveredAt.IsZero()})
			require.False(t, b.Blind)
		}
	})
}

// TestTheOrderOfStartsChangesNothing: starts that are told of before a decision may come in any order and any number of times.
func TestTheOrderOfStartsChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		one, other := d.tracker(t), d.tracker(t)
		for _, a := range d.starts {
			one.Started("job", a.at, d.end)
		}
		for _, a := range rapid.Permutation(append(d.starts, d.starts...)).Draw(t, "order") {
			other.Started("job", a.at, d.end)
		}
		require.Equal(t, one.Due(d.end), other.Due(d.end))
		require.Equal(t, one.Status(), other.Status())
	})
}
