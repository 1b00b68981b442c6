package main

import (
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// escape makes a text from telemetry safe within an element or an attribute of XML: characters that XML cannot have are
// replaced, and what has a meaning there loses it.
func escape(s string) string {
	s = strings.Map(func(r rune) rune {
		// Noncharacters are no characters of XML, and what turns the direction of writing around could hide the rest.
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef {
			return '·'
		}
		return r
	}, s)
	return html.EscapeString(s)
}

// short cuts a text to so many characters.
func short(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}

// prefix is what people call a trace by.
func prefix(id string) string {
	r := []rune(id)
	return string(r[:min(7, len(r))])
}

// narrow is how wide a text is at a size of one, roughly: the fonts of readers differ.
func narrow(s string) float64 { return 0.56 * float64(utf8.RuneCountInString(s)) }

// lasting writes microseconds as people say them.
func lasting(micros float64) string {
	d := time.Duration(min(micros, 1e15) * 1e3)
	switch {
	case d >= 10*time.Minute:
		return d.Round(time.Minute).String()
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
	case d >= time.Millisecond:
		return strconv.FormatFloat(float64(d)/1e6, 'f', 0, 64) + " ms"
	}
	return fmt.Sprintf("%d µs", d.Microseconds())
}

// tick is the distance of the lines on the axis: a round number of which there are between four and ten.
func tick(span float64) float64 {
	step := 1.0
	for step*100 < span {
		step *= 10
	}
	for _, times := range []float64{1, 2, 5, 10, 20, 50} {
		if span/(step*times) <= 8 {
			return step * times
		}
	}
	return step * 100
}

// tickText writes a place on an axis that ends there.
func tickText(at, end float64) string {
	switch {
	case at == 0:
		return "0"
	case end >= 1e6:
		return strconv.FormatFloat(at/1e6, 'f', -1, 64) + " s"
	case end >= 1e3:
		return strconv.FormatFloat(at/1e3, 'f', -1, 64) + " ms"
	}
	return strconv.FormatFloat(at, 'f', -1, 64) + " µs"
}
