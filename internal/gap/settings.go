package gap

import (
	"errors"
	"fmt"
	"time"
)

// Settings say what is silent, and bound what a [Monitor] keeps.
type Settings struct {
	// Floor is the least silence that is a gap, and Factor how many times as long as usual it must be.
	Floor  time.Duration
	Factor float64
	// Quantile is the share of its time that a service spends in waits that are usual, above 0 and below 1.
	Quantile float64
	// MinSamples and MinWatched are how many waits, over how long, make a habit. Without one a service is never silent.
	MinSamples int
	MinWatched time.Duration
	// Memory is how long a habit is remembered in full; after twice as long it is forgotten. Less than a day would forget the night
	// by the evening.
	Memory time.Duration
	// Hold is how long a gap of one service is not told of yet, because others may turn out to be silent too. It counts at once.
	// That it is over is told as long after, with what came late by then.
	Hold time.Duration
	// Absence is how long nobody may ask [Monitor.Silent] until the collector is taken for not having run.
	Absence time.Duration
	// Relearn is how long a service may send nothing but old telemetry until that is taken for a clock that was set back.
	Relearn time.Duration
	// MaxServices bounds the services; further ones are counted, have no gaps of their own and are not heard of in any other way.
	MaxServices int
	// MaxGaps bounds the gaps that are kept of each service, the longest stay. Retention is how long they are kept, and also
	// how long a service may be silent until it is forgotten; idle weeks are known by it, so it should be more than one.
	MaxGaps   int
	Retention time.Duration
}

// DefaultSettings suit services that send in batches of a few seconds as well as those that run once an hour.
func DefaultSettings() Settings {
	return Settings{
		Floor:       30 * time.Second,
		Factor:      3,
		Quantile:    0.9,
		MinSamples:  20,
		MinWatched:  2 * time.Minute,
		Memory:      24 * time.Hour,
		Hold:        10 * time.Second,
		Absence:     30 * time.Second,
		Relearn:     time.Hour,
		MaxServices: 10_000,
		MaxGaps:     16,
		Retention:   8 * 24 * time.Hour,
	}
}

// Validate reports which setting is out of bounds.
func (s Settings) Validate() error {
	var errs []error
	if s.Quantile <= 0 || s.Quantile >= 1 {
		errs = append(errs, fmt.Errorf("quantile is %g: must be above 0 and below 1", s.Quantile))
	}
	if !(s.Factor >= 1 && s.Factor <= 1000) {
		errs = append(errs, fmt.Errorf("factor is %g: must be between 1 and 1000", s.Factor))
	}
	if s.Floor < time.Second {
		errs = append(errs, fmt.Errorf("floor is %s: must be at least 1s", s.Floor))
	}
	if s.Hold < 0 {
		errs = append(errs, fmt.Errorf("hold is %s: must not be negative", s.Hold))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"MinWatched", s.MinWatched}, {"memory", s.Memory}, {"absence", s.Absence}, {"relearn", s.Relearn}, {"retention", s.Retention}} {
		if d.value <= 0 {
			errs = append(errs, fmt.Errorf("%s is %s: must be above 0", d.name, d.value))
		}
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"MinSamples", s.MinSamples}, {"MaxServices", s.MaxServices}, {"MaxGaps", s.MaxGaps}} {
		if n.value < 1 {
			errs = append(errs, fmt.Errorf("%s is %d: must be at least 1", n.name, n.value))
		}
	}
	return errors.Join(errs...)
}
