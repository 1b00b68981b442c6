package evidence

import (
	"encoding/json"
	"strings"
)

// jsonObject goes through the members of a JSON object without decoding what nobody asks for: most log lines that are JSON
// are no evidence, and decoding them would cost more than all the rest.
type jsonObject struct {
	s string
	i int
	// bad says that the text is no JSON object from here on.
	bad bool
}

// next returns the next member, with its value as it is written; false at the end, or where the text is malformed.
func (o *jsonObject) next() (key, value string, ok bool) {
	first := o.i == 0
	if first && !o.skip('{') {
		return o.fail()
	}
	if o.skip('}') {
		return "", "", false
	}
	if !first && !o.skip(',') {
		return o.fail()
	}
	key, ok = o.value()
	if !ok || key[0] != '"' || !o.skip(':') {
		return o.fail()
	}
	if value, ok = o.value(); !ok {
		return o.fail()
	}
	return jsonText(key), value, true
}

func (o *jsonObject) fail() (string, string, bool) {
	o.bad = true
	return "", "", false
}

// skip goes on behind white space and the given byte; without that it stays before it.
func (o *jsonObject) skip(c byte) bool {
	o.space()
	if o.i < len(o.s) && o.s[o.i] == c {
		o.i++
		return true
	}
	return false
}

func (o *jsonObject) space() {
	for o.i < len(o.s) && isSpace(o.s[o.i]) {
		o.i++
	}
}

// value returns the value that begins here.
func (o *jsonObject) value() (string, bool) {
	o.space()
	from := o.i
	if from == len(o.s) {
		return "", false
	}
	switch o.s[from] {
	case '"':
		if !o.quoted() {
			return "", false
		}
	case '{', '[':
		if !o.nested() {
			return "", false
		}
	default:
		for o.i < len(o.s) && !endsLiteral(o.s[o.i]) {
			o.i++
		}
		if !isLiteral(o.s[from:o.i]) {
			return "", false
		}
	}
	return o.s[from:o.i], true
}

func endsLiteral(c byte) bool {
	switch c {
	case ',', '}', ']', ' ', '\t', '\r', '\n', '"', ':', '{', '[':
		return true
	}
	return false
}

// isLiteral reports whether a text can be a number, a truth or null.
func isLiteral(s string) bool {
	switch s {
	case "":
		return false
	case "true", "false", "null":
		return true
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '-':
		case i > 0 && (c == '.' || c == 'e' || c == 'E' || c == '+'):
		default:
			return false
		}
	}
	return true
}

// shortString is the length in bytes up to which a string is gone through byte by byte: most names and values are shorter,
// and a search for the end would take longer to begin than they take.
const shortString = 16

// quoted goes behind the string that begins here.
func (o *jsonObject) quoted() bool {
	o.i++
	for i, end := o.i, min(len(o.s), o.i+shortString); i < end && o.s[i] != '\\'; i++ {
		if o.s[i] == '"' {
			o.i = i + 1
			return true
		}
	}
	for o.i < len(o.s) {
		n := strings.IndexByte(o.s[o.i:], '"')
		if n < 0 {
			break
		}
		escape := strings.IndexByte(o.s[o.i:o.i+n], '\\')
		if escape < 0 {
			o.i += n + 1
			return true
		}
		o.i += escape + 2
	}
	o.i = len(o.s)
	return false
}

// nested goes behind the object or array that begins here.
func (o *jsonObject) nested() bool {
	for depth := 0; o.i < len(o.s); {
		switch o.s[o.i] {
		case '"':
			if !o.quoted() {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if o.i++; depth == 0 {
			return true
		}
	}
	return false
}

// jsonText returns the text of a string, or a number, truth or null as it is written.
func jsonText(value string) string {
	if value[0] != '"' {
		return value
	}
	if strings.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	var text string
	if json.Unmarshal([]byte(value), &text) != nil {
		return value[1 : len(value)-1]
	}
	return text
}
