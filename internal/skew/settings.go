package skew

import (
	"errors"
	"fmt"
	"time"
)

// Settings are the bounds of an [Estimator].
type Settings struct {
	// MaxPairs bounds the pairs of services. When it is reached, a pair that has been quiet for long gives way to a new one,
	// or the new one is refused; both are counted.
	MaxPairs int
	// Moment is the event time whose waits count as one sample, by the least of them: many messages of one second say no more
	// than one, because they all saw the same clocks.
	Moment time.Duration
	// MaxAge is how far, in event time, a sample may be from the latest one and still count: clocks get fixed.
	MaxAge time.Duration
	// Least is the least offset that counts: clients round times to the millisecond, and that is no disagreement of clocks.
	Least time.Duration
}

// DefaultSettings suit up to 10,000 pairs in at most 12 MB.
func DefaultSettings() Settings {
	return Settings{MaxPairs: 10_000, Moment: time.Second, MaxAge: time.Hour, Least: 2 * time.Millisecond}
}

// Validate reports which setting is out of bounds.
func (s Settings) Validate() error {
	var errs []error
	if s.MaxPairs < 1 {
		errs = append(errs, fmt.Errorf("MaxPairs is %d: must be at least 1", s.MaxPairs))
	}
	if s.Moment < time.Millisecond || s.Moment > s.MaxAge {
		errs = append(errs, fmt.Errorf("moment is %s: must be between 1ms and MaxAge, %s", s.Moment, s.MaxAge))
	}
	if s.Least < 0 {
		errs = append(errs, fmt.Errorf("least is %s: must not be negative", s.Least))
	}
	return errors.Join(errs...)
}
