package stack

import "strings"

// Language is the family of runtimes that a stack trace comes from.
type Language uint8

// The languages. LanguageUnknown is that of a text in which no call was found.
const (
	LanguageUnknown Language = iota
	LanguageGo
	LanguageJVM
	LanguageDotNet
	LanguagePython
	LanguageV8
	LanguageRuby
	LanguagePHP
)

var languageNames = [...]string{"unknown", "go", "jvm", "dotnet", "python", "v8", "ruby", "php"}

// String returns the language's name in lower case.
func (l Language) String() string { return languageNames[l] }

// The bounds of what is read of one text; what is beyond them is left out.
const (
	// MaxText is in bytes.
	MaxText = 64 << 10
	// MaxFrames counts the calls of all exceptions, and for each exception those that it has in common with another one.
	MaxFrames = 512
	// MaxExceptions is the longest chain of causes.
	MaxExceptions = 16
)

// Trace is what a stack trace says. Its strings are parts of the text.
type Trace struct {
	Language Language
	// Exceptions begin with the one that came out; each is caused by the next, and the last is the root cause.
	Exceptions []Exception
}

// Exception is one exception, panic or error.
type Exception struct {
	// Type is the name of the exception's type, "" where the runtime does not write it (Go). Message may have many lines.
	Type, Message string
	// Frames begin with the call in which it was raised.
	Frames []Frame
}

// Frame is one call.
type Frame struct {
	// Function is the function as the runtime writes it, with its package, namespace or class if that belongs to the name;
	// "" for code outside of functions.
	Function string
	// File is the source file as the runtime writes it, "" if it does not; Line begins with 1, 0 means unknown.
	File string
	Line int
}

// Root returns the exception at the root of the chain, nil if there is none.
func (t *Trace) Root() *Exception {
	if len(t.Exceptions) == 0 {
		return nil
	}
	return &t.Exceptions[len(t.Exceptions)-1]
}

// Parse reads a stack trace. A text in which no call of a known runtime is found gives the zero Trace.
func Parse(text string) Trace {
	text = text[:min(len(text), MaxText)]
	t := Trace{Language: detect(text)}
	switch t.Language {
	case LanguageGo:
		t.Exceptions = parseGo(text)
	case LanguageJVM, LanguageDotNet, LanguageV8:
		t.Exceptions = parseAt(text)
	case LanguagePython:
		t.Exceptions = parsePython(text)
	case LanguageRuby:
		t.Exceptions = parseRuby(text)
	case LanguagePHP:
		t.Exceptions = parsePHP(text)
	}
	return t
}

// detect returns the language of the first line that can only be part of a stack trace.
func detect(text string) Language {
	for l := (lines{text: text}); l.next(); {
		line := l.line
		trimmed := strings.TrimLeft(line, " \t|+")
		if rest, ok := strings.CutPrefix(trimmed, "at "); ok {
			if _, language := atFrame(rest); language != LanguageUnknown {
				return language
			}
			continue
		}
		switch {
		case strings.HasPrefix(trimmed, pythonHead), isPythonFrame(trimmed):
			return LanguagePython
		case isGoroutine(trimmed), isGoLocation(line):
			return LanguageGo
		case strings.HasPrefix(trimmed, "#0 "), strings.HasPrefix(trimmed, "#1 "):
			if _, ok := phpFrame(trimmed); ok {
				return LanguagePHP
			}
		}
		if _, _, ok := rubyFrame(trimmed); ok {
			return LanguageRuby
		}
	}
	return LanguageUnknown
}

// lines goes through a text line by line.
type lines struct {
	text string
	// line is the present line without its end, which lies from start to end; rest is where the next one begins.
	line             string
	start, end, rest int
}

func (l *lines) next() bool {
	if l.rest >= len(l.text) {
		return false
	}
	l.start = l.rest
	if n := strings.IndexByte(l.text[l.start:], '\n'); n >= 0 {
		l.end, l.rest = l.start+n, l.start+n+1
	} else {
		l.end, l.rest = len(l.text), len(l.text)
	}
	if l.end > l.start && l.text[l.end-1] == '\r' {
		l.end--
	}
	l.line = l.text[l.start:l.end]
	return true
}

// peek returns the line after the present one.
func (l *lines) peek() string {
	ahead := *l
	if !ahead.next() {
		return ""
	}
	return ahead.line
}

// message returns the text from one place to another, without the white space around it.
func message(text string, from, to int) string {
	if from >= to {
		return ""
	}
	return strings.TrimSpace(text[from:to])
}

// number reads the decimal digits at the beginning of s; bounded, so that no text makes it overflow.
func number(s string) (n, digits int) {
	for digits < len(s) && digits < 9 && s[digits] >= '0' && s[digits] <= '9' {
		n = n*10 + int(s[digits]-'0')
		digits++
	}
	return n, digits
}

// trailingNumber splits `file:12` into what stands before the last colon and the number after it.
func trailingNumber(s string) (before string, n int, ok bool) {
	at := strings.LastIndexByte(s, ':')
	if at < 0 || at == len(s)-1 {
		return s, 0, false
	}
	n, digits := number(s[at+1:])
	if digits != len(s)-at-1 {
		return s, 0, false
	}
	return s[:at], n, true
}
