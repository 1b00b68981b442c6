package main

import (
	"bytes"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sampleStore is a report in which each figure is recognisable and each target is met.
func sampleStore() *storeReport {
	keepers := figures{}
	for _, suffix := range []string{"", "_alone"} {
		keepers["rate_memory"+suffix], keepers["rate_interval"+suffix], keepers["rate_batch"+suffix] = 50_000, 49_000, 41_000
		keepers.note("throughput_interval"+suffix, []float64{0.96, 0.98, 0.97})
		keepers.note("throughput_batch"+suffix, []float64{0.81, 0.82, 0.83})
		keepers["cpu_batch"+suffix], keepers["written_batch"+suffix] = 1.25, 77
	}
	restore := figures{"open": 1e6, "rss_before": 2000 << 20, "rss_most": 2100 << 20, "idle_written": 512, "bytes_per_operation": 700}
	restore.note("ready_seconds", []float64{8, 9, 7})
	restore.note("swept_seconds", []float64{10, 11, 9})
	restore["sweep_longest"] = 1.5
	restore.note("busy_seconds", []float64{12, 14, 11})
	restore.note("idle_cpu", []float64{0.004, 0.003, 0.009})
	flood := figures{"ids": 1e7, "on_rate": 30_000, "off_rate": 40_000, "on_rss_most": 900 << 20, "off_rss_most": 700 << 20, "on_disk_most": 300 << 20}
	for percent := range 111 {
		grown := float64(min(percent, 50) << 20)
		flood[floodName("on", "rss", percent)], flood[floodName("off", "rss", percent)] = 600<<20+grown, 500<<20+grown
		flood[floodName("on", "disk", percent)] = 100<<20 + grown
	}
	return &storeReport{Processors: 2, Go: "go1.26", Store: keepers, Restore: restore, Flood: flood}
}

func storeRows(r *storeReport) []row {
	return append(r.costRows(), append(r.restoreRows(), r.floodRows()...)...)
}

func TestStoreTable(t *testing.T) {
	text := string(sampleStore().table())
	for _, line := range []string{
		"| throughput with `durability: interval`, against memory only | >= 0.95 x | 0.97 x | 0.96 .. 0.98 | yes | 49000 against 50000 spans/s;",
		"| throughput with `durability: batch`, against memory only, nothing derived | >= 0.75 x | 0.82 x | 0.81 .. 0.83 | yes | 41000 against 50000 spans/s; processor time per span 1.25 x; 77 bytes written",
		"| restart after kill -9, 1M open operations of 3 hops | <= 15 s | 8.0 s | 7.0 .. 9.0 | yes | until OTLP is taken, none is missing; 12.0 s of processor time on all processors; the first sweep is over after 10.0 s, the longest one took 1.5 s; 2000 MiB resident before, at most 2100 MiB after |",
		"| < 1 % | 0.40 % | 0.30 .. 0.90 | yes | of a core; 512 bytes written to disk each second; the file has 700 B per operation |",
		"| resident memory under 10M distinct IDs, as shipped | <= 1536 MiB | 900 MiB |  | yes | 30000 IDs/s; 650 MiB when half was sent, 650 MiB at the end; sent again 0 times |",
		"| the same without a store | <= 1536 MiB | 700 MiB |  | yes |",
		"| files of the store meanwhile | <= 2048 MiB | 300 MiB |  | yes | 150 MiB at the end |",
	} {
		require.Contains(t, text, line)
	}
	require.Equal(t, 2+2+9, strings.Count(text, "\n"), "a sentence, the head and nine figures")
}

func TestTargetsOfTheStoreThatAreMissed(t *testing.T) {
	for name, spoil := range map[string]func(*storeReport){
		"throughput with `durability: interval`, against memory only":                  func(r *storeReport) { r.Store["throughput_interval"] = 0.94 },
		"throughput with `durability: interval`, against memory only, nothing derived": func(r *storeReport) { r.Store["throughput_interval_alone"] = 0.94 },
		"throughput with `durability: batch`, against memory only":                     func(r *storeReport) { r.Store["throughput_batch"] = 0.74 },
		"throughput with `durability: batch`, against memory only, nothing derived":    func(r *storeReport) { r.Store["throughput_batch_alone"] = 0.74 },
		"restart after kill -9, 1M open operations of 3 hops":                          func(r *storeReport) { r.Restore["ready_seconds"] = 15.1 },
		"processor time with a store, 1M open and nothing happens":                     func(r *storeReport) { r.Restore["idle_cpu"] = 0.01 },
		"resident memory under 10M distinct IDs, as shipped":                           func(r *storeReport) { r.Flood["on_rss_most"] = 1537 << 20 },
		"the same without a store":                                                     func(r *storeReport) { r.Flood["off_rss_most"] = 1537 << 20 },
		"files of the store meanwhile":                                                 func(r *storeReport) { r.Flood["on_disk_most"] = 2049 << 20 },
	} {
		r := sampleStore()
		spoil(r)
		for _, row := range storeRows(r) {
			require.Equal(t, row.what != name, row.met, "%s: %s", name, row.what)
		}
	}
}

// TestStorePicture looks for a line or bar of what was measured, and for that of the target, in each of the four parts.
func TestStorePicture(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, save(folder, "store", sampleStore()))
	picture, err := os.ReadFile(filepath.Join(folder, "store.png"))
	require.NoError(t, err)
	img, err := png.Decode(bytes.NewReader(picture))
	require.NoError(t, err)
	size := img.Bounds().Size()
	found := map[color.Color]map[int]bool{colorMeasured: {}, colorTarget: {}}
	for x := range size.X {
		for y := range size.Y {
			if parts, ok := found[color.RGBAModel.Convert(img.At(x, y))]; ok {
				parts[x*2/size.X+2*(y*2/size.Y)] = true
			}
		}
	}
	require.Len(t, found[colorMeasured], 4)
	require.Len(t, found[colorTarget], 4)
}

func TestSizeOfFiles(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, "data"), 0o700))
	for name, size := range map[string]int{"data/operations.db": 4096, "data/operations.db-wal": 100, "throughline.log": 7} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), make([]byte, size), 0o600))
	}
	size, err := sizeOf(folder)
	require.NoError(t, err)
	require.InDelta(t, 4196, size, 0, "but for the log")
	size, err = sizeOf(filepath.Join(folder, "gone"))
	require.NoError(t, err)
	require.Zero(t, size)
}
