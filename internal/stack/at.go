package stack

import (
	"slices"
	"strings"
)

// maxRoom is how many calls there is room for in the beginning: as many as there usually are.
const maxRoom = 48

// atParser reads the traces whose calls are lines that begin with "at": those of the JVM, of .NET and of V8.
type atParser struct {
	text       string
	exceptions []Exception
	// enclosing is the index of the exception that each one is the cause of, -1 for the outermost.
	enclosing [MaxExceptions]int
	// current is the exception that calls belong to. Its message began at messageAt and goes on while open.
	current, messageAt int
	open               bool
	// suppressed is how far the suppressed exception that is being passed over is indented, -1 outside of one.
	suppressed int
	// wrapped says that the chain is written with its root first.
	wrapped bool
	frames  int
}

func parseAt(text string) []Exception {
	p := atParser{text: text, current: -1, suppressed: -1}
	for l := (lines{text: text}); l.next(); {
		if !p.line(&l) {
			break
		}
	}
	p.closeMessage(len(text))
	if p.wrapped {
		slices.Reverse(p.exceptions)
	}
	return p.exceptions
}

// line takes in one line; false ends the trace.
func (p *atParser) line(l *lines) bool {
	trimmed := strings.TrimLeft(l.line, " \t")
	indent := len(l.line) - len(trimmed)
	if p.suppressed >= 0 {
		if indent >= p.suppressed || !strings.HasPrefix(trimmed, causedBy) {
			return true
		}
		p.suppressed = -1
	}
	if rest, ok := strings.CutPrefix(trimmed, "at "); ok {
		if f, language := atFrame(rest); language != LanguageUnknown {
			p.closeMessage(l.start)
			p.frame(f, l.rest)
			return true
		}
	}
	if p.link(l, trimmed, indent) {
		return true
	}
	switch {
	case strings.HasPrefix(trimmed, "---> (Inner Exception #"):
		// What follows repeats the inner exceptions, of which the first was written above.
		return p.current < 0
	case strings.HasPrefix(trimmed, "... "):
		if n, digits := number(trimmed[4:]); digits > 0 && p.current >= 0 && !p.open {
			p.common(n)
			return true
		}
	case strings.HasPrefix(trimmed, "--- End of inner exception stack trace"):
		if p.current >= 0 && p.enclosing[p.current] >= 0 {
			p.closeMessage(l.start)
			p.current = p.enclosing[p.current]
		}
		return true
	}
	if p.current < 0 || (p.open && p.unnamed()) {
		p.head(l.start, l.end)
	}
	return true
}

// The words that lead from an exception to its cause.
const causedBy = "Caused by: "

// link opens the exception that a line names as a cause, or passes over one that was suppressed.
func (p *atParser) link(l *lines, trimmed string, indent int) bool {
	at := l.start + indent
	switch {
	case strings.HasPrefix(trimmed, "Suppressed: ") && p.current >= 0 && !p.open:
		p.suppressed = indent
		return true
	case strings.HasPrefix(trimmed, causedBy):
		at += len(causedBy)
	case strings.HasPrefix(trimmed, "[cause]: "):
		at += len("[cause]: ")
	case strings.HasPrefix(trimmed, "Wrapped by: "):
		at += len("Wrapped by: ")
		p.wrapped = true
	case strings.HasPrefix(trimmed, "---> ") && !strings.HasPrefix(trimmed, "---> (Inner Exception #"):
		at += len("---> ")
	default:
		return false
	}
	p.closeMessage(l.start)
	p.open = false
	p.head(at, l.end)
	return true
}

// unnamed reports whether the exception that is open has shown no type yet, so that a later line may have it.
func (p *atParser) unnamed() bool { return p.exceptions[p.current].Type == "" }

