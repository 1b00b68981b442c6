package stack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// What prometheus.yaml of deploy/ says, and tests say otherwise.
const (
	prometheusInterval   = "15s"
	prometheusRules      = "rules/*.yaml"
	quickstartOperations = "localhost:8889"
	quickstartTelemetry  = "localhost:8888"
	quickstartAlerts     = "localhost:9093"
)

// PrometheusSettings says what Prometheus scrapes and whom it tells. All but Port are needed.
type PrometheusSettings struct {
	// Config is the path of the configuration file, deploy/prometheus/prometheus.yaml: its rules are evaluated, its targets and
	// intervals are replaced by those below.
	Config string
	// Operations, Telemetry and Alertmanager are base URLs: the metrics of operations, those of the collector about itself, and
	// where alerts go to.
	Operations, Telemetry, Alertmanager string
	// Interval is how often targets are scraped and rules evaluated.
	Interval time.Duration
	// Port serves the API; 0 is a free port.
	Port int
}

// Prometheus is a running Prometheus.
type Prometheus struct {
	*Process
	// URL is the base of the API, without a final slash.
	URL string
	// Settings are those it was started with, the port filled in.
	Settings PrometheusSettings
}

// StartPrometheus starts Prometheus from its binary and returns once it answers queries.
func (s *Stack) StartPrometheus(ctx context.Context, set PrometheusSettings) (*Prometheus, error) {
	if err := fill(&set.Port); err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	shipped, err := os.ReadFile(set.Config)
	if err != nil {
		return nil, fmt.Errorf("prometheus configuration: %w", err)
	}
	config, err := prometheusConfig(string(shipped), set)
	if err != nil {
		return nil, fmt.Errorf("prometheus configuration %s: %w", set.Config, err)
	}
	path := filepath.Join(s.settings.WorkDir, "prometheus.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil { //nolint:gosec // The path is in the work folder.
		return nil, fmt.Errorf("prometheus configuration: %w", err)
	}
	prometheus := &Prometheus{URL: "http://" + address(set.Port), Settings: set}
	prometheus.Process, err = s.launch(ctx, "prometheus", s.command("prometheus",
		"--config.file", path,
		"--storage.tsdb.path", filepath.Join(s.settings.WorkDir, "prometheus-data"),
		"--web.listen-address", address(set.Port),
		"--enable-feature", "exemplar-storage"), answers(prometheus.URL+"/-/ready"))
	if err != nil {
		return nil, err
	}
	return prometheus, nil
}

// prometheusConfig returns the shipped configuration with other targets and intervals. It fails if one of those that are to be
// replaced is not there.
func prometheusConfig(shipped string, set PrometheusSettings) (string, error) {
	folder, err := filepath.Abs(filepath.Dir(set.Config))
	if err != nil {
		return "", err
	}
	var pairs []string
	for _, replaced := range [][2]string{
		{prometheusInterval, set.Interval.String()},
		{prometheusRules, filepath.Join(folder, prometheusRules)},
		{quickstartOperations, strings.TrimPrefix(set.Operations, "http://")},
		{quickstartTelemetry, strings.TrimPrefix(set.Telemetry, "http://")},
		{quickstartAlerts, strings.TrimPrefix(set.Alertmanager, "http://")},
	} {
		if !strings.Contains(shipped, replaced[0]) {
			return "", fmt.Errorf("it does not mention %s", replaced[0])
		}
		pairs = append(pairs, replaced[0], replaced[1])
	}
	return strings.NewReplacer(pairs...).Replace(shipped), nil
}
