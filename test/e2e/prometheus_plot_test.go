//go:build e2e

package e2e

import (
	"image/color"
	"os"
	"strconv"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

var (
	colourTruth  = color.RGBA{R: 0x9e, G: 0xc9, B: 0xe2, A: 0xff}
	colourSeen   = color.RGBA{R: 0xd6, G: 0x27, B: 0x28, A: 0xff}
	colourOutage = color.RGBA{R: 0xf0, G: 0xf0, B: 0xf0, A: 0xff}
)

// draw writes a picture of the outage: depth above, age below, the truth as a line and what Prometheus has as dots.
func (o *outage) draw(path string, depths, ages []point) error {
	depth, err := o.chart("Messages that wait in the queue", "messages", o.depth, depths)
	if err != nil {
		return err
	}
	age, err := o.chart("Age of the oldest of them", "seconds", o.age, ages)
	if err != nil {
		return err
	}
	age.X.Label.Text = "seconds since the first message"

	canvas := vgimg.New(24*vg.Centimeter, 16*vg.Centimeter)
	const margin = 4 * vg.Millimeter
	tiles := draw.Tiles{Rows: 2, Cols: 1, PadY: 6 * vg.Millimeter, PadTop: margin, PadBottom: margin, PadLeft: margin, PadRight: 2 * margin}
	for i, row := range plot.Align([][]*plot.Plot{{depth}, {age}}, tiles, draw.New(canvas)) {
		[]*plot.Plot{depth, age}[i].Draw(row[0])
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(file); err != nil {
		return err
	}
	return file.Close()
}

func (o *outage) chart(title, unit string, truth func(time.Time) float64, samples []point) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.Y.Label.Text, p.Y.Min = title, unit, 0
	p.Title.Padding = 2 * vg.Millimeter
	p.Legend.Top, p.Legend.Left, p.Legend.Padding, p.Legend.XOffs = true, true, vg.Millimeter, 31*vg.Millimeter

	p.X.Tick.Marker = plot.TickerFunc(everyTwentySeconds)

	var line, dots plotter.XYs
	last := samples[len(samples)-1].at.Sub(o.began)
	for at := time.Duration(0); at <= last; at += 100 * time.Millisecond {
		line = append(line, plotter.XY{X: at.Seconds(), Y: truth(o.began.Add(at))})
		p.Y.Max = max(p.Y.Max, 1.05*line[len(line)-1].Y)
	}
	for _, sample := range samples {
		dots = append(dots, plotter.XY{X: sample.at.Sub(o.began).Seconds(), Y: sample.value})
	}
	from, to := beforeOutage.Seconds(), (beforeOutage + outageLasts).Seconds()
	away, err := plotter.NewPolygon(plotter.XYs{{X: from, Y: 0}, {X: to, Y: 0}, {X: to, Y: p.Y.Max}, {X: from, Y: p.Y.Max}})
	if err != nil {
		return nil, err
	}
	away.Color, away.Width = colourOutage, 0
	actual, err := plotter.NewLine(line)
	if err != nil {
		return nil, err
	}
	actual.Color, actual.Width = colourTruth, vg.Points(3)
	seen, err := plotter.NewScatter(dots)
	if err != nil {
		return nil, err
	}
	seen.GlyphStyle = draw.GlyphStyle{Color: colourSeen, Radius: vg.Points(1.3), Shape: draw.CircleGlyph{}}
	note, err := plotter.NewLabels(plotter.XYLabels{XYs: plotter.XYs{{X: to - 22, Y: 0.06 * p.Y.Max}}, Labels: []string{"consumer away"}})
	if err != nil {
		return nil, err
	}
	p.Add(away, plotter.NewGrid(), actual, seen, note)
	p.Legend.Add("in truth", actual)
	p.Legend.Add("in Prometheus", seen)
	return p, nil
}

func everyTwentySeconds(least, most float64) []plot.Tick {
	var ticks []plot.Tick
	for at := 0; float64(at) <= most; at += 20 {
		if float64(at) >= least {
			ticks = append(ticks, plot.Tick{Value: float64(at), Label: strconv.Itoa(at)})
		}
	}
	return ticks
}