// head takes the line for the one with an exception's type and the beginning of its message.
func (p *atParser) head(from, to int) {
	kind, messageAt := headline(p.text[from:to])
	if p.open {
		// A line before the head, as Node writes for what nobody caught: the head is the first line that names a type.
		if kind != "" {
			p.exceptions[p.current].Type, p.messageAt = kind, from+messageAt
		}
		return
	}
	if !p.begin(kind) {
		return
	}
	p.messageAt = from + messageAt
	// .NET Framework writes the whole chain in one line.
	for {
		at := strings.Index(p.text[p.messageAt:to], " ---> ")
		if at < 0 {
			return
		}
		next := p.messageAt + at + len(" ---> ")
		p.closeMessage(p.messageAt + at)
		kind, messageAt := headline(p.text[next:to])
		if !p.begin(kind) {
			return
		}
		p.messageAt = next + messageAt
	}
}

// begin opens an exception that is the cause of the current one.
func (p *atParser) begin(kind string) bool {
	if len(p.exceptions) == MaxExceptions {
		return false
	}
	p.enclosing[len(p.exceptions)] = p.current
	p.current, p.open = len(p.exceptions), true
	p.exceptions = append(p.exceptions, Exception{Type: kind})
	return true
}

func (p *atParser) closeMessage(at int) {
	if !p.open {
		return
	}
	p.exceptions[p.current].Message = message(p.text, p.messageAt, at)
	p.open = false
}

// frame adds a call to the current exception; the text goes on at rest.
func (p *atParser) frame(f Frame, rest int) {
	if p.current < 0 {
		p.begin("")
		p.open = false
	}
	if p.frames == MaxFrames {
		return
	}
	p.frames++
	e := &p.exceptions[p.current]
	if e.Frames == nil {
		e.Frames = make([]Frame, 0, 1+min(maxRoom, strings.Count(p.text[rest:], "\n")))
	}
	e.Frames = append(e.Frames, f)
}

// common adds the n outermost calls of the enclosing exception, which the JVM does not write again.
func (p *atParser) common(n int) {
	e := &p.exceptions[p.current]
	outer := p.enclosing[p.current]
	if outer < 0 || p.wrapped {
		return
	}
	frames := p.exceptions[outer].Frames
	n = min(n, len(frames), MaxFrames-len(e.Frames))
	if n > 0 {
		e.Frames = append(e.Frames, frames[len(frames)-n:]...)
	}
}

// headline finds the type of an exception and where its message begins. The type is "" if the line names none.
func headline(line string) (kind string, messageAt int) {
	rest := line
	for _, prefix := range [...]string{"Unhandled exception. ", "Unhandled Exception: ", "Unhandled exception: ", "Uncaught "} {
		rest = strings.TrimPrefix(rest, prefix)
	}
	if after, ok := strings.CutPrefix(rest, "Exception in thread "); ok {
		if _, head, ok := strings.Cut(after, `" `); ok {
			rest = head
		}
	}
	at := len(line) - len(rest)
	// Node writes Type [CODE]: message, .NET Type (0x80004005): message.
	end := strings.IndexAny(rest, ": \t")
	if end < 0 {
		end = len(rest)
	}
	kind = strings.TrimRight(rest[:end], ",")
	if !isType(kind) {
		return "", at
	}
	after := rest[end:]
	if len(after) > 2 && after[0] == ' ' && (after[1] == '[' || after[1] == '(') {
		if closing := strings.IndexAny(after, "])"); closing >= 0 && strings.HasPrefix(after[closing+1:], ":") {
			return kind, at + end + closing + 2
		}
		if after[1] == '[' && strings.HasSuffix(after, "]") {
			return kind, len(line)
		}
	}
	switch {
	case strings.HasPrefix(after, ":"):
		return kind, at + end + 1
	case strings.TrimSpace(after) == "" || strings.TrimSpace(after) == "{":
		return kind, len(line)
	}
	return "", at
}

// maxType is the length in bytes above which nothing is the name of a type.
const maxType = 256

// isType reports whether a text can be the name of an exception's type.
func isType(s string) bool {
	if s == "" || len(s) > maxType {
		return false
	}
	last := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.', c == '$', c == '+', c == '/', c == '\\':
			last = i + 1
		case c == '_', c == '`', c >= 0x80, c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		default:
			return false
		}
	}
	return last < len(s) && (s[last] >= 'A' && s[last] <= 'Z' || s[last] == '_' || s[last] >= 0x80)
}
