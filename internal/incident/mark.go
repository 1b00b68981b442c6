package incident

import (
	"errors"
	"strings"
	"time"
)

// Action is something that somebody says of an incident.
type Action uint8

// The actions.
const (
	ActionAcknowledge Action = iota
	ActionUnacknowledge
	ActionMute
	ActionUnmute
)

var actionNames = [...]string{"acknowledge", "unacknowledge", "mute", "unmute"}

// String returns the name used in the API.
func (a Action) String() string { return actionNames[a] }

// ActionNames returns the names of all actions.
func ActionNames() []string { return append([]string(nil), actionNames[:]...) }

// Errors of [Tracker.Act].
var (
	// ErrUnknown: there is no incident with the ID.
	ErrUnknown = errors.New("unknown incident")
	// ErrResolved: nobody need take care of what is over. It can be muted, for the case that it comes again.
	ErrResolved = errors.New("the incident is resolved")
	// ErrPast: the time until which it is to hold is over.
	ErrPast = errors.New("that time is over")
)

// Act carries out an action and returns the incident as it then is. What others are to be told of it is among the events of the
// next sweep. Both end with the incident, but muting until a given time lasts if it is
// opened again before.
func (t *Tracker) Act(id string, action Action, mark Mark, now time.Time) (Incident, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.incidents[id]
	mark.At = now.UnixNano()
	switch {
	case r == nil:
		return Incident{}, ErrUnknown
	case mark.Until != 0 && mark.Until <= mark.At:
		return Incident{}, ErrPast
	case action == ActionAcknowledge && r.State == StateResolved:
		return Incident{}, ErrResolved
	}
	mark.By, mark.Note = strings.Clone(clip(mark.By, maxName)), strings.Clone(clip(mark.Note, maxMessage))
	switch action {
	case ActionAcknowledge:
		r.Acknowledged = &mark
	case ActionUnacknowledge:
		r.Acknowledged = nil
	case ActionMute:
		r.Muted = &mark
	case ActionUnmute:
		r.Muted = nil
	}
	r.mark(mark.At)
	return r.snapshot(), nil
}

func (r *record) mark(now int64) {
	r.marked, r.changed = true, true
	r.UpdatedAt = max(r.UpdatedAt+1, now)
}

// lapse ends marks whose time is over and reports whether there were any.
func (r *record) lapse(now int64) bool {
	over := func(m *Mark) bool { return m != nil && m.Until != 0 && m.Until <= now }
	if !over(r.Acknowledged) && !over(r.Muted) {
		return false
	}
	if over(r.Acknowledged) {
		r.Acknowledged = nil
	}
	if over(r.Muted) {
		r.Muted = nil
	}
	r.marked, r.changed = true, true
	return true
}
