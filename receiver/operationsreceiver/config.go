package operationsreceiver

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/measure"
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
	// Detail says whether the spans inside of attempts are copied.
	Detail Detail `mapstructure:"detail"`
	// MaxInnerSpans bounds these copies in one trace, and MaxKeptBytes what is kept of such spans until their operations are final.
	MaxInnerSpans int `mapstructure:"max_inner_spans"`
	MaxKeptBytes  int `mapstructure:"max_kept_bytes"`
	// Completed bounds what is drawn of operations that simply completed.
	Completed CompletedConfig `mapstructure:"completed"`
}

// Detail is how much of an operation is drawn.
type Detail string

// The details.
const (
	// DetailHops: its hops, and the work that begins it.
	DetailHops Detail = "hops"
	// DetailSpans: also copies of the original spans inside of these.
	DetailSpans Detail = "spans"
)

// The least bounds that make sense, and the default of max_kept_bytes.
const (
	minKeptBytes     = 1 << 20
	defaultKeptBytes = 64 << 20
)

func (c *TracesConfig) validate() error {
	var errs []error
	if c.MaxSpans < 10 {
		errs = append(errs, fmt.Errorf("`traces::max_spans` is %d: must be at least 10", c.MaxSpans))
	}
	if c.MaxEvents < 0 {
		errs = append(errs, fmt.Errorf("`traces::max_events` is %d: must not be negative", c.MaxEvents))
	}
	if c.Detail != DetailHops && c.Detail != DetailSpans {
		errs = append(errs, fmt.Errorf("`traces::detail` is %q: must be hops or spans", c.Detail))
	}
	if c.MaxInnerSpans < 1 {
		errs = append(errs, fmt.Errorf("`traces::max_inner_spans` is %d: must be at least 1; `traces::detail: hops` copies none", c.MaxInnerSpans))
	}
	if c.MaxKeptBytes < minKeptBytes {
		errs = append(errs, fmt.Errorf("`traces::max_kept_bytes` is %d: must be at least %d", c.MaxKeptBytes, minKeptBytes))
	}
	if p := c.Completed.SamplingPercentage; !(p >= 0 && p <= 100) {
		errs = append(errs, fmt.Errorf("`traces::completed::sampling_percentage` is %v: must be between 0 and 100", p))
	}
	return errors.Join(errs...)
}

// CompletedConfig says which operations are drawn that completed and have no flag, were not stuck and not corrected. All others are.
type CompletedConfig struct {
	// SamplingPercentage is how many of them, between 0 and 100. The trace ID decides, so that all collectors agree.
	SamplingPercentage float64 `mapstructure:"sampling_percentage"`
}

// MetricsConfig says which metrics are emitted, when, and in which form.
type MetricsConfig struct {
	// Interval is how often metrics are emitted.
	Interval time.Duration `mapstructure:"interval"`
	// Temporality says from when on counters and histograms count.
	Temporality Temporality `mapstructure:"temporality"`
	// Histograms says how histograms are divided.
	Histograms Histograms `mapstructure:"histograms"`
	// Exemplars says whether histograms lead to derived traces.
	Exemplars bool `mapstructure:"exemplars"`
	// MaxSeries bounds the series of each metric, that of the overflow included.
	MaxSeries int `mapstructure:"max_series"`
	// Expiration is after how long without a change a series leaves; 0: never.
	Expiration time.Duration `mapstructure:"expiration"`
	// ServiceGraph adds the metrics from which Grafana draws service graphs.
	ServiceGraph bool `mapstructure:"service_graph"`
}

// Temporality is the aggregation temporality of counters and histograms.
type Temporality string

// The temporalities.
const (
	TemporalityCumulative Temporality = "cumulative"
	TemporalityDelta      Temporality = "delta"
)

// Histograms is a kind of histograms.
type Histograms string

// The kinds of histograms.
const (
	HistogramsExplicit    Histograms = "explicit"
	HistogramsExponential Histograms = "exponential"
)

// defaultExpiration lets what runs once a day keep its series.
const defaultExpiration = 26 * time.Hour

func createDefaultConfig() component.Config {
	return &Config{
		Operations: operationsextension.DefaultID,
		Traces: TracesConfig{
			Snapshots: true, MaxSpans: 1000, MaxEvents: 128, Completed: CompletedConfig{SamplingPercentage: 100},
			Detail: DetailHops, MaxInnerSpans: 500, MaxKeptBytes: defaultKeptBytes,
		},
		Metrics: MetricsConfig{
			Interval: 10 * time.Second, Temporality: TemporalityCumulative, Histograms: HistogramsExplicit, Exemplars: true,
			MaxSeries: measure.DefaultMaxSeries, Expiration: defaultExpiration,
		},
	}
}

// Validate implements component.ConfigValidator.
func (c *Config) Validate() error {
	var errs []error
	if err := c.Traces.validate(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errors.Join(errs...), c.Metrics.validate())
}

func (c *MetricsConfig) validate() error {
	var errs []error
	if c.Interval < 100*time.Millisecond {
		errs = append(errs, fmt.Errorf("`metrics::interval` is %v: must be at least 100ms", c.Interval))
	}
	if c.Temporality != TemporalityCumulative && c.Temporality != TemporalityDelta {
		errs = append(errs, fmt.Errorf("`metrics::temporality` is %q: must be cumulative or delta", c.Temporality))
	}
	if c.Histograms != HistogramsExplicit && c.Histograms != HistogramsExponential {
		errs = append(errs, fmt.Errorf("`metrics::histograms` is %q: must be explicit or exponential", c.Histograms))
	}
	if c.MaxSeries < 2 || c.MaxSeries > measure.MaxMaxSeries {
		errs = append(errs, fmt.Errorf("`metrics::max_series` is %d: must be from 2 to %d", c.MaxSeries, measure.MaxMaxSeries))
	}
	// A series that leaves between two emissions would never be seen.
	if c.Expiration != 0 && c.Expiration < c.Interval {
		errs = append(errs, fmt.Errorf("`metrics::expiration` is %v: must be 0, which is never, or at least `metrics::interval`, %v", c.Expiration, c.Interval))
	}
	return errors.Join(errs...)
}
