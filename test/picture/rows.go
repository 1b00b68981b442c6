package main

import (
	"fmt"
	"strings"
)

// colour is the same for all spans of a service.
func (p *picture) colour(service string) string {
	if c, ok := p.colours[service]; ok {
		return c
	}
	c := colours[len(p.colours)%len(colours)]
	p.colours[service] = c
	return c
}

func (p *picture) row(i int) {
	r, y := &p.trace.rows[i], p.y(i)
	indent := float64(margin + 14*r.depth)
	colour := colourQueue
	if !r.queued() {
		colour = p.colour(r.service)
	}
	p.printf(`<rect x="%.1f" y="%.1f" width="4" height="%d" rx="2" fill="%s"/>`+"\n", indent, y+6, barHeight, colour)
	room := int((plotLeft - indent - 20) / (12 * 0.56))
	service := short(r.service, min(26, room))
	name := r.name
	if r.queued() {
		name = strings.TrimSuffix(name, " "+strings.TrimPrefix(r.service, "queue:"))
	}
	p.printf(`<text x="%.1f" y="%.1f"><tspan class="service">%s</tspan><tspan dx="7" class="faint">%s</tspan></text>`+"\n",
		indent+10, y+18, escape(service), escape(short(name, max(1, room-len([]rune(service))))))
	p.bar(r, y, colour)
	p.marks(r, y)
	p.link(r, y)
}

// bar draws the time that a span took, and says how long that was.
func (p *picture) bar(r *row, y float64, colour string) {
	from, to := p.x(r.start), p.x(r.end)
	w := max(2, to-from)
	top := y + (rowHeight-barHeight)/2
	fill, stroke := colour, colour
	switch {
	case r.queued() && r.failed():
		fill, stroke = "url(#waitError)", colourError
	case r.queued():
		fill, stroke = "url(#wait)", colourQueue
	case r.failed() && r.depth > 0:
		fill, stroke = colourError, colourError
	case r.depth == 0:
		// The root envelops everything, and is drawn as the bracket that it is.
		top, fill = top+4, "#dfe6ee"
		stroke = "#aeb9c6"
		if r.failed() {
			fill, stroke = "#f6cfcc", colourError
		}
		p.printf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="2" fill="%s" stroke="%s"/>`+"\n", from, top, w, barHeight-8, fill, stroke)
		return
	}
	dashes := ""
	if r.open() {
		dashes = ` stroke-dasharray="4 3"`
	}
	p.printf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="2" fill="%s" stroke="%s"%s/>`+"\n", from, top, w, barHeight, fill, stroke, dashes)
	if r.open() && r.depth > 0 {
		p.printf(`<path d="M%.1f %.1fl6 %.1fl-6 %.1fz" fill="%s"/>`+"\n", to, top, barHeight/2.0, barHeight/2.0, stroke)
	}
	p.note(r, from, to, y)
}

// note writes what a bar stands for beside it, or in it where there is no room.
func (p *picture) note(r *row, from, to, y float64) {
	text := lasting(r.end - r.start)
	if number := r.tags["async.attempt.number"]; number != "" && number != "1" {
		text += " · attempt " + short(number, 6)
	}
	switch {
	case r.tags["async.attempt.unfinished"] == "true":
		text += " · no end"
	case r.tags["async.queue.waiting"] == "true" && r.tags["async.hop.dead_letter"] == "true":
		text = "parked here"
	case r.tags["async.queue.waiting"] == "true":
		text += " · not consumed"
	case r.tags["async.operation.awaited"] != "":
		text += " · never sent"
	}
	if r.failed() && r.tags["error.type"] != "" {
		text += " · " + short(r.tags["error.type"], 40)
	}
	class := "faint"
	if r.failed() {
		class = "faint error"
	}
	wide := 11 * narrow(text)
	switch right := float64(plotLeft + plotWidth); {
	case to+12+wide <= right:
		p.text(to+11, y+18, class, text)
	case from-8-wide >= plotLeft:
		p.text(from-8-wide, y+18, class, text)
	default:
		p.printf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="2" fill="#fff" fill-opacity="0.9"/>`+"\n", from+8, y+7, wide+8, barHeight-2)
		p.text(from+12, y+17.5, class, text)
	}
}

// marks are the span's events: exceptions as diamonds, all else as strokes.
func (p *picture) marks(r *row, y float64) {
	if r.depth == 0 {
		return
	}
	seen := map[string]bool{}
	for _, m := range r.marks {
		x := p.x(m.at)
		shape := fmt.Sprintf(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="1.2"/>`, x, y+4, x, y+rowHeight-4, colourText)
		if m.exception {
			shape = fmt.Sprintf(`<path d="M%.1f %.1fl5 5.5l-5 5.5l-5 -5.5z" fill="#fff" stroke="%s" stroke-width="1.6"/>`, x, y+8, colourError)
		}
		if !seen[shape] {
			seen[shape] = true
			p.WriteString(shape + "\n")
		}
	}
}

