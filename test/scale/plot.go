package main

import (
	"fmt"
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

var (
	colorMeasured = color.RGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 0xff}
	colorSecond   = color.RGBA{R: 0x9e, G: 0xc9, B: 0xe2, A: 0xff}
	colorRange    = color.RGBA{R: 0x33, G: 0x33, B: 0x33, A: 0xff}
	colorTarget   = color.RGBA{R: 0xd6, G: 0x27, B: 0x28, A: 0xff}
)

const (
	columns = 3
	rows    = 2
)

// draw writes the picture as PNG: one chart for each figure, with its target as a red line.
func (r *report) draw(w io.Writer) error {
	return drawAll(w, columns, r.costChart, r.heapChart, r.growthChart, r.delayChart, r.idleChart, r.throughputChart)
}

// drawAll draws two rows of as many charts as there are columns.
func drawAll(w io.Writer, columns int, all ...func() (*plot.Plot, error)) error {
	canvas := vgimg.New(14*vg.Length(columns)*vg.Centimeter, 22*vg.Centimeter)
	const margin = 5 * vg.Millimeter
	tiles := draw.Tiles{
		Rows: rows, Cols: columns, PadX: vg.Centimeter, PadY: vg.Centimeter,
		PadTop: margin, PadBottom: margin, PadLeft: margin, PadRight: margin,
	}
	charts := make([][]*plot.Plot, rows)
	for i, chart := range all {
		p, err := chart()
		if err != nil {
			return fmt.Errorf("picture: %w", err)
		}
		charts[i/columns] = append(charts[i/columns], p)
	}
	for i, row := range plot.Align(charts, tiles, draw.New(canvas)) {
		for k, cell := range row {
			charts[i][k].Draw(cell)
		}
	}
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(w); err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	return nil
}

func (r *report) costChart() (*plot.Plot, error) {
	p := newChart("Cost per span, against unmarshalling it", "ratio")
	names, applied, judged := []string{"engine full\nof finished ones"}, []bar{r.Ingest.bar("take_ratio", 1)}, []bar{r.Ingest.bar("total_ratio", 1)}
	for _, e := range r.Engines {
		names = append(names, short(e["open"])+"\nopen")
		applied, judged = append(applied, e.bar("take_ratio", 1)), append(judged, e.bar("total_ratio", 1))
	}
	if err := p.bars(applied, colorMeasured, -0.5, "evidence, identity, apply"); err != nil {
		return nil, err
	}
	if err := p.bars(judged, colorSecond, 0.5, "with judging"); err != nil {
		return nil, err
	}
	p.target(targetRatio, "target without judging: 0.25")
	p.names(names...)
	return p.Plot, nil
}

func (r *report) heapChart() (*plot.Plot, error) {
	p := newChart("Live heap per open operation of 3 hops", "bytes")
	var all []bar
	for _, e := range r.Engines {
		all = append(all, e.bar("bytes_per_operation", 1))
	}
	err := p.bars(all, colorMeasured, 0, "measured")
	p.target(targetBytes, "target: 600 bytes")
	p.names(r.openNames()...)
	return p.Plot, err
}

func (r *report) growthChart() (*plot.Plot, error) {
	p := newChart("Growth of the cost per span", "against "+short(r.fewest()["open"])+" open")
	var all []bar
	for _, e := range r.Engines {
		all = append(all, e.bar("cost", 1/r.fewest()["cost"]))
	}
	err := p.bars(all, colorMeasured, 0, "apply and judge")
	p.target(targetGrowth, "target: 1.5")
	p.names(r.openNames()...)
	return p.Plot, err
}

func (r *report) delayChart() (*plot.Plot, error) {
	p := newChart(fmt.Sprintf("Verdict delay, %s open, %.0f spans/s", short(r.Live["open"]), r.Live["rate"]), "share of probes, %")
	p.X.Label.Text, p.X.Min, p.Y.Max = "seconds after the threshold passed", 0, 100
	var points plotter.XYs
	for _, percent := range quantiles {
		points = append(points, plotter.XY{X: r.Live[delayName(percent)], Y: float64(percent)})
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return nil, err
	}
	line.Color, line.Width = colorMeasured, vg.Points(2)
	limit, err := plotter.NewLine(plotter.XYs{{X: targetDelay, Y: 0}, {X: targetDelay, Y: 99}})
	if err != nil {
		return nil, err
	}
	limit.LineStyle = targetStyle()
	p.Add(line, limit)
	p.Legend.Add("measured", line)
	p.Legend.Add("target: 99 % within 1 s", limit)
	p.Legend.Top, p.X.Max = false, max(1.1*p.X.Max, 2*targetDelay)
	return p.Plot, nil
}

func (r *report) idleChart() (*plot.Plot, error) {
	p := newChart("Processor time while nothing happens", "% of a core")
	err := p.bars([]bar{r.Live.bar("idle_cpu", 100)}, colorMeasured, 0, "measured")
	p.target(100*targetIdle, "target: below 1 %")
	p.names(short(r.Live["open"]) + " open")
	return p.Plot, err
}

func (r *report) throughputChart() (*plot.Plot, error) {
	p := newChart("The whole collector, against the same without Throughline", "ratio of throughput")
	err := p.bars([]bar{
		r.Collector.bar("throughput_with", 1), r.Collector.bar("throughput_with_plain", 1), r.Collector.bar("throughput_correlation_plain", 1),
	}, colorMeasured, 0, "measured")
	p.target(targetThroughput, "target: at least 0.9")
	p.names("everything,\ngzip", "everything,\nnot compressed", "correlation only,\nnot compressed")
	return p.Plot, err
}

func (r *report) openNames() []string {
	var names []string
	for _, e := range r.Engines {
		names = append(names, short(e["open"])+" open")
	}
	return names
}
