//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/stack"
)

const (
	prometheusOverlay = "testdata/prometheus.yaml"
	prometheusConfig  = "../../deploy/prometheus/prometheus.yaml"
	// prometheusInterval is how often Prometheus scrapes and evaluates here.
	prometheusInterval = time.Second
	prometheusTimeout  = 4 * time.Minute
)

// prometheus asks a running Prometheus.
type prometheus struct{ url string }

// startPrometheus starts one with the rules of deploy/ that scrapes the collector.
func (s *stand) startPrometheus(t *testing.T) prometheus {
	t.Helper()
	p, err := s.servers.StartPrometheus(t.Context(), stack.PrometheusSettings{
		Config: prometheusConfig, Interval: prometheusInterval,
		Operations: s.collector.PrometheusURL, Telemetry: s.collector.TelemetryURL, Alertmanager: s.alertmanager.URL,
	})
	require.NoError(t, err)
	return prometheus{p.URL}
}

// get asks an endpoint below /api/v1 and reads its data.
func (p prometheus) get(ctx context.Context, path string, parameters url.Values, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/api/v1/"+path+"?"+parameters.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct {
		Status string          `json:"status"`
		Error  string          `json:"error"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", request.URL, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", request.URL, answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}

// names returns the names of all series.
func (p prometheus) names(ctx context.Context) ([]string, error) {
	var names []string
	err := p.get(ctx, "label/__name__/values", nil, &names)
	return names, err
}

// result is what a query found of one series.
type result struct {
	Metric map[string]string `json:"metric"`
	// Values are pairs of a time and a value.
	Values [][2]json.RawMessage `json:"values"`
}

func (p prometheus) query(ctx context.Context, expr string) ([]result, error) {
	var data struct {
		Result []result `json:"result"`
	}
	err := p.get(ctx, "query", url.Values{"query": {expr}}, &data)
	return data.Result, err
}

// derivedRow matches one metric of the table in docs/metrics.md: its type and its name in Prometheus.
var derivedRow = regexp.MustCompile("(?m)^\\| `[a-z_.]+` \\| (histogram|counter|gauge) \\|[^|]*\\| `([a-z_]+)` \\|")

// onceDropped is not there before something was dropped.
const onceDropped = "traces_service_graph_dropped_spans_total"

// ownName matches a metric on the page for operators.
var ownName = regexp.MustCompile("`(otelcol_[a-z_]+)`")

// documented returns the series that must be there, by the two pages that list them.
func documented(t *testing.T) []string {
	t.Helper()
	table, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	var names []string
	for _, row := range derivedRow.FindAllStringSubmatch(string(table), -1) {
		switch {
		case row[1] == "histogram":
			names = append(names, row[2]+"_bucket", row[2]+"_sum", row[2]+"_count")
		case row[2] != onceDropped:
			names = append(names, row[2])
		}
	}
	require.Greater(t, len(names), 30, "docs/metrics.md")
	page, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	for _, match := range ownName.FindAllStringSubmatch(string(page), -1) {
		if !onlyInTrouble.MatchString(match[1]) {
			name := match[1]
			if strings.HasSuffix(name, "_duration") {
				name += "_bucket"
			}
			names = append(names, name)
		}
	}
	return names
}

// onlyInTrouble matches what is not there, or not above zero, as long as nothing goes wrong.
var onlyInTrouble = regexp.MustCompile(`_failed_|_failures\b|refused|outputs_dropped|_dropped\b|overflowed|_cut\b|_retries\b|not_sampled|_ignored\b|clock_steps|_uncommitted\b` +
	`|alert_(failed|dropped)|:increase10m|corrected="true"|p99_1d|component:`)

// TestPrometheus lets a real Prometheus scrape the collector while all kinds of trouble befall operations, and looks for each
// series that is documented, for errors in rules, and for what each panel of each dashboard shows.
func TestPrometheus(t *testing.T) {
	s := start(t, setup{overlays: []string{prometheusOverlay}})
	p := s.startPrometheus(t)
	s.generate(t, "--for", "30s", "--rate", "15", "--seed", "71", "--skew", "-2s", "--gap-after", "14s", "--gap-for", "10s",
		"--mix", "completed=50,retried=8,failed=6,never_consumed=8,killed=8,duplicated=8,dead_lettered=6,fanout=6")

	t.Run("series", func(t *testing.T) { p.checkSeries(t) })
	t.Run("rules", func(t *testing.T) { p.checkRules(t) })
	t.Run("dashboards", func(t *testing.T) { p.checkDashboards(t) })
	t.Run("exemplars", func(t *testing.T) { p.checkExemplars(t, s.jaeger.URL) })
	t.Run("alerts", func(t *testing.T) { p.checkAlert(t, s.alertmanager.URL) })
}

// checkSeries waits for each series that is documented, but for those that are there in trouble only.
func (p prometheus) checkSeries(t *testing.T) {
	wanted := documented(t)
	await(t, prometheusTimeout, "all series", func() error {
		names, err := p.names(t.Context())
		if err != nil {
			return err
		}
		if missing := slices.DeleteFunc(slices.Clone(wanted), func(name string) bool { return slices.Contains(names, name) }); len(missing) > 0 {
			return fmt.Errorf("missing: %v", missing)
		}
		t.Logf("%d documented names among %d", len(wanted), len(names))
		return nil
	})
}

// checkRules waits until each rule was evaluated, and fails if one could not be. Habits are looked at too rarely for this test.
func (p prometheus) checkRules(t *testing.T) {
	evaluated := 0
	await(t, prometheusTimeout, "all rules to be evaluated", func() error {
		var data struct {
			Groups []struct {
				Name  string `json:"name"`
				Rules []struct {
					Name      string `json:"name"`
					Health    string `json:"health"`
					LastError string `json:"lastError"`
				} `json:"rules"`
			} `json:"groups"`
		}
		if err := p.get(t.Context(), "rules", nil, &data); err != nil {
			return err
		}
		evaluated = 0
		for _, group := range data.Groups {
			for _, rule := range group.Rules {
				require.Empty(t, rule.LastError, "%s: %s", group.Name, rule.Name)
				if rule.Health == "ok" {
					evaluated++
				} else if group.Name != "throughline-habits" {
					return fmt.Errorf("%s: %s: %s", group.Name, rule.Name, rule.Health)
				}
			}
		}
		return nil
	})
	require.Greater(t, evaluated, 40)
	t.Logf("%d rules were evaluated", evaluated)
}

// checkDashboards asks what each panel asks. Whatever is not about trouble of the collector must have an answer.
func (p prometheus) checkDashboards(t *testing.T) {
	chosen := strings.NewReplacer(`="$operation"`, `="order-fulfilment"`, "$operation", ".*", "$system", ".*", "$destination", ".*",
		"$group", ".*", "$instance", ".*", "$__rate_interval", "1m")
	paths, err := filepath.Glob("../../deploy/grafana/dashboards/*.json")
	require.NoError(t, err)
	asked, empty := 0, 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var board struct {
			Panels []struct {
				Title   string `json:"title"`
				Targets []struct {
					Expr string `json:"expr"`
				} `json:"targets"`
			} `json:"panels"`
		}
		require.NoError(t, json.Unmarshal(text, &board))
		for _, panel := range board.Panels {
			for _, target := range panel.Targets {
				asked++
				what := filepath.Base(path) + ", " + panel.Title + ": " + target.Expr
				await(t, prometheusTimeout, what, func() error {
					found, err := p.query(t.Context(), chosen.Replace(target.Expr))
					if err == nil && len(found) == 0 {
						if onlyInTrouble.MatchString(target.Expr) {
							empty++
							return nil
						}
						err = errors.New("no data")
					}
					return err
				})
			}
		}
	}
	require.Greater(t, asked, 80)
	t.Logf("%d queries of %d dashboards, %d of them about trouble that there was not", asked, len(paths), empty)
}

// checkExemplars looks for a derived trace that a histogram names, in Jaeger.
func (p prometheus) checkExemplars(t *testing.T, jaegerURL string) {
	for _, histogram := range []string{"async_operation_duration_seconds_bucket", "async_queue_wait_seconds_bucket"} {
		await(t, prometheusTimeout, "an exemplar of "+histogram+" whose trace is in Jaeger", func() error {
			var series []struct {
				Exemplars []struct {
					Labels map[string]string `json:"labels"`
				} `json:"exemplars"`
			}
			now := time.Now()
			err := p.get(t.Context(), "query_exemplars", url.Values{
				"query": {histogram}, "start": {now.Add(-time.Hour).Format(time.RFC3339)}, "end": {now.Format(time.RFC3339)},
			}, &series)
			if err != nil {
				return err
			}
			if len(series) == 0 || len(series[0].Exemplars) == 0 {
				return errors.New("no exemplars")
			}
			return answersOK(t.Context(), jaegerURL+"/api/traces/"+series[0].Exemplars[0].Labels["trace_id"])
		})
	}
}

func answersOK(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", address, response.Status)
	}
	return nil
}

// checkAlert waits for the alert that has not to last before it fires, in Alertmanager.
func (p prometheus) checkAlert(t *testing.T, alertmanagerURL string) {
	await(t, prometheusTimeout, "ThroughlineDeadLetters in Alertmanager", func() error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, alertmanagerURL+"/api/v2/alerts", http.NoBody)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		var alerts []struct {
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
		}
		if err := json.NewDecoder(response.Body).Decode(&alerts); err != nil {
			return err
		}
		for _, alert := range alerts {
			if alert.Labels["alertname"] == "ThroughlineDeadLetters" {
				require.Equal(t, "warning", alert.Labels["severity"])
				require.NotEmpty(t, alert.Labels["messaging_destination_name"])
				require.Contains(t, alert.Annotations["description"], "dead-lettered in the last 10 minutes")
				return nil
			}
		}
		return fmt.Errorf("there are %d others", len(alerts))
	})
}
