package operationsextension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/event"
	"github.com/throughline/throughline/internal/gap"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/measure"
	"github.com/throughline/throughline/internal/operation"
)

// TelemetryGapsConfig says when the telemetry of a service is lacking rather than the service idle.
type TelemetryGapsConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// Floor is the least silence that is a gap, Factor how many times as long as usual it must be.
	Floor  time.Duration `mapstructure:"floor"`
	Factor float64       `mapstructure:"factor"`
	// Quantile is the share of its time that a service spends in waits that are usual.
	Quantile float64 `mapstructure:"quantile"`
	// MinSamples and MinWatched are how many waits, over how long, make a habit; without one a service is never silent.
	MinSamples int           `mapstructure:"min_samples"`
	MinWatched time.Duration `mapstructure:"min_watched"`
	// MaxServices bounds the services that are watched.
	MaxServices int `mapstructure:"max_services"`
	// Severity is that of the incident of a gap; empty: that of the defaults.
	Severity string `mapstructure:"severity"`
}

// defaultMinWatched is longer than the monitor's own: an alarm about a service that has just come up helps nobody.
const defaultMinWatched = 10 * time.Minute

func defaultTelemetryGaps() TelemetryGapsConfig {
	s := gap.DefaultSettings()
	return TelemetryGapsConfig{
		Enabled: true, Floor: s.Floor, Factor: s.Factor, Quantile: s.Quantile, MinSamples: s.MinSamples, MinWatched: defaultMinWatched,
		MaxServices: s.MaxServices,
	}
}

// The bounds of the configuration of gaps.
const (
	maxGapFactor   = 1000
	maxGapSamples  = 100_000
	maxGapServices = 1_000_000
	maxGapTime     = 24 * time.Hour
)

func (c *TelemetryGapsConfig) validate() error {
	const key = "telemetry_gaps::"
	var errs []error
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"floor", c.Floor}, {"min_watched", c.MinWatched}} {
		if d.value < time.Second || d.value > maxGapTime {
			errs = append(errs, fmt.Errorf("`%s%s` is %v: must be between 1s and %v", key, d.name, d.value, maxGapTime))
		}
	}
	if !(c.Factor >= 1 && c.Factor <= maxGapFactor) {
		errs = append(errs, fmt.Errorf("`%sfactor` is %g: must be between 1 and %d", key, c.Factor, maxGapFactor))
	}
	if !(c.Quantile > 0 && c.Quantile < 1) {
		errs = append(errs, fmt.Errorf("`%squantile` is %g: must be above 0 and below 1", key, c.Quantile))
	}
	if c.MinSamples < 1 || c.MinSamples > maxGapSamples {
		errs = append(errs, fmt.Errorf("`%smin_samples` is %d: must be at least 1 and at most %d", key, c.MinSamples, maxGapSamples))
	}
	if c.MaxServices < 1 || c.MaxServices > maxGapServices {
		errs = append(errs, fmt.Errorf("`%smax_services` is %d: must be at least 1 and at most %d", key, c.MaxServices, maxGapServices))
	}
	if _, ok := operation.ParseSeverity(c.Severity); !ok && c.Severity != "" {
		errs = append(errs, fmt.Errorf("`%sseverity` is %q: must be one of %s", key, c.Severity, strings.Join(operation.SeverityNames(), ", ")))
	}
	return errors.Join(errs...)
}

// gaps notices where telemetry is lacking. Switched off, it notices nothing.
type gaps struct {
	monitor *gap.Monitor // nil if switched off
	policy  *operation.Policy
	// absence is how long the collector must have been away for that to be a gap.
	absence time.Duration
}

// absenceSweeps is how many sweeps must have been left out for the collector to be taken for not having run.
const absenceSweeps = 4

func newGaps(cfg *Config) (*gaps, error) {
	c := &cfg.TelemetryGaps
	if !c.Enabled {
		return &gaps{}, nil
	}
	s := gap.DefaultSettings()
	s.Floor, s.Factor, s.Quantile, s.MinSamples, s.MinWatched, s.MaxServices = c.Floor, c.Factor, c.Quantile, c.MinSamples, c.MinWatched, c.MaxServices
	s.Absence = max(s.Absence, c.Floor, absenceSweeps*cfg.SweepInterval)
	monitor, err := gap.New(s)
	if err != nil {
		return nil, err
	}
	policy := cfg.Defaults.over(operation.DefaultPolicy(), operation.SourceDefaults)
	if severity, ok := operation.ParseSeverity(c.Severity); ok {
		policy.Severity = severity
	}
	return &gaps{monitor: monitor, policy: &policy, absence: s.Absence}, nil
}

// lacks adapts the monitor to what a judge asks. It implements operation.Telemetry.
type lacks struct{ *gap.Monitor }

// Lacks implements operation.Telemetry.
func (l lacks) Lacks(service string, from, until int64) bool { return l.Covers(service, from, until) }

// telemetry is what judges ask where telemetry is lacking, nil if gaps are switched off.
func (g *gaps) telemetry() operation.Telemetry {
	if g.monitor == nil {
		return nil
	}
	return lacks{g.monitor}
}

