package stack

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// jaegerImage is the release that internal/tools/jaeger/go.mod builds (module v1.76.0 is program v2.13.0).
const jaegerImage = "jaegertracing/jaeger:2.13.0"

// maxTraces bounds the memory store, well above what one end-to-end run writes.
const maxTraces = 500_000

//go:embed jaeger.yaml
var jaegerConfig []byte

// JaegerSettings chooses ports and store. The zero value is a memory store on free ports.
type JaegerSettings struct {
	// HTTPPort serves the query API and the user interface; 0 is a free port.
	HTTPPort int
	// OTLPPort takes OTLP/gRPC; 0 is a free port.
	OTLPPort int
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
	if s.settings.ContainerEngine != "" {
		if set.Badger {
			return nil, fmt.Errorf("jaeger with badger runs from its binary only, not from %s", jaegerImage)
		}
		return s.container("jaeger", jaegerImage, []mapping{{set.HTTPPort, 16686}, {set.OTLPPort, 4317}}), nil
	}
	grpcPort, err := FreePort()
	if err != nil {
		return nil, fmt.Errorf("jaeger: %w", err)
	}
	configPath := filepath.Join(s.settings.WorkDir, "jaeger.yaml")
	if err := os.WriteFile(configPath, jaegerConfig, 0o600); err != nil {
		return nil, fmt.Errorf("jaeger configuration: %w", err)
	}
	cmd := s.command("jaeger", "--config", "file:"+configPath, "--config", s.jaegerStore(set))
	cmd.Env = append(os.Environ(),
		"JAEGER_QUERY_HTTP_ENDPOINT="+address(set.HTTPPort),
		"JAEGER_QUERY_GRPC_ENDPOINT="+address(grpcPort),
		"JAEGER_OTLP_GRPC_ENDPOINT="+address(set.OTLPPort))
	return cmd, nil
}

// jaegerStore is the piece of configuration that names the trace store.
func (s *Stack) jaegerStore(set JaegerSettings) string {
	const backend = "yaml:extensions::jaeger_storage::backends::traces::"
	if set.Badger {
		dir := filepath.Join(s.settings.WorkDir, "jaeger-data")
		return backend + fmt.Sprintf("badger: {ephemeral: false, directories: {keys: %q, values: %q}}", dir, dir)
	}
	return backend + "memory::max_traces: " + strconv.Itoa(maxTraces)
}
