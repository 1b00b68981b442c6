package main

import (
	"bytes"
	"encoding/json"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sample is a report in which each figure is recognisable.
func sample() *report {
	e := func(open, bytes, ratio float64) figures {
		f := figures{"open": open, "bytes_per_operation": bytes, "take_ns": 200, "sweep_ns": 100, "unmarshal_ns": 800}
		f.note("total_ratio", []float64{ratio, 0.9 * ratio, 1.1 * ratio})
		f.note("cost", []float64{10 * ratio, 9 * ratio, 11 * ratio})
		f.note("take_ratio", []float64{ratio / 2})
		f["share"], f["process_cost"] = 0.5, 40
		return f
	}
	ingest := figures{"unmarshal_ns": 800, "take_ns": 160, "sweep_ns": 80, "allocations_known": 0, "allocations_new": 1.5, "allocations_resent": 0, "share": 0.9}
	ingest.note("take_ratio", []float64{0.2, 0.19, 0.24})
	ingest.note("total_ratio", []float64{0.3, 0.29, 0.34})
	live := figures{"open": 1e6, "probes": 500, "rate": 20_050, "behind_seconds": 0.1, "load_cpu": 0.4, "idle_collections": 0, "metrics_seconds": 0.5, "bytes_per_operation": 580}
	for _, percent := range quantiles {
		live[delayName(percent)] = float64(percent) / 200
	}
	live.note("idle_cpu", []float64{0.004, 0.003, 0.009})
	collector := figures{"derived_with": 0.73, "cpu_with": 1.08, "cpu_ns_with": 2700, "cpu_ns_without": 2500}
	for _, name := range []string{"with", "with_plain", "correlation_plain"} {
		collector.note("throughput_"+name, []float64{0.91, 0.93, 0.95})
	}
	return &report{
		Processors: 2, Go: "go1.26", Ingest: ingest, Live: live, Collector: collector,
		Engines: []figures{e(1e4, 540, 0.3), e(1e5, 530, 0.33), e(1e6, 520, 0.39)},
	}
}

func TestTable(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(string(sample().table())), "\n")
	require.Contains(t, lines[0], "left a busy thread 60 % of a processor")
	lines = lines[2:]
	require.Len(t, lines, 2+8, "the head and eight figures")
	for _, line := range lines {
		require.Equal(t, 7, strings.Count(line, "|"), line)
	}
	for _, line := range lines[2:] {
		require.Contains(t, line, "| yes |")
	}
	require.Contains(t, lines[2], "| <= 0.25 x | 0.20 x | 0.19 .. 0.24 |")
	require.Contains(t, lines[4], "1M open | <= 600 B | 520 B |")
	require.Contains(t, lines[5], "| <= 1 s | 0.49 s |") // the 99th of those above, rounded
	require.Contains(t, lines[6], "| < 1 % | 0.40 % | 0.30 .. 0.90 |")
	require.Contains(t, lines[7], "| >= 0.9 x | 0.93 x | 0.91 .. 0.95 |")
	require.Contains(t, lines[7], "2700 against 2500 ns, 1.08 x; 0.73 derived spans for each span")
	require.Contains(t, lines[9], "cost per span, 1M against 10k open | <= 1.5 x | 1.30 x | 1.06 .. 1.59 |")
}

func TestTargetsThatAreMissed(t *testing.T) {
	for name, spoil := range map[string]func(*report){
		"evidence + identity": func(r *report) { r.Ingest["take_ratio"] = 0.26 },
		"allocations":         func(r *report) { r.Ingest["allocations_known"] = 0.1 },
		"live heap":           func(r *report) { r.most()["bytes_per_operation"] = 601 },
		"verdict delay":       func(r *report) { r.Live[delayName(99)] = 1.01 },
		"processor time":      func(r *report) { r.Live["idle_cpu"] = 0.01 },
		"throughput":          func(r *report) { r.Collector["throughput_with"] = 0.89 },
		"the same":            func(r *report) { r.Collector["throughput_with_plain"] = 0.89 },
		"cost per span":       func(r *report) { r.most()["cost"] = 4.6 },
	} {
		r := sample()
		spoil(r)
		for _, row := range r.rows() {
			require.Equal(t, !strings.HasPrefix(row.what, name), row.met, "%s: %s", name, row.what)
		}
	}
	r := sample()
	r.Live["probes_missing"] = 1
	require.False(t, r.liveRows()[0].met, "a verdict that never came is no verdict in time")
}

func TestSave(t *testing.T) {
	folder, r := t.TempDir(), sample()
	require.NoError(t, save(folder, "scale", r))
	data, err := os.ReadFile(filepath.Join(folder, "scale.json"))
	require.NoError(t, err)
	var back report
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, *r, back)
	text, err := os.ReadFile(filepath.Join(folder, "scale.md"))
	require.NoError(t, err)
	require.Equal(t, string(r.table()), string(text))
	require.FileExists(t, filepath.Join(folder, "scale.png"))
}

// TestPicture looks for what must be in the picture in colours of its own: each of its six parts has a bar or a line of what
// was measured, and the line of the target.
func TestPicture(t *testing.T) {
	var picture bytes.Buffer
	require.NoError(t, sample().draw(&picture))
	img, err := png.Decode(&picture)
	require.NoError(t, err)
	size := img.Bounds().Size()
	found := map[color.Color]map[int]bool{colorMeasured: {}, colorTarget: {}}
	for x := range size.X {
		for y := range size.Y {
			if parts, ok := found[color.RGBAModel.Convert(img.At(x, y))]; ok {
				parts[x*columns/size.X+columns*(y*rows/size.Y)] = true
			}
		}
	}
	require.Len(t, found[colorMeasured], rows*columns)
	require.Len(t, found[colorTarget], rows*columns)
}

func TestShort(t *testing.T) {
	for n, want := range map[float64]string{100: "100", 10_000: "10k", 1_000_000: "1M", 250_000: "250k"} {
		require.Equal(t, want, short(n))
	}
}
