package main

import (
	"bytes"
	"fmt"
	"strings"
)

// The sizes of a picture, in pixels.
const (
	width     = 1160
	margin    = 20
	labels    = 300
	gutter    = 92
	header    = 104
	axis      = 26
	rowHeight = 27
	barHeight = 15
	footer    = 46
	plotLeft  = margin + labels
	plotWidth = width - margin - labels - gutter - margin
)

// colours tell services apart; time in a queue has one of its own, and so has what failed.
var colours = []string{"#2f7ec0", "#2a9d72", "#8561c5", "#c98a12", "#1f9aa8", "#a35d38", "#6b7a1e", "#b0568f"}

const (
	colourQueue = "#8796a8"
	colourError = "#d3382f"
	colourText  = "#1d2733"
	colourFaint = "#6b7785"
)

// stateColours are those of the label beside the title.
var stateColours = map[string]string{
	"completed": "#2a9d72", "stuck": "#c8641b", "failed": colourError, "dead_lettered": colourError, "cancelled": colourFaint,
}

const styles = `<style>
text { font-family: "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; font-size: 12px; fill: ` + colourText + ` }
.faint { fill: ` + colourFaint + `; font-size: 11px }
.title { font-size: 19px; font-weight: 600 }
.error { fill: ` + colourError + ` }
.service { font-weight: 600 }
.state { fill: #fff; font-weight: 600; text-anchor: middle }
</style>
<defs>
<pattern id="wait" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="7" height="7" fill="#e4e9ef"/><rect width="2.4" height="7" fill="` + colourQueue + `"/></pattern>
<pattern id="waitError" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="7" height="7" fill="#fbe3e1"/><rect width="2.4" height="7" fill="` + colourError + `"/></pattern>
</defs>
`

// picture is a drawing under way.
type picture struct {
	bytes.Buffer
	trace *trace
	// scale is in pixels per microsecond.
	scale   float64
	colours map[string]string
}

// draw returns the SVG of a trace that has at least its root.
func draw(t *trace) []byte {
	p := &picture{trace: t, colours: map[string]string{}}
	root := &t.rows[0]
	p.scale = plotWidth / max(1, root.end)
	height := header + axis + rowHeight*len(t.rows) + footer
	if t.cut > 0 {
		height += rowHeight
	}
	title := escape(short(root.name, 80))
	p.printf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n", width, height, width, height, title)
	p.WriteString(styles)
	p.printf(`<rect x="0.5" y="0.5" width="%d" height="%d" rx="8" fill="#fff" stroke="#d5dbe2"/>`+"\n", width-1, height-1)
	p.head(root)
	p.axis(root.end, height)
	p.flow()
	for i := range t.rows {
		p.row(i)
	}
	if t.cut > 0 {
		p.text(margin, p.y(len(t.rows))+17, "faint", fmt.Sprintf("and %d more spans", t.cut))
	}
	p.legend(height)
	p.WriteString("</svg>\n")
	return p.Bytes()
}

func (p *picture) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// text writes a text that may come from telemetry.
func (p *picture) text(x, y float64, class, text string) {
	p.printf(`<text x="%.1f" y="%.1f" class="%s">%s</text>`+"\n", x, y, class, escape(text))
}

// x is the place of a time, y that of a row's upper edge.
func (p *picture) x(at float64) float64 {
	return plotLeft + min(max(at*p.scale, 0), plotWidth)
}

func (p *picture) y(row int) float64 { return float64(header + axis + rowHeight*row) }

func (p *picture) head(root *row) {
	name := short(strings.TrimPrefix(root.name, "async "), 60)
	p.text(margin, 34, "title", name)
	state := short(root.tags["async.operation.state"], 20)
	colour, ok := stateColours[state]
	if !ok {
		colour = colourFaint
	}
	label := strings.ReplaceAll(state, "_", "-")
	if reason := short(root.tags["async.operation.reason"], 20); reason != "" {
		label += ": " + reason
	}
	x := margin + 19*narrow(name) + 18
	if label != "" {
		w := 13.5*narrow(label) + 24
		p.printf(`<rect x="%.1f" y="18" width="%.1f" height="22" rx="11" fill="%s"/>`+"\n", x, w, colour)
		p.text(x+w/2, 33.5, "state", label)
	}
	facts := []string{short(root.tags["async.operation.id"], 48), lasting(root.end - root.start), fmt.Sprintf("%d spans", len(p.trace.rows)+p.trace.cut)}
	if flags := strings.NewReplacer("[", "", "]", "", `"`, "", ",", ", ").Replace(short(root.tags["async.operation.flags"], 60)); flags != "" {
		facts = append(facts, flags)
	}
	if owner := short(root.tags["async.operation.owner"], 30); owner != "" {
		facts = append(facts, "owner "+owner)
	}
	p.text(margin, 57, "faint", strings.Join(append(facts, "trace "+prefix(p.trace.id)), "   ·   "))
	p.text(margin, 80, "error", short(root.tags["otel.status_description"], 150))
}

func (p *picture) axis(end float64, height int) {
	step := tick(end)
	bottom := height - footer + 6
	for i := 0; float64(i)*step <= end; i++ {
		at := float64(i) * step
		p.printf(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#e3e8ed"/>`+"\n", p.x(at), header+axis-8, p.x(at), bottom)
		// Where there is no room before the next column, the line is enough.
		if p.x(at)+45 < plotLeft+plotWidth {
			p.text(p.x(at)+4, header+axis-12, "faint", tickText(at, end))
		}
	}
	p.printf(`<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#c9d1d9"/>`+"\n", margin, header+axis-4, width-margin, header+axis-4)
	p.text(margin, header+axis-12, "faint", "service and span")
	p.text(plotLeft+plotWidth+14, header+axis-12, "faint", "original trace")
}
