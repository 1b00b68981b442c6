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
	s = strings.TrimSpace(s)
	if len(s) > maxID || !utf8.ValidString(s) || strings.IndexFunc(s, unicode.IsControl) >= 0 || strings.Trim(s, "0-") == "" {
		return "", false
	}
	if _, junk := x.junk[s]; junk {
		return "", false
	}
	if len(s) <= longestJunk && strings.IndexFunc(s, unicode.IsUpper) >= 0 {
		if _, junk := x.junk[strings.ToLower(s)]; junk {
			return "", false
		}
	}
	return s, true
}
