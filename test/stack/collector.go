package stack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// CollectorSettings says how the collector is started. The zero value runs the embedded quickstart on free ports.
type CollectorSettings struct {
	// Name tells several collectors of one stack apart: it names the log file and the data folder. Default: throughline.
	Name string
	// Configs are the values of --config, in order; default: embedded:quickstart.
	Configs []string
	// JaegerOTLP is the host:port that traces go to.
	JaegerOTLP string
	// AlertmanagerURL is the base URL that alerts go to.
	AlertmanagerURL string
	// Ports may each be 0 for a free one.
	Ports CollectorPorts
	// Env are further environment variables, as KEY=value.
	Env []string
}

// CollectorPorts are the ports the quickstart configuration listens on.
type CollectorPorts struct {
	OTLPGRPC, OTLPHTTP, Console, Prometheus, Telemetry int
}

// Collector is a running Throughline.
type Collector struct {
	*Process
	// OTLPGRPC and OTLPHTTP are the host:port that services send to.
	OTLPGRPC, OTLPHTTP string
	// ConsoleURL, PrometheusURL and TelemetryURL are base URLs without a final slash: the API, the metrics of
	// operations, and the collector's metrics about itself; the latter two serve /metrics.
	ConsoleURL, PrometheusURL, TelemetryURL string
	// Settings are those it was started with, ports filled in: starting with them again is a restart.
	Settings CollectorSettings
}

// StartCollector starts the collector and returns once it takes OTLP, which its receivers do after all else has started.
func (s *Stack) StartCollector(ctx context.Context, set CollectorSettings) (*Collector, error) {
	if set.Name == "" {
		set.Name = "throughline"
	}
	if len(set.Configs) == 0 {
		set.Configs = []string{"embedded:quickstart"}
	}
	ports := &set.Ports
	err := fill(&ports.OTLPGRPC, &ports.OTLPHTTP, &ports.Console, &ports.Prometheus, &ports.Telemetry)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", set.Name, err)
	}
	collector := &Collector{
		OTLPGRPC:      address(ports.OTLPGRPC),
		OTLPHTTP:      address(ports.OTLPHTTP),
		ConsoleURL:    "http://" + address(ports.Console),
		PrometheusURL: "http://" + address(ports.Prometheus),
		TelemetryURL:  "http://" + address(ports.Telemetry),
		Settings:      set,
	}
	var args []string
	for _, config := range set.Configs {
		args = append(args, "--config", config)
	}
	cmd := s.command("throughline", args...)
	cmd.Env = s.collectorEnv(set)
	collector.Process, err = s.launch(ctx, set.Name, cmd, all(listens(collector.OTLPGRPC), listens(collector.OTLPHTTP)))
	if err != nil {
		return nil, err
	}
	return collector, nil
}

func (s *Stack) collectorEnv(set CollectorSettings) []string {
	env := append(os.Environ(),
		"THROUGHLINE_OTLP_GRPC_ENDPOINT="+address(set.Ports.OTLPGRPC),
		"THROUGHLINE_OTLP_HTTP_ENDPOINT="+address(set.Ports.OTLPHTTP),
		"THROUGHLINE_CONSOLE_ENDPOINT="+address(set.Ports.Console),
		"THROUGHLINE_CONSOLE_URL=http://"+address(set.Ports.Console),
		"THROUGHLINE_PROMETHEUS_ENDPOINT="+address(set.Ports.Prometheus),
		"THROUGHLINE_TELEMETRY_PORT="+strconv.Itoa(set.Ports.Telemetry),
		"THROUGHLINE_DATA_DIR="+filepath.Join(s.settings.WorkDir, set.Name+"-data"),
	)
	if set.JaegerOTLP != "" {
		env = append(env, "THROUGHLINE_JAEGER_ENDPOINT="+set.JaegerOTLP)
	}
	if set.AlertmanagerURL != "" {
		env = append(env, "THROUGHLINE_ALERTMANAGER_URL="+set.AlertmanagerURL)
	}
	return append(env, set.Env...)
}
