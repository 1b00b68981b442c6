package template

import "strings"

// Wildcard stands in a template for a value.
const Wildcard = "<*>"

// The bounds of what is read of a message.
const (
	// MaxMessage is in bytes, MaxWords in words of the result: what comes later is the tail of a dump more often than not.
	MaxMessage = 1024
	MaxWords   = 32
	// maxQuoted is the length in bytes above which a quotation mark does not begin a quotation, maxWord that above which no
	// word is kept as it is.
	maxQuoted = 512
	maxWord   = 64
)

// Normalize returns the message with values replaced by [Wildcard], punctuation left out and words separated by
// one space each. Values next to each other are one: names have one word or three, lists any number of entries. Codes stay,
// because another status is another failure.
func Normalize(message string) string {
	n := normalizer{in: message[:min(len(message), MaxMessage)]}
	n.out.Grow(len(n.in))
	for n.at < len(n.in) && n.words < MaxWords {
		n.step()
	}
	return n.out.String()
}

type normalizer struct {
	in  string
	at  int
	out strings.Builder
	// words counts those written. afterWord says that the one before was written in small letters and without a mark
	// behind it, afterCode that it announces a code, afterValue that it was a value.
	words                            int
	afterWord, afterCode, afterValue bool
	// punctuated says that there was a mark since the last word, marked that it was one that no list has.
	punctuated, marked bool
}

// step reads one word, one quotation, one bracket or one mark.
func (n *normalizer) step() {
	c := n.in[n.at]
	switch {
	case c <= ' ':
		n.at++
	case isWord(c):
		n.word()
	case c == '"' || c == '`' || c == '\'':
		n.quotation(c)
	case c == '{':
		n.bracket('{', '}')
	case c == '<':
		n.tag()
	case c == '/' || c == '\\':
		n.word()
	case c == '=':
		// What is assigned is a value.
		n.mark()
		if n.at < len(n.in) && isWord(n.in[n.at]) {
			word := n.in[n.at:n.end(n.at)]
			n.at += len(word)
			if n.afterCode && isCode(word) {
				n.plain(word)
			} else {
				n.value()
			}
		}
	default:
		n.mark()
	}
}

// isWord reports whether a byte belongs to a word rather than to what separates words. Bytes beyond ASCII are letters.
func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80 ||
		c == '$' || c == '%' || c == '#' || c == '@' || c == '~'
}

// inWord reports whether a byte goes on with a word that has begun.
func inWord(c byte) bool {
	return isWord(c) || c == '.' || c == '-' || c == '/' || c == '\\' || c == ':' || c == '+' || c == '&' || c == '?' || c == '\''
}

// end returns where the word ends that begins at the given place. Marks at its end are none of it, unless it is an address.
func (n *normalizer) end(from int) int {
	end := from
	address := false
	for end < len(n.in) {
		c := n.in[end]
		if strings.HasPrefix(n.in[end:], "://") {
			address = true
		}
		if !inWord(c) && (!address || strings.IndexByte("=,;{}", c) < 0) {
			break
		}
		end++
	}
	for end > from+1 && strings.IndexByte(".-:+&?'", n.in[end-1]) >= 0 {
		end--
	}
	return end
}

func (n *normalizer) word() {
	end := n.end(n.at)
	word := n.in[n.at:end]
	n.at = end
	switch shape := shapeOf(word); {
	case n.afterCode && shape != shapePlain && isCode(word):
		n.plain(word)
	case shape == shapeValue, len(word) > maxWord:
		n.value()
	case shape == shapeName && n.afterWord, shape == shapeName && n.afterValue && !n.punctuated:
		// A word with a capital in the middle of a sentence is a name. What begins a sentence, or follows a colon, is not.
		n.value()
	default:
		n.plain(word)
		n.afterWord, n.afterCode = shape == shapePlain, announcesCode(word)
	}
}

// quotation reads quoted text, or the mark alone if no text is quoted.
func (n *normalizer) quotation(mark byte) {
	closing := strings.IndexByte(n.in[n.at+1:min(len(n.in), n.at+1+maxQuoted)], mark)
	if mark == '`' && closing < 0 {
		// As older programs quote: `x'.
		closing = strings.IndexByte(n.in[n.at+1:min(len(n.in), n.at+1+maxQuoted)], '\'')
	}
	if closing < 0 {
		n.mark()
		return
	}
	n.at += closing + 2
	n.value()
}

// bracket passes over what stands in brackets, to the end of the message if they do not close.
func (n *normalizer) bracket(opening, closing byte) {
	depth := 0
	for n.at < len(n.in) {
		switch n.in[n.at] {
		case opening:
			depth++
		case closing:
			depth--
		}
		n.at++
		if depth == 0 {
			break
		}
	}
	n.value()
}

// tag passes over <...> that has a text in it; a lone < is a mark.
func (n *normalizer) tag() {
	rest := n.in[n.at+1 : min(len(n.in), n.at+1+maxQuoted)]
	closing := strings.IndexByte(rest, '>')
	if closing <= 0 || rest[0] == ' ' || rest[0] == '=' {
		n.mark()
		return
	}
	n.at += closing + 2
	n.value()
}

// mark takes in one byte of punctuation. It is not written: what it separates is separate words anyway.
func (n *normalizer) mark() {
	c := n.in[n.at]
	n.at++
	n.afterWord = false
	if c != '(' && c != '[' && c != '=' && c != ':' {
		n.afterCode = false
	}
	n.marked = n.marked || !separates(c)
	n.punctuated = true
}

// separates reports whether a mark does no more than separate one value from the next.
func separates(c byte) bool { return strings.IndexByte(",;:.-/|+*!&'\"()[]", c) >= 0 }

// value writes a wildcard, unless the last word was one and nothing but marks that separate values came since.
func (n *normalizer) value() {
	if !n.afterValue || n.marked {
		n.write(Wildcard)
	}
	n.afterWord, n.afterCode, n.afterValue = false, false, true
	n.marked, n.punctuated = false, false
}

func (n *normalizer) plain(word string) {
	n.write(word)
	n.afterWord, n.afterCode, n.afterValue = false, false, false
	n.marked, n.punctuated = false, false
}

func (n *normalizer) write(word string) {
	if n.words > 0 {
		n.out.WriteByte(' ')
	}
	n.out.WriteString(word)
	n.words++
}
