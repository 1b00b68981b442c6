package stack

import (
	"slices"
	"strings"
)

const (
	pythonHead   = "Traceback (most recent call last)"
	pythonCause  = "The above exception was the direct cause of the following exception:"
	pythonDuring = "During handling of the above exception, another exception occurred:"
)

// pythonParser reads tracebacks. Python writes the root cause first, and within a traceback the latest call last.
type pythonParser struct {
	text string
	// chain is written with its root first, until the end.
	chain []Exception
	// frames are those of the traceback that is being read, message is where the message began, -1 before that.
	frames    []Frame
	kind      string
	messageAt int
	total     int
	// group is the group of exceptions whose first one is being read.
	group *Exception
}

func parsePython(text string) []Exception {
	p := pythonParser{text: text, messageAt: -1}
	for l := (lines{text: text}); l.next(); {
		if !p.line(&l) {
			break
		}
	}
	p.finish(len(text))
	if p.group != nil {
		p.chain = append(p.chain, *p.group)
	}
	slices.Reverse(p.chain)
	return p.chain
}

// line takes in one line; false ends the trace.
func (p *pythonParser) line(l *lines) bool {
	// Groups of exceptions are drawn with bars.
	trimmed := strings.TrimLeft(l.line, " \t|+")
	switch {
	case strings.HasPrefix(trimmed, pythonCause):
		p.finish(l.start)
		return true
	case strings.HasPrefix(trimmed, pythonDuring):
		// What was being handled is not what caused this one: most often it is the miss that led to another try.
		p.finish(l.start)
		p.chain = p.chain[:0]
		return true
	case strings.HasPrefix(trimmed, pythonHead):
		p.finish(l.start)
		return true
	case strings.HasPrefix(trimmed, "---------------- ") || strings.HasPrefix(trimmed, "-+---------------- "):
		return p.section(l.start)
	}
	if p.messageAt >= 0 {
		return true
	}
	if f, ok := pythonFrame(trimmed); ok {
		if p.total < MaxFrames {
			p.total++
			p.frames = append(p.frames, f)
		}
		return true
	}
	if len(p.frames) == 0 && len(p.chain) == 0 && p.group == nil && !strings.HasPrefix(l.line, " ") {
		// A line above the traceback, such as a logger's.
		if !p.startsMessage(trimmed) {
			return true
		}
	}
	if unindented := strings.TrimLeft(l.line, "|+ \t"); p.startsMessage(trimmed) && p.leftmost(l.line, unindented) {
		p.kind, p.messageAt = pythonKind(trimmed)
		p.messageAt += l.start + len(l.line) - len(trimmed)
	}
	return true
}

// leftmost reports whether a line is no line of source, which is indented below its call.
func (p *pythonParser) leftmost(line, trimmed string) bool {
	indent := line[:len(line)-len(trimmed)]
	if at := strings.IndexByte(indent, '|'); at >= 0 {
		return len(indent)-at <= 2
	}
	return indent == ""
}

func (p *pythonParser) startsMessage(trimmed string) bool {
	return len(p.frames) > 0 && trimmed != "" && trimmed[0] != '^' && trimmed[0] != '~' && trimmed[0] != '['
}

// section begins a part of a group of exceptions. The first stands for all of them.
func (p *pythonParser) section(at int) bool {
	p.finish(at)
	if p.group != nil {
		return false
	}
	if n := len(p.chain); n > 0 {
		last := p.chain[n-1]
		p.group, p.chain = &last, p.chain[:0]
	}
	return true
}

// finish ends the exception that is being read.
func (p *pythonParser) finish(at int) {
	if (len(p.frames) > 0 || p.messageAt >= 0) && len(p.chain) < MaxExceptions-1 {
		e := Exception{Type: p.kind, Frames: p.frames}
		if p.messageAt >= 0 {
			e.Message = strings.TrimRight(message(p.text, p.messageAt, at), "|+ \n")
		}
		slices.Reverse(e.Frames)
		p.chain = append(p.chain, e)
	}
	p.frames, p.kind, p.messageAt = nil, "", -1
}

// pythonKind splits `acme.errors.Declined: card 42`.
func pythonKind(line string) (kind string, messageAt int) {
	end := strings.IndexByte(line, ':')
	if end < 0 {
		end = len(line)
	}
	kind = line[:end]
	if strings.ContainsAny(kind, " \t\"'()") || len(kind) > maxType {
		return "", 0
	}
	return kind, min(end+1, len(line))
}

func isPythonFrame(trimmed string) bool {
	return strings.HasPrefix(trimmed, `File "`) && strings.Contains(trimmed, `", line `)
}

// pythonFrame reads `File "/app/orders.py", line 12, in charge`.
func pythonFrame(trimmed string) (Frame, bool) {
	rest, ok := strings.CutPrefix(trimmed, `File "`)
	if !ok {
		return Frame{}, false
	}
	file, rest, ok := strings.Cut(rest, `", line `)
	if !ok {
		return Frame{}, false
	}
	f := Frame{File: file}
	var digits int
	f.Line, digits = number(rest)
	if function, ok := strings.CutPrefix(rest[digits:], ", in "); ok {
		f.Function = strings.TrimRight(function, " \t")
	}
	return f, digits > 0
}
