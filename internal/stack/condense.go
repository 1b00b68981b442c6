package stack

import "strings"

// omission is the line that stands in a stack trace for the calls that [Condense] left out.
const omission = "\t..."

// Condense returns a stack trace in at most about limit bytes, from which everything but calls that explain least is kept:
// of each exception the lines about it, its innermost calls, and the application's own calls by the usual places of
// libraries. Frameworks write a hundred calls between the exception that came out and the one that caused it all, so that
// the beginning alone would lose the cause. A text that is not longer than limit is returned as it is; one in which there
// are no calls is cut at its end.
func Condense(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	text = text[:min(len(text), MaxText)]
	language := detect(text)
	if language == LanguageUnknown {
		return strings.ToValidUTF8(text[:min(len(text), limit)], "")
	}
	// Fewer calls beside the application's own in each further try, and in the end fewer of everything.
	for _, keep := range [...]budget{{8, 24, 512}, {4, 8, 256}, {2, 4, 256}, {1, 2, 128}, {1, 1, 64}} {
		if short := keep.apply(text, language); len(short) <= limit {
			return short
		}
	}
	short := budget{1, 1, 64}.apply(text, language)
	head := limit / 2
	tail := short[len(short)-(limit-head-len(omission)-1):]
	if at := strings.IndexByte(tail, '\n'); at >= 0 {
		tail = tail[at+1:]
	}
	if at := strings.LastIndexByte(short[:head], '\n'); at >= 0 {
		head = at + 1
	}
	return strings.ToValidUTF8(short[:head]+omission+"\n"+tail, "")
}

// budget is how many calls are kept of each exception: the innermost ones, and those of the application; and how many bytes
// of each other line.
type budget struct {
	innermost, own, line int
}

func (k budget) apply(text string, language Language) string {
	var b strings.Builder
	p := passage{budget: k, language: language, out: &b}
	for l := (lines{text: text}); l.next(); {
		f, more, ok := callAt(&l, language)
		if !ok {
			p.flush()
			line := l.line
			if len(line) > k.line {
				line = strings.ToValidUTF8(line[:k.line], "") + "..."
			}
			b.WriteString(line + "\n")
			continue
		}
		start := l.start
		for range more {
			l.next()
		}
		p.calls = append(p.calls, call{text: text[start:l.rest], own: Rules{}.InApp(language, &f)})
	}
	p.flush()
	return b.String()
}

// callAt reads the call that begins on the present line and tells how many more lines belong to it.
func callAt(l *lines, language Language) (f Frame, more int, ok bool) {
	trimmed := strings.TrimLeft(l.line, " \t|+")
	switch language {
	case LanguageGo:
		file, line, ok := goLocation(stripBar(l.peek()))
		return Frame{Function: goFunction(strings.TrimSpace(stripBar(l.line))), File: file, Line: line}, 1, ok
	case LanguagePython:
		if f, ok = pythonFrame(trimmed); ok {
			ahead := *l
			for more < 2 && ahead.next() && strings.HasPrefix(strings.TrimLeft(ahead.line, "|+"), "    ") {
				more++
			}
		}
		return f, more, ok
	case LanguageRuby:
		trimmed, called := strings.CutPrefix(trimmed, "from ")
		f, end, ok := rubyFrame(trimmed)
		return f, 0, ok && (called || end == len(trimmed))
	case LanguagePHP:
		f, ok = phpFrame(trimmed)
		return f, 0, ok
	}
	rest, ok := strings.CutPrefix(trimmed, "at ")
	if !ok {
		return Frame{}, 0, false
	}
	f, is := atFrame(rest)
	return f, 0, is != LanguageUnknown
}

// call is one call as it is written, with the lines that belong to it.
type call struct {
	text      string
	own, keep bool
}

// passage is a run of calls without another line in between.
type passage struct {
	budget
	language Language
	calls    []call
	out      *strings.Builder
}

// flush writes those of the calls that are kept.
func (p *passage) flush() {
	own := 0
	for rank := range p.calls {
		c := &p.calls[rank]
		if p.language == LanguagePython {
			// The innermost call is the last.
			c = &p.calls[len(p.calls)-1-rank]
		}
		c.keep = rank < p.innermost
		if c.own && own < p.own {
			own++
			c.keep = true
		}
	}
	gap := false
	for i := range p.calls {
		if c := &p.calls[i]; c.keep {
			p.out.WriteString(c.text)
			gap = false
		} else if !gap {
			p.out.WriteString(omission + "\n")
			gap = true
		}
	}
	p.calls = p.calls[:0]
}
