package operationsextension

import (
	"context"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/measure"
	"github.com/throughline/throughline/internal/skew"
)

// ClockSkewConfig says what is done about clocks that disagree.
type ClockSkewConfig struct {
	// Enabled corrects waits between two services by what negative ones prove.
	Enabled bool `mapstructure:"enabled"`
}

// clocks knows by how much the clocks of services disagree; switched off, nothing.
type clocks struct {
	estimator *skew.Estimator // nil if switched off
}

// maxClockPairs bounds the pairs of services whose clocks are compared.
const maxClockPairs = 10_000

func newClocks(cfg *Config) (clocks, error) {
	if !cfg.ClockSkew.Enabled {
		return clocks{}, nil
	}
	s := skew.DefaultSettings()
	s.MaxPairs = maxClockPairs
	estimator, err := skew.New(s)
	return clocks{estimator}, err
}

// engine is what waits are corrected by, nil if clocks are taken to agree.
func (c clocks) engine() engine.Clocks {
	if c.estimator == nil {
		return nil
	}
	return c.estimator
}

// maxMeasuredClocks leaves room for the series of pairs that agree again.
const maxMeasuredClocks = measure.DefaultMaxSeries / 2

// measure fills in the pairs that disagree most.
func (c clocks) measure(gauges *measure.Gauges) {
	if c.estimator == nil {
		return
	}
	for _, p := range c.estimator.Report(maxMeasuredClocks) {
		if p.Nanos != 0 {
			gauges.AddClocks(p.Ahead, p.Behind, p.Nanos)
		}
	}
}

func (c clocks) stats() skew.Stats {
	if c.estimator == nil {
		return skew.Stats{}
	}
	return c.estimator.Stats()
}

// waits counts what came of the waits between two services.
func (c clocks) waits() map[string]uint64 {
	s := c.stats()
	return map[string]uint64{"observed": s.Observed, "negative": s.Negative, "ignored": s.Ignored, "refused": s.Refused}
}

// Clocks implements console.Source.
func (s source) Clocks(ctx context.Context, limit int) (console.Clocks, error) {
	c := s.o.clocks
	if c.estimator == nil {
		return console.Clocks{}, ctx.Err()
	}
	return console.Clocks{Enabled: true, Pairs: c.estimator.Report(limit), Stats: c.stats()}, ctx.Err()
}
