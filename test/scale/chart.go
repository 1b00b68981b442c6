package main

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// chart is one part of the picture.
type chart struct{ *plot.Plot }

func newChart(title, y string) chart {
	p := plot.New()
	p.Title.Text, p.Y.Label.Text, p.Y.Min = title, y, 0
	p.Title.Padding = 2 * vg.Millimeter
	p.Legend.Top, p.Legend.Padding = true, vg.Millimeter
	return chart{p}
}

// bar is a figure and the range of its repetitions, which is empty where there are none.
type bar struct{ value, least, greatest float64 }

func (f figures) bar(name string, scale float64) bar {
	b := bar{f[name] * scale, f[name] * scale, f[name] * scale}
	if least, ok := f[name+suffixLeast]; ok {
		b.least, b.greatest = least*scale, f[name+suffixGreatest]*scale
	}
	return b
}

const barWidth = vg.Length(36)

// ranges are bars as the library wants them for their whiskers.
type ranges struct {
	plotter.XYs
	plotter.YErrors
}

// bars adds one bar for each figure, shifted aside by offset bars, with whiskers from the least to the greatest.
func (c chart) bars(all []bar, fill color.Color, offset float64, label string) error {
	var values plotter.Values
	var whiskers ranges
	for i, b := range all {
		values = append(values, b.value)
		whiskers.XYs = append(whiskers.XYs, plotter.XY{X: float64(i), Y: b.value})
		whiskers.YErrors = append(whiskers.YErrors, struct{ Low, High float64 }{b.value - b.least, b.greatest - b.value})
		c.Y.Max = max(c.Y.Max, 1.3*b.greatest)
	}
	drawn, err := plotter.NewBarChart(values, barWidth)
	if err != nil {
		return err
	}
	drawn.Color, drawn.LineStyle.Width, drawn.Offset = fill, 0, vg.Length(offset)*barWidth
	lines, err := plotter.NewYErrorBars(whiskers)
	if err != nil {
		return err
	}
	lines.Color, lines.Width = colorRange, vg.Points(1)
	c.Add(drawn, shifted{lines, drawn.Offset})
	c.Legend.Add(label, drawn)
	return nil
}

// shifted draws whiskers aside, as bars can be.
type shifted struct {
	*plotter.YErrorBars
	by vg.Length
}

// Plot implements plot.Plotter.
func (s shifted) Plot(c draw.Canvas, p *plot.Plot) {
	c.Min.X, c.Max.X = c.Min.X+s.by, c.Max.X+s.by
	s.YErrorBars.Plot(c, p)
}

// names writes below the bars what they are.
func (c chart) names(names ...string) {
	c.NominalX(names...)
	c.X.Min, c.X.Max = -0.6, float64(len(names))-0.4
}

// target adds the line that is not to be crossed.
func (c chart) target(value float64, label string) {
	f := plotter.NewFunction(func(float64) float64 { return value })
	f.LineStyle = targetStyle()
	c.Add(f)
	c.Legend.Add(label, f)
	c.Y.Max = max(c.Y.Max, 1.3*value)
}

func targetStyle() draw.LineStyle {
	return draw.LineStyle{Color: colorTarget, Width: vg.Points(1.5), Dashes: []vg.Length{vg.Points(5), vg.Points(3)}}
}
