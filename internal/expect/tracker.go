package expect

import (
	"fmt"
	"sync"
	"time"
)

// Settings are what a tracker needs beside its expectations.
type Settings struct {
	// Since is when the caller began to watch: earlier due times are nobody's concern, unless they are restored.
	Since time.Time
	// ArrivalGrace is how long after the end of the grace a due time is decided, because telemetry takes its time.
	ArrivalGrace time.Duration
}

// Validate reports which setting is out of bounds.
func (s *Settings) Validate() error {
	if s.Since.UnixNano() <= 0 || s.Since.Year() > lastYear {
		return fmt.Errorf("the setting Since is %v: must be between 1970 and %d", s.Since, lastYear)
	}
	if s.ArrivalGrace < 0 || s.ArrivalGrace > maxDuration {
		return fmt.Errorf("the setting ArrivalGrace is %v: must be between 0s and %v", s.ArrivalGrace, maxDuration)
	}
	return nil
}

// Expectation is a rule whose operations are expected to start.
type Expectation struct {
	Rule     string
	Schedule *Schedule
}

// Tracker knows of each expectation which due times have passed with and without a start. It is safe for concurrent use,
// and holds a bounded amount of state for each expectation, however many starts there are.
//
// A start belongs to the due time that it is nearest to: it is in time from the grace before the due time (but not more than
// half of the time since the due time before) until the grace after it. Where the grace is longer than the time between two
// due times, one start is in time for several. An interval counts from the newest start; starts may come as early as they like.
type Tracker struct {
	arrival int64

	mu           sync.Mutex
	expectations []*expectation
	byRule       map[string]*expectation
	// blindFrom and blindUntil enclose the time between the last snapshot of an earlier run and Since.
	blindFrom, blindUntil int64
	since                 int64
	// unsaved says that a start made a difference since the last snapshot.
	unsaved bool
}

// New returns a tracker of the given expectations, which must have distinct rules. It expects nothing before Since.
func New(settings Settings, expectations []Expectation) (*Tracker, error) {
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	t := &Tracker{
		arrival: int64(settings.ArrivalGrace), since: settings.Since.UnixNano(),
		byRule: make(map[string]*expectation, len(expectations)),
	}
	for _, x := range expectations {
		if x.Schedule == nil {
			return nil, fmt.Errorf("rule %q: the schedule is missing", x.Rule)
		}
		if t.byRule[x.Rule] != nil {
			return nil, fmt.Errorf("rule %q is expected twice", x.Rule)
		}
		e := &expectation{rule: x.Rule, schedule: x.Schedule}
		e.begin(t.since)
		t.expectations = append(t.expectations, e)
		t.byRule[x.Rule] = e
	}
	return t, nil
}

// Started tells that an operation of the rule started at the given time, in any order and as often as one likes. A time
// beyond now counts as now, because a clock that is fast must not put off due times to come. It reports whether the rule
// is expected at all.
func (t *Tracker) Started(rule string, at, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.byRule[rule]
	if e == nil {
		return false
	}
	if at.After(now) {
		at = now
	}
	if at.Year() >= 1970 && at.Year() <= lastYear {
		before := e.mark()
		e.started(at.UnixNano())
		t.unsaved = t.unsaved || e.mark() != before
	}
	return true
}

// Unsaved reports whether starts were told since the last snapshot that made a difference.
func (t *Tracker) Unsaved() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.unsaved
}

// Missed is a row of due times of one rule that passed without a start, as it is by now. Rule and FirstDueAt name it.
type Missed struct {
	Rule string
	// FirstDueAt and DueAt are the first and the last due time of the row, Count is how many there are.
	FirstDueAt, DueAt time.Time
	Count             int
	Grace             time.Duration
	// LastStartedAt is the newest start of all, zero if there never was one.
	LastStartedAt time.Time
	// Blind says that nobody watched during a part of the last due time and its grace, so that the start may have been missed
	// rather than missing.
	Blind bool
	// RecoveredAt is the start that ended the row, zero as long as there is none.
	RecoveredAt time.Time
	// InTime says that this start came in time after all and only its telemetry was late: nothing had been missed.
	InTime bool
}

// Due returns what has changed since it was last asked: rows of missed due times that began, grew or recovered, those of one
// rule in order. Each due time is decided and counted once, when its grace and the time for telemetry to arrive are over. One
// call decides at most a thousand due times of each rule; further ones are left to the next.
func (t *Tracker) Due(now time.Time) []Missed {
	t.mu.Lock()
	defer t.mu.Unlock()
	var changes []Missed
	for _, e := range t.expectations {
		e.decide(now.UnixNano(), t.arrival, func(m *miss) { changes = append(changes, t.missed(e, m)) })
	}
	return changes
}

func (t *Tracker) missed(e *expectation, m *miss) Missed {
	return Missed{
		Rule: e.rule, FirstDueAt: moment(m.first), DueAt: moment(m.last), Count: m.count, Grace: e.schedule.grace,
		LastStartedAt: moment(e.lastStarted), RecoveredAt: moment(m.recovered),
		Blind:  t.blindUntil != 0 && m.last <= t.blindUntil && m.last+e.grace() >= t.blindFrom,
		InTime: m.recovered != 0 && m.recovered <= m.first+e.grace(),
	}
}

// moment returns the time in UTC, the zero time for 0.
func moment(at int64) time.Time {
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(0, at).UTC()
}

// Status is what is known of one expectation.
type Status struct {
	Rule     string
	Schedule *Schedule
	// DueAt is the earliest due time that is not decided yet, zero if none comes any more.
	DueAt time.Time
	// LastStartedAt is the newest start, zero if there never was one.
	LastStartedAt time.Time
	// Missed is the row of missed due times that is open, nil if there is none.
	Missed *Missed
}

// Status returns what is known of each expectation, in the order in which they were given.
func (t *Tracker) Status() []Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Status, 0, len(t.expectations))
	for _, e := range t.expectations {
		s := Status{Rule: e.rule, Schedule: e.schedule, LastStartedAt: moment(e.lastStarted)}
		if e.due != never {
			s.DueAt = moment(e.due)
		}
		if e.open.count > 0 && e.open.recovered == 0 {
			open := t.missed(e, &e.open)
			s.Missed = &open
		}
		all = append(all, s)
	}
	return all
}
