package audit

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/throughline/throughline/internal/store"
)

// Kind is what a subject is.
type Kind string

// The kinds of subjects. They are stored: they never change.
const (
	KindIncident  Kind = "incident"
	KindOperation Kind = "operation"
)

// ParseKind returns the kind with the given name.
func ParseKind(name string) (Kind, bool) {
	k := Kind(name)
	return k, slices.Contains([]Kind{KindIncident, KindOperation}, k)
}

// Subject is what an entry is about.
type Subject struct {
	Kind Kind
	// Namespace is that of an operation, "" for none.
	Namespace, ID string
}

// key is what the store finds the entries of a subject by.
func (s *Subject) key() string {
	k := store.KeyOf(s.Namespace, s.ID)
	return string(s.Kind) + "/" + hex.EncodeToString(k[:])
}

// ActionNote is the action of an entry that only says something.
const ActionNote = "note"

// State says how far an action is.
type State string

// The states. All but expired are stored: they never change.
const (
	// StatePending: somebody asked for it, and nobody has done it yet.
	StatePending State = "pending"
	StateDone    State = "done"
	// StateRefused: it makes no sense, for the reason that Entry.Refusal gives.
	StateRefused State = "refused"
	// StateExpired: nobody did it within [Patience], and nobody will.
	StateExpired State = "expired"
)

// StateNames returns the names of all states.
func StateNames() []string {
	return []string{string(StatePending), string(StateDone), string(StateRefused), string(StateExpired)}
}

// Patience is for how long an action may be pending.
const Patience = time.Minute

// Entry is an action that somebody asked for, or a note. Times are nanoseconds since 1970 UTC.
type Entry struct {
	// ID is unique; the journal gives it, as it does At, the time at which it was asked for.
	ID string
	At int64
	// Action is what is to be done: [ActionNote], or the name of an action on the subject.
	Action  string
	Subject Subject
	// By is who asked, "" if that is not known; Note is why. Until is how long it is to hold, 0 = until it is taken back or has no meaning any more.
	By, Note string
	Until    int64
	// Collector is the one that took it.
	Collector string
	State     State
	// Refusal says why an action was refused. DoneAt is when it was done or refused, 0 before.
	Refusal string
	DoneAt  int64
	// Kept says that the store has it: it outlives the collector.
	Kept bool
}

// The bounds of texts in bytes.
const (
	MaxNote = 16 << 10
	maxName = 256
)

// ErrInvalid is what the errors wrap that say what is wrong with an entry.
var ErrInvalid = errors.New("invalid entry")

// Validate reports what is out of bounds.
func (e *Entry) Validate() error {
	for _, v := range [...]struct {
		name, value string
		limit       int
	}{{"action", e.Action, maxName}, {"by", e.By, maxName}, {"note", e.Note, MaxNote}} {
		if len(v.value) > v.limit {
			return fmt.Errorf("%w: `%s` has %d bytes, at most %d are allowed", ErrInvalid, v.name, len(v.value), v.limit)
		}
		if !utf8.ValidString(v.value) {
			return fmt.Errorf("%w: `%s` is not UTF-8", ErrInvalid, v.name)
		}
	}
	switch {
	case e.Action == "":
		return fmt.Errorf("%w: `action` is missing", ErrInvalid)
	case e.Action == ActionNote && e.Note == "":
		return fmt.Errorf("%w: `note` is empty", ErrInvalid)
	}
	return nil
}
