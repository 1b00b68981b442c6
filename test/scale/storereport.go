package main

import (
	"context"
	"fmt"
	"image/color"
	"io"
	"runtime"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// The targets of what a store costs, and of what it and the bounds of memory are good for.
const (
	targetInterval = 0.95
	targetBatch    = 0.75
	targetRestore  = 15 // seconds
	// targetResident is one and a half times the limit of memory that the quickstart configuration sets: that bounds what is in
	// use, beside which the runtime keeps what it has not collected yet. targetDisk is what it lets the store's files take: so
	// much of history, and a log that is cut before it is twice as large.
	targetResident = 1536 << 20
	targetDisk     = 2048 << 20
)

// storeReport is what a run about the store found.
type storeReport struct {
	At         time.Time `json:"at"`
	Processors int       `json:"processors"`
	Go         string    `json:"go"`
	Store      figures   `json:"store"`
	Restore    figures   `json:"restore"`
	Flood      figures   `json:"flood"`
}

// allOfStore runs every measurement of the store, prints the table and draws the picture.
func allOfStore(ctx context.Context, o options) error {
	s := &steps{began: time.Now()}
	r := &storeReport{At: s.began.UTC(), Processors: runtime.NumCPU(), Go: runtime.Version()}
	r.Store = s.measure(ctx, "store", "collectors with a store and without by turns", o.open)
	r.Restore = s.measure(ctx, "restore", "killed and started again, "+short(float64(o.open))+" open", o.open)
	r.Flood = s.measure(ctx, "flood", "a flood of "+short(float64(o.flood))+" distinct IDs", o.open)
	return s.finish(o.out, "store", r)
}

// table writes the figures as a table in Markdown.
func (r *storeReport) table() []byte {
	return tableOf(fmt.Sprintf("Measured on %s, %d processors, %s.", r.At.Format(time.DateOnly), r.Processors, r.Go),
		append(r.costRows(), append(r.restoreRows(), r.floodRows()...)...))
}

func (r *storeReport) costRows() []row {
	var all []row
	for _, c := range []struct {
		name   string
		target float64
	}{{"interval", targetInterval}, {"batch", targetBatch}} {
		for _, suffix := range []string{"", "_alone"} {
			what := "throughput with `durability: " + c.name + "`, against memory only"
			if suffix != "" {
				what += ", nothing derived"
			}
			name := c.name + suffix
			ratio := r.Store["throughput_"+name]
			all = append(all, row{
				what: what, target: fmt.Sprintf(">= %.2f x", c.target), measured: fmt.Sprintf("%.2f x", ratio), met: ratio >= c.target,
				spread: r.Store.spread("%.2f", "throughput_"+name, 1),
				detail: fmt.Sprintf("%.0f against %.0f spans/s; processor time per span %.2f x; %.0f bytes written to disk per span",
					r.Store["rate_"+name], r.Store["rate_memory"+suffix], r.Store["cpu_"+name], r.Store["written_"+name]),
			})
		}
	}
	return all
}

func (r *storeReport) restoreRows() []row {
	f := r.Restore
	return []row{
		{
			what: "restart after kill -9, " + short(f["open"]) + " open operations of 3 hops", target: fmt.Sprintf("<= %d s", targetRestore),
			measured: fmt.Sprintf("%.1f s", f["ready_seconds"]), spread: f.spread("%.1f", "ready_seconds", 1), met: f["ready_seconds"] <= targetRestore,
			detail: fmt.Sprintf("until OTLP is taken, none is missing; %.1f s of processor time on all processors; the first sweep is over after %.1f s, the longest one took %.1f s; %.0f MiB resident before, at most %.0f MiB after",
				f["busy_seconds"], f["swept_seconds"], f["sweep_longest"], mebibytes(f["rss_before"]), mebibytes(f["rss_most"])),
		},
		{
			what: "processor time with a store, " + short(f["open"]) + " open and nothing happens", target: "< 1 %", measured: fmt.Sprintf("%.2f %%", 100*f["idle_cpu"]),
			spread: f.spread("%.2f", "idle_cpu", 100), met: f["idle_cpu"] < targetIdle,
			detail: fmt.Sprintf("of a core; %.0f bytes written to disk each second; the file has %.0f B per operation", f["idle_written"], f["bytes_per_operation"]),
		},
	}
}

func (r *storeReport) floodRows() []row {
	f, ids := r.Flood, short(r.Flood["ids"])
	detail := func(variant string) string {
		return fmt.Sprintf("%.0f IDs/s; %.0f MiB when half was sent, %.0f MiB at the end; sent again %.0f times", f[variant+"_rate"],
			mebibytes(f[floodName(variant, "rss", 50)]), mebibytes(f[floodName(variant, "rss", 100)]), f[variant+"_refused"])
	}
	resident := fmt.Sprintf("<= %.0f MiB", mebibytes(targetResident))
	return []row{
		{
			what: "resident memory under " + ids + " distinct IDs, as shipped", target: resident, measured: fmt.Sprintf("%.0f MiB", mebibytes(f["on_rss_most"])),
			met: f["on_rss_most"] <= targetResident, detail: detail("on"),
		},
		{
			what: "the same without a store", target: resident, measured: fmt.Sprintf("%.0f MiB", mebibytes(f["off_rss_most"])),
			met: f["off_rss_most"] <= targetResident, detail: detail("off"),
		},
		{
			what: "files of the store meanwhile", target: fmt.Sprintf("<= %.0f MiB", mebibytes(targetDisk)), measured: fmt.Sprintf("%.0f MiB", mebibytes(f["on_disk_most"])),
			met:    f["on_disk_most"] <= targetDisk,
			detail: fmt.Sprintf("%.0f MiB at the end", mebibytes(f[floodName("on", "disk", 100)])),
		},
	}
}

func mebibytes(bytes float64) float64 { return bytes / (1 << 20) }

// draw writes the picture as PNG.
func (r *storeReport) draw(w io.Writer) error {
	return drawAll(w, 2, r.residentChart, r.diskChart, r.keeperChart, r.restoreChart)
}

func (r *storeReport) residentChart() (*plot.Plot, error) {
	p := newChart("Resident memory under distinct IDs", "MiB")
	if err := p.course(r.Flood, "off", "rss", colorSecond, "without a store"); err != nil {
		return nil, err
	}
	err := p.course(r.Flood, "on", "rss", colorMeasured, "with a store, as shipped")
	p.target(mebibytes(targetResident), "1.5 x the limit of the configuration")
	return p.Plot, err
}

func (r *storeReport) diskChart() (*plot.Plot, error) {
	p := newChart("Files of the store meanwhile", "MiB")
	err := p.course(r.Flood, "on", "disk", colorMeasured, "with a store, as shipped")
	p.target(mebibytes(targetDisk), "limit: 2048 MiB")
	return p.Plot, err
}

// course draws how something went while a flood came and after it, over millions of IDs.
func (c chart) course(f figures, variant, what string, shade color.Color, label string) error {
	var points plotter.XYs
	for percent := 0; ; percent++ {
		value, ok := f[floodName(variant, what, percent)]
		if !ok {
			break
		}
		points = append(points, plotter.XY{X: float64(percent) / 100 * f["ids"] / 1e6, Y: mebibytes(value)})
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	line.Color, line.Width = shade, vg.Points(2)
	c.Add(line)
	c.Legend.Add(label, line)
	c.X.Label.Text, c.X.Min = "millions of IDs that never occurred before; then nothing more comes", 0
	return nil
}

func (r *storeReport) keeperChart() (*plot.Plot, error) {
	p := newChart("Throughput with a store, against memory only", "ratio")
	all := func(suffix string) []bar {
		return []bar{r.Store.bar("throughput_interval"+suffix, 1), r.Store.bar("throughput_batch"+suffix, 1)}
	}
	if err := p.bars(all(""), colorMeasured, -0.5, "everything derived"); err != nil {
		return nil, err
	}
	if err := p.bars(all("_alone"), colorSecond, 0.5, "correlation only"); err != nil {
		return nil, err
	}
	p.target(targetInterval, "target of interval: 0.95")
	p.target(targetBatch, "target of batch: 0.75")
	p.names("interval", "batch")
	return p.Plot, nil
}

func (r *storeReport) restoreChart() (*plot.Plot, error) {
	p := newChart("Restart after kill -9, "+short(r.Restore["open"])+" open", "seconds")
	err := p.bars([]bar{r.Restore.bar("ready_seconds", 1), r.Restore.bar("swept_seconds", 1)}, colorMeasured, 0, "measured")
	p.target(targetRestore, "target: 15 s")
	p.names("takes OTLP", "first sweep over")
	return p.Plot, err
}
