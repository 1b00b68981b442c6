package operation

import (
	"strings"
	"unicode"
)

// deadLetterWords are parts of names that people give to dead-letter destinations: those of brokers and frameworks (dlq,
// dlt of Spring, the poison queue of Watermill and Azure) and plain words.
var deadLetterWords = map[string]struct{}{
	"dlq": {}, "dlt": {}, "dlx": {}, "dle": {}, "deadletter": {}, "deadletters": {}, "deadletterqueue": {}, "deadlettertopic": {},
	"dead": {}, "poison": {}, "poisoned": {}, "parkinglot": {}, "undeliverable": {}, "undelivered": {},
}

// retryWords are parts of names that people give to retry destinations.
var retryWords = map[string]struct{}{"retry": {}, "retries": {}, "redelivery": {}, "redeliver": {}, "backoff": {}}

// DeadLetterName reports whether a destination is a dead-letter destination by its name: `orders.dlq`, `orders-dlt`,
// `OrdersDeadLetterQueue`, `orders_error` (MassTransit), `$DeadLetterQueue` (Azure Service Bus).
func DeadLetterName(destination string) bool {
	return hasWord(destination, deadLetterWords) || strings.HasSuffix(destination, "_error") || hasSuffixFold(destination, "dlq")
}

// RetryName reports whether a destination is one for retries by its name: `orders.retry`, `orders-retry-5000`,
// `OrdersRetry1`.
func RetryName(destination string) bool { return hasWord(destination, retryWords) }

// Destinations returns what tells the destinations that match one of the patterns (`*` stands for any characters), or that
// usual says are.
func Destinations(names []string, usual func(string) bool) func(string) bool {
	if len(names) == 0 {
		return usual
	}
	p := compile(names)
	return func(destination string) bool { return p.match(destination) || usual(destination) }
}

// hasWord reports whether one of the words is a part of the name. Parts are separated by anything that is neither letter
// nor digit, by digits, and by the capital letter that begins the next one; two parts together may be the word, too.
func hasWord(name string, words map[string]struct{}) bool {
	before := ""
	for part := range parts(name) {
		part = strings.ToLower(part)
		if _, ok := words[part]; ok {
			return true
		}
		if _, ok := words[before+part]; ok {
			return true
		}
		before = part
	}
	return false
}

// parts calls see for each part of a name until it returns false.
func parts(name string) func(func(string) bool) {
	return func(see func(string) bool) {
		start, lower := -1, false
		for i, c := range name {
			switch {
			case !unicode.IsLetter(c):
				if start >= 0 && !see(name[start:i]) {
					return
				}
				start = -1
			case start < 0:
				start = i
			case lower && unicode.IsUpper(c):
				if !see(name[start:i]) {
					return
				}
				start = i
			}
			lower = unicode.IsLower(c)
		}
		if start >= 0 {
			see(name[start:])
		}
	}
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}
