package stack

import (
	"slices"
	"strings"
)

// parsePHP reads what an exception is as a string: the root cause first, then what it led to, each with its calls.
func parsePHP(text string) []Exception {
	var chain []Exception
	total, from, inStack := 0, 0, false
	file, line := "", 0
	begin := func(at int) bool {
		if len(chain) == MaxExceptions {
			return false
		}
		var e Exception
		e.Type, e.Message, file, line = phpHead(message(text, from, at))
		chain = append(chain, e)
		return true
	}
	for l := (lines{text: text}); l.next(); {
		trimmed := strings.TrimLeft(l.line, " \t")
		if l.line == omission {
			continue
		}
		f, ok := phpFrame(trimmed)
		if !ok {
			if inStack {
				from, inStack = l.start, false
			}
			continue
		}
		if !inStack {
			if !begin(l.start) {
				break
			}
			inStack = true
		}
		if total < MaxFrames {
			total++
			// A line tells who was called and from where; what the call is in is on the next line.
			e := &chain[len(chain)-1]
			if len(e.Frames) == 0 && f.File == file && f.Line == line {
				// Raised within a function of the interpreter, for which it tells the place of the call.
				file, line = "", 0
			}
			e.Frames = append(e.Frames, Frame{Function: f.Function, File: file, Line: line})
			file, line = f.File, f.Line
		}
	}
	slices.Reverse(chain)
	return chain
}

// phpHead splits `PHP Fatal error:  Uncaught Acme\Declined: card 42 in /app/orders.php:12`.
func phpHead(s string) (kind, text, file string, line int) {
	s = strings.TrimSpace(strings.TrimSuffix(s, "Stack trace:"))
	s = strings.TrimPrefix(s, "PHP ")
	s = strings.TrimSpace(strings.TrimPrefix(s, "Fatal error:"))
	s = strings.TrimPrefix(s, "Uncaught ")
	s = strings.TrimPrefix(s, "Next ")
	if at := strings.LastIndex(s, " in "); at >= 0 {
		if f, n, ok := trailingNumber(s[at+len(" in "):]); ok {
			s, file, line = s[:at], f, n
		}
	}
	if end := strings.IndexByte(s, ':'); end > 0 && isType(s[:end]) {
		return s[:end], strings.TrimSpace(s[end+1:]), file, line
	}
	if isType(s) {
		return s, "", file, line
	}
	return "", s, file, line
}

// phpFrame reads `#0 /app/orders.php(12): Acme\Orders->charge('42')`.
func phpFrame(s string) (Frame, bool) {
	rest, ok := strings.CutPrefix(s, "#")
	if !ok {
		return Frame{}, false
	}
	_, digits := number(rest)
	rest, ok = strings.CutPrefix(rest[digits:], " ")
	if !ok || digits == 0 {
		return Frame{}, false
	}
	if strings.HasPrefix(rest, "{main}") {
		return Frame{Function: "{main}"}, true
	}
	if call, ok := strings.CutPrefix(rest, "[internal function]: "); ok {
		return Frame{Function: phpFunction(call)}, true
	}
	at := strings.Index(rest, "): ")
	if at < 0 {
		return Frame{}, false
	}
	open := strings.LastIndexByte(rest[:at], '(')
	if open <= 0 {
		return Frame{}, false
	}
	line, digits := number(rest[open+1 : at])
	if digits == 0 {
		return Frame{}, false
	}
	return Frame{Function: phpFunction(rest[at+len("): "):]), File: rest[:open], Line: line}, true
}

func phpFunction(call string) string {
	name, _, _ := strings.Cut(call, "(")
	return name
}
