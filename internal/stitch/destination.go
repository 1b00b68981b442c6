package stitch

import "strings"

// Temporary is the name that all temporary destinations share, so that they make one service and one series.
const Temporary = "temporary"

// unknownDestination stands for a destination that no record names.
const unknownDestination = "unknown"

// generated are beginnings of names that brokers and clients make up for destinations of one connection.
var generated = [...]string{
	"amq.gen-", "amq.rabbitmq.reply-to", "_INBOX.", "ID:", "temp-queue://", "temp-topic://", "tmp-", "tmp.", "tmp_",
}

// Destination returns the name under which a destination is grouped: its own, "temporary" for one whose name was made up
// (amq.gen-*, a UUID, ...) and "unknown" if it has none.
func Destination(name string) string {
	switch {
	case name == "":
		return unknownDestination
	case IsTemporary(name):
		return Temporary
	}
	return name
}

// IsTemporary reports whether a destination's name looks made up by a machine.
func IsTemporary(name string) bool {
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
