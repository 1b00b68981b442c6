package stack

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/config"
)

// newStack prepares a stack whose servers are played by the test binary.
func newStack(t *testing.T, set Settings) *Stack {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	set.BinDir = t.TempDir()
	for _, name := range impersonated {
		require.NoError(t, os.Symlink(self, filepath.Join(set.BinDir, name)))
	}
	if set.ContainerEngine != "" {
		set.ContainerEngine = filepath.Join(set.BinDir, set.ContainerEngine)
	}
	set.WorkDir = filepath.Join(t.TempDir(), "work")
	stack, err := New(set)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stack.Stop()) })
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return stack
}

func requireListening(t *testing.T, address string, want bool) {
	t.Helper()
	err := listens(address)(t.Context())
	if want {
		require.NoError(t, err)
	} else {
		require.Error(t, err)
	}
}

func TestStartAndStopEverything(t *testing.T) {
	stack := newStack(t, Settings{})

	jaeger, err := stack.StartJaeger(t.Context(), JaegerSettings{})
	require.NoError(t, err)
	alertmanager, err := stack.StartAlertmanager(t.Context(), AlertmanagerSettings{})
	require.NoError(t, err)
	collector, err := stack.StartCollector(t.Context(), CollectorSettings{
		JaegerOTLP:      jaeger.OTLP,
		AlertmanagerURL: alertmanager.URL,
	})
	require.NoError(t, err)
	requireListening(t, jaeger.OTLP, true)
	requireListening(t, collector.OTLPGRPC, true)
	require.NoError(t, answers(alertmanager.URL+"/api/v2/alerts")(t.Context()))

	require.NoError(t, stack.Stop())
	for _, process := range []*Process{jaeger.Process, alertmanager.Process, collector.Process} {
		<-process.Exited()
		require.NoError(t, process.Stop(), "stopping twice")
	}
	requireListening(t, jaeger.OTLP, false)
	requireListening(t, collector.OTLPGRPC, false)
}

func TestRestartAfterKillUsesTheSamePorts(t *testing.T) {
	stack := newStack(t, Settings{})
	first, err := stack.StartCollector(t.Context(), CollectorSettings{})
	require.NoError(t, err)
	require.NoError(t, first.Kill())
	requireListening(t, first.OTLPGRPC, false)

	second, err := stack.StartCollector(t.Context(), first.Settings)
	require.NoError(t, err)
	require.Equal(t, first.OTLPGRPC, second.OTLPGRPC)
	require.Equal(t, first.ConsoleURL, second.ConsoleURL)
	requireListening(t, second.OTLPGRPC, true)
}

func TestPortInUseIsNamed(t *testing.T) {
	stack := newStack(t, Settings{})
	first, err := stack.StartJaeger(t.Context(), JaegerSettings{})
	require.NoError(t, err)

	_, err = stack.StartJaeger(t.Context(), first.Settings)
	require.ErrorContains(t, err, "in use by another program")
}

func TestCollectorIsToldWhereEverythingIs(t *testing.T) {
	stack := newStack(t, Settings{})
	set := CollectorSettings{Name: "left", JaegerOTLP: "jaeger:1", AlertmanagerURL: "http://am:2", Env: []string{"EXTRA=yes"}}
	set.Ports = CollectorPorts{OTLPGRPC: 1, OTLPHTTP: 2, Console: 3, Prometheus: 4, Telemetry: 5}

	env := stack.collectorEnv(set)
	for _, want := range []string{
		"THROUGHLINE_JAEGER_ENDPOINT=jaeger:1",
		"THROUGHLINE_ALERTMANAGER_URL=http://am:2",
		"THROUGHLINE_OTLP_GRPC_ENDPOINT=localhost:1",
		"THROUGHLINE_OTLP_HTTP_ENDPOINT=localhost:2",
		"THROUGHLINE_CONSOLE_ENDPOINT=localhost:3",
		"THROUGHLINE_CONSOLE_URL=http://localhost:3",
		"THROUGHLINE_PROMETHEUS_ENDPOINT=localhost:4",
		"THROUGHLINE_TELEMETRY_PORT=5",
		"THROUGHLINE_DATA_DIR=" + filepath.Join(stack.settings.WorkDir, "left-data"),
		"EXTRA=yes",
	} {
		require.Contains(t, env, want)
	}
}

