package template

import "strings"

// shape is what the letters of a word tell of it.
type shape uint8

const (
	// shapePlain is a word of small letters, shapeName one that begins with a capital, shapeMixed any other: an acronym, an
	// identifier of a program.
	shapePlain shape = iota
	shapeName
	shapeMixed
	// shapeValue is no word: a number, an address, a path, an identifier of something.
	shapeValue
)

// shapeOf tells what a word is by its letters alone, in one pass.
func shapeOf(word string) shape {
	var digits, upper, lower, slashes, hex, dashes int
	for i := range len(word) {
		c := word[i]
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '@' && i > 0:
			return shapeValue
		case c == '/' || c == '\\':
			slashes++
		case c >= 'A' && c <= 'Z':
			upper++
		case c == '-' || c == '\'':
			dashes++
		default:
			lower++
		}
		if c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' {
			hex++
		}
	}
	switch {
	case digits > 0:
		return shapeValue
	case slashes > 1, slashes == 1 && (word[0] == '/' || word[0] == '\\' || word[0] == '~' || word[0] == '.'):
		return shapeValue
	case hex == len(word) && hex >= 8:
		return shapeValue
	case upper == 0:
		return shapePlain
	case word[0] >= 'A' && word[0] <= 'Z' && lower > 0 && isName(word):
		return shapeName
	}
	return shapeMixed
}

// isName reports whether every part of a word is written as names are: Alice, Jean-Luc, O'Neill.
func isName(word string) bool {
	begins := true
	for i := range len(word) {
		c := word[i]
		switch {
		case c == '-' || c == '\'':
			begins = true
		case c >= 'A' && c <= 'Z':
			if !begins {
				return false
			}
			begins = false
		case c == '.' || c == ':' || c == '_' || c == '$' || c == '/':
			return false
		default:
			begins = false
		}
	}
	return true
}

// maxCode is the length in bytes above which nothing is a code, maxDigits that above which no number is one.
const (
	maxCode   = 16
	maxDigits = 5
)

// isCode reports whether a word can be the code of a failure: 503, ECONNRESET, 42P01, 0x80004005.
func isCode(word string) bool {
	if strings.HasPrefix(word, "0x") {
		return len(word) <= len("0x80004005")
	}
	return len(word) <= maxDigits || len(word) <= maxCode && word[0] >= 'A'
}

// announcesCode reports whether the word after this one is the code of a failure.
func announcesCode(word string) bool {
	switch strings.ToLower(word) {
	case "status", "statuscode", "code", "errno", "sqlstate", "http", "exit", "signal", "hresult", "error":
		return true
	}
	return false
}
