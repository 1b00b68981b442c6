package operation

import "strings"

// generated are beginnings of names that brokers and clients make up for destinations of one connection.
var generated = [...]string{
	"amq.gen-", "amq.rabbitmq.reply-to", "_INBOX.", "ID:", "temp-queue://", "temp-topic://", "tmp-", "tmp.", "tmp_",
}

// TemporaryName reports whether a destination's name looks made up by a machine.
func TemporaryName(name string) bool {
	for _, prefix := range generated {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return hasUUID(name)
}

// uuidLength is that of the usual form, 8-4-4-4-12.
const uuidLength = 36

func hasUUID(s string) bool {
	for start := 0; start+uuidLength <= len(s); start++ {
		// The first hyphen is the quickest to look for.
		if s[start+8] == '-' && isUUID(s[start:start+uuidLength]) {
			return true
		}
	}
	return false
}

func isUUID(s string) bool {
	for i := range uuidLength {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F'):
			return false
		}
	}
	return true
}