func TestContainersPublishTheChosenPorts(t *testing.T) {
	stack := newStack(t, Settings{ContainerEngine: "docker"})

	jaeger, err := stack.StartJaeger(t.Context(), JaegerSettings{})
	require.NoError(t, err)
	alertmanager, err := stack.StartAlertmanager(t.Context(), AlertmanagerSettings{})
	require.NoError(t, err)

	require.Regexp(t, `docker run --rm --name throughline-jaeger-\d+ .*:16686 .*:4317 `+jaegerImage+` --config file:/etc/throughline/jaeger.yaml\n`, jaeger.logTail())
	for _, want := range []string{
		"/jaeger.yaml:/etc/throughline/jaeger.yaml:ro ", "/jaeger-ui.json:/etc/throughline/jaeger-ui.json:ro ", "label=disable ",
		"--env JAEGER_QUERY_HTTP_ENDPOINT=0.0.0.0:16686 ", "--env JAEGER_OTLP_GRPC_ENDPOINT=0.0.0.0:4317 ",
		"--env JAEGER_UI_CONFIG=/etc/throughline/jaeger-ui.json ",
	} {
		require.Contains(t, jaeger.logTail(), want)
	}
	require.Contains(t, alertmanager.logTail(), ":9093 "+alertmanagerImage)
	_, err = stack.StartJaeger(t.Context(), JaegerSettings{Badger: true})
	require.ErrorContains(t, err, "badger")
	_, err = stack.StartAlertmanager(t.Context(), AlertmanagerSettings{WebhookURL: "http://localhost:1"})
	require.ErrorContains(t, err, "webhook")
}

func TestJaegerIsToldWhatToDo(t *testing.T) {
	stack := newStack(t, Settings{})
	cmd, err := stack.jaegerCommand(JaegerSettings{
		HTTPPort: 1, OTLPPort: 2, Badger: true, MaxClockSkewAdjust: 30 * time.Second, Overlays: []string{"yaml:more: x"},
	})
	require.NoError(t, err)

	dir := stack.settings.WorkDir
	data := strconv.Quote(filepath.Join(dir, "jaeger-data"))
	for _, want := range []string{
		"JAEGER_TRACE_STORE=badger: {ephemeral: false, directories: {keys: " + data + ", values: " + data + "}}",
		"JAEGER_UI_CONFIG=" + filepath.Join(dir, "jaeger-ui.json"),
		"JAEGER_MAX_CLOCK_SKEW_ADJUST=30s",
		"JAEGER_QUERY_HTTP_ENDPOINT=localhost:1",
		"JAEGER_OTLP_GRPC_ENDPOINT=localhost:2",
	} {
		require.Contains(t, cmd.Env, want)
	}
	require.Equal(t, []string{"--config", "file:" + filepath.Join(dir, "jaeger.yaml"), "--config", "yaml:more: x"}, cmd.Args[1:])
	for name, want := range map[string][]byte{"jaeger.yaml": config.Jaeger(), "jaeger-ui.json": config.JaegerUI()} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "the shipped file")
	}
}

func TestAsyncgenReportsHowItEnded(t *testing.T) {
	stack := newStack(t, Settings{})

	good, err := stack.StartAsyncgen(t.Context(), "localhost:4317", "--operations", "10")
	require.NoError(t, err)
	require.NoError(t, good.Wait(t.Context()))
	require.Contains(t, good.logTail(), "--endpoint localhost:4317 --operations 10")

	bad, err := stack.StartAsyncgen(t.Context(), "localhost:4317", "--fail")
	require.NoError(t, err)
	require.ErrorContains(t, bad.Wait(t.Context()), "told to fail")
}

func TestAlertmanagerConfigQuotesTheWebhook(t *testing.T) {
	require.NotContains(t, alertmanagerConfig(""), "webhook")
	require.Contains(t, alertmanagerConfig(`http://h/?a="b"`), `url: "http://h/?a=\"b\""`)
}

func TestFindContainerEngineWantsOneThatWorks(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	require.Empty(t, FindContainerEngine())

	require.NoError(t, os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\nexit 1\n"), 0o700))
	require.Empty(t, FindContainerEngine())

	require.NoError(t, os.WriteFile(filepath.Join(dir, "podman"), []byte("#!/bin/sh\nexit 0\n"), 0o700))
	require.Equal(t, "podman", FindContainerEngine())
}

func TestLaunchGivesUpWhenTheCallerDoes(t *testing.T) {
	stack := newStack(t, Settings{})
	ctx, cancel := context.WithCancel(t.Context())
	never := func(context.Context) error {
		cancel()
		return http.ErrServerClosed
	}
	port, err := FreePort()
	require.NoError(t, err)
	cmd := stack.command("alertmanager", "--web.listen-address", address(port))

	_, err = stack.launch(ctx, "slow", cmd, never)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, http.ErrServerClosed)
	requireListening(t, address(port), false)
}
