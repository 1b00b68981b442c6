package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

type rule struct {
	Record      string            `yaml:"record"`
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// readRules returns the rules of all files.
func readRules(tb testing.TB) []rule {
	tb.Helper()
	paths, err := filepath.Glob("prometheus/rules/*.yaml")
	require.NoError(tb, err)
	var all []rule
	for _, path := range paths {
		var file struct {
			Groups []struct {
				Rules []rule `yaml:"rules"`
			} `yaml:"groups"`
		}
		readYAML(tb, path, &file)
		for _, group := range file.Groups {
			all = append(all, group.Rules...)
		}
	}
	require.NotEmpty(tb, all)
	return all
}

func readYAML(tb testing.TB, path string, into any) {
	tb.Helper()
	text, err := os.ReadFile(path)
	require.NoError(tb, err)
	require.NoError(tb, yaml.Unmarshal(text, into), path)
}

// withRecorded adds what rules record. The labels are those that the outermost aggregation leaves, and those the rule adds.
func (e exposed) withRecorded(tb testing.TB) exposed {
	tb.Helper()
	for _, r := range readRules(tb) {
		if r.Record == "" {
			continue
		}
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
		require.NoError(tb, err, r.Record)
		labels := map[string]bool{"__name__": true}
		for label := range r.Labels {
			labels[label] = true
		}
		for _, label := range left(parsed) {
			labels[label] = true
		}
		e[r.Record] = labels
	}
	return e
}

// left returns the labels by which the outermost aggregation groups.
func left(expr parser.Expr) []string {
	switch e := expr.(type) {
	case *parser.AggregateExpr:
		return e.Grouping
	case *parser.BinaryExpr:
		return left(e.LHS)
	case *parser.Call:
		return left(e.Args[len(e.Args)-1])
	case *parser.ParenExpr:
		return left(e.Expr)
	}
	return nil
}

func TestRulesUseWhatIsExposed(t *testing.T) {
	e := readExposed(t).withRecorded(t)
	for _, r := range readRules(t) {
		require.NoError(t, e.check(r.Expr), r.Record+r.Alert)
	}
}

func TestRecordedNamesTellLevelMetricAndOperation(t *testing.T) {
	name := regexp.MustCompile(`^[a-z_]+:(async|otelcol)_[a-z_]+:[a-z0-9_]+$`)
	for _, r := range readRules(t) {
		if r.Record != "" {
			require.Regexp(t, name, r.Record)
		}
	}
}

// Each alert says what is wrong and how bad it is, and leads to a section that tells what to do.
func TestAlertsLeadToWhatToDo(t *testing.T) {
	const page = "https://github.com/throughline/throughline/blob/main/docs/operations.md#"
	text, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, r := range readRules(t) {
		if r.Alert == "" {
			continue
		}
		require.False(t, seen[r.Alert], "%s is there twice", r.Alert)
		seen[r.Alert] = true
		require.True(t, strings.HasPrefix(r.Alert, "Throughline"), "alerts of the alert exporter begin with Async: %s", r.Alert)
		require.Contains(t, []string{"info", "warning", "critical"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		require.NotEmpty(t, r.Annotations["description"], r.Alert)
		require.Equal(t, page+strings.ToLower(r.Alert), r.Annotations["runbook_url"], r.Alert)
		require.Contains(t, string(text), "\n### "+r.Alert+"\n", "docs/operations.md")
	}
	for _, heading := range regexp.MustCompile(`(?m)^### (Throughline\w+)$`).FindAllStringSubmatch(string(text), -1) {
		require.True(t, seen[heading[1]], "docs/operations.md: there is no alert %s", heading[1])
	}
}

// promtool runs these; here it is only made sure that each alert is seen to fire, and not to fire, at some time.
func TestEachAlertHasAUnitTest(t *testing.T) {
	fires, silent := map[string]bool{}, map[string]bool{}
	paths, err := filepath.Glob("prometheus/tests/*.yaml")
	require.NoError(t, err)
	for _, path := range paths {
		var file struct {
			Tests []struct {
				Alerts []struct {
					Alertname string `yaml:"alertname"`
					Expected  []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			} `yaml:"tests"`
		}
		readYAML(t, path, &file)
		for _, test := range file.Tests {
			for _, alert := range test.Alerts {
				fires[alert.Alertname] = fires[alert.Alertname] || len(alert.Expected) > 0
				silent[alert.Alertname] = silent[alert.Alertname] || len(alert.Expected) == 0
			}
		}
	}
	for _, r := range readRules(t) {
		if r.Alert != "" {
			require.True(t, fires[r.Alert], "no test lets %s fire", r.Alert)
			require.True(t, silent[r.Alert], "no test keeps %s silent", r.Alert)
		}
	}
}
