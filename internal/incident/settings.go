package incident

import (
	"errors"
	"fmt"
	"time"

	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/stack"
)

// Settings are a tracker's bounds and periods.
type Settings struct {
	// MaxIncidents bounds the incidents held. When it is reached, resolved ones leave, the oldest first; if all are open, a
	// further one is not opened and its operations are counted in Stats.Overflow.
	MaxIncidents int
	// MaxMembers bounds the operations in open incidents; what exceeds it is counted in Stats.Overflow. An operation is in
	// at most one incident, so the engine's bound of operations suffices.
	MaxMembers int
	// MaxMessages bounds the messages that tell failures of one type in one place apart; all others there are one incident.
	MaxMessages int
	// InApp tells the application's own calls in stack traces from those of libraries.
	InApp stack.Rules
	// Causes are the bounds of what is known of healthy operations, and what is taken for evidence.
	Causes cause.Settings
	// Resources tells what is known of an instance of a service; nil: nothing is.
	Resources cause.Resources
	// SilentSince tells since when the telemetry of a service is lacking at the time now, both in nanoseconds since 1970; 0 if it is
	// not. nil: it never is.
	SilentSince func(service string, now int64) int64
	// Storm is the number of open incidents of one destination from which one more stands for them all; 0: none does.
	Storm int
	// SampleSize is the number of operations that an incident names.
	SampleSize int
	// ResolveAfter is how long nothing may fail in the same way before an incident of failures is resolved: what failed
	// stays failed, so it would stay open for ever.
	ResolveAfter time.Duration
	// UpdateInterval is the least time between two events that tell of nothing but another number of operations.
	UpdateInterval time.Duration
	// RefreshInterval is how often an open incident is told of when nothing happens to it.
	RefreshInterval time.Duration
}

// DefaultSettings are finite and suit the engine's defaults.
func DefaultSettings() Settings {
	return Settings{
		MaxIncidents:    10_000,
		MaxMembers:      200_000,
		MaxMessages:     64,
		Storm:           5,
		SampleSize:      10,
		Causes:          cause.DefaultSettings(),
		ResolveAfter:    5 * time.Minute,
		UpdateInterval:  15 * time.Second,
		RefreshInterval: 5 * time.Minute,
	}
}

// Validate reports which setting is out of bounds.
func (s Settings) Validate() error {
	var errs []error
	for _, v := range []struct {
		name  string
		value int
	}{
		{"MaxIncidents", s.MaxIncidents}, {"MaxMembers", s.MaxMembers}, {"MaxMessages", s.MaxMessages}, {"SampleSize", s.SampleSize},
	} {
		if v.value < 1 {
			errs = append(errs, fmt.Errorf("%s is %d: must be at least 1", v.name, v.value))
		}
	}
	if s.Storm < 0 || s.Storm == 1 {
		errs = append(errs, fmt.Errorf("%s is %d: must be 0 or at least 2", "Storm", s.Storm))
	}
	if s.ResolveAfter <= 0 {
		errs = append(errs, fmt.Errorf("ResolveAfter is %s: must be positive", s.ResolveAfter))
	}
	if s.RefreshInterval <= 0 {
		errs = append(errs, fmt.Errorf("RefreshInterval is %s: must be positive", s.RefreshInterval))
	}
	if s.UpdateInterval < 0 {
		errs = append(errs, fmt.Errorf("UpdateInterval is %s: must not be negative", s.UpdateInterval))
	}
	if err := s.InApp.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("InApp: %w", err))
	}
	if err := s.Causes.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("settings in Causes: %w", err))
	}
	return errors.Join(errs...)
}

// Stats counts what a tracker holds and what it had to leave out.
type Stats struct {
	// Open and Resolved are the incidents held, Members the operations in the open ones.
	Open, Resolved, Members int
	// Overflow counts the operations that joined no incident because a bound was reached, Evicted the resolved incidents
	// that left to make room.
	Overflow, Evicted int64
	// Templates are the templates of messages held, MessageOverflow counts failures that were grouped without regard to their
	// message because MaxMessages was reached, TemplatesEvicted templates that left to make room.
	Templates                         int
	MessageOverflow, TemplatesEvicted int64
}
