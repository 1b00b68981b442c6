package stack

import (
	"slices"
	"strings"
)

// parseGo reads what a panic writes, what runtime/debug.Stack returns, and errors with stacks of their own as
// github.com/pkg/errors prints them.
func parseGo(text string) []Exception {
	for l := (lines{text: text}); l.next(); {
		if isGoroutine(l.line) {
			return []Exception{goPanic(text, l)}
		}
		if isGoLocation(stripBar(l.line)) {
			break
		}
	}
	return goErrors(text)
}

// isGoroutine matches `goroutine 12 [running]:`.
func isGoroutine(line string) bool {
	rest, ok := strings.CutPrefix(line, "goroutine ")
	if !ok {
		return false
	}
	_, digits := number(rest)
	return digits > 0 && strings.HasPrefix(rest[digits:], " [") || digits > 0 && strings.HasPrefix(rest[digits:], " gp=")
}

// isGoLocation matches the line below a function, `\t/src/orders.go:12 +0x1d`.
func isGoLocation(line string) bool {
	_, _, ok := goLocation(line)
	return ok
}

func goLocation(line string) (file string, n int, ok bool) {
	place, ok := strings.CutPrefix(line, "\t")
	if !ok {
		if place, ok = strings.CutPrefix(line, "    \t"); !ok {
			return "", 0, false
		}
	}
	if at := strings.LastIndex(place, " +0x"); at >= 0 {
		place = place[:at]
	}
	file, n, ok = trailingNumber(place)
	if !ok || !strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, ".s") && !strings.HasPrefix(file, "_cgo") {
		return "", 0, false
	}
	return file, n, true
}

// stripBar takes off the bar that github.com/cockroachdb/errors draws beside stacks.
func stripBar(line string) string {
	if rest, ok := strings.CutPrefix(line, "  | "); ok {
		return rest
	}
	return line
}

// goPanic reads the first goroutine, which is the one that panicked.
func goPanic(text string, l lines) Exception {
	e := Exception{Message: panicMessage(message(text, 0, l.start))}
	for l.next() {
		if l.line == "" || isGoroutine(l.line) {
			break
		}
		file, n, ok := goLocation(l.peek())
		if !ok || len(e.Frames) == MaxFrames {
			continue
		}
		function := strings.TrimPrefix(l.line, "created by ")
		if at := strings.LastIndex(function, " in goroutine "); at >= 0 {
			function = function[:at]
		}
		l.next()
		name := goFunction(function)
		if name == "panic" || name == "runtime.gopanic" || name == "runtime.Goexit" {
			// Above it are the deferred functions that it ran, down to the one that recovered and wrote this.
			e.Frames = e.Frames[:0]
			continue
		}
		e.Frames = append(e.Frames, Frame{Function: name, File: file, Line: n})
	}
	return e
}

// panicMessage takes the first of the panics out of what stands above the goroutine.
func panicMessage(s string) string {
	if at := strings.Index(s, "panic: "); at >= 0 && (at == 0 || s[at-1] == '\n' || s[at-1] == ' ' || s[at-1] == '\t') {
		s = s[at+len("panic: "):]
	} else {
		s = strings.TrimPrefix(s, "fatal error: ")
	}
	if at := strings.Index(s, "\n\tpanic: "); at >= 0 {
		s = s[:at]
	}
	if at := strings.Index(s, "\n[signal "); at >= 0 {
		s = s[:at]
	}
	for _, suffix := range [...]string{" [recovered, repanicked]", " [recovered]"} {
		s = strings.TrimSuffix(s, suffix)
	}
	return s
}

// goFunction takes the arguments off: `main.(*Orders).charge(0xc000010000, {0x1, 0x2})`.
func goFunction(s string) string {
	if !strings.HasSuffix(s, ")") {
		return s
	}
	depth := 0
	for i := len(s) - 1; i > 0; i-- {
		switch s[i] {
		case ')':
			depth++
		case '(':
			if depth--; depth == 0 {
				return s[:i]
			}
		}
	}
	return s
}

// goErrors reads a chain of errors that carry stacks, which is written with its root first: a message, its stack, what was
// put in front of the message, the stack of that.
func goErrors(text string) []Exception {
	var chain []Exception
	from, total, inStack := 0, 0, true
	for l := (lines{text: text}); l.next(); {
		if l.line == omission {
			continue
		}
		file, n, ok := goLocation(stripBar(l.peek()))
		if !ok {
			if inStack {
				from, inStack = l.start, false
			}
			continue
		}
		function := strings.TrimSpace(stripBar(l.line))
		if !inStack || len(chain) == 0 {
			if len(chain) == MaxExceptions {
				break
			}
			chain = append(chain, Exception{Message: messageOfGo(text, from, l.start)})
			inStack = true
		}
		l.next()
		if total < MaxFrames {
			total++
			e := &chain[len(chain)-1]
			e.Frames = append(e.Frames, Frame{Function: goFunction(function), File: file, Line: n})
		}
	}
	slices.Reverse(chain)
	return chain
}

// messageOfGo returns the text above a stack, none if the stack is the first thing there is.
func messageOfGo(text string, from, to int) string {
	s := message(text, from, to)
	return strings.TrimSpace(strings.TrimSuffix(s, "-- stack trace:"))
}
