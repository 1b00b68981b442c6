package stack

import "strings"

// parseRuby reads backtraces as the interpreter and full_message write them: the exception that came out first, then its
// causes; the latest call first.
func parseRuby(text string) []Exception {
	var exceptions []Exception
	total, from, open := 0, 0, false
	closeMessage := func(at int) {
		if open {
			e := &exceptions[len(exceptions)-1]
			e.Type, e.Message = rubyHead(message(text, from, at))
			open = false
		}
	}
	for l := (lines{text: text}); l.next(); {
		trimmed := strings.TrimLeft(l.line, " \t")
		called := strings.HasPrefix(trimmed, "from ")
		trimmed = strings.TrimPrefix(trimmed, "from ")
		f, end, ok := rubyFrame(trimmed)
		if !ok {
			continue
		}
		closeMessage(l.start)
		headed := !called && strings.HasPrefix(trimmed[end:], ": ")
		if headed || len(exceptions) == 0 {
			if len(exceptions) == MaxExceptions {
				break
			}
			exceptions = append(exceptions, Exception{})
			if headed {
				from, open = l.end-len(trimmed)+end+2, true
			}
		}
		if total < MaxFrames {
			total++
			e := &exceptions[len(exceptions)-1]
			e.Frames = append(nativeCaller(e.Frames, &f), f)
		}
	}
	closeMessage(len(text))
	return exceptions
}

// nativeCaller takes the place off the call before f if that is one of the interpreter's own functions: such a call is written
// with the place of its caller.
func nativeCaller(frames []Frame, f *Frame) []Frame {
	if n := len(frames); n > 0 {
		last := &frames[n-1]
		if last.File == f.File && last.Line == f.Line && !strings.Contains(last.Function, " in ") {
			last.File, last.Line = "", 0
		}
	}
	return frames
}

// rubyHead splits `card declined (CardDeclined)`; more lines of the message may follow.
func rubyHead(s string) (kind, message string) {
	first, rest, _ := strings.Cut(s, "\n")
	first = strings.TrimRight(first, " \t\r")
	open := strings.LastIndex(first, " (")
	if open < 0 || !strings.HasSuffix(first, ")") {
		return "", s
	}
	kind = first[open+2 : len(first)-1]
	if kind == "" || strings.ContainsRune(kind, ' ') || kind[0] < 'A' || kind[0] > 'Z' {
		return "", s
	}
	if rest == "" {
		return kind, first[:open]
	}
	return kind, first[:open] + "\n" + rest
}

// rubyFrame reads "/app/orders.rb:12:in `charge'" (up to Ruby 3.3) and "/app/orders.rb:12:in 'Orders#charge'", and returns
// where it ends.
func rubyFrame(s string) (f Frame, end int, ok bool) {
	at := strings.Index(s, ":in ")
	if at <= 0 || at+5 > len(s) || (s[at+4] != '`' && s[at+4] != '\'') {
		return Frame{}, 0, false
	}
	f.File, f.Line, ok = trailingNumber(s[:at])
	if !ok || f.File == "" {
		return Frame{}, 0, false
	}
	length := strings.IndexByte(s[at+5:], '\'')
	if length < 0 {
		return Frame{}, 0, false
	}
	f.Function = s[at+5 : at+5+length]
	return f, at + 5 + length + 1, true
}
