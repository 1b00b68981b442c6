package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/throughline/throughline/config"
)

// jaegerImage is the release that internal/tools/jaeger/go.mod builds (module v1.76.0 is program v2.13.0).
const jaegerImage = "jaegertracing/jaeger:2.13.0"

// maxTraces bounds the memory store, well above what one end-to-end run writes.
const maxTraces = 500_000

// The ports of config/jaeger.yaml in a container, where nothing else listens.
const (
	jaegerQueryPort = 16686
	jaegerOTLPPort  = 4317
)

// JaegerSettings chooses ports and store. The zero value is a memory store on free ports.
type JaegerSettings struct {
	// HTTPPort serves the query API and the user interface; 0 is a free port.
	HTTPPort int
	// OTLPPort takes OTLP/gRPC; 0 is a free port.
	OTLPPort int
	// MaxClockSkewAdjust is by how much Jaeger may move spans when it shows a trace; 0 leaves them where they are.
	MaxClockSkewAdjust time.Duration
	// Overlays are further values of --config, laid over the shipped configuration.
	Overlays []string
	// Badger keeps traces on disk, below the work folder, instead of in memory.
	Badger bool
}

// Jaeger is a running Jaeger.
type Jaeger struct {
	*Process
	// URL is the base of the query API, without a final slash.
	URL string
	// OTLP is the host:port of the OTLP/gRPC end point, without TLS.
	OTLP string
	// Settings are those it was started with, ports filled in: starting with them again restores it where it was.
	Settings JaegerSettings
}

// StartJaeger starts Jaeger and returns once it takes and serves traces.
func (s *Stack) StartJaeger(ctx context.Context, set JaegerSettings) (*Jaeger, error) {
	if err := fill(&set.HTTPPort, &set.OTLPPort); err != nil {
		return nil, fmt.Errorf("jaeger: %w", err)
	}
	jaeger := &Jaeger{URL: "http://" + address(set.HTTPPort), OTLP: address(set.OTLPPort), Settings: set}

	cmd, err := s.jaegerCommand(set)
	if err != nil {
		return nil, err
	}
	jaeger.Process, err = s.launch(ctx, "jaeger", cmd, all(answers(jaeger.URL+"/api/services"), listens(jaeger.OTLP)))
	if err != nil {
		return nil, err
	}
	return jaeger, nil
}

func (s *Stack) jaegerCommand(set JaegerSettings) (*exec.Cmd, error) {
	files, err := s.jaegerFiles()
	if err != nil {
		return nil, err
	}
	if s.settings.ContainerEngine != "" {
		if set.Badger {
			return nil, fmt.Errorf("jaeger with badger runs from its binary only, not from %s", jaegerImage)
		}
		const inside = "/etc/throughline/"
		return s.container("jaeger", image{
			name:  jaegerImage,
			ports: []mapping{{set.HTTPPort, jaegerQueryPort}, {set.OTLPPort, jaegerOTLPPort}},
			files: map[string]string{files.config: inside + "jaeger.yaml", files.ui: inside + "jaeger-ui.json"},
			env: append(s.jaegerEnv(set, inside+"jaeger-ui.json"),
				"JAEGER_QUERY_HTTP_ENDPOINT=0.0.0.0:"+strconv.Itoa(jaegerQueryPort),
				"JAEGER_OTLP_GRPC_ENDPOINT=0.0.0.0:"+strconv.Itoa(jaegerOTLPPort)),
			args: jaegerArgs(set, inside+"jaeger.yaml"),
		}), nil
	}
	grpcPort, err := FreePort()
	if err != nil {
		return nil, fmt.Errorf("jaeger: %w", err)
	}
	cmd := s.command("jaeger", jaegerArgs(set, files.config)...)
	cmd.Env = slices.Concat(os.Environ(), s.jaegerEnv(set, files.ui), []string{
		"JAEGER_QUERY_HTTP_ENDPOINT=" + address(set.HTTPPort),
		"JAEGER_QUERY_GRPC_ENDPOINT=" + address(grpcPort),
		"JAEGER_OTLP_GRPC_ENDPOINT=" + address(set.OTLPPort),
	})
	return cmd, nil
}

// jaegerFiles are the paths of the shipped configuration, absolute as containers want them.
type jaegerFiles struct{ config, ui string }

func (s *Stack) jaegerFiles() (jaegerFiles, error) {
	dir, err := filepath.Abs(s.settings.WorkDir)
	if err != nil {
		return jaegerFiles{}, fmt.Errorf("jaeger configuration: %w", err)
	}
	files := jaegerFiles{config: filepath.Join(dir, "jaeger.yaml"), ui: filepath.Join(dir, "jaeger-ui.json")}
	for path, content := range map[string][]byte{files.config: config.Jaeger(), files.ui: config.JaegerUI()} {
		// Jaeger is another user in its container, and there is nothing secret in them.
		if err := os.WriteFile(path, content, 0o644); err != nil { //nolint:gosec // see above
			return jaegerFiles{}, fmt.Errorf("jaeger configuration: %w", err)
		}
	}
	return files, nil
}

func jaegerArgs(set JaegerSettings, path string) []string {
	args := []string{"--config", "file:" + path}
	for _, overlay := range set.Overlays {
		args = append(args, "--config", overlay)
	}
	return args
}

// jaegerEnv are the variables of config/jaeger.yaml but for the addresses.
func (s *Stack) jaegerEnv(set JaegerSettings, uiPath string) []string {
	store := "memory: {max_traces: " + strconv.Itoa(maxTraces) + "}"
	if set.Badger {
		dir := strconv.Quote(filepath.Join(s.settings.WorkDir, "jaeger-data"))
		store = "badger: {ephemeral: false, directories: {keys: " + dir + ", values: " + dir + "}}"
	}
	return []string{
		"JAEGER_TRACE_STORE=" + store,
		"JAEGER_UI_CONFIG=" + uiPath,
		"JAEGER_MAX_CLOCK_SKEW_ADJUST=" + set.MaxClockSkewAdjust.String(),
	}
}
