package stack

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const shippedPrometheus = "../../deploy/prometheus/prometheus.yaml"

func TestPrometheusScrapesWhatItIsTold(t *testing.T) {
	stack := newStack(t, Settings{})
	set := PrometheusSettings{
		Config: shippedPrometheus, Operations: "http://localhost:1", Telemetry: "http://localhost:2",
		Alertmanager: "http://localhost:3", Interval: time.Second,
	}
	prometheus, err := stack.StartPrometheus(t.Context(), set)
	require.NoError(t, err)
	require.NotZero(t, prometheus.Settings.Port)
	require.Contains(t, prometheus.logTail(), "--web.listen-address "+address(prometheus.Settings.Port))

	text, err := os.ReadFile(filepath.Join(stack.settings.WorkDir, "prometheus.yaml"))
	require.NoError(t, err)
	rules, err := filepath.Abs(filepath.Join(filepath.Dir(shippedPrometheus), "rules"))
	require.NoError(t, err)
	for _, want := range []string{
		"scrape_interval: 1s", "evaluation_interval: 1s", "[localhost:1]", "[localhost:2]", "[localhost:3]", rules + "/*.yaml",
	} {
		require.Contains(t, string(text), want)
	}
	require.NotContains(t, string(text), "localhost:88")
}

func TestPrometheusWantsWhatItReplaces(t *testing.T) {
	_, err := prometheusConfig("global: {scrape_interval: 15s}", PrometheusSettings{})
	require.ErrorContains(t, err, "rules/*.yaml")
}
