package store

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/throughline/throughline/internal/operation"
)

// Record is the verdict on an operation, and what it is found by.
type Record struct {
	Namespace, ID string
	// Aliases are its other IDs.
	Aliases []string
	// Name is the operation's name.
	Name   string
	State  operation.State
	Reason operation.StuckReason
	Flags  operation.Flags
	// Services and Destinations are those that took part.
	Services, Destinations []string
	// Text is what can be searched beside IDs and names, as an error message.
	Text []string
	// StartedAt and EndedAt are event times, EndedAt is 0 while it is open. UpdatedAt is when the verdict last changed.
	StartedAt, EndedAt, UpdatedAt int64
	// Revision is that of the verdict, FinalRevision that of the verdict that was final last, by which its trace was derived; 0: none was.
	Revision, FinalRevision uint32
	// Facts are as [AppendFacts] wrote them: those by which the verdict was reached.
	Facts []byte
}

// Key returns the key of the operation.
func (r *Record) Key() Key { return KeyOf(r.Namespace, r.ID) }

// Query says which records are asked for: those to which all that is given applies.
type Query struct {
	// State and Reason are names, as those of [operation.State]; "" is any. So are the others.
	State, Reason, Name, Service, Destination string
	// Text are pieces separated by space, each of which must occur in an ID, the name or the text of the record, whatever their
	// case. A piece begins and ends where a word does: "order-42" finds neither "order-421" nor "reorder-42".
	Text string
	// Since is the earliest UpdatedAt.
	Since int64
	// Facts asks for the records' facts too.
	Facts bool
	// Limit is the greatest number of records, at least 1.
	Limit int
	// Cursor is that of the page before, "" for the first one.
	Cursor string
}

// Page is a part of the answer.
type Page struct {
	Records []Record
	// Cursors are for pages that go on behind each of the records.
	Cursors []string
	// Cursor is for the next page, "" if this is the last one.
	Cursor string
}

const (
	// maxWords bounds the words by which a record is found, maxTerms all of its terms. Later ones are not found.
	maxWords = 64
	maxTerms = 128
	// maxWordBytes is the length up to which words differ.
	maxWordBytes = 64
)

// The kinds of terms, by the byte that begins what is hashed. They are stored: they never change.
const (
	termState       = 's'
	termReason      = 'r'
	termName        = 'n'
	termService     = 'v'
	termDestination = 'd'
	termWord        = 'w'
	termAlias       = 'a'
)

// Term stands for something by which a record is found: the beginning of a hash.
type Term int64

func termOf(kind byte, text string) Term {
	sum := sha256.Sum256(append([]byte{kind}, text...))
	return Term(binary.BigEndian.Uint64(sum[:8]))
}

// AliasTerm is the term of a record with that alias.
func AliasTerm(namespace, alias string) Term {
	key := KeyOf(namespace, alias)
	return termOf(termAlias, string(key[:]))
}

// Terms returns the terms of the record, in ascending order, each once.
func (r *Record) Terms() []Term {
	terms := []Term{termOf(termState, r.State.String()), termOf(termName, r.Name)}
	if r.Reason != operation.StuckNone {
		terms = append(terms, termOf(termReason, r.Reason.String()))
	}
	words := r.words()
	for _, word := range words[:min(len(words), maxWords)] {
		terms = append(terms, termOf(termWord, word))
	}
	for _, alias := range r.Aliases {
		terms = append(terms, AliasTerm(r.Namespace, alias))
	}
	for _, service := range r.Services {
		terms = append(terms, termOf(termService, service))
	}
	for _, destination := range r.Destinations {
		terms = append(terms, termOf(termDestination, destination))
	}
	terms = terms[:min(len(terms), maxTerms)]
	slices.Sort(terms)
	return slices.Compact(terms)
}

// words returns the words of the record, each once, in order of appearance.
func (r *Record) words() []string {
	var words []string
	seen := make(map[string]struct{})
	for _, text := range r.searched() {
		for _, word := range Words(text) {
			if _, known := seen[word]; !known {
				seen[word] = struct{}{}
				words = append(words, word)
			}
		}
	}
	return words
}

func (r *Record) searched() []string {
	return slices.Concat([]string{r.ID}, r.Aliases, []string{r.Name}, r.Text)
}

// Words returns the words of a text: runs of letters and digits, in lower case.
func Words(text string) []string {
	words := strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return !isWord(c) })
	for i, word := range words {
		words[i] = word[:min(len(word), maxWordBytes)]
	}
	return words
}

func isWord(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }

// Terms returns terms that all records have that match.
func (q *Query) Terms() []Term {
	var terms []Term
	for _, v := range [...]struct {
		kind byte
		text string
	}{
		{termReason, q.Reason}, {termDestination, q.Destination}, {termService, q.Service}, {termName, q.Name}, {termState, q.State},
	} {
		if v.text != "" {
			terms = append(terms, termOf(v.kind, v.text))
		}
	}
	words := Words(q.Text)
	for _, word := range words[:min(len(words), maxQueryWords)] {
		terms = append(terms, termOf(termWord, word))
	}
	return terms
}

// maxQueryWords bounds the words that are looked up; all of them are checked.
const maxQueryWords = 8

// Matches reports whether the query asks for the record.
func (q *Query) Matches(r *Record) bool {
	return (q.State == "" || q.State == r.State.String()) && (q.Reason == "" || q.Reason == r.Reason.String()) &&
		(q.Name == "" || q.Name == r.Name) && r.UpdatedAt >= q.Since &&
		(q.Service == "" || slices.Contains(r.Services, q.Service)) &&
		(q.Destination == "" || slices.Contains(r.Destinations, q.Destination)) && q.finds(r)
}

func (q *Query) finds(r *Record) bool {
	for piece := range strings.FieldsSeq(strings.ToLower(q.Text)) {
		if !slices.ContainsFunc(r.searched(), func(text string) bool { return occurs(strings.ToLower(text), piece) }) {
			return false
		}
	}
	return true
}

// occurs reports whether the piece stands in the text, not within a longer word.
func occurs(text, piece string) bool {
	for from := 0; ; {
		at := strings.Index(text[from:], piece)
		if at < 0 {
			return false
		}
		at += from
		if !wordBefore(text[:at], piece) && !wordBefore(piece, text[at+len(piece):]) {
			return true
		}
		from = at + 1
	}
}

// wordBefore reports whether a word goes on from the end of a text into the next one.
func wordBefore(a, b string) bool {
	last, _ := utf8.DecodeLastRuneInString(a)
	first, _ := utf8.DecodeRuneInString(b)
	return isWord(last) && isWord(first)
}
