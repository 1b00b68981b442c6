package expect

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// snapshotVersion changes whenever older snapshots can no longer be read.
const snapshotVersion = 1

// maxSnapshot bounds what is read, in bytes: more than ten thousand expectations need.
const maxSnapshot = 16 << 20

// snapshot is the state as it is stored. Times are nanoseconds since 1970.
type snapshot struct {
	Version int     `json:"version"`
	At      int64   `json:"at"`
	Rules   []saved `json:"rules"`
}

type saved struct {
	Rule        string     `json:"rule"`
	Schedule    string     `json:"schedule"`
	Grace       int64      `json:"grace"`
	LastStarted int64      `json:"last_started,omitempty"`
	Due         int64      `json:"due"`
	Early       int64      `json:"early,omitempty"`
	Starts      [][2]int64 `json:"starts,omitempty"`
	Missed      *savedMiss `json:"missed,omitempty"`
}

type savedMiss struct {
	First     int64 `json:"first"`
	Last      int64 `json:"last"`
	Early     int64 `json:"early,omitempty"`
	Count     int   `json:"count"`
	Recovered int64 `json:"recovered,omitempty"`
	News      bool  `json:"news,omitempty"`
}

// Snapshot returns the state at the given time in a form that Restore reads.
func (t *Tracker) Snapshot(now time.Time) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := snapshot{Version: snapshotVersion, At: now.UnixNano(), Rules: make([]saved, 0, len(t.expectations))}
	for _, e := range t.expectations {
		s.Rules = append(s.Rules, e.save())
	}
	t.unsaved = false
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("snapshot of expectations: %w", err)
	}
	return data, nil
}

func (e *expectation) save() saved {
	s := saved{
		Rule: e.rule, Schedule: e.schedule.String(), Grace: e.grace(), LastStarted: e.lastStarted, Due: e.due, Early: e.early,
	}
	for _, r := range e.starts {
		s.Starts = append(s.Starts, [2]int64{r.first, r.last})
	}
	if m := e.open; m.count > 0 {
		s.Missed = &savedMiss{First: m.first, Last: m.last, Early: m.early, Count: m.count, Recovered: m.recovered, News: m.news}
	}
	return s
}

// Restore continues from a snapshot of an earlier run. It must be called before anything else. Due times that passed in
// between are decided too, and told as Blind. Of a rule whose schedule has changed only the last start is taken; rules that
// are no longer expected are forgotten. When it returns an error, nothing was restored.
func (t *Tracker) Restore(data []byte) error {
	if len(data) > maxSnapshot {
		return fmt.Errorf("snapshot of expectations: %d bytes: must be at most %d", len(data), maxSnapshot)
	}
	var s snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("snapshot of expectations: %w", err)
	}
	if s.Version != snapshotVersion {
		return fmt.Errorf("snapshot of expectations: version is %d: must be %d", s.Version, snapshotVersion)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !isTime(s.At) {
		return fmt.Errorf("snapshot of expectations: `at` is %d: no time", s.At)
	}
	for i := range s.Rules {
		if err := s.Rules[i].check(t.byRule[s.Rules[i].Rule]); err != nil {
			return fmt.Errorf("snapshot of expectations: rule %q: %w", shown(s.Rules[i].Rule), err)
		}
	}
	for i := range s.Rules {
		if e := t.byRule[s.Rules[i].Rule]; e != nil {
			e.restore(&s.Rules[i])
		}
	}
	// A clock that was set back leaves no time in between.
	if s.At < t.since {
		t.blindFrom, t.blindUntil = s.At, t.since
	}
	return nil
}

func isTime(at int64) bool { return at > 0 && time.Unix(0, at).Year() <= lastYear }

// check reports what cannot be the state of the expectation, which is nil for a rule that is no longer expected.
func (s *saved) check(e *expectation) error {
	switch {
	case s.LastStarted != 0 && !isTime(s.LastStarted):
		return fmt.Errorf("`last_started` is %d: no time", s.LastStarted)
	case e == nil || !s.of(e):
		return nil
	case !isTime(s.Due) && (s.Due != never || e.schedule.spec == nil):
		return fmt.Errorf("`due` is %d: no time", s.Due)
	case s.Early < 0 || s.Early > e.grace():
		return fmt.Errorf("`early` is %d: must be between 0 and the grace", s.Early)
	case e.schedule.spec == nil && len(s.Starts) == 0:
		return errors.New("`starts` is empty: an interval counts from one")
	}
	last := int64(0)
	for _, r := range s.Starts {
		if !isTime(r[0]) || !isTime(r[1]) || r[0] > r[1] || (last != 0 && r[0] <= last+e.distance()) {
			return fmt.Errorf("`starts` has %v: no times in order", r)
		}
		last = r[1]
	}
	if m := s.Missed; m != nil && (!isTime(m.First) || !isTime(m.Last) || m.First > m.Last || m.Early < 0 || m.Early > e.grace() ||
		m.Count < 1 || (m.Recovered != 0 && !isTime(m.Recovered))) {
		return fmt.Errorf("`missed` is %+v: no row of due times", *m)
	}
	return nil
}

// of reports whether the state was saved under the same schedule.
func (s *saved) of(e *expectation) bool {
	return s.Schedule == e.schedule.String() && s.Grace == e.grace()
}

func (e *expectation) restore(s *saved) {
	e.lastStarted = s.LastStarted
	if !s.of(e) {
		return
	}
	e.due, e.early, e.open = s.Due, s.Early, miss{}
	e.starts = e.starts[:0]
	for _, r := range s.Starts {
		e.starts = append(e.starts, run{r[0], r[1]})
	}
	if m := s.Missed; m != nil {
		e.open = miss{first: m.First, last: m.Last, early: m.Early, count: m.Count, recovered: m.Recovered, news: m.News}
	}
}
