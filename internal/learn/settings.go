package learn

import (
	"errors"
	"fmt"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// Settings say how thresholds are learned, and bound what a [Book] keeps.
type Settings struct {
	// Quantile of the observations (above 0, below 1), times Factor, is the threshold, but at least Floor.
	Quantile float64
	Factor   float64
	Floor    time.Duration
	// MinSamples is how many observations it takes to know anything.
	MinSamples int
	// HalfLife is how fast it is forgotten.
	HalfLife time.Duration
	// MaxStages bounds the sketches that are kept, of about 1 to 5 kB each.
	MaxStages int
	// DeadLetter and Retry tell the destinations of messages that were given up and of those that are tried again, which
	// teach nothing; nil: by their names alone.
	DeadLetter, Retry func(destination string) bool
}

// DefaultSettings suit operations that run some hundred times a day and more.
func DefaultSettings() Settings {
	return Settings{
		Quantile: 0.999, Factor: 3, Floor: 30 * time.Second, MinSamples: 200, HalfLife: 24 * time.Hour, MaxStages: 10_000,
		DeadLetter: operation.DeadLetterName, Retry: operation.RetryName,
	}
}

// The bounds of settings: beyond them is a slip. maxQuantile is what the units of weight can tell apart.
const (
	maxQuantile = 0.99999
	maxFactor   = 1000
	maxSamples  = 1_000_000
	maxStages   = 100_000
	maxTime     = 10 * 365 * 24 * time.Hour
)

// Validate reports which settings are out of bounds, each by its name in the configuration.
func (s Settings) Validate() error {
	var errs []error
	if !(s.Quantile > 0 && s.Quantile <= maxQuantile) {
		errs = append(errs, fmt.Errorf("`quantile` is %g: must be above 0 and at most %g", s.Quantile, maxQuantile))
	}
	if !(s.Factor >= 1 && s.Factor <= maxFactor) {
		errs = append(errs, fmt.Errorf("`factor` is %g: must be between 1 and %d", s.Factor, maxFactor))
	}
	if s.Floor < 0 || s.Floor > maxTime {
		errs = append(errs, fmt.Errorf("`floor` is %v: must be between 0s and %v", s.Floor, maxTime))
	}
	if s.HalfLife < time.Minute || s.HalfLife > maxTime {
		errs = append(errs, fmt.Errorf("`half_life` is %v: must be between 1m and %v", s.HalfLife, maxTime))
	}
	if s.MinSamples < 1 || s.MinSamples > maxSamples {
		errs = append(errs, fmt.Errorf("`min_samples` is %d: must be between 1 and %d", s.MinSamples, maxSamples))
	}
	if s.MaxStages < 1 || s.MaxStages > maxStages {
		errs = append(errs, fmt.Errorf("`max_stages` is %d: must be between 1 and %d", s.MaxStages, maxStages))
	}
	return errors.Join(errs...)
}
