package measure

import (
	"fmt"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// Temporality says from when on counters and histograms count. What goes up and down is always told as it is, as the
// OpenTelemetry SDKs do.
type Temporality uint8

// The temporalities.
const (
	// TemporalityCumulative: since the series began.
	TemporalityCumulative Temporality = iota
	// TemporalityDelta: since what was delivered last.
	TemporalityDelta
)

// Buckets says how histograms are divided.
type Buckets uint8

// The kinds of buckets.
const (
	// BucketsExplicit: the same fixed bounds for all.
	BucketsExplicit Buckets = iota
	// BucketsExponential: as fine as the spread of the values allows.
	BucketsExponential
)

// Settings are the meter's bounds.
type Settings struct {
	// Start is the time from which counts run, that of the collector's start.
	Start time.Time
	// MaxSeries bounds the series of each metric, that of the overflow included.
	MaxSeries int
	// Expiration is after how long without a change a series leaves; 0: never.
	Expiration  time.Duration
	Temporality Temporality
	Buckets     Buckets
	// ServiceGraph adds the metrics from which service graphs are drawn.
	ServiceGraph bool
	// Drawn returns the derived trace that shows an operation after a change, the zero ID if none will; histograms then have no
	// exemplar of it. Nil: no exemplars at all.
	Drawn func(c *operation.Change) operation.TraceID
}

// DefaultMaxSeries is what the OpenTelemetry metrics SDKs allow too.
const DefaultMaxSeries = 2_000

// MaxMaxSeries is the most that can be asked for: gauges of more could not tell their series apart.
const MaxMaxSeries = boardSeries

func (s *Settings) validate() error {
	if s.MaxSeries < 2 || s.MaxSeries > MaxMaxSeries {
		return fmt.Errorf("MaxSeries is %d: must be from 2, of which one is that of the overflow, to %d", s.MaxSeries, MaxMaxSeries)
	}
	if s.Expiration < 0 {
		return fmt.Errorf("the setting Expiration is %v: must not be negative", s.Expiration)
	}
	return nil
}
