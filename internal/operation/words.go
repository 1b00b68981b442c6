package operation

import "strings"

// saysOngoing reports whether a log line says that something is going on: `rendering report`, `export started`. It is only
// asked about the last line of a consumer that does not report its end in any other way, so that a worker that died is told
// from one that is done. English words alone are known; for others there are patterns (see the correlation processor).
func saysOngoing(line string) bool {
	words := 0
	for word := range parts(line) {
		word = strings.ToLower(word)
		if words++; words > maxWords {
			return false
		}
		if _, begun := beginnings[word]; begun || (words == 1 && gerund(word)) {
			return true
		}
	}
	return false
}

// maxWords is how many words of a line are looked at.
const maxWords = 6

var beginnings = map[string]struct{}{"started": {}, "starting": {}, "begin": {}, "begins": {}, "began": {}, "begun": {}, "beginning": {}}

// gerund reports whether a word is the -ing form of a verb. Nouns and prepositions that look like one are left out.
func gerund(word string) bool {
	if len(word) < len("ending") || !strings.HasSuffix(word, "ing") {
		return false
	}
	_, other := noGerunds[word]
	return !other
}

var noGerunds = map[string]struct{}{
	"nothing": {}, "anything": {}, "something": {}, "everything": {}, "during": {}, "string": {}, "warning": {}, "missing": {},
	"according": {}, "regarding": {}, "following": {}, "existing": {}, "remaining": {}, "pending": {}, "billing": {}, "shipping": {},
	"finishing": {}, "failing": {}, "skipping": {}, "ignoring": {}, "discarding": {}, "dropping": {}, "aborting": {}, "rejecting": {},
	"exiting": {}, "stopping": {}, "giving": {},
}
