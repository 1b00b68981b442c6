package learn

import (
	"strings"

	"github.com/throughline/throughline/internal/operation"
)

const (
	// maxName bounds the length of names that are kept, in bytes.
	maxName = 512
	// manyDigits and manyHex are how long a row of digits, or of hexadecimal digits with two decimal ones among them, is
	// taken to be made up.
	manyDigits, manyHex = 6, 12
)

// changing reports whether a name is another one each time: it was made up, or a part of it was.
func changing(name string) bool {
	if len(name) > maxName || operation.TemporaryName(name) {
		return true
	}
	// The account in the names of queues in AWS is a number that stays.
	account := strings.HasPrefix(name, "arn:") || strings.Contains(name, ".amazonaws.com/")
	digits, hex, decimal := 0, 0, 0
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= '0' && c <= '9':
			digits, hex, decimal = digits+1, hex+1, decimal+1
		case (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'):
			digits, hex = 0, hex+1
		default:
			digits, hex, decimal = 0, 0, 0
		}
		if (digits >= manyDigits && !account) || (hex >= manyHex && decimal >= 2 && decimal < hex) {
			return true
		}
	}
	return false
}
