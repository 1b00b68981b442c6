package operationsreceiver

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/throughline/throughline/extension/operationsextension"
)

// Config is the YAML configuration of the operations receiver.
type Config struct {
	// Operations is the ID of the operations extension.
	Operations component.ID  `mapstructure:"operations"`
	Traces     TracesConfig  `mapstructure:"traces"`
	Metrics    MetricsConfig `mapstructure:"metrics"`
}

// TracesConfig bounds the derived traces.
type TracesConfig struct {
	// Snapshots says whether an operation that gets stuck is shown as it then is, under a trace ID of its own.
	Snapshots bool `mapstructure:"snapshots"`
	// MaxSpans bounds the spans of one trace, MaxEvents the events on one span; the root span says what was cut.
	MaxSpans  int `mapstructure:"max_spans"`
	MaxEvents int `mapstructure:"max_events"`
	// Completed bounds what is drawn of operations that simply completed.
	Completed CompletedConfig `mapstructure:"completed"`
}

// CompletedConfig says which operations are drawn that completed and have no flag, were not stuck and not corrected. All others are.
type CompletedConfig struct {
	// SamplingPercentage is how many of them, between 0 and 100. The trace ID decides, so that all collectors agree.
	SamplingPercentage float64 `mapstructure:"sampling_percentage"`
}

// MetricsConfig times the metrics.
type MetricsConfig struct {
	// Interval is how often metrics are emitted.
	Interval time.Duration `mapstructure:"interval"`
}

func createDefaultConfig() component.Config {
	return &Config{
		Operations: operationsextension.DefaultID,
		Traces:     TracesConfig{Snapshots: true, MaxSpans: 1000, MaxEvents: 128, Completed: CompletedConfig{SamplingPercentage: 100}},
		Metrics:    MetricsConfig{Interval: 10 * time.Second},
	}
}

// Validate implements component.ConfigValidator.
func (c *Config) Validate() error {
	var errs []error
	if c.Traces.MaxSpans < 10 {
		errs = append(errs, fmt.Errorf("`traces::max_spans` is %d: must be at least 10", c.Traces.MaxSpans))
	}
	if c.Traces.MaxEvents < 0 {
		errs = append(errs, fmt.Errorf("`traces::max_events` is %d: must not be negative", c.Traces.MaxEvents))
	}
	if p := c.Traces.Completed.SamplingPercentage; !(p >= 0 && p <= 100) {
		errs = append(errs, fmt.Errorf("`traces::completed::sampling_percentage` is %v: must be between 0 and 100", p))
	}
	if c.Metrics.Interval < 100*time.Millisecond {
		errs = append(errs, fmt.Errorf("`metrics::interval` is %v: must be at least 100ms", c.Metrics.Interval))
	}
	return errors.Join(errs...)
}
