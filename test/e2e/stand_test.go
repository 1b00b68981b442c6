//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/stack"
	"github.com/throughline/throughline/test/verdict"
)

const (
	binDir = "../../bin"
	// shortThresholds and rawTraces are overlays.
	shortThresholds = "testdata/fast.yaml"
	rawTraces       = "testdata/raw.yaml"
	// pollInterval is how often something awaited is looked at.
	pollInterval = 250 * time.Millisecond
	// tailLines is how much of the collector's output a failed test prints.
	tailLines = 60
)

// stand is a collector between its neighbours.
type stand struct {
	dir          string
	servers      *stack.Stack
	jaeger       *stack.Jaeger
	alertmanager *stack.Alertmanager
	collector    *stack.Collector
	api          verdict.Client
	runs         int
}

// setup says what a test needs beyond the quickstart with short thresholds.
type setup struct {
	// overlays are files, or pieces of configuration that begin with "yaml:", laid over the embedded quickstart; by default
	// shortThresholds alone.
	overlays []string
	// env are further environment variables of the collector.
	env []string
	// webhook is told by Alertmanager.
	webhook string
	// badger lets Jaeger keep its traces over a restart.
	badger bool
}

// start starts everything and stops it at the end of the test.
func start(t *testing.T, set setup) *stand {
	t.Helper()
	s := &stand{dir: t.TempDir()}
	var err error
	s.servers, err = stack.New(stack.Settings{BinDir: binDir, WorkDir: filepath.Join(s.dir, "stack")})
	require.NoError(t, err)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		require.NoError(t, s.servers.Stop())
		if t.Failed() {
			s.printLog(t)
		}
	})
	s.jaeger, err = s.servers.StartJaeger(t.Context(), stack.JaegerSettings{Badger: set.badger})
	require.NoError(t, err)
	s.alertmanager, err = s.servers.StartAlertmanager(t.Context(), stack.AlertmanagerSettings{WebhookURL: set.webhook})
	require.NoError(t, err)

	if len(set.overlays) == 0 {
		set.overlays = []string{shortThresholds}
	}
	configs := []string{"embedded:quickstart"}
	for _, overlay := range set.overlays {
		if !strings.HasPrefix(overlay, "yaml:") {
			overlay = "file:" + overlay
		}
		configs = append(configs, overlay)
	}
	s.collector, err = s.servers.StartCollector(t.Context(), stack.CollectorSettings{
		Configs: configs, Env: set.env, JaegerOTLP: s.jaeger.OTLP, AlertmanagerURL: s.alertmanager.URL,
	})
	require.NoError(t, err)
	s.api = verdict.Client{BaseURL: s.collector.ConsoleURL}
	return s
}

// printLog prints the end of the collector's output.
func (s *stand) printLog(t *testing.T) {
	t.Helper()
	if s.collector == nil {
		return
	}
	output, err := os.ReadFile(s.collector.LogPath())
	require.NoError(t, err)
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	lines = lines[max(0, len(lines)-tailLines):]
	t.Logf("the last lines of the collector's output:\n%s", bytes.Join(lines, []byte("\n")))
}

// generate runs asyncgen to its end and returns what it did.
func (s *stand) generate(t *testing.T, args ...string) []truth {
	t.Helper()
	return s.traffic(t, args...)()
}

// traffic starts asyncgen and returns a function that waits for its end and returns what it did.
func (s *stand) traffic(t *testing.T, args ...string) func() []truth {
	t.Helper()
	s.runs++
	path := filepath.Join(s.dir, fmt.Sprintf("truth-%d.json", s.runs))
	generator, err := s.servers.StartAsyncgen(t.Context(), s.collector.OTLPGRPC, append(args, "--truth", path, "--progress", "0")...)
	require.NoError(t, err)
	return func() []truth {
		t.Helper()
		require.NoError(t, generator.Wait(t.Context()))
		return readTruth(t, path)
	}
}

// await repeats a check until it finds nothing wrong, and fails the test with the last thing it found after the timeout.
func await(t *testing.T, timeout time.Duration, what string, check func() error) {
	t.Helper()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			require.NoError(t, err, "%s: not within %s", what, timeout)
		}
	}
}
