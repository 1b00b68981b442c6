package operationsextension

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/learn"
	"github.com/throughline/throughline/internal/operation"
)

// LearnConfig says how thresholds that nobody declared, and what always follows, are learned from operations that completed.
type LearnConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// Quantile of how long a stage took, times Factor, is its threshold, but at least Floor.
	Quantile float64       `mapstructure:"quantile"`
	Factor   float64       `mapstructure:"factor"`
	Floor    time.Duration `mapstructure:"floor"`
	// MinSamples is how many observations it takes to know anything.
	MinSamples int `mapstructure:"min_samples"`
	// HalfLife is how fast it is forgotten.
	HalfLife time.Duration `mapstructure:"half_life"`
	// MaxStages bounds what is learned.
	MaxStages int `mapstructure:"max_stages"`
}

func defaultLearn() LearnConfig {
	s := learn.DefaultSettings()
	return LearnConfig{
		Enabled: true, Quantile: s.Quantile, Factor: s.Factor, Floor: s.Floor, MinSamples: s.MinSamples, HalfLife: s.HalfLife, MaxStages: s.MaxStages,
	}
}

func (c *LearnConfig) settings() learn.Settings {
	return learn.Settings{
		Quantile: c.Quantile, Factor: c.Factor, Floor: c.Floor, MinSamples: c.MinSamples, HalfLife: c.HalfLife, MaxStages: c.MaxStages,
	}
}

// validate names the keys of the configuration where the settings name their own part of them.
func (c *LearnConfig) validate() error {
	err := c.settings().Validate()
	if err == nil {
		return nil
	}
	return fmt.Errorf("`learn::%s", strings.ReplaceAll(strings.TrimPrefix(err.Error(), "`"), "\n`", "\n`learn::"))
}

// learning learns from operations that completed. Switched off, it knows nothing.
type learning struct {
	book *learn.Book // nil if switched off
}

func newLearning(cfg *Config) (*learning, error) {
	if !cfg.Learn.Enabled {
		return &learning{}, nil
	}
	s := cfg.Learn.settings()
	e := cfg.engineSettings()
	s.DeadLetter, s.Retry = e.DeadLetter, e.Retry
	book, err := learn.New(s)
	return &learning{book: book}, err
}

// experience is what judges ask, nil if nothing is learned.
func (l *learning) experience() operation.Experience {
	if l.book == nil {
		return nil
	}
	return l.book
}

// sweep learns from the operations that completed for the first time and were nothing else before.
func (l *learning) sweep(now time.Time, changes []operation.Change) {
	if l.book == nil {
		return
	}
	l.book.Advance(now.UnixNano())
	for i := range changes {
		if c := &changes[i]; c.Verdict.State == operation.StateCompleted && c.FinalRevision == 1 {
			l.book.Learn(c.View, now.UnixNano())
		}
	}
}

// stats are the book's counts, all zero if nothing is learned.
func (l *learning) stats() learn.Stats {
	if l.book == nil {
		return learn.Stats{}
	}
	return l.book.Stats()
}

// drops counts what was not learned, by reason.
func (l *learning) drops() map[string]uint64 {
	s := l.stats()
	return map[string]uint64{"learned_refused": s.Refused, "learned_forgotten": s.Forgotten}
}

// Learned implements console.Source.
func (s source) Learned(ctx context.Context) (console.Learned, error) {
	l := s.o.learning
	if l.book == nil {
		return console.Learned{}, ctx.Err()
	}
	return console.Learned{Enabled: true, Stages: l.book.Report(s.o.config.Learn.MaxStages), Stats: l.stats()}, ctx.Err()
}
