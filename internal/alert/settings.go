package alert

import (
	"errors"
	"fmt"
	"time"
)

// Settings are the bounds and periods of a [Book].
type Settings struct {
	// MaxAlerts bounds the alerts held, those that are over and done with among them. When it is reached, resolved ones
	// leave, the oldest first; if all are firing, what is new is dropped and counted.
	MaxAlerts int
	// Once is for backends that remember, or whose readers do: each opening, change of routing and end is told until the
	// backend has it, then never again. What began and ended while the backend could not be reached is not told at all.
	// Otherwise alerts are repeated as the two intervals say.
	Once bool
	// RepeatInterval is how often a firing alert is told again: backends let an alert end that they hear no more of. With
	// Once, how often what could not be told is tried again.
	RepeatInterval time.Duration
	// ResolvedRepeat is how long a resolved alert is told again after it was told first: a backend may have lost it.
	ResolvedRepeat time.Duration
	// StaleAfter is how long a firing alert is told again without any news of its incident; then whoever knew about it is
	// gone, and the backend lets it end.
	StaleAfter time.Duration
}

// DefaultSettings suit the defaults of Alertmanager and of the incidents.
func DefaultSettings() Settings {
	return Settings{
		MaxAlerts: 10_000, RepeatInterval: time.Minute, ResolvedRepeat: 5 * time.Minute, StaleAfter: 15 * time.Minute,
	}
}

// Validate reports which setting is out of bounds.
func (s Settings) Validate() error {
	var errs []error
	if s.MaxAlerts < 1 {
		errs = append(errs, fmt.Errorf("MaxAlerts is %d: must be at least 1", s.MaxAlerts))
	}
	if s.RepeatInterval <= 0 {
		errs = append(errs, fmt.Errorf("RepeatInterval is %s: must be positive", s.RepeatInterval))
	}
	if s.ResolvedRepeat < 0 {
		errs = append(errs, fmt.Errorf("ResolvedRepeat is %s: must not be negative", s.ResolvedRepeat))
	}
	if s.StaleAfter < s.RepeatInterval {
		errs = append(errs, fmt.Errorf("StaleAfter is %s: must be at least RepeatInterval, %s", s.StaleAfter, s.RepeatInterval))
	}
	return errors.Join(errs...)
}

// Stats counts what a book holds and what it had to let go.
type Stats struct {
	// Firing and Resolved are the alerts that are being told.
	Firing, Resolved int
	// Overflow counts what was not taken because a bound was reached, Evicted the resolved alerts that left to make room,
	// Stale the firing ones of whose incident nothing was heard any more.
	Overflow, Evicted, Stale int64
}
