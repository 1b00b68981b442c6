package evidence

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// usualJunk are values by which software says "no ID", in lower case. A value of zeros, with or without hyphens, is one too.
var usualJunk = []string{"", "null", "undefined", "nil", "none", "nan", "-", "n/a", "na", "unknown", "[object object]", "false", "true"}

func junkSet(further []string) map[string]struct{} {
	set := make(map[string]struct{}, len(usualJunk)+len(further))
	for _, list := range [...][]string{usualJunk, further} {
		for _, id := range list {
			set[strings.ToLower(strings.TrimSpace(id))] = struct{}{}
		}
	}
	return set
}

// longestJunk is the length in bytes above which no built-in junk is looked up in lower case, to save the copy.
const longestJunk = 64

// id returns a correlation ID without surrounding space; false if it names nothing or cannot be printed.
func (x *Extractor) id(s string) (string, bool) {
	if s = strings.TrimSpace(s); s == "" || len(s) > maxID {
		return "", false
	}
	zeros, upper := true, false
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			return s, utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0 && !x.isJunk(s, true)
		case c < ' ' || c == 0x7f:
			return "", false
		case c >= 'A' && c <= 'Z':
			upper = true
		}
		zeros = zeros && (c == '0' || c == '-')
	}
	return s, !zeros && (len(s) > x.longest || !x.isJunk(s, upper))
}

// isJunk reports whether an ID is one of those that name nothing. Where some letters may be capitals they do not matter.
func (x *Extractor) isJunk(s string, upper bool) bool {
	if _, junk := x.junk[s]; junk {
		return true
	}
	if !upper || len(s) > longestJunk {
		return false
	}
	_, junk := x.junk[strings.ToLower(s)]
	return junk
}
