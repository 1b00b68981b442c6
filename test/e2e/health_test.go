//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// metrics are the collector's metrics about itself: the sum over all series of a name whose labels contain a text.
type metrics []series

type series struct {
	name, labels string
	value        float64
}

// metrics reads the collector's own metrics.
func (s *stand) metrics(t *testing.T) metrics {
	t.Helper()
	all, err := readMetrics(t.Context(), s.collector.TelemetryURL)
	require.NoError(t, err)
	return all
}

func readMetrics(ctx context.Context, baseURL string) (metrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, baseURL+"/metrics", http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", request.URL, response.Status)
	}
	var all metrics
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		space := strings.LastIndexByte(line, ' ')
		if space < 0 {
			continue
		}
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		name, labels, _ := strings.Cut(line[:space], "{")
		all = append(all, series{name, labels, value})
	}
	return all, lines.Err()
}

// sum adds up the series whose name begins with a text and whose labels contain all the others.
func (m metrics) sum(name string, labels ...string) float64 {
	var sum float64
next:
	for _, s := range m {
		if !strings.HasPrefix(s.name, name) {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(s.labels, label) {
				continue next
			}
		}
		sum += s.value
	}
	return sum
}

// checkHealthy checks that the collector lost nothing, but what it may drop for the given reasons, and met no defect of its
// own.
func (s *stand) checkHealthy(t *testing.T, reasons ...string) {
	t.Helper()
	m := s.metrics(t)
	require.NotZero(t, m.sum("otelcol_correlation_evidence"), "no evidence was counted")
	for _, name := range []string{
		"otelcol_correlation_failures", "otelcol_operations_outputs_dropped", "otelcol_operations_dropped",
		"otelcol_exporter_send_failed", "otelcol_exporter_enqueue_failed", "otelcol_receiver_refused",
	} {
		lost := m.sum(name)
		for _, reason := range reasons {
			lost -= m.sum(name, `reason="`+reason+`"`)
		}
		require.Zero(t, lost, name)
	}
}