// Arrived implements [Operations].
func (o *operations) Arrived(service string, signal gap.Signal, oldest, newest, now int64) (each bool) {
	if o.gaps.monitor == nil {
		return false
	}
	return o.gaps.monitor.SeenBatch(service, signal, oldest, newest, now)
}

// sweep returns the gaps that began and those that are over.
func (g *gaps) sweep(now time.Time) []event.Gap {
	if g.monitor == nil {
		return nil
	}
	var out []event.Gap
	for _, v := range g.monitor.Silent(now.UnixNano()) {
		told := event.Gap{Gap: v, At: now.UnixNano(), Policy: g.policy}
		if v.Kind != gap.KindCollectorDown {
			told.IncidentID = incident.GapKey(v.Service).ID()
		}
		out = append(out, told)
	}
	return out
}

// incidentGaps leaves out the times without the collector: they are over when they are noticed.
func incidentGaps(all []event.Gap) []incident.Gap {
	var out []incident.Gap
	for i := range all {
		if g := &all[i]; g.Kind != gap.KindCollectorDown {
			out = append(out, incident.Gap{Service: g.Service, Since: g.From, Over: g.Until != 0, Gone: g.Gone, Policy: g.Policy})
		}
	}
	return out
}

// lasting returns the services whose telemetry is lacking, "" for that of everybody.
func (g *gaps) lasting(now time.Time) []string {
	if g.monitor == nil {
		return nil
	}
	var services []string
	for _, v := range g.monitor.Gaps(now.UnixNano(), maxMeasuredGaps) {
		if v.Until == 0 && v.Kind != gap.KindCollectorDown {
			services = append(services, v.Service)
		}
	}
	return services
}

// maxMeasuredGaps is beyond what metrics show; what exceeds their own bound is counted there.
const maxMeasuredGaps = 10_000

// measure fills in the gaps that last.
func (g *gaps) measure(gauges *measure.Gauges, now time.Time) {
	if g.monitor == nil {
		return
	}
	for _, v := range g.monitor.Gaps(now.UnixNano(), maxMeasuredGaps) {
		if v.Until == 0 {
			gauges.AddGap(v.Service, v.Kind)
		}
	}
}

// stats are the monitor's counts, all zero if gaps are switched off.
func (g *gaps) stats() gap.Stats {
	if g.monitor == nil {
		return gap.Stats{}
	}
	return g.monitor.Stats()
}

// services counts the services that are watched, by how they are heard of.
func (g *gaps) services() map[string]uint64 {
	s := g.stats()
	return map[string]uint64{"heard": uint64(s.Services - s.Silent - s.Idle), "silent": uint64(s.Silent), "idle": uint64(s.Idle)}
}

// told counts the gaps so far, by kind.
func (g *gaps) told() map[string]uint64 {
	s := g.stats()
	return map[string]uint64{"silent": s.Gaps, gap.KindCollectorDown.String(): s.Downs}
}

// ofAll reports whether telemetry of everybody was lacking between two times.
func (g *gaps) ofAll(from, until int64) bool {
	if g.monitor == nil {
		return false
	}
	return g.monitor.Covers("", from, until) || slices.ContainsFunc(g.monitor.Gaps(from, maxMeasuredGaps), func(v gap.Gap) bool {
		return v.Service == "" && v.Kind != gap.KindCollectorDown && v.From <= until && (v.Until == 0 || v.Until > from)
	})
}

// since reports whether telemetry of a service was lacking between two times, and has been since some time before that at most.
func (g *gaps) since(service string, earliest, from, until int64) bool {
	if g.monitor == nil {
		return false
	}
	v, ok := g.monitor.Find(service, from, until)
	return ok && (v.Kind == gap.KindCollectorDown || v.From >= earliest)
}

// Telemetry implements console.Source.
func (s source) Telemetry(ctx context.Context, limit int) (console.Telemetry, error) {
	m := s.o.gaps.monitor
	if m == nil {
		return console.Telemetry{}, ctx.Err()
	}
	return console.Telemetry{Enabled: true, Services: m.Report(limit), Gaps: m.Gaps(0, limit)}, ctx.Err()
}

// alive is when the collector was known to run, as it is stored.
type alive struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`
}

// aliveVersion changes whenever what was stored before can no longer be read.
const aliveVersion = 1

func saveAlive(now time.Time) ([]byte, error) { return json.Marshal(alive{aliveVersion, now.UTC()}) }

// wasAlive takes note of how long the collector was not running before it was started.
func (g *gaps) wasAlive(data []byte, now time.Time) error {
	var last alive
	if err := json.Unmarshal(data, &last); err != nil {
		return fmt.Errorf("when the collector ran last: %w", err)
	}
	switch {
	case last.Version != aliveVersion:
		return fmt.Errorf("when the collector ran last: version is %d: must be %d", last.Version, aliveVersion)
	case last.At.Year() < 1970 || last.At.After(now):
		return fmt.Errorf("when the collector ran last: %v is no time in the past", last.At)
	case now.Sub(last.At) >= g.absence:
		g.monitor.Down(last.At.UnixNano(), now.UnixNano())
	}
	return nil
}
