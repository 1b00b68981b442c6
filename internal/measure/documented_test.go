package measure

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"google.golang.org/protobuf/encoding/protodelim"

	"github.com/throughline/throughline/internal/gap"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

// documented is one row of the table.
type documented struct {
	kind, unit, prometheus string
	attributes             []string
}

var code = regexp.MustCompile("`([^`]+)`")

// table reads the table of the documentation.
func table(t *testing.T) map[string]documented {
	text, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	rows := map[string]documented{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) < 7 || !strings.Contains(cells[1], "`") {
			continue
		}
		row := documented{kind: strings.TrimSpace(cells[2]), unit: strings.Trim(cells[3], " `"), prometheus: strings.Trim(cells[4], " `")}
		for _, m := range code.FindAllStringSubmatch(cells[5], -1) {
			row.attributes = append(row.attributes, m[1])
		}
		slices.Sort(row.attributes)
		rows[strings.Trim(cells[1], " `")] = row
	}
	return rows
}

// everything is one collection in which each metric has a series, with all of its attributes.
func everything(t *testing.T, buckets Buckets) pmetric.Metrics {
	m := meterWith(t, func(s *Settings) { s.ServiceGraph, s.Buckets = true, buckets })
	v := retried()
	v.Hops[0] = from("api", v.Hops[0])
	v.Hops = append(v.Hops, from("api", hop(1, operation.HopWaiting)))
	c := first(v, operation.StateFailed, operation.FlagDuplicated)
	m.Observe(c)
	m.Observe(then(c, operation.StateCompleted, 0))
	twice := first(view("b", hop(1, operation.HopDone, consumer("billing", operation.HopDone, 0, attempt(1, 2, 0), attempt(3, 4, 0)))),
		operation.StateCompleted, operation.FlagDuplicated)
	m.Observe(twice)
	m.Observe(final(view("c", givenUpOn("m-1", 4))))
	g := m.NewGauges()
	fresh := hop(1, operation.HopWaiting)
	fresh.Usual = []string{"billing"}
	g.Add("order.fulfil", view("d", fresh, hop(1, operation.HopProcessing, consumer("billing", operation.HopProcessing, 0, attempt(1, 0, 0)))),
		stuck(operation.StuckWaiting))
	g.AddGap("worker", gap.KindSilent)
	g.AddClocks("api", "worker", 1e9)
	g.AddDropped(1)
	return m.Collect(at(30), g)
}

// attributesOf are the keys on all points of a metric.
func attributesOf(m pmetric.Metric) []string {
	keys := map[string]bool{}
	add := func(a pcommon.Map) {
		for k := range a.All() {
			keys[k] = true
		}
	}
	switch m.Type() {
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			add(p.Attributes())
		}
	case pmetric.MetricTypeSum:
		for _, p := range m.Sum().DataPoints().All() {
			add(p.Attributes())
		}
	case pmetric.MetricTypeGauge:
		for _, p := range m.Gauge().DataPoints().All() {
			add(p.Attributes())
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

func TestTheTableIsWhatIsEmitted(t *testing.T) {
	rows := table(t)
	exposed := scrape(t, everything(t, BucketsExplicit))
	names := map[string]bool{}
	for _, m := range everything(t, BucketsExplicit).ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		names[m.Name()] = true
		row, ok := rows[m.Name()]
		require.True(t, ok, "%s is not documented", m.Name())
		kind := "gauge"
		switch {
		case m.Type() == pmetric.MetricTypeHistogram:
			kind = "histogram"
		case m.Type() == pmetric.MetricTypeSum && m.Sum().IsMonotonic():
			kind = "counter"
		}
		require.Equal(t, documented{kind, m.Unit(), row.prometheus, attributesOf(m)}, row, m.Name())
		require.NotEmpty(t, m.Description(), m.Name())
		require.Equal(t, kind, exposed[row.prometheus], "%s in Prometheus (exposed: %v)", m.Name(), exposed)
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(rows)), slices.Collect(maps.Keys(names)), "documented and never emitted, or twice")
	require.Len(t, exposed, len(rows), "nothing else is exposed")
	require.Equal(t, exposed, scrape(t, everything(t, BucketsExponential)))
}

// scrape hands metrics to the Prometheus exporter and returns the types of what it exposes, by name.
func scrape(t *testing.T, md pmetric.Metrics) map[string]string {
	types := map[string]string{}
	for _, line := range expose(t, "", md) {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(rest, " ")
			types[name] = kind
		}
	}
	delete(types, "target_info")
	return types
}