// link marks what the span links to: the original that it stands for.
func (p *picture) link(r *row, y float64) {
	if len(r.links) == 0 || r.depth == 0 {
		return
	}
	x := float64(plotLeft + plotWidth + 14)
	p.printf(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#aab4bf" stroke-dasharray="1.5 3.5" stroke-linecap="round"/>`+"\n",
		max(p.x(r.end)+4, x-8), y+rowHeight/2, x+2, y+rowHeight/2)
	p.printf(`<rect x="%.1f" y="%.1f" width="66" height="17" rx="8.5" fill="none" stroke="#8796a8" stroke-dasharray="1.5 2.5"/>`+"\n", x+2, y+5)
	p.text(x+13, y+17.5, "faint", prefix(r.links[0]))
}

// flow joins the bars of a message: from its sending to the time in the queue, and on to those who processed it first.
func (p *picture) flow() {
	sent, waited := map[string]int{}, map[string]int{}
	for i := range p.trace.rows {
		r := &p.trace.rows[i]
		switch message := r.tags["messaging.message.id"]; {
		case message == "":
		case r.queued():
			waited[r.way()] = i
		case strings.HasPrefix(r.name, "send "):
			sent[message] = i
		}
	}
	for i := range p.trace.rows {
		r := &p.trace.rows[i]
		if from, ok := sent[r.tags["messaging.message.id"]]; ok && r.queued() {
			p.join(from, i, r.start)
		}
		if from, ok := waited[r.way()]; ok && r.tags["async.attempt.number"] == "1" {
			p.join(from, i, r.start)
		}
	}
}

// way is the way of one message to one consumer group.
func (r *row) way() string {
	return r.tags["messaging.message.id"] + "\x00" + r.tags["messaging.consumer.group.name"]
}

func (p *picture) join(from, to int, at float64) {
	p.printf(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#7b8794" stroke-dasharray="1.5 3" stroke-linecap="round"/>`+"\n",
		p.x(at), p.y(from)+rowHeight/2, p.x(at), p.y(to)+rowHeight/2)
}

func (p *picture) legend(height int) {
	y := float64(height) - 17
	x := float64(margin)
	entry := func(shape, text string) {
		p.WriteString(shape + "\n")
		p.text(x+30, y, "faint", text)
		x += 30 + 11*narrow(text) + 24
	}
	box := func(fill, stroke, more string) string {
		return fmt.Sprintf(`<rect x="%.1f" y="%.1f" width="22" height="11" rx="2" fill="%s" stroke="%s"%s/>`, x, y-10, fill, stroke, more)
	}
	entry(box(colours[0], colours[0], ""), "work, by service")
	entry(box("url(#wait)", colourQueue, ""), "time in a queue")
	entry(box(colourError, colourError, ""), "error")
	entry(box("none", colourFaint, ` stroke-dasharray="4 3"`), "has not ended")
	entry(fmt.Sprintf(`<path d="M%.1f %.1fl5 5.5l-5 5.5l-5 -5.5z" fill="#fff" stroke="%s" stroke-width="1.6"/>`, x+11, y-10, colourError), "exception")
	entry(fmt.Sprintf(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="1.2"/>`, x+14, y-11, x+14, y+2, colourText), "log record")
	entry(fmt.Sprintf(`<rect x="%.1f" y="%.1f" width="24" height="13" rx="6.5" fill="none" stroke="%s" stroke-dasharray="1.5 2.5"/>`, x, y-10.5, colourQueue),
		"link to the original")
}
