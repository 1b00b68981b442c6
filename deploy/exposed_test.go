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

// queue are the labels of a queue as a consumer group sees it.
const queue = "messaging_system messaging_destination_name messaging_consumer_group_name"

// derived are the metrics of the operations receiver and their labels, by the names that the Prometheus exporter gives them.
var derived = map[string]string{
	"async_operation_outcomes_total":     "async_operation_name async_operation_outcome async_operation_corrected",
	"async_operation_active":             "async_operation_name",
	"async_operation_stuck":              "async_operation_name async_operation_reason",
	"async_operation_oldest_age_seconds": "async_operation_name",
	"async_queue_depth":                  queue,
	"async_queue_oldest_age_seconds":     queue,
	"async_process_active":               queue,
	"async_process_attempts_total":       queue + " async_attempt_outcome",
	"async_message_dead_lettered_total":  queue,
	"async_message_duplicated_total":     queue,
	"async_telemetry_gaps":               "service_name async_gap_kind",
	"async_clock_offset_seconds":         "async_clock_from async_clock_to",
}

var derivedHistograms = map[string]string{
	"async_operation_duration_seconds": "async_operation_name async_operation_outcome",
	"async_queue_wait_seconds":         queue,
	"async_process_duration_seconds":   queue + " async_attempt_outcome",
}

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
	for _, table := range []map[string]string{derived, core} {
		for name, labels := range table {
			e.add(name, labels)
		}
	}
	for name, labels := range derivedHistograms {
		e.histogram(name, labels)
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
		names[name] = name != "up"
	}
	for name, listed := range names {
		if listed {
			require.True(t, strings.Contains(string(text), "`"+name+"`"), "docs/operations.md does not list %s", name)
		}
	}
	for _, match := range regexp.MustCompile("`(otelcol_[a-z_]+)`").FindAllStringSubmatch(string(text), -1) {
		require.True(t, names[match[1]], "docs/operations.md: nothing exposes %s", match[1])
	}
}