// expose hands metrics to the Prometheus exporter, one after the other, and returns the lines that it exposes.
func expose(t *testing.T, accept string, all ...pmetric.Metrics) (lines []string) {
	serve(t, accept, func(body io.Reader) {
		scanner := bufio.NewScanner(body)
		for scanner.Scan() {
			lines = append(lines, scanner.Text())
		}
		require.NoError(t, scanner.Err())
	}, all...)
	return lines
}

// serve lets a scraper that accepts a format read what the Prometheus exporter exposes of metrics that it got one after the other.
func serve(t *testing.T, accept string, read func(body io.Reader), all ...pmetric.Metrics) {
	factory := prometheusexporter.NewFactory()
	cfg := factory.CreateDefaultConfig().(*prometheusexporter.Config)
	cfg.NetAddr.Endpoint, cfg.EnableOpenMetrics = freeAddress(t), accept != ""
	e, err := factory.CreateMetrics(t.Context(), exportertest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	defer func() { require.NoError(t, e.Shutdown(context.Background())) }()
	for _, md := range all {
		require.NoError(t, e.ConsumeMetrics(t.Context(), md))
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+cfg.NetAddr.Endpoint+"/metrics", http.NoBody)
	require.NoError(t, err)
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	client := http.Client{Timeout: time.Minute}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	read(response.Body)
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// A series that leaves is gone from what Prometheus scrapes, and no other one is.
func TestPrometheusSeesWhatLeaves(t *testing.T) {
	m := meterWith(t, withExpiration)
	m.Observe(observed("order", 20))
	m.Observe(observed("invoice", 20))
	before := m.Collect(at(30), names(m, "order", "invoice"))
	m.Observe(observed("report", 100))
	lines := expose(t, "", before, m.Collect(at(110), names(m, "report")))
	seen := map[string]bool{}
	for _, line := range lines {
		if name, _, ok := strings.Cut(line, "{"); ok && name != "target_info" {
			require.Contains(t, line, `async_operation_name="report"`)
			seen[name] = true
		}
	}
	for _, name := range []string{"async_operation_outcomes_total", "async_operation_duration_seconds_count", "async_operation_active", "async_operation_oldest_age_seconds"} {
		require.True(t, seen[name], name)
	}
}

func TestPrometheusSeesExemplars(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	m.Observe(first(retried(), operation.StateCompleted, 0))
	trace := stitch.TraceID("order-1", "", 1)
	want := fmt.Sprintf(`trace_id="%x"`, trace)
	found := 0
	for _, line := range expose(t, "application/openmetrics-text", m.Collect(at(30), nil)) {
		if strings.HasPrefix(line, "async_operation_duration_seconds_bucket{") && strings.Contains(line, want) {
			found++
			require.Contains(t, line, `le="10.0"`)
			require.Contains(t, line, "} 10.0 ")
			require.Contains(t, line, fmt.Sprintf(`span_id="%x"`, stitch.RootSpanID(trace)))
		}
	}
	require.Equal(t, 1, found)
}

// nativeFormat is what a Prometheus asks for that reads native histograms.
const nativeFormat = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"

func TestPrometheusSeesNativeHistograms(t *testing.T) {
	families := map[string]*dto.MetricFamily{}
	serve(t, nativeFormat, func(body io.Reader) {
		r := bufio.NewReader(body)
		for {
			f := &dto.MetricFamily{}
			err := protodelim.UnmarshalFrom(r, f)
			if errors.Is(err, io.EOF) {
				return
			}
			require.NoError(t, err)
			families[f.GetName()] = f
		}
	}, everything(t, BucketsExponential))
	for name, row := range table(t) {
		if row.kind != "histogram" {
			continue
		}
		f, ok := families[row.prometheus]
		require.True(t, ok, name)
		for _, m := range f.GetMetric() {
			h := m.GetHistogram()
			require.Empty(t, h.GetBucket(), "it is native: %s", name)
			require.NotEmpty(t, h.GetExemplars(), name)
			total, bucket := h.GetZeroCount(), int64(0)
			for _, delta := range h.GetPositiveDelta() {
				bucket += delta
				total += uint64(bucket)
			}
			require.Equal(t, h.GetSampleCount(), total, name)
		}
	}
	duration := families["async_operation_duration_seconds"].GetMetric()[0].GetHistogram()
	require.EqualValues(t, 8, duration.GetSchema())
	require.EqualValues(t, int(math.Ceil(math.Log2(10)*256)), duration.GetPositiveSpan()[0].GetOffset(), "10 s are in (2^(850/256), 2^(851/256)]")
}
