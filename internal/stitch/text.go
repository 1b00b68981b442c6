package stitch

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ellipsis ends a text that was cut.
const ellipsis = "…"

// clip bounds a text from telemetry to so many bytes and makes it valid UTF-8.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return strings.ToValidUTF8(s, "?")
	}
	if limit < len(ellipsis) {
		return ""
	}
	end := limit - len(ellipsis)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return strings.ToValidUTF8(s[:end], "?") + ellipsis
}

// maxLine bounds names and status descriptions, in bytes.
const maxLine = 256

// line bounds a text and puts it on one line.
func line(s string) string {
	if plain(s) {
		return s
	}
	// What lies far beyond the bound need not be looked at.
	s = clip(s, 4*maxLine)
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	return clip(strings.Join(strings.Fields(s), " "), maxLine)
}

// plain reports whether a text can stand on a line as it is: printable ASCII with single spaces between words.
func plain(s string) bool {
	if len(s) > maxLine {
		return false
	}
	before := byte(' ')
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' || (c == ' ' && before == ' ') {
			return false
		}
		before = c
	}
	return s == "" || before != ' '
}

// lasting writes a duration as people say it: no more precise than its size deserves.
func lasting(nanos int64) string {
	d := time.Duration(max(0, nanos))
	switch {
	case d >= 10*time.Second:
		d = d.Round(time.Second)
	case d >= time.Second:
		d = d.Round(100 * time.Millisecond)
	default:
		d = d.Round(time.Millisecond)
	}
	return d.String()
}
