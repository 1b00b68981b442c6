package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// The labels that each series has besides its own: those of the exporter, and those of the target.
const everywhere = "job instance"

// derivedRow matches one metric of the table in docs/metrics.md: its type, its name in Prometheus, and its attributes.
var derivedRow = regexp.MustCompile("(?m)^\\| `[a-z_.]+` \\| (histogram|counter|gauge) \\|[^|]*\\| `([a-z_]+)` \\|([^|]*)\\|")

// core are the metrics of the collector's own parts that rules and dashboards use, and those of Prometheus about its targets.
var core = map[string]string{
	"up":                          "",
	"otelcol_process_uptime":      "",
	"otelcol_process_cpu_seconds": "",
	"otelcol_process_memory_rss":  "",
	"otelcol_process_runtime_heap_alloc_bytes":               "",
	"otelcol_exporter_queue_size":                            "exporter data_type",
	"otelcol_exporter_queue_capacity":                        "exporter data_type",
	"otelcol_exporter_sent_spans":                            "exporter",
	"otelcol_exporter_sent_log_records":                      "exporter",
	"otelcol_exporter_sent_metric_points":                    "exporter",
	"otelcol_exporter_send_failed_spans":                     "exporter",
	"otelcol_exporter_send_failed_log_records":               "exporter",
	"otelcol_exporter_send_failed_metric_points":             "exporter",
	"otelcol_exporter_enqueue_failed_spans":                  "exporter",
	"otelcol_exporter_enqueue_failed_log_records":            "exporter",
	"otelcol_exporter_enqueue_failed_metric_points":          "exporter",
	"otelcol_receiver_accepted_spans":                        "receiver transport",
	"otelcol_receiver_accepted_log_records":                  "receiver transport",
	"otelcol_receiver_refused_spans":                         "receiver transport",
	"otelcol_receiver_refused_log_records":                   "receiver transport",
	"otelcol_processor_memory_limiter_refused_spans":         "processor",
	"otelcol_processor_memory_limiter_refused_log_records":   "processor",
	"otelcol_processor_memory_limiter_refused_metric_points": "processor",
}

// exposed maps the name of each series that can be asked for to its labels.
type exposed map[string]map[string]bool

func (e exposed) add(name, labels string) {
	e[name] = map[string]bool{"__name__": true}
	for label := range strings.FieldsSeq(labels + " " + everywhere) {
		e[name][label] = true
	}
}

func (e exposed) histogram(name, labels string) {
	e.add(name+"_bucket", labels+" le")
	e.add(name+"_count", labels)
	e.add(name+"_sum", labels)
}

// readExposed returns all that a collector exposes, without what rules record.
func readExposed(tb testing.TB) exposed {
	tb.Helper()
	e := exposed{}
	for name, labels := range core {
		e.add(name, labels)
	}
	text, err := os.ReadFile("../docs/metrics.md")
	require.NoError(tb, err)
	rows := derivedRow.FindAllStringSubmatch(string(text), -1)
	require.Greater(tb, len(rows), 20, "docs/metrics.md")
	for _, row := range rows {
		labels := strings.NewReplacer(".", "_", "`", "", ",", "").Replace(row[3])
		if row[1] == "histogram" {
			e.histogram(row[2], labels)
		} else {
			e.add(row[2], labels)
		}
	}
	for _, m := range ownMetrics(tb) {
		labels := strings.Join(m.Attributes, " ")
		if m.Histogram != nil {
			e.histogram(m.name, labels)
		} else {
			e.add(m.name, labels)
		}
	}
	return e
}

// ownMetric is one that a component of ours has about itself.
type ownMetric struct {
	name       string
	Attributes []string  `yaml:"attributes"`
	Histogram  *struct{} `yaml:"histogram"`
}

// ownMetrics reads the metadata of our components.
func ownMetrics(tb testing.TB) []ownMetric {
	tb.Helper()
	paths, err := filepath.Glob("../*/*/metadata.yaml")
	require.NoError(tb, err)
	require.GreaterOrEqual(tb, len(paths), 5)
	var all []ownMetric
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(tb, err)
		var metadata struct {
			Telemetry struct {
				Metrics map[string]ownMetric `yaml:"metrics"`
			} `yaml:"telemetry"`
		}
		require.NoError(tb, yaml.Unmarshal(text, &metadata))
		for name, m := range metadata.Telemetry.Metrics {
			m.name = "otelcol_" + name
			all = append(all, m)
		}
	}
	require.NotEmpty(tb, all)
	return all
}

// The page for operators has each of our own metrics, and each of the others that rules and dashboards use.
func TestThePageForOperatorsListsEachMetric(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	names := map[string]bool{}
	for _, m := range ownMetrics(t) {
		names[m.name] = true
	}
	for name := range core {
		if name != "up" {
			names[name] = true
		}
	}
	listed := map[string]bool{}
	for _, match := range regexp.MustCompile("`(otelcol_[a-z_]+)`").FindAllStringSubmatch(string(text), -1) {
		listed[match[1]] = true
	}
	require.Equal(t, names, listed, "docs/operations.md")
}
